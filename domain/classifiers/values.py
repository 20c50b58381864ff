"""The values of a column as the judges of evidence ask about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from domain.classifiers import patterns
from domain.classifiers.patterns import share
from domain.classifiers.samples import ColumnSample

Kind = Literal["CHECKSUM", "PATTERN"]

_TOKEN = re.compile(r"[^\s,;()]+")


@dataclass(frozen=True, kw_only=True)
class Support:
    """`ratio` of the values fit; `alone` is how sure that makes without any name, `agrees` whether a name may
    stand."""

    ratio: float
    agrees: bool
    text: str
    alone: float = 0.0
    kind: Kind = "PATTERN"


class Values:
    """The distinct values of a column, matched once."""

    def __init__(self, sample: ColumnSample) -> None:
        self.all = sample.distinct
        self.folded = sample.folded

    @cached_property
    def matched(self) -> dict[str, list[str]]:
        return patterns.matches(self.all)

    def share(self, *names: str) -> float:
        """The share of values that fit any of the patterns."""
        if len(names) == 1:
            return share(self.matched[names[0]], self.all)
        return (
            len({value for name in names for value in self.matched[name]}) / len(self.all)
            if self.all
            else 0.0
        )

    def among(self, listed: frozenset[str]) -> float:
        """The share of values that a list of words holds."""
        return len(self.folded & listed) / len(self.folded) if self.folded else 0.0

    @cached_property
    def tokens(self) -> tuple[tuple[str, ...], ...]:
        return tuple(tuple(_TOKEN.findall(value.casefold())) for value in self.all)

    def with_word(self, listed: frozenset[str]) -> float:
        """The share of values with a word from a list in them."""
        hits = sum(1 for tokens in self.tokens if any(token in listed for token in tokens))
        return hits / len(self.all) if self.all else 0.0

    @cached_property
    def numbers(self) -> tuple[float, ...]:
        return tuple(float(value.replace(",", ".")) for value in self.matched["NUMBER"])

    @cached_property
    def mean_length(self) -> float:
        return sum(map(len, self.all)) / len(self.all) if self.all else 0.0
