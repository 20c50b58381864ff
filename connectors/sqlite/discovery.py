"""One reading of a file's structure."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from connectors.base import Known
from connectors.building import (
    MOST_TEXT,
    Batch,
    UnchangedCounts,
    bounded,
    container,
    dataset_entries,
    digest_of,
    gone,
    path_of,
)
from connectors.counting import Count
from connectors.entries import (
    ContainerCount,
    ContainerKind,
    DatasetKind,
    Entry,
    FoundColumn,
    FoundForeignKey,
    Issue,
    Path,
    ServerFacts,
    clean,
)
from connectors.selection import Selection
from connectors.sqlite import catalog
from connectors.sqlite.file import Row, SqliteFile
from connectors.sqlite.types import data_type

MAIN = "main"
ROWS_AT_ONCE = 1_000
HIDDEN, GENERATED = 1, (2, 3)


@dataclass(kw_only=True)
class Keys:
    foreign: dict[int, list[Row]] = field(default_factory=dict[int, list[Row]])
    unique: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


NO_KEYS = Keys()


class Discovery:
    """Reads one file; made for one use."""

    def __init__(
        self, file: SqliteFile, *, known: Known, selection: Selection, batch: int, count: Count
    ) -> None:
        self._file = file
        self._known = known
        self._selection = selection
        self._batch = batch
        self._count = count
        self._digests: Mapping[Path, str] = {}
        self._seen: set[Path] = {(MAIN,)}
        self._unchanged = UnchangedCounts()
        self._tables: dict[str, Row] = {}
        self._keys: dict[str, Keys] = {}
        self._estimates: dict[str, int] = {}
        self._issues: list[Entry] = []
        self._found = [0, 0]

    async def batches(self) -> AsyncGenerator[list[Entry]]:
        """The file as a container, its tables, counts, and last what is gone."""
        self._digests = await self._known.digests()
        await self._read_small()
        facts = ServerFacts(version=sqlite3.sqlite_version)
        yield [facts, container((MAIN,), ContainerKind.DATABASE, None)]
        batch = Batch(self._batch)
        async with aclosing(self._described()) as tables:
            async for name, rows in tables:
                batch.add(self._entries(name, rows))
                if batch.is_full:
                    yield batch.taken()
        yield [*batch.taken(), *self._issues, *self._unchanged.entries(), *self._counts()]
        if removed := gone(self._digests, self._seen, self._selection):
            yield removed

    async def _read_small(self) -> None:
        self._tables = {
            row[0]: row for row in await self._rows(catalog.TABLES) if self._selection.takes(MAIN, row[0])
        }
        for name, number, *rest in await self._rows(catalog.FOREIGN_KEYS):
            self._keys.setdefault(name, Keys()).foreign.setdefault(number, []).append(tuple(rest))
        for name, index, column in await self._rows(catalog.UNIQUE):
            if column is not None:  # an expression
                self._keys.setdefault(name, Keys()).unique.setdefault(index, []).append(column)
        try:
            for name, statistics in await self._rows(catalog.ESTIMATES):
                first = str(statistics or "").split(" ")[0]
                if first.isdigit():
                    self._estimates[name] = max(self._estimates.get(name, 0), int(first))
        except sqlite3.OperationalError:  # never analysed
            self._estimates = {}

    async def _described(self) -> AsyncGenerator[tuple[str, list[Row]]]:
        """Each table with its columns; what ends a statement for all is read again one by one."""
        async with aclosing(self._grouped(catalog.COLUMNS)) as tables:
            async for table in tables:
                yield table
        try:
            views = [each async for each in self._grouped(catalog.VIEW_COLUMNS)]
            alone = [name for name, row in self._tables.items() if row[3]]
        except sqlite3.OperationalError:
            views = []
            alone = [name for name, row in self._tables.items() if row[3] or row[1] == "view"]
        for view in views:
            yield view
        for name in alone:
            try:
                rows = await self._rows(catalog.COLUMNS_OF, name)
            except sqlite3.OperationalError:
                rows = []
                words = "Its columns cannot be told: it stands on something that is not there."
                issue = Issue(severity="LOW", code="BROKEN", message=words, path=path_of(MAIN, name))
                self._issues.append(issue)
            yield name, rows

    async def _grouped(self, statement: str) -> AsyncGenerator[tuple[str, list[Row]]]:
        cursor = await self._count(self._file.start(statement))
        current: str | None = None
        rows: list[Row] = []
        while chunk := await self._file.more(cursor, ROWS_AT_ONCE):
            for row in chunk:
                if row[0] != current:
                    if current is not None:
                        yield current, rows
                    current, rows = row[0], []
                rows.append(row)
        if current is not None:
            yield current, rows

    def _entries(self, name: str, rows: Sequence[Row]) -> Iterator[Entry]:
        table = self._tables.get(name)
        if table is None:
            return
        rows = [row for row in rows if row[7] != HIDDEN]
        path = path_of(MAIN, name)
        if path in self._seen:
            words = "Another table has the same name once characters that cannot be kept are replaced."
            self._issues.append(Issue(severity="LOW", code="NAME_CLASH", message=words, path=path))
            return
        self._seen.add(path)
        self._found[0] += 1
        self._found[1] += len(rows)
        keys = self._keys.get(name, NO_KEYS)
        digest = digest_of(repr(rows), repr(table[1:]), repr(keys))
        if self._known.trust_digests and self._digests.get(path) == digest:
            self._unchanged.add(path[:-1], len(rows))
            return
        yield from dataset_entries(
            path=path,
            kind=DatasetKind.VIEW if table[1] == "view" else DatasetKind.TABLE,
            columns=[_column(row) for row in rows],
            digest=digest,
            primary_key=tuple(
                clean(row[1])
                for row in sorted((each for each in rows if each[6]), key=lambda row: int(row[6]))
            ),
            foreign_keys=tuple(_foreign_key(parts) for parts in keys.foreign.values()),
            definition=table[2] if table[1] == "view" else None,
            row_estimate=self._estimates.get(name),
            attributes=_attributes(table, keys),
        )

    def _counts(self) -> list[Entry]:
        """The file is read in one piece, so its own count of tables is what the schema table lists."""
        return [
            ContainerCount(
                path=(MAIN,),
                datasets=len(self._tables),
                columns=self._found[1],
                read_whole=not self._selection.narrowed,
            )
        ]

    async def _rows(self, statement: str, *parameters: str) -> list[Row]:
        return await self._count(self._file.rows(statement, parameters))


def _column(row: Row) -> FoundColumn:
    _, name, ordinal, declared, required, default, key, hidden = row
    if hidden in GENERATED:
        default = "generated"
    return FoundColumn(
        clean(name),
        int(ordinal),
        bounded(declared, MOST_TEXT) or "",
        data_type(declared or ""),
        not required and not key,
        bounded(None if default is None else str(default)),
        None,
    )


def _foreign_key(rows: Sequence[Row]) -> FoundForeignKey:
    return FoundForeignKey(
        name=None,
        columns=tuple(clean(row[1]) for row in rows),
        to=path_of(MAIN, rows[0][0]),
        to_columns=tuple(clean(row[2]) for row in rows if row[2] is not None),
        enforced=False,  # a matter of each program that writes, off unless it asks
    )


def _attributes(table: Row, keys: Keys) -> dict[str, object]:
    attributes: dict[str, object] = {}
    if table[3]:
        attributes["virtual"] = True
    if keys.unique:
        attributes["unique"] = [[clean(column) for column in columns] for columns in keys.unique.values()]
    return attributes
