"""Some rows of each table: one statement a table, values cut in the server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from pymysql import err

from connectors.base import Limits, TableSample
from connectors.counting import Count
from connectors.entries import Issue, Path, clean
from connectors.mysql import catalog, session
from connectors.mysql.session import Connection, Row
from connectors.mysql.types import data_type
from connectors.sampling import MOST_CHARACTERS, OPAQUE, rows_wanted, seconds_a_table

PAIRS_AT_ONCE = 2_000

Name = tuple[str, str]


class Sampling:
    """Samples tables one after the other over one session."""

    def __init__(self, connection: Connection, *, limits: Limits, count: Count) -> None:
        self._connection = connection
        self._limits = limits
        self._count = count

    async def of(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]:
        """A sample of each dataset, or why there is none; two statements find them all, one more reads
        each."""
        wanted = list(datasets)[: self._limits.sample_datasets]
        if not wanted:
            return
        seconds = seconds_a_table(self._limits)
        await self._count(session.restrict(self._connection, seconds=seconds))
        pairs = [name for path in wanted for name in path[-2:]]
        marks = ", ".join(["(%s, %s)"] * len(wanted))
        columns: dict[Name, list[Row]] = {}
        for row in await self._rows(catalog.SAMPLED.format(pairs=marks), pairs):
            columns.setdefault((row[0], row[1]), []).append(row)
        sizes = {(row[0], row[1]): row for row in await self._rows(catalog.SIZES.format(pairs=marks), pairs)}
        for path in wanted:
            name = (path[-2], path[-1])
            yield await self._one(path, columns.get(name), sizes.get(name))

    async def _one(self, path: Path, columns: list[Row] | None, size: Row | None) -> TableSample | Issue:
        if columns is None:
            return Issue(
                severity="INFO", code="GONE", message="The table is not there, or hidden.", path=path
            )
        types = {str(row[2]): data_type(row[4], row[3]) for row in columns}
        names = [name for name, kind in types.items() if kind not in OPAQUE]
        values: list[Row] = []
        try:
            if names:
                values = await self._rows(self._statement(columns[0], names), None)
        except err.MySQLError as error:
            number = error.args[0] if error.args else 0
            if number in (2006, 2013):
                raise
            return _issue(int(number), path)
        return TableSample(
            path=path,
            columns={clean(name): [_text(row[place]) for row in values] for place, name in enumerate(names)},
            data_types={clean(name): kind.value for name, kind in types.items()},
            row_count=size[2] if size is not None else None,
            size_bytes=int(size[3]) if size is not None and size[3] is not None else None,
        )

    def _statement(self, table: Row, names: Sequence[str]) -> str:
        rows = rows_wanted(self._limits, len(names))
        values = ", ".join(f"left(cast({_quoted(name)} as char), {MOST_CHARACTERS})" for name in names)
        return f"select {values} from {_quoted(table[0])}.{_quoted(table[1])} limit {rows}"

    async def _rows(self, statement: str, parameters: Sequence[str] | None) -> list[Row]:
        cursor = await self._connection.cursor()
        try:
            await self._count(cursor.execute(statement, parameters))
            return await cursor.fetchall()
        finally:
            await cursor.close()


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _issue(number: int, path: Path) -> Issue:
    if number in (1142, 1143, 1044):
        words = "The login may not read this table; grant it SELECT to have it sampled."
        return Issue(severity="LOW", code="PERMISSION_DENIED", message=words, path=path)
    if number in (1146, 1054):
        words = "The table changed or went while it was read."
        return Issue(severity="INFO", code="GONE", message=words, path=path)
    if number in (1205, 1317, 1969, 3024):
        words = "Reading some rows took too long, or the table was locked."
        return Issue(severity="LOW", code="TIMEOUT", message=words, path=path)
    return Issue(severity="LOW", code="READ_FAILED", message=f"No rows could be read ({number}).", path=path)
