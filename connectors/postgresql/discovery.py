"""One reading of a database's structure: digests where the platform knows most of it, descriptions where it
does not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import asyncpg
from msgspec.structs import replace

from connectors.base import Known
from connectors.building import UnchangedCounts, columns_in, container, digest_of, path_of, removals
from connectors.counting import Count
from connectors.entries import (
    Container,
    ContainerCount,
    ContainerKind,
    Entry,
    Issue,
    Path,
    ServerFacts,
    Unchanged,
)
from connectors.postgresql import catalog
from connectors.postgresql.reading import entries_of
from connectors.postgresql.session import Connection, Row
from connectors.selection import Selection

TRIES = 5

CHANGED_MEANWHILE = (asyncpg.InternalServerError, asyncpg.UndefinedTableError, asyncpg.UndefinedObjectError)
"""What the server says of a table that went while it was described; “cache lookup failed” is an internal
error."""

ROWS_AT_ONCE = 200
"""Tables described in one fetch: with the widest tables, some 20 MB."""

FIRST_ROWS, FIRST_COLUMNS = 40, 1_000
"""The first fetch and the first batch are small, so that the platform has work while the source goes on."""


class Discovery:
    """Reads one database in one snapshot; made for one use."""

    def __init__(
        self, connection: Connection, *, known: Known, selection: Selection, batch: int, count: Count
    ) -> None:
        self._connection = connection
        self._known = known
        self._selection = selection
        self._batch = batch
        self._count = count
        self._database = ""
        self._version = 0
        self._oids: list[int] | None = None
        """What the patterns take; None is everything."""
        self._seen: set[Path] = set()
        self._reported: frozenset[Path] = frozenset()
        """What an earlier snapshot of this reading showed."""
        self._widths = Counter[Path]()
        self._unchanged = UnchangedCounts()
        self._is_unchanged = False
        """The whole source is as it was known."""
        self._issues: list[Entry] = []

    async def batches(self) -> AsyncGenerator[list[Entry]]:
        """Containers, tables, counts, and last what is gone. Functions that describe a table look at it as
        it is now, not as it was in our snapshot, and fail where it went meanwhile: then the rest is read
        in a new snapshot."""
        for tries_left in reversed(range(TRIES)):
            try:
                async with aclosing(self._in_one_snapshot()) as batches:
                    async for batch in batches:
                        yield batch
                break
            except CHANGED_MEANWHILE:
                if not tries_left:
                    raise
                self._reported = frozenset(self._seen)
                self._unchanged, self._issues = UnchangedCounts(), []
        if gone := await self._gone():
            yield gone

    async def _in_one_snapshot(self) -> AsyncGenerator[list[Entry]]:
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            facts, *containers = await self._containers()
            if self._known.stamp is not None:
                facts = await self._stamped(facts)
            if self._known.is_marked(facts.stamp):
                yield [facts, *await self._all_unchanged()]
                return
            yield [facts, *containers]
            if self._known.is_compared:
                changed = await self._changed()
                tables = self._tables(catalog.some_documents(self._version), changed) if changed else None
            elif self._oids is None:
                tables = self._tables(catalog.documents(self._version))
            else:
                tables = self._tables(catalog.some_documents(self._version), self._oids)
            if tables is not None:
                async with aclosing(tables):
                    async for batch in tables:
                        yield batch
            if facts.stamp is None:  # in the same snapshot, while the platform has enough to do
                facts = await self._stamped(facts)
            yield [*self._issues, *self._unchanged.entries(), *await self._counts(), facts]

    async def _containers(self) -> tuple[ServerFacts, *tuple[Container, ...]]:
        facts = await self._fetch(catalog.FACTS)
        self._database, self._version = facts[0]["database"], facts[0]["number"]
        schemas = await self._fetch(catalog.SCHEMAS)
        filled = await self._select()
        shown = [
            row
            for row in schemas
            if self._selection.everything or row["name"] in filled or self._selection.takes_empty(row["name"])
        ]
        root = container(path_of(self._database), ContainerKind.DATABASE, facts[0]["comment"])
        below = [
            container(path_of(self._database, row["name"]), ContainerKind.SCHEMA, row["comment"])
            for row in shown
        ]
        self._schemas = [each.path for each in below]
        self._seen.update((root.path, *self._schemas))
        return ServerFacts(version=_short_version(self._version)), root, *below

    async def _stamped(self, facts: ServerFacts) -> ServerFacts:
        """With the mark of what a reading of the whole would read: the same tables, if the patterns are."""
        if self._selection.narrowed:
            return facts
        row = (await self._fetch(catalog.STAMP))[0]
        return replace(facts, stamp=digest_of(row["stamp"], self._selection.words))

    async def _select(self) -> set[str]:
        """Finds what the patterns take; answers with the schemas that hold any of it."""
        if self._selection.everything:
            return set()
        taken = [
            row
            for row in await self._fetch(catalog.RELATIONS)
            if self._selection.takes(row["schema"], row["name"])
        ]
        self._oids = [row["oid"] for row in taken]
        return {row["schema"] for row in taken}

    async def _all_unchanged(self) -> list[Entry]:
        """Nothing was written since the last reading, so what is there is what was there."""
        self._is_unchanged = True
        counts = [each for each in await self._counts() if isinstance(each, ContainerCount)]
        unchanged = [
            Unchanged(path=each.path, datasets=each.datasets, columns=each.columns)
            for each in counts
            if each.datasets
        ]
        return [*unchanged, *counts]

    async def _changed(self) -> list[int]:
        """The tables whose digest is not the one known."""
        if self._oids is None:
            rows = await self._fetch(catalog.digests(self._version))
        else:
            rows = await self._fetch(catalog.some_digests(self._version), self._oids)
        changed: list[int] = []
        known = await self._known.digests()
        for row in rows:
            path = path_of(self._database, row["schema"], row["name"])
            if known.get(path) == row["digest"]:
                self._seen.add(path)
                self._unchanged.add(path[:-1], row["width"])
            else:
                changed.append(row["oid"])
        return changed

    async def _tables(self, statement: str, *arguments: Any) -> AsyncGenerator[list[Entry]]:
        batch: list[Entry] = []
        columns = 0
        enough = min(FIRST_COLUMNS, self._batch)
        unreadable: dict[int, str] = {}
        try:
            async with aclosing(self._ahead(statement, *arguments)) as chunks:
                async for rows in chunks:
                    for entries in self._described(rows, unreadable):
                        batch += entries
                        columns += columns_in(entries)
                        if columns >= enough or len(batch) >= enough:
                            yield batch
                            batch, columns, enough = [], 0, self._batch
        except CHANGED_MEANWHILE:
            yield batch  # these count as reported
            raise
        if unreadable:
            rows = await self._fetch(catalog.plain_documents(self._version), list(unreadable))
            for row in rows:
                batch += self._entries(row, unreadable[row["oid"]])
        if batch:
            yield batch

    def _described(self, rows: Sequence[Row], unreadable: dict[int, str]) -> Iterator[list[Entry]]:
        for row in rows:
            try:
                yield self._entries(row, row["digest"])
            except ValueError:
                unreadable[row["oid"]] = row["digest"]

    def _entries(self, row: Row, digest: str) -> list[Entry]:
        path = path_of(self._database, row["schema"], row["name"])
        if path in self._reported:
            return []
        entries = list(entries_of(row, self._database, digest))
        if path in self._seen:
            words = "Another table has the same name once characters that cannot be kept are replaced."
            self._issues.append(Issue(severity="LOW", code="NAME_CLASH", message=words, path=path))
            return []
        self._seen.add(path)
        return entries

    async def _ahead(self, statement: str, *arguments: Any) -> AsyncGenerator[list[Row]]:
        """Chunks of rows; the server makes the next one while this one is worked on."""
        cursor = await self._count(self._connection.cursor(statement, *arguments))
        coming = asyncio.ensure_future(cursor.fetch(FIRST_ROWS))
        try:
            while rows := await coming:
                coming = asyncio.ensure_future(cursor.fetch(ROWS_AT_ONCE))
                await asyncio.sleep(0)  # lets the request out before this thread is busy
                yield rows
        finally:
            if not coming.done():
                coming.cancel()
                with suppress(asyncio.CancelledError, asyncpg.PostgresError):
                    await coming

    async def _counts(self) -> list[Entry]:
        rows = await self._fetch(catalog.COUNTS, self._oids)
        counts = {path_of(self._database, row["schema"]): row for row in rows}
        whole = not self._selection.narrowed
        return [
            ContainerCount(
                path=path,
                datasets=counts[path]["datasets"] if path in counts else 0,
                columns=counts[path]["columns"] if path in counts else 0,
                read_whole=whole,
            )
            for path in self._schemas
        ]

    async def _gone(self) -> list[Entry]:
        if self._is_unchanged:
            return []
        known = await self._known.digests()
        return removals(path for path in known if path not in self._seen and self._looked_for(path))

    def _looked_for(self, path: Path) -> bool:
        if not self._selection.narrowed:
            return True
        return len(path) == 3 and self._selection.looks_at(path[1], path[2])

    async def _fetch(self, statement: str, *arguments: Any) -> list[Row]:
        return await self._count(self._connection.fetch(statement, *arguments))


def _short_version(number: int) -> str:
    return f"{number // 10_000}.{number % 10_000}"
