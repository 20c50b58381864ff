"""PostgreSQL: tables, views, columns, keys and comments of one database, read in bulk from its catalogs."""

from __future__ import annotations

from typing import Any, ClassVar

from connectors.base import Known, SourceError
from connectors.entries import ServerFacts
from connectors.postgresql import catalog, session
from connectors.postgresql.discovery import Discovery
from connectors.postgresql.samples import Sampling
from connectors.postgresql.session import Connection, Knock
from connectors.selection import Selection
from connectors.server import DatabaseServer, Trial

OLDEST = 120_000


class Postgresql(DatabaseServer[Connection]):
    """One database of a PostgreSQL server; without `database` the one called “postgres”."""

    kind: ClassVar[str] = "postgresql"
    display_name: ClassVar[str] = "PostgreSQL"
    dialect: ClassVar[str | None] = "postgres"

    async def close(self) -> None:
        connection = self._forgotten()
        if connection is None or connection.is_closed():
            return
        try:
            await connection.close(timeout=2)
        except (OSError, TimeoutError):
            connection.terminate()

    async def _open(self) -> Connection:
        target = await session.resolve(self.config, self.guard, seconds=self._seconds)
        knock = Knock(self.config, target, seconds=self._seconds)
        try:
            await knock.connect()
            await knock.secure()
        finally:
            knock.close()
        return await self.count(
            session.sign_in(
                self.config, self.credentials, knock.door(), limits=self.limits, seconds=self._seconds
            )
        )

    def _is_lost(self, connection: Connection) -> bool:
        return connection.is_closed()

    async def _bound(self, connection: Connection) -> None:
        await self.count(session.restrict(connection, seconds=self.limits.statement_seconds))

    def _trial(self) -> Trial:
        return _Trial(self)

    def _reading(self, connection: Connection, known: Known, selection: Selection) -> Discovery:
        return Discovery(
            connection, known=known, selection=selection, batch=self.limits.column_batch, count=self.count
        )

    def _sampling(self, connection: Connection) -> Sampling:
        return Sampling(connection, limits=self.limits, count=self.count)

    async def _statistics(self, connection: Connection) -> dict[str, Any]:
        row = await self.count(connection.fetchrow(catalog.STATISTICS))
        return dict(row) if row is not None else {}

    def _failure(self, error: Exception) -> SourceError:
        return session.failure(error, self.config.host)


class _Trial(Trial):
    def __init__(self, connector: Postgresql) -> None:
        super().__init__()
        self._connector = connector
        self._knock: Knock | None = None
        self._connection: Connection | None = None
        self._seconds = float(connector.config.timeout_seconds)

    async def resolve(self) -> str:
        config, guarding = self._connector.config, self._connector.guard
        target = await session.resolve(config, guarding, seconds=self._seconds)
        self._knock = Knock(config, target, seconds=self._seconds)
        return ", ".join(target.addresses)

    async def connect(self) -> str:
        assert self._knock is not None
        return await self._knock.connect()

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
            latency_ms=self.latency_ms,
        )
        if row["number"] < OLDEST:
            raise SourceError(
                "VERSION_UNSUPPORTED", f"{version} is too old; PostgreSQL 12 or later can be read."
            )
        return version

    async def capability(self) -> str:
        row = await self._row(catalog.CAPABILITY)
        relations, readable = row["relations"], row["readable"]
        self.add_facts(tables=relations, readableTables=readable)
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
