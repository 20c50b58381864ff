"""MySQL and MariaDB: tables, views, columns, keys and comments of a server's databases, from
information_schema."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, ClassVar, TypeVar, cast

from msgspec.structs import replace

from connectors.base import Capability, Connector, Family, Known, TableSample
from connectors.configs import DatabaseConfig
from connectors.entries import Entry, Issue, Path, ServerFacts, TestStep
from connectors.mysql import catalog, session
from connectors.mysql.discovery import Discovery
from connectors.mysql.samples import Sampling
from connectors.mysql.session import Connection, Row, Session
from connectors.selection import Selection
from connectors.steps import run_steps

T = TypeVar("T")


class Mysql(Connector[DatabaseConfig]):
    """All databases of a server that the login may see, or the one that `database` names."""

    kind: ClassVar[str] = "mysql"
    display_name: ClassVar[str] = "MySQL and MariaDB"
    family: ClassVar[Family] = Family.DATABASE
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.TEST,
            Capability.DISCOVER,
            Capability.SAMPLE,
            Capability.PROFILE,
            Capability.STATISTICS,
            Capability.LINEAGE,
        }
    )
    dialect: ClassVar[str | None] = "mysql"
    Config = DatabaseConfig

    _connection: Connection | None = None

    async def test(self) -> AsyncGenerator[TestStep | ServerFacts]:
        test = _Test(self)
        steps = [
            ("resolve", test.resolve),
            ("connect", test.connect),
            ("tls", test.secure),
            ("sign in", test.sign_in),
            ("read", test.read),
            ("capability", test.capability),
        ]
        try:
            async for step in run_steps(steps, seconds=self.config.timeout_seconds):
                yield step
        finally:
            test.close()
        yield test.facts

    async def discover(self, known: Known, *, include: Sequence[str] = ()) -> AsyncGenerator[list[Entry]]:
        connection = await self._connected()
        reading = Discovery(
            connection,
            known=known,
            selection=Selection(include=self.config.include, exclude=self.config.exclude, only=include),
            batch=self.limits.column_batch,
            count=self.count,
            database=self.config.database,
            seconds=self.limits.statement_seconds + 5,
        )
        try:
            await self.count(session.restrict(connection, seconds=self.limits.statement_seconds))
            async with aclosing(reading.batches()) as batches:
                async for batch in batches:
                    yield batch
        except GeneratorExit:
            self._drop()  # an unbuffered answer would have to be read to its end
            raise
        except Exception as error:
            self._drop()
            raise session.failure(error, self.config.host) from error

    async def sample(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]:
        connection = await self._connected()
        sampling = Sampling(connection, limits=self.limits, count=self.count)
        try:
            async with aclosing(sampling.of(datasets)) as samples:
                async for found in samples:
                    yield found
        except Exception as error:
            self._drop()
            raise session.failure(error, self.config.host) from error

    async def ping(self) -> dict[str, Any]:
        try:
            connection = await self._connected()
            async with asyncio.timeout(self._seconds):
                started = perf_counter()
                rows = await self.rows(connection, catalog.STATISTICS)
        except Exception as error:
            self._drop()
            raise session.failure(error, self.config.host) from error
        values = {str(name).lower(): int(value) for name, value in rows}
        return {
            "uptime_seconds": values.get("uptime"),
            "connections": values.get("threads_connected"),
            "statements": values.get("questions"),
            "slow_statements": values.get("slow_queries"),
            "aborted_connects": values.get("aborted_connects"),
            "latency_ms": round((perf_counter() - started) * 1_000, 3),
        }

    async def close(self) -> None:
        self._drop()

    async def count(self, sent: Awaitable[T], /) -> T:
        """Waits for a statement that counts; the server's own limit is tighter, if it keeps to it."""
        self.statements += 1
        async with asyncio.timeout(self.limits.statement_seconds + 5):
            return await sent

    async def rows(self, connection: Connection, statement: str, *parameters: Any) -> list[Row]:
        """The whole answer to a statement, which is small."""
        cursor = await connection.cursor()
        try:
            await self.count(cursor.execute(statement, parameters or None))
            return await cursor.fetchall()
        finally:
            await cursor.close()

    @property
    def _seconds(self) -> float:
        return min(self.limits.connect_seconds, self.config.timeout_seconds)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        target = await session.resolve(self.config, self.guard, seconds=self._seconds)
        opened = Session(self.config, self.credentials, target, seconds=self._seconds)
        try:
            await opened.reach()
            await opened.secure()
            await self.count(opened.sign_in(self.limits))
        except BaseException:
            opened.close()
            raise
        self._connection = cast(Connection, opened)
        return self._connection


class _Test:
    """The steps of a connection test and what they hand on; leaves the session to the connector."""

    def __init__(self, connector: Mysql) -> None:
        self._connector = connector
        self._session: Session | None = None
        self._latency = 0.0
        self.facts = ServerFacts()

    async def resolve(self) -> str:
        connector = self._connector
        seconds = float(connector.config.timeout_seconds)
        target = await session.resolve(connector.config, connector.guard, seconds=seconds)
        self._session = Session(connector.config, connector.credentials, target, seconds=seconds)
        return ", ".join(target.addresses)

    async def connect(self) -> str:
        assert self._session is not None
        started = perf_counter()
        words = await self._session.reach()
        self._latency = (perf_counter() - started) * 1_000
        return words

    async def secure(self) -> str:
        assert self._session is not None
        return await self._session.secure()

    async def sign_in(self) -> str:
        assert self._session is not None
        return await self._connector.count(self._session.sign_in(self._connector.limits))

    async def read(self) -> str:
        [row] = await self._rows(catalog.FACTS)
        version, comment, database, login, read_only, encoding, _ = row
        self.facts = ServerFacts(
            version=str(version).split("-")[0],
            info={
                "product": comment,
                "database": database,
                "login": login,
                "encoding": encoding,
                "serverReadOnly": bool(read_only),
            },
            read_only=True,
            latency_ms=round(self._latency, 3),
        )
        return f"{comment} {version}"

    async def capability(self) -> str:
        database = self._connector.config.database
        [row] = await self._rows(catalog.CAPABILITY, database, database)
        info = {**self.facts.info, "tables": row[0]}
        self.facts = replace(self.facts, info=info)
        return f"{row[0]} tables and views can be seen by this login."

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    async def _rows(self, statement: str, *parameters: Any) -> list[Row]:
        try:
            return await self._connector.rows(cast(Connection, self._session), statement, *parameters)
        except Exception as error:
            raise session.failure(error, self._connector.config.host) from error
