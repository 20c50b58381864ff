"""Some rows of each table: one statement a table, blocks at random where it is big, values cut in the
server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence

import asyncpg

from connectors.base import Limits, TableSample
from connectors.counting import Count
from connectors.entries import Issue, Path, clean
from connectors.postgresql import catalog, session
from connectors.postgresql.session import Connection, Row
from connectors.postgresql.types import data_type
from connectors.sampling import MOST_CHARACTERS, OPAQUE, rows_wanted, seconds_a_table

BIG = 50
"""A table with this many times the rows wanted is big: its first blocks alone would tell of its oldest rows
only."""


class Sampling:
    """Samples tables one after the other over one session."""

    def __init__(self, connection: Connection, *, limits: Limits, count: Count) -> None:
        self._connection = connection
        self._limits = limits
        self._count = count

    async def of(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]:
        """A sample of each dataset, or why there is none; one statement finds them all, one more reads
        each."""
        wanted = list(datasets)[: self._limits.sample_datasets]
        seconds = seconds_a_table(self._limits)
        await self._count(session.restrict(self._connection, seconds=seconds))
        schemas, names = [path[-2] for path in wanted], [path[-1] for path in wanted]
        rows = await self._count(self._connection.fetch(catalog.SAMPLED, schemas, names))
        found: Mapping[tuple[str, str], Row] = {(row["schema"], row["name"]): row for row in rows}
        for path in wanted:
            yield await self._one(path, found.get((path[-2], path[-1])))

    async def _one(self, path: Path, row: Row | None) -> TableSample | Issue:
        if row is None:
            return Issue(severity="INFO", code="GONE", message="The table is no longer there.", path=path)
        if row["kind"] == "f":
            words = "A foreign table is not sampled: its rows are at another server."
            return Issue(severity="INFO", code="NOT_SAMPLED", message=words, path=path)
        types = {name: data_type(native, kind) for name, native, kind in row["columns"]}
        names = [name for name, kind in types.items() if kind not in OPAQUE]
        if not row["usable"] or not types:
            return _no_rights(path)
        values: list[Row] = []
        try:
            if names:
                values = await self._count(self._connection.fetch(self._statement(row, names)))
        except asyncpg.PostgresError as error:
            return _issue(error, path)
        return TableSample(
            path=path,
            columns={clean(name): [row[f"v{place}"] for row in values] for place, name in enumerate(names)},
            data_types={clean(name): kind.value for name, kind in types.items()},
            row_count=row["estimate"] if row["estimate"] >= 0 and row["kind"] in "rm" else None,
            size_bytes=row["bytes"],
        )

    def _statement(self, row: Row, names: Sequence[str]) -> str:
        rows = rows_wanted(self._limits, len(names))
        values = ", ".join(
            f"left({_quoted(name)}::text, {MOST_CHARACTERS}) as v{place}" for place, name in enumerate(names)
        )
        return (
            f"select {values} from {_quoted(row['schema'])}.{_quoted(row['name'])}"
            f"{_blocks(row, rows)} limit {rows}"
        )


def _blocks(row: Row, rows: int) -> str:
    """A share of the blocks that holds some ten times the rows wanted, where the table is big."""
    if row["kind"] not in ("r", "m", "p") or row["estimate"] < BIG * rows:
        return ""
    pages = max(1, row["pages"])
    percent = 100 * max(10 * rows / row["estimate"], min(1.0, 10 / pages))
    return f" tablesample system ({min(percent, 100):.6f})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _no_rights(path: Path) -> Issue:
    return Issue(
        severity="LOW",
        code="PERMISSION_DENIED",
        message="The login may not read this table; grant it SELECT to have it sampled.",
        path=path,
    )


def _issue(error: asyncpg.PostgresError, path: Path) -> Issue:
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return _no_rights(path)
    if isinstance(error, asyncpg.UndefinedTableError | asyncpg.UndefinedColumnError):
        words = "The table changed or went while it was read."
        return Issue(severity="INFO", code="GONE", message=words, path=path)
    if isinstance(error, asyncpg.QueryCanceledError | asyncpg.LockNotAvailableError):
        words = "Reading some rows took too long, or the table was locked."
        return Issue(severity="LOW", code="TIMEOUT", message=words, path=path)
    state = getattr(error, "sqlstate", None)
    words = f"No rows could be read ({state})."
    return Issue(severity="LOW", code="READ_FAILED", message=words, path=path)
