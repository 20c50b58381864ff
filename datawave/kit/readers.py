"""Connections for planned reads: the driver itself, no transaction, the connection used last used first.

Few are enough: a read takes one only for as long as PostgreSQL works on it. Whoever would have to wait behind
too many others is told at once to come again, so that a slow database does not fill the process with waiters.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import asyncpg
from sqlalchemy.dialects.postgresql import asyncpg as sqlalchemy_asyncpg
from sqlalchemy.engine import make_url

from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.pulse import Pulse

CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
WAIT_SECONDS = 5.0
STATEMENTS_KEPT = 500
"""Prepared on each connection."""

Connection = Any
"""asyncpg's; it has no types of its own."""

LOST = (
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server's farewell came as a statement was being sent
    ConnectionError,
)


class Readers:
    def __init__(
        self, url: str, *, most: int, waiting: int, settings: dict[str, str], pulse: Pulse | None = None
    ) -> None:
        self._url, self.most, self._settings = url, most, settings
        self._pulse = pulse or Pulse()
        self.most_waiting = waiting
        self._open = 0
        """Connections that are, or are being made."""
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        return self._open > len(self._idle)

    async def fetch(self, text: str, values: Sequence[Any]) -> list[Any]:
        """The rows of one statement. A connection may have died with its server: another one is tried
        once."""
        try:
            return await self._fetch(text, values)
        except LOST:
            self._drop_idle()
            return await self._fetch(text, values)

    async def _fetch(self, text: str, values: Sequence[Any]) -> list[Any]:
        connection = self._idle.pop() if self._idle else await self._another()
        try:
            rows: list[Any] = await connection.fetch(text, *values)
        except LOST:
            connection.terminate()
            raise
        else:
            self._pulse.answered += 1
            return rows
        finally:
            self._give_back(connection)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """One connection for a while."""
        connection = self._idle.pop() if self._idle else await self._another()
        try:
            yield connection
        finally:
            self._give_back(connection)

    async def _another(self) -> Connection:
        """A new connection while there may be more; else the next that somebody gives back."""
        while True:
            if self._idle:
                return self._idle.pop()
            if self._open < self.most:
                return await self._made()
            if (given := await self._awaited()) is not None:
                return given

    async def _made(self) -> Connection:
        self._open += 1
        try:
            return await self._connected()
        except BaseException:
            self._lose_one()
            raise

    async def _awaited(self) -> Connection | None:
        """What is given back; None where it was no good, and its place is free."""
        if len(self._waiting) >= self.most_waiting:
            raise _too_busy()
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Connection | None] = loop.create_future()
        self._waiting.append(turn)
        late = loop.call_later(WAIT_SECONDS, _expire, turn)
        try:
            return await turn
        except BaseException as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn.cancelled() and turn.exception() is None:
                self._give_back(turn.result())
            if isinstance(error, TimeoutError):
                raise _too_busy() from None
            raise
        finally:
            late.cancel()

    def _give_back(self, connection: Connection | None) -> None:
        if connection is None:
            self._hand_on(None)
        elif self._closed or connection.is_closed():
            connection.terminate()
            self._lose_one()
        else:
            self._hand_on(connection)

    def _lose_one(self) -> None:
        self._open -= 1
        self._hand_on(None)

    def _hand_on(self, connection: Connection | None) -> None:
        """To whoever has waited longest. None says: there is room for another."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)

    async def _connected(self) -> Connection:
        self._pulse.opening()
        made = await connected(
            self._url,
            timeout=CONNECT_SECONDS,
            command_timeout=STATEMENT_SECONDS,
            statement_cache_size=STATEMENTS_KEPT,
            max_cached_statement_lifetime=0,
            server_settings=self._settings,
        )
        self._pulse.opened(made)
        return made

    def _drop_idle(self) -> None:
        """After a server's end all are dead."""
        self._open -= len(self._idle)
        for connection in self._idle:
            connection.terminate()
        self._idle.clear()

    async def close(self) -> None:
        self._closed = True
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close(timeout=2)


async def connected(url: str, **options: Any) -> Connection:
    """The driver's own, at an address as SQLAlchemy writes it."""
    dialect: Any = cast("Any", sqlalchemy_asyncpg).dialect()
    _, address = dialect.create_connect_args(make_url(url))
    connect: Any = cast("Any", asyncpg).connect
    return await connect(**address, **options)


def _expire(turn: asyncio.Future[Any]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError())


def _too_busy() -> UnavailableError:
    return UnavailableError(
        ErrorCode.UNAVAILABLE,
        "The database has more to do than it can at the moment; try again in a few seconds.",
        retry_after_seconds=2,
    )
