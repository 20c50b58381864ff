"""PostgreSQL: one pool, reads without a transaction, and the row classes' common base."""

from __future__ import annotations

import asyncio
import enum
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

import orjson
from asyncpg import exceptions as pg
from sqlalchemy import DateTime, Enum, MetaData, Text, Uuid, func
from sqlalchemy import event as hooks
from sqlalchemy import exc as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql import Executable

from datawave.kit.access import NOBODY, Access, Viewer
from datawave.kit.errors import ErrorCode, InputError, UnavailableError, UserError
from datawave.kit.ids import new_id
from datawave.kit.pulse import Pulse
from datawave.kit.readers import Readers, connected

Json = Any
T = TypeVar("T")


class Base(DeclarativeBase):
    """Enums are kept as text with a check in the code, so that a new member needs no migration."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: Text(),
        UUID: Uuid(),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB(),
        list[Any]: JSONB(),
        list[str]: ARRAY(Text()),
        list[UUID]: ARRAY(Uuid()),
        enum.Enum: Enum(enum.Enum, native_enum=False, create_constraint=False, length=64),
    }
    __word__: ClassVar[str]
    __access__: ClassVar[Access]


UNCHECKED = {"unchecked": True}
"""On a foreign key that leads readers from table to table and that the database does not look after row by
row: where rows come by the ten thousand under a lock on what they point at, its look at each costs half of
the rest."""


class Entity(Base):
    """A thing people edit: an id, a version that rises with every change, and when it was made and
    changed."""

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, server_default=func.datawave_uuid())
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())


UNAVAILABLE = (
    pg.CannotConnectNowError,
    pg.ConnectionDoesNotExistError,
    pg.ConnectionFailureError,
    pg.InterfaceError,
    pg.TooManyConnectionsError,
    pg.OperatorInterventionError,
    pg.IdleInTransactionSessionTimeoutError,
    pg.LockNotAvailableError,
    pg.InsufficientResourcesError,
    pg.ReadOnlySQLTransactionError,
    ConnectionError,
    TimeoutError,
    sa.TimeoutError,
    OSError,
)


UNSTORABLE = (
    pg.CharacterNotInRepertoireError,
    pg.UntranslatableCharacterError,
    pg.NumericValueOutOfRangeError,
    pg.DatetimeFieldOverflowError,
)
"""Values beyond what PostgreSQL holds; its other data errors are mistakes of ours."""

RACES = (
    pg.SerializationError,
    pg.DeadlockDetectedError,
    pg.UniqueViolationError,
    pg.ForeignKeyViolationError,
)


def _origin(error: BaseException) -> BaseException | None:
    """What the driver raised."""
    if not isinstance(error, sa.DBAPIError):
        return error
    return error.orig.__cause__ if error.orig is not None and error.orig.__cause__ else error.orig


def is_unavailable(error: BaseException) -> bool:
    if isinstance(error, sa.DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(_origin(error), UNAVAILABLE)


def _is_unstorable(error: BaseException) -> bool:
    """asyncpg refuses some values before it sends them, with the bare class of data errors."""
    origin = _origin(error)
    return isinstance(origin, UNSTORABLE) or type(origin) is pg.DataError


def lost_race(error: BaseException) -> bool:
    """Another transaction was first: run again, this one sees what that one did."""
    return isinstance(_origin(error), RACES)


class _Translated:
    """A class, not a generator: it stands around every statement."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or isinstance(error, UserError) or not isinstance(error, Exception):
            return
        if is_unavailable(error):
            raise UnavailableError(
                ErrorCode.UNAVAILABLE,
                "The database does not answer at the moment; try again in a few seconds.",
                retry_after_seconds=2,
            ) from error
        if _is_unstorable(error):
            raise InputError(
                ErrorCode.INVALID,
                "A value is beyond what can be kept: too large a number, a date too far away,"
                " or text with NUL.",
            ) from error


_TRANSLATED = _Translated()


def translated() -> AbstractContextManager[None]:
    """A database that does not answer is the caller's UNAVAILABLE, and a value it cannot hold is INVALID:
    neither is a bug of ours."""
    return _TRANSLATED


UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
"""What PostgreSQL keeps in no text: NUL and lone surrogates."""


def encoded(value: Any) -> str:
    """As JSON that PostgreSQL takes. asyncpg's own UUIDs are a subclass that orjson does not take: they go as
    text."""
    try:
        made = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS, default=str)
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        made = None
    if made is None or b"\\u0000" in made:
        made = orjson.dumps(_writable(value), option=orjson.OPT_NON_STR_KEYS, default=str)
    return made.decode()


def _writable(value: Any) -> Any:
    match value:
        case str():
            return UNWRITABLE.sub("\ufffd", value)
        case bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else str(value)
        case dict():
            return {_writable(key): _writable(each) for key, each in cast("dict[Any, Any]", value).items()}
        case list() | tuple():
            return [_writable(each) for each in cast("list[Any]", value)]
        case _:
            return value


WAITING_FOR_EACH = 64
"""So many reads may wait for each connection of the readers before the next are refused."""


def asyncpg_url(url: str) -> str:
    return make_url(url).set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)


def _followed(engine: AsyncEngine, pulse: Pulse) -> None:
    """The pulse hears of each connection and answer of the pool."""

    def connects(*_how: Any) -> None:
        pulse.opening()

    def connected(connection: Any, _record: Any) -> None:
        pulse.opened(connection.driver_connection)

    def answered(*_statement: Any) -> None:
        pulse.answered += 1

    hooks.listen(engine.sync_engine, "do_connect", connects)
    hooks.listen(engine.sync_engine, "connect", connected)
    hooks.listen(engine.sync_engine, "after_cursor_execute", answered)


class Database:
    """The pool, and who wants to know of commits."""

    def __init__(
        self, url: str, *, pool_size: int = 10, overflow: int = 10, readers: int = 8, name: str = "datawave"
    ) -> None:
        # A process that was paused or lost inside a transaction must not hold its locks for ever, and nobody
        # waits for them longer than a client would.
        server_settings = {
            "application_name": name,
            "jit": "off",
            "lock_timeout": "20s",
            "idle_in_transaction_session_timeout": "30s",
        }
        self.engine: AsyncEngine = create_async_engine(
            asyncpg_url(url),
            pool_size=pool_size,
            max_overflow=overflow,
            pool_timeout=10,
            pool_recycle=1800,
            # The connection used last is used next: it has its statements prepared, where in turn each of
            # the pool would prepare them for itself.
            pool_use_lifo=True,
            json_serializer=encoded,
            json_deserializer=orjson.loads,
            connect_args={"timeout": 10, "command_timeout": 120, "server_settings": server_settings},
        )
        self._url = asyncpg_url(url)
        self.pulse = Pulse()
        _followed(self.engine, self.pulse)
        self.readers = Readers(
            self._url,
            most=readers,
            waiting=readers * WAITING_FOR_EACH,
            # To plan a statement whose parameter is a list takes longer than to run it.
            settings={**server_settings, "plan_cache_mode": "force_generic_plan"},
            pulse=self.pulse,
        )
        self._aside = Readers(
            self._url, most=1, waiting=WAITING_FOR_EACH, settings=server_settings, pulse=self.pulse
        )
        self.reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.after_commit: list[Any] = []
        """Called with nothing after each commit that left events or jobs; they must not block."""

    async def watch(self) -> None:
        """Until cancelled: nobody waits long for a server that has fallen silent."""
        await self.pulse.watch(is_awaited=self._is_awaited, greet=self._greet)

    def _is_awaited(self) -> bool:
        pool = cast("QueuePool", self.engine.sync_engine.pool)
        return self.readers.is_busy or self._aside.is_busy or pool.checkedout() > 0

    async def _greet(self) -> None:
        connection = await connected(self._url)
        await connection.close()

    def committed(self) -> None:
        for told in self.after_commit:
            told()

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """A session of its own for one read or a few; each statement stands alone, nothing is begun or rolled
        back."""
        with translated():
            async with AsyncSession(self.reading, expire_on_commit=False, autoflush=False) as session:
                yield session

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in autocommit, for duties that speak SQL."""
        with translated():
            async with self.reading.connect() as connection:
                yield connection

    async def aside(self, text: str, values: Sequence[Any]) -> list[Any]:
        """A statement of who stands by (the relay, and the looks of duties): on a connection of their own,
        however many readers wait."""
        with translated():
            return await self._aside.fetch(text, values)

    async def close(self) -> None:
        await self.readers.close()
        await self._aside.close()
        await self.engine.dispose()


class Db:
    """What reads are given: the pool and who asks. Statements may run side by side, each on a connection of
    its own."""

    def __init__(
        self, database: Database, viewer: Viewer = NOBODY, extras: Mapping[str, Any] | None = None
    ) -> None:
        """`extras` are what the program hands to every request, for reads that need more than rows."""
        self.database = database
        self.viewer = viewer
        self.extras = extras or {}

    async def scalars(self, statement: Executable) -> Sequence[Any]:
        async def read(session: AsyncSession) -> Sequence[Any]:
            return (await session.scalars(statement)).unique().all()

        return await self._retried(read)

    async def rows(self, statement: Executable) -> Sequence[Any]:
        async def read(session: AsyncSession) -> Sequence[Any]:
            return (await session.execute(statement)).all()

        return await self._retried(read)

    async def fetch(self, text: str, values: Sequence[Any]) -> list[Any]:
        """Rows as the driver gives them, over the readers' connections."""
        with translated():
            return await self.database.readers.fetch(text, values)

    async def scalar(self, statement: Executable) -> Any:
        found = await self.scalars(statement)
        return found[0] if found else None

    async def _retried(self, read: Callable[[AsyncSession], Awaitable[Sequence[Any]]]) -> Sequence[Any]:
        """A pooled connection may have died with its server: a read is tried once more on a fresh one."""
        try:
            async with self.database.session() as session:
                return await read(session)
        except UnavailableError:
            await asyncio.sleep(0.05)
            async with self.database.session() as session:
                return await read(session)
