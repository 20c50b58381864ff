"""PostgreSQL: tables, views, columns, keys and comments of one database, read in bulk from its catalogs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, ClassVar, TypeVar

from msgspec.structs import replace

from connectors.base import Capability, Connector, Family, Known, SourceError, TableSample
from connectors.configs import DatabaseConfig
from connectors.entries import Entry, Issue, Path, ServerFacts, TestStep
from connectors.postgresql import catalog, session
from connectors.postgresql.discovery import Discovery
from connectors.postgresql.samples import Sampling
from connectors.postgresql.session import Connection, Knock
from connectors.selection import Selection
from connectors.steps import run_steps

OLDEST = 120_000

T = TypeVar("T")


class Postgresql(Connector[DatabaseConfig]):
    """One database of a PostgreSQL server; without `database` the one called “postgres”."""

    kind: ClassVar[str] = "postgresql"
    display_name: ClassVar[str] = "PostgreSQL"
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
    dialect: ClassVar[str | None] = "postgres"
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
        selection = Selection(include=self.config.include, exclude=self.config.exclude, only=include)
        reading = Discovery(
            connection, known=known, selection=selection, batch=self.limits.column_batch, count=self.count
        )
        try:
            await self.count(session.restrict(connection, seconds=self.limits.statement_seconds))
            async with aclosing(reading.batches()) as batches:
                async for batch in batches:
                    yield batch
        except Exception as error:
            raise session.failure(error, self.config.host) from error

    async def sample(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]:
        connection = await self._connected()
        sampling = Sampling(connection, limits=self.limits, count=self.count)
        try:
            async with aclosing(sampling.of(datasets)) as samples:
                async for found in samples:
                    yield found
        except Exception as error:
            raise session.failure(error, self.config.host) from error

    async def ping(self) -> dict[str, Any]:
        try:
            connection = await self._connected()
            async with asyncio.timeout(self._seconds):
                started = perf_counter()
                row = await self.count(connection.fetchrow(catalog.STATISTICS))
        except Exception as error:
            raise session.failure(error, self.config.host) from error
        statistics = dict(row) if row is not None else {}
        return {**statistics, "latency_ms": round((perf_counter() - started) * 1_000, 3)}

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=2)
        except (OSError, TimeoutError):
            connection.terminate()

    async def count(self, sent: Awaitable[T], /) -> T:
        """Waits for a statement that counts."""
        self.statements += 1
        return await sent

    @property
    def _seconds(self) -> float:
        return min(self.limits.connect_seconds, self.config.timeout_seconds)

    async def _connected(self) -> Connection:
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        target = await session.resolve(self.config, self.guard, seconds=self._seconds)
        knock = Knock(self.config, target, seconds=self._seconds)
        try:
            await knock.connect()
            await knock.secure()
        finally:
            knock.close()
        self._connection = await self.count(
            session.sign_in(
                self.config, self.credentials, knock.door(), limits=self.limits, seconds=self._seconds
            )
        )
        return self._connection


class _Test:
    """The steps of a connection test and what they hand on; leaves the session to the connector."""

    def __init__(self, connector: Postgresql) -> None:
        self._connector = connector
        self._knock: Knock | None = None
        self._connection: Connection | None = None
        self._seconds = float(connector.config.timeout_seconds)
        self._latency = 0.0
        self.facts = ServerFacts()

    async def resolve(self) -> str:
        config, guarding = self._connector.config, self._connector.guard
        target = await session.resolve(config, guarding, seconds=self._seconds)
        self._knock = Knock(config, target, seconds=self._seconds)
        return ", ".join(target.addresses)

    async def connect(self) -> str:
        assert self._knock is not None
        started = perf_counter()
        words = await self._knock.connect()
        self._latency = (perf_counter() - started) * 1_000
        return words

    async def secure(self) -> str:
        assert self._knock is not None
        return await self._knock.secure()

    async def sign_in(self) -> str:
        assert self._knock is not None
        connector = self._connector
        self._connection = await connector.count(
            session.sign_in(
                connector.config,
                connector.credentials,
                self._knock.door(),
                limits=connector.limits,
                seconds=self._seconds,
            )
        )
        return "The login was accepted; the session is read-only."

    async def read(self) -> str:
        row = await self._row(catalog.FACTS)
        version = str(row["version"]).split(" on ")[0]
        self.facts = ServerFacts(
            version=version.removeprefix("PostgreSQL ").split(" ")[0],
            info={
                "database": row["database"],
                "encoding": row["encoding"],
                "replica": row["replica"],
                "login": row["login"],
            },
            read_only=row["read_only"],
            latency_ms=round(self._latency, 3),
        )
        if row["number"] < OLDEST:
            raise SourceError(
                "VERSION_UNSUPPORTED", f"{version} is too old; PostgreSQL 12 or later can be read."
            )
        return version

    async def capability(self) -> str:
        row = await self._row(catalog.CAPABILITY)
        relations, readable = row["relations"], row["readable"]
        info = {**self.facts.info, "tables": relations, "readableTables": readable}
        self.facts = replace(self.facts, info=info)
        if readable == relations:
            return f"{relations} tables and views, all of them readable."
        missing = "grant SELECT on the others to have them sampled"
        return f"{readable} of {relations} tables and views are readable; {missing}."

    def close(self) -> None:
        if self._knock is not None:
            self._knock.close()
        if self._connection is not None:
            self._connection.terminate()

    async def _row(self, statement: str) -> session.Row:
        assert self._connection is not None
        try:
            row = await self._connector.count(self._connection.fetchrow(statement))
        except Exception as error:
            raise session.failure(error, self._connector.config.host) from error
        assert row is not None, "such statements always answer with a row"
        return row
