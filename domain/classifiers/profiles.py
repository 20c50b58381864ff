"""What a column's values look like in figures and shapes: nothing in a profile is a value.

Quantiles and shapes of a few values would give them away, so they are told only of enough of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from math import isfinite, sqrt

from connectors.base import TableSample
from connectors.entries import ColumnProfile, Pattern, Profile

BINS = 18
MOST_PATTERNS = 5
MOST_SHAPE = 60
LONGEST_RUN = 4
ENOUGH = 10
"""Values needed before quantiles and a histogram are told."""

SHARED_BY = 2
"""Values that must have a shape before it is told."""

_RUNS = re.compile(r"(a{5,}|A{5,}|9{5,})")
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_NUMBERS = frozenset({"INTEGER", "DECIMAL", "FLOAT"})
_TIMES = frozenset({"DATE", "TIMESTAMP"})


def profile(sample: TableSample) -> Profile:
    """The profile of a table from a sample of its rows."""
    rows = max((len(values) for values in sample.columns.values()), default=0)
    return Profile(
        path=sample.path,
        row_count=sample.row_count,
        size_bytes=sample.size_bytes,
        sampled_rows=rows,
        columns=tuple(
            column_profile(name, values, sample.data_types.get(name))
            for name, values in sample.columns.items()
        ),
    )


def column_profile(name: str, values: Sequence[str | None], data_type: str | None = None) -> ColumnProfile:
    """The profile of one column."""
    present = [value for value in values if value is not None]
    distinct = len(set(present))
    numbers = _numbers(present, data_type)
    return ColumnProfile(
        name=name,
        count=len(values),
        null_ratio=round(1 - len(present) / len(values), 4) if values else 0.0,
        distinct=distinct,
        unique_ratio=round(distinct / len(present), 4) if present else None,
        min_length=min(map(len, present), default=None),
        max_length=max(map(len, present), default=None),
        mean=_mean(numbers),
        standard_deviation=_deviation(numbers),
        quantiles=_quantiles(numbers),
        histogram=_histogram(numbers),
        patterns=_patterns(present) if not numbers else (),
    )


def shape(value: str) -> str:
    """Letters as `a` and `A`, digits as `9`, long runs cut: `bob@shop.example` is `aaa@aaaa.aaaa+`."""
    drawn = "".join(
        "9"
        if character.isdigit()
        else "A"
        if character.isupper()
        else "a"
        if character.isalpha()
        else character
        for character in value[: MOST_SHAPE * 2]
    )
    return _RUNS.sub(lambda run: run[0][:LONGEST_RUN] + "+", drawn)[:MOST_SHAPE]


def _patterns(values: Sequence[str]) -> tuple[Pattern, ...]:
    counts = Counter(map(shape, values)).most_common(MOST_PATTERNS)
    return tuple(
        Pattern(pattern=pattern, count=count)
        for pattern, count in counts
        if count >= SHARED_BY and _is_drawn(pattern)
    )


def _is_drawn(pattern: str) -> bool:
    """A shape that holds only signs would be the value itself."""
    return any(character in "aA9" for character in pattern)


def _numbers(values: Sequence[str], data_type: str | None) -> list[float]:
    """Numbers, or times as seconds since 1970, if all the values are such; text that happens to be digits is
    not."""
    if data_type is not None and data_type not in _NUMBERS | _TIMES:
        return []
    read = _seconds if data_type in _TIMES else _number
    found: list[float] = []
    for value in values:
        number = read(value)
        if number is None:
            return []
        found.append(number)
    return found


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) and abs(number) < 1e300 else None


def _seconds(value: str) -> float | None:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.combine(date(1970, 1, 1), datetime.min.time(), UTC)).total_seconds()


def _mean(numbers: Sequence[float]) -> float | None:
    return _rounded(sum(numbers) / len(numbers)) if len(numbers) >= ENOUGH else None


def _deviation(numbers: Sequence[float]) -> float | None:
    if len(numbers) < ENOUGH:
        return None
    mean = sum(numbers) / len(numbers)
    try:
        return _rounded(sqrt(sum((number - mean) ** 2 for number in numbers) / len(numbers)))
    except OverflowError:
        return None


def _quantiles(numbers: Sequence[float]) -> tuple[float, ...] | None:
    """The 5th, 25th, 50th, 75th and 95th hundredth, each between two values."""
    if len(numbers) < ENOUGH:
        return None
    ordered = sorted(numbers)
    last = len(ordered) - 1
    found: list[float] = []
    for quantile in _QUANTILES:
        place = quantile * last
        below = int(place)
        above = min(below + 1, last)
        found.append(_rounded(ordered[below] + (ordered[above] - ordered[below]) * (place - below)))
    return tuple(found)


def _histogram(numbers: Sequence[float]) -> tuple[float, ...] | None:
    """Eighteen bins of equal width from the least to the greatest; the fullest is 1."""
    if len(numbers) < ENOUGH:
        return None
    least, greatest = min(numbers), max(numbers)
    width = greatest - least
    if width <= 0 or not isfinite(width):
        return (1.0,)
    edges = [least + width * step / BINS for step in range(1, BINS)]
    counts = [0] * BINS
    for number in numbers:
        counts[bisect_right(edges, number)] += 1
    fullest = max(counts)
    return tuple(round(count / fullest, 3) for count in counts)


def _rounded(number: float) -> float:
    return float(f"{number:.10g}")
