"""SQLite: the tables, views, columns and keys of one file, which is only ever read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from pathlib import PurePath
from time import perf_counter
from typing import Any, ClassVar

from connectors import guard
from connectors.base import Known, SourceError, TableSample
from connectors.configs import EmbeddedDatabaseConfig
from connectors.entries import Issue, Path, ServerFacts, TestStep, clean
from connectors.relational import Relational
from connectors.sampling import MOST_CHARACTERS, OPAQUE, rows_wanted, seconds_a_table
from connectors.selection import Selection
from connectors.sqlite import catalog
from connectors.sqlite.discovery import HIDDEN, Discovery
from connectors.sqlite.file import Row, SqliteFile, failure
from connectors.sqlite.types import data_type
from connectors.steps import run_steps


class Sqlite(Relational[EmbeddedDatabaseConfig, SqliteFile]):
    """One SQLite file under the folders that the agent may read."""

    kind: ClassVar[str] = "sqlite"
    display_name: ClassVar[str] = "SQLite"
    dialect: ClassVar[str | None] = "sqlite"
    Config = EmbeddedDatabaseConfig

    async def test(self) -> AsyncGenerator[TestStep | ServerFacts]:
        """A file needs no name resolved and nobody signed in: the steps are those that mean something."""
        steps = [
            ("resolve", self._found),
            ("connect", self._open_words),
            ("read", self._read_words),
            ("capability", self._capability_words),
        ]
        started = perf_counter()
        async for step in run_steps(steps, seconds=self.limits.connect_seconds + 5):
            yield step
        latency = round((perf_counter() - started) * 1_000, 3)
        info = {"file": self._name}
        yield ServerFacts(version=sqlite3.sqlite_version, info=info, read_only=True, latency_ms=latency)

    async def sample(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]:
        file = await self._opened(seconds_a_table(self.limits))
        wanted = list(datasets)[: self.limits.sample_datasets]
        columns = await self._columns(file)
        for path in wanted:
            try:
                found = await self._sampled(file, path, columns.get(path[-1], []))
            except sqlite3.OperationalError as error:
                found = _issue(error, path)
            except Exception as error:
                raise self._failure(error) from error
            yield found

    async def ping(self) -> dict[str, Any]:
        started = perf_counter()
        try:
            file = await self._opened(self.limits.connect_seconds)
            [(pages, size, free, tables)] = await self.count(file.rows(catalog.STATISTICS))
        except Exception as error:
            raise self._failure(error) from error
        return {
            "size_bytes": pages * size,
            "free_bytes": free * size,
            "tables": tables,
            "latency_ms": round((perf_counter() - started) * 1_000, 3),
        }

    async def close(self) -> None:
        file = self._forgotten()
        if file is not None:
            await file.close()

    @property
    def _name(self) -> str:
        return PurePath(self.config.path).name

    async def _connected(self) -> SqliteFile:
        return await self._opened(self.limits.statement_seconds)

    async def _opened(self, seconds: float) -> SqliteFile:
        if self._connection is None:
            path = await asyncio.to_thread(guard.checked_file, self.guard, self.config.path)
            file = SqliteFile(path, seconds=seconds)
            try:
                await file.open()
            except Exception as error:
                await file.close()
                raise self._failure(error) from error
            self._connection = file
        self._connection.seconds = seconds
        return self._connection

    def _reading(self, connection: SqliteFile, known: Known, selection: Selection) -> Discovery:
        return Discovery(
            connection, known=known, selection=selection, batch=self.limits.column_batch, count=self.count
        )

    def _failure(self, error: Exception) -> SourceError:
        return failure(error, self._name)

    async def _found(self) -> str:
        path = await asyncio.to_thread(guard.checked_file, self.guard, self.config.path)
        return path.name

    async def _open_words(self) -> str:
        await self._opened(self.limits.connect_seconds)
        return "Opened to be read only."

    async def _read_words(self) -> str:
        await self._rows(catalog.TABLES)
        return f"SQLite {sqlite3.sqlite_version}"

    async def _capability_words(self) -> str:
        rows = await self._rows(catalog.TABLES)
        return f"{len(rows)} tables and views."

    async def _rows(self, statement: str) -> list[Row]:
        file = await self._opened(self.limits.connect_seconds)
        try:
            return await self.count(file.rows(statement))
        except Exception as error:
            raise self._failure(error) from error

    async def _columns(self, file: SqliteFile) -> dict[str, list[Row]]:
        """The columns of every table; those of views too, unless one of them is broken."""
        columns: dict[str, list[Row]] = {}
        for statement in (catalog.COLUMNS, catalog.VIEW_COLUMNS):
            with suppress(sqlite3.OperationalError):
                for row in await self.count(file.rows(statement)):
                    columns.setdefault(row[0], []).append(row)
        return columns

    async def _sampled(self, file: SqliteFile, path: Path, described: list[Row]) -> TableSample | Issue:
        if not described:
            described = await self.count(file.rows(catalog.COLUMNS_OF, (path[-1],)))
        if not described:
            words = "The table is no longer there."
            return Issue(severity="INFO", code="GONE", message=words, path=path)
        types = {str(row[1]): data_type(row[3] or "") for row in described if row[7] != HIDDEN}
        names = [name for name, kind in types.items() if kind not in OPAQUE]
        rows = rows_wanted(self.limits, len(names))
        values: list[Row] = []
        if names:
            cut = ", ".join(_cut(name) for name in names)
            statement = f"select {cut} from main.{_quoted(path[-1])} limit {rows}"
            values = await self.count(file.rows(statement))
        return TableSample(
            path=path,
            columns={clean(name): [row[place] for row in values] for place, name in enumerate(names)},
            data_types={clean(name): kind.value for name, kind in types.items()},
        )


def _cut(name: str) -> str:
    """The value as text; bytes in a column of another type are not text and count as missing."""
    quoted = _quoted(name)
    return (
        f"case when typeof({quoted}) = 'blob' then null "
        f"else substr(cast({quoted} as text), 1, {MOST_CHARACTERS}) end"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _issue(error: sqlite3.OperationalError, path: Path) -> Issue:
    code = error.sqlite_errorcode & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        words = "Reading some rows took too long."
        return Issue(severity="LOW", code="TIMEOUT", message=words, path=path)
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR):
        raise SourceError("NOT_A_DATABASE", "The file is damaged.") from error
    return Issue(severity="LOW", code="READ_FAILED", message=f"No rows could be read ({code}).", path=path)
