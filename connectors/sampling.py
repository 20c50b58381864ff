"""How much of a table is sampled, whatever the database."""

from __future__ import annotations

from connectors.base import Limits
from connectors.entries import DataType

MOST_CHARACTERS = 500
"""Of one value; cut in the database."""

MOST_CELLS = 100_000
LEAST_ROWS = 20
MOST_SECONDS = 10.0
"""For one table: a view may compute for long before its first row comes."""

OPAQUE = frozenset({DataType.BINARY, DataType.GEOMETRY})
"""What is not sampled: bytes and shapes say nothing as text and may be huge."""


def seconds_a_table(limits: Limits) -> float:
    return min(limits.statement_seconds, MOST_SECONDS)


def rows_wanted(limits: Limits, columns: int) -> int:
    """Fewer of a wide table."""
    return max(LEAST_ROWS, min(limits.sample_rows, MOST_CELLS // max(1, columns)))
