"""What classifiers are given: a column's name and some of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from connectors.entries import Path

MOST_VALUES = 500
MOST_CHARACTERS = 300
ABSENT = frozenset({"", "null", "none", "nan", "n/a", "na", "-", "?", "unknown", "nil"})
"""What people write where there is no value; `na` is taken back where it means Namibia."""


@dataclass(frozen=True, kw_only=True)
class ColumnSample:
    """A column as a classifier sees it; its values stay in memory."""

    path: Path
    name: str
    table: str = ""
    data_type: str | None = None
    values: Sequence[str | None] = ()

    @cached_property
    def distinct(self) -> tuple[str, ...]:
        """Values that differ, without edges of white space and without what stands for nothing."""
        found: dict[str, None] = {}
        for value in self.values:
            if value is None:
                continue
            # What is no text (half of a character) would end the pattern engine.
            text = value[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").strip()
            if text.casefold() not in ABSENT:
                found[text] = None
            if len(found) == MOST_VALUES:
                break
        return tuple(found)

    @cached_property
    def folded(self) -> frozenset[str]:
        return frozenset(value.casefold() for value in self.distinct)
