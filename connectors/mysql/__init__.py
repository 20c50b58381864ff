"""MySQL and MariaDB: tables, views, columns, keys and comments of a server's databases, from
information_schema."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, ClassVar, TypeVar, cast

from connectors.base import Known, SourceError
from connectors.entries import ServerFacts
from connectors.mysql import catalog, session
from connectors.mysql.discovery import Discovery
from connectors.mysql.samples import Sampling
from connectors.mysql.session import Connection, Row, Session
from connectors.selection import Selection
from connectors.server import DatabaseServer, Trial

T = TypeVar("T")


class Mysql(DatabaseServer[Connection]):
    """All databases of a server that the login may see, or the one that `database` names."""

    kind: ClassVar[str] = "mysql"
    display_name: ClassVar[str] = "MySQL and MariaDB"
    dialect: ClassVar[str | None] = "mysql"

    async def close(self) -> None:
        self._broke_off()

    async def count(self, sent: Awaitable[T], /) -> T:
        """Waits for a statement that counts; the server's own limit is tighter, if it keeps to it."""
        async with asyncio.timeout(self.limits.statement_seconds + 5):
            return await super().count(sent)

    async def rows(self, connection: Connection, statement: str, *parameters: Any) -> list[Row]:
        """The whole answer to a statement, which is small."""
        cursor = await connection.cursor()
        try:
            await self.count(cursor.execute(statement, parameters or None))
            return await cursor.fetchall()
        finally:
            await cursor.close()

    async def _open(self) -> Connection:
        target = await session.resolve(self.config, self.guard, seconds=self._seconds)
        opened = Session(self.config, self.credentials, target, seconds=self._seconds)
        try:
            await opened.reach()
            await opened.secure()
            await self.count(opened.sign_in(self.limits))
        except BaseException:
            opened.close()
            raise
        return cast(Connection, opened)

    def _is_lost(self, connection: Connection) -> bool:
        return connection.closed

    def _broke_off(self) -> None:
        """An unbuffered answer would have to be read to its end, so the connection goes."""
        connection = self._forgotten()
        if connection is not None:
            connection.close()

    async def _bound(self, connection: Connection) -> None:
        await self.count(session.restrict(connection, seconds=self.limits.statement_seconds))

    def _trial(self) -> Trial:
        return _Trial(self)

    def _reading(self, connection: Connection, known: Known, selection: Selection) -> Discovery:
        return Discovery(
            connection,
            known=known,
            selection=selection,
            batch=self.limits.column_batch,
            count=self.count,
            database=self.config.database,
            seconds=self.limits.statement_seconds + 5,
        )

    def _sampling(self, connection: Connection) -> Sampling:
        return Sampling(connection, limits=self.limits, count=self.count)

    async def _statistics(self, connection: Connection) -> dict[str, Any]:
        values = {
            str(name).lower(): int(value) for name, value in await self.rows(connection, catalog.STATISTICS)
        }
        return {
            "uptime_seconds": values.get("uptime"),
            "connections": values.get("threads_connected"),
            "statements": values.get("questions"),
            "slow_statements": values.get("slow_queries"),
            "aborted_connects": values.get("aborted_connects"),
        }

    def _failure(self, error: Exception) -> SourceError:
        return session.failure(error, self.config.host)


class _Trial(Trial):
    def __init__(self, connector: Mysql) -> None:
        super().__init__()
        self._connector = connector
        self._session: Session | None = None

    async def resolve(self) -> str:
        connector = self._connector
        seconds = float(connector.config.timeout_seconds)
        target = await session.resolve(connector.config, connector.guard, seconds=seconds)
        self._session = Session(connector.config, connector.credentials, target, seconds=seconds)
        return ", ".join(target.addresses)

    async def connect(self) -> str:
        assert self._session is not None
        return await self._session.reach()

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
            latency_ms=self.latency_ms,
        )
        return f"{comment} {version}"

    async def capability(self) -> str:
        database = self._connector.config.database
        [row] = await self._rows(catalog.CAPABILITY, database, database)
        self.add_facts(tables=row[0])
        return f"{row[0]} tables and views can be seen by this login."

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    async def _rows(self, statement: str, *parameters: Any) -> list[Row]:
        try:
            return await self._connector.rows(cast(Connection, self._session), statement, *parameters)
        except Exception as error:
            raise session.failure(error, self._connector.config.host) from error
