"""What a made table is, the stream of chance behind each, and how rows become PostgreSQL's COPY text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import TypeAlias
from uuid import UUID

Value: TypeAlias = str | int | float | date | datetime | UUID | None
Row: TypeAlias = tuple[Value, ...]

FIRST_DAY = date(2025, 1, 1)
LAST_DAY = date(2026, 6, 30)
"""The shop's time stands still, so that two homes hold the same rows."""

_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@dataclass(frozen=True)
class Table:
    name: str
    columns: str
    rows: list[Row]


def stream(seed: int, name: str) -> Random:
    """Chance of its own for each table: a change of one leaves the others as they were."""
    return Random(f"{seed}:{name}")


def some_day(random: Random, first: date = FIRST_DAY, last: date = LAST_DAY) -> date:
    return first + timedelta(days=random.randrange((last - first).days + 1))


def some_time(random: Random, first: date = FIRST_DAY, last: date = LAST_DAY) -> datetime:
    """An instant on one of the days, in the hours in which people are awake."""
    day = some_day(random, first, last)
    return datetime(
        day.year,
        day.month,
        day.day,
        random.randrange(6, 23),
        random.randrange(60),
        random.randrange(60),
        tzinfo=UTC,
    )


def some_uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def perhaps(random: Random, share: float, value: Value) -> Value:
    return value if random.random() < share else None


def copy_text(table: Table) -> Iterator[str]:
    """The table as lines for `psql`."""
    yield f"copy {table.name} ({table.columns}) from stdin;\n"
    for row in table.rows:
        yield "\t".join(map(_field, row)) + "\n"
    yield "\\.\n"


def _field(value: Value) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    return str(value)
