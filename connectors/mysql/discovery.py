"""One reading of a server's structure: what is small is read first, then the columns as they stream by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

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
    Path,
    ServerFacts,
    clean,
)
from connectors.mysql import catalog
from connectors.mysql.session import UNBUFFERED, Connection, Row
from connectors.mysql.types import data_type
from connectors.selection import Selection

ROWS_AT_ONCE = 1_000

Name = tuple[str, str]
"""A table's schema and name, as the server has them."""


@dataclass(kw_only=True)
class Keys:
    primary: list[str] = field(default_factory=list[str])
    foreign: dict[str, list[Row]] = field(default_factory=dict[str, list[Row]])
    unique: dict[str, list[str]] = field(default_factory=dict[str, list[str]])


NO_KEYS = Keys()


class Discovery:
    """Reads the databases of one server, or one of them; made for one use."""

    def __init__(
        self,
        connection: Connection,
        *,
        known: Known,
        selection: Selection,
        batch: int,
        count: Count,
        database: str | None,
        seconds: float,
    ) -> None:
        self._connection = connection
        self._known = known
        self._selection = selection
        self._batch = batch
        self._count = count
        self._which = (database, database)
        self._seconds = seconds
        self._digests: Mapping[Path, str] = {}
        self._seen: set[Path] = set()
        self._unchanged = UnchangedCounts()
        self._schemas: list[str] = []
        self._tables: dict[Name, Row] = {}
        self._views: dict[Name, str] = {}
        self._keys: dict[Name, Keys] = {}

    async def batches(self) -> AsyncGenerator[list[Entry]]:
        """Containers, tables, counts, and last what is gone."""
        self._digests = await self._known.digests()
        yield await self._containers()
        self._views = {(row[0], row[1]): row[2] for row in await self._rows(catalog.VIEWS)}
        self._keys = keys_of(await self._rows(catalog.KEYS))
        batch = Batch(self._batch)
        async with aclosing(self._described()) as tables:
            async for name, rows in tables:
                batch.add(self._entries(name, rows))
                if batch.is_full:
                    yield batch.taken()
        yield [*batch.taken(), *self._unchanged.entries(), *await self._counts()]
        if removed := gone(self._digests, self._seen, self._selection):
            yield removed

    async def _containers(self) -> list[Entry]:
        version = str((await self._rows(catalog.FACTS, ()))[0][0])
        names = [str(row[0]) for row in await self._rows(catalog.SCHEMAS)]
        self._tables = {
            (row[0], row[1]): row
            for row in await self._rows(catalog.TABLES)
            if self._selection.takes(row[0], row[1])
        }
        filled = {schema for schema, _ in self._tables}
        self._schemas = [name for name in names if name in filled or self._selection.takes_empty(name)]
        containers = [container(path_of(name), ContainerKind.DATABASE, None) for name in self._schemas]
        self._seen.update(each.path for each in containers)
        return [ServerFacts(version=version), *containers]

    async def _described(self) -> AsyncGenerator[tuple[Name, list[Row]]]:
        """Each table with its columns, which come in order."""
        cursor = await self._connection.cursor(UNBUFFERED)
        try:
            await self._count(cursor.execute(catalog.COLUMNS, self._which))
            current: Name | None = None
            rows: list[Row] = []
            while chunk := await self._patiently(cursor.fetchmany(ROWS_AT_ONCE)):
                for row in chunk:
                    name = (row[0], row[1])
                    if name != current:
                        if current is not None:
                            yield current, rows
                        current, rows = name, []
                    rows.append(row)
            if current is not None:
                yield current, rows
        finally:
            await cursor.close()

    async def _patiently(self, rows: Awaitable[list[Row]]) -> list[Row]:
        async with asyncio.timeout(self._seconds):
            return await rows

    def _entries(self, name: Name, rows: Sequence[Row]) -> Iterator[Entry]:
        table = self._tables.get(name)
        if table is None:  # left out by the patterns, or made since
            return
        path = path_of(*name)
        keys = self._keys.get(name, NO_KEYS)
        definition = self._views.get(name)
        digest = digest_of(
            *(str(part) for row in rows for part in row[2:]),
            *(str(table[place]) for place in (2, 4, 5, 6)),
            repr(keys),
            definition or "",
        )
        self._seen.add(path)
        if self._known.trust_digests and self._digests.get(path) == digest:
            self._unchanged.add(path[:-1], len(rows))
            return
        is_view = table[2] == "VIEW"
        yield from dataset_entries(
            path=path,
            kind=DatasetKind.VIEW if is_view else DatasetKind.TABLE,
            columns=[column_of(row) for row in rows],
            digest=digest,
            comment=None if is_view else table[4],  # a view's comment is the word VIEW
            primary_key=tuple(clean(column) for column in keys.primary),
            foreign_keys=tuple(foreign_key(key, parts) for key, parts in keys.foreign.items()),
            definition=definition,
            row_estimate=None if is_view else table[3],
            attributes=_attributes(table, keys),
        )

    async def _counts(self) -> list[Entry]:
        counts: dict[str, list[int]] = {schema: [0, 0] for schema in self._schemas}
        for schema, table, width in await self._rows(catalog.COUNTS):
            if schema in counts and (schema, table) in self._tables:
                counts[schema][0] += 1
                counts[schema][1] += int(width)
        whole = not self._selection.narrowed
        return [
            ContainerCount(path=path_of(schema), datasets=datasets, columns=columns, read_whole=whole)
            for schema, (datasets, columns) in counts.items()
        ]

    async def _rows(self, statement: str, parameters: tuple[Any, ...] | None = None) -> list[Row]:
        cursor = await self._connection.cursor()
        try:
            await self._count(
                cursor.execute(statement, self._which if parameters is None else parameters or None)
            )
            return await cursor.fetchall()
        finally:
            await cursor.close()


def column_of(row: Row) -> FoundColumn:
    _, _, name, ordinal, native, kind, nullable, default, extra, expression, comment = row
    if expression:
        default = f"generated always as ({expression})"
    elif "auto_increment" in (extra or ""):
        default = "auto_increment"
    elif default == "NULL":  # MariaDB spells an absent default so
        default = None
    return FoundColumn(
        clean(name),
        int(ordinal),
        bounded(native, MOST_TEXT) or kind,
        data_type(kind, native),
        nullable == "YES",
        bounded(default),
        bounded(comment),
    )


def keys_of(rows: Sequence[Row]) -> dict[Name, Keys]:
    """Keys by table; the rows come in the order of the columns within each key."""
    found: dict[Name, Keys] = {}
    for row in rows:
        schema, table, name, column, _, referenced, _ = row
        keys = found.setdefault((schema, table), Keys())
        if name == "PRIMARY":
            keys.primary.append(column)
        elif referenced is not None:
            keys.foreign.setdefault(name, []).append(row)
        else:
            keys.unique.setdefault(name, []).append(column)
    return found


def foreign_key(name: str, rows: Sequence[Row]) -> FoundForeignKey:
    return FoundForeignKey(
        name=clean(name),
        columns=tuple(clean(row[3]) for row in rows),
        to=path_of(rows[0][4], rows[0][5]),
        to_columns=tuple(clean(row[6]) for row in rows),
    )


def _attributes(table: Row, keys: Keys) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    if table[5] and table[5] != "InnoDB":
        attributes["engine"] = str(table[5])
    if "partitioned" in str(table[6] or ""):
        attributes["partitioned"] = True
    if table[2] == "SYSTEM VERSIONED":
        attributes["systemVersioned"] = True
    if keys.unique:
        attributes["unique"] = [[clean(column) for column in columns] for columns in keys.unique.values()]
    return attributes
