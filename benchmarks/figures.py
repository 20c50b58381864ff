"""What a benchmark gives: figures, each with what it is measured against, and the table that people read."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table; `goal` is the most (`at_least`: the least) that the ratio or value may be."""

    name: str
    value: float
    unit: str
    against: str = ""
    ratio: float | None = None
    goal: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def judged(self) -> float:
        return self.value if self.ratio is None else self.ratio

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        return self.judged >= self.goal if self.at_least else self.judged <= self.goal


class Stopwatch:
    """Seconds between entering and leaving `measured`."""

    seconds: float = 0.0


@contextmanager
def measured() -> Generator[Stopwatch]:
    watch = Stopwatch()
    began = time.perf_counter()
    try:
        yield watch
    finally:
        watch.seconds = time.perf_counter() - began


async def median_of(times: int, work: Callable[[], Awaitable[T]]) -> tuple[float, T]:
    """The median duration of some runs, and what the last one gave."""
    durations: list[float] = []
    for _ in range(times - 1):
        with measured() as watch:
            await work()
        durations.append(watch.seconds)
    with measured() as watch:
        result = await work()
    return statistics.median([*durations, watch.seconds]), result


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    """Plain text in columns: name, value, ratio, against what, goal, whether it is met."""
    head = ("figure", "value", "ratio", "against", "goal", "", "note")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _row(figure: Figure) -> tuple[str, ...]:
    goal = "" if figure.goal is None else f"{'≥' if figure.at_least else '≤'} {figure.goal:g}"
    met = {None: "", True: "met", False: "MISSED"}[figure.met]
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}×"
    return (
        figure.name,
        f"{short(figure.value)} {figure.unit}",
        ratio,
        figure.against,
        goal,
        met,
        figure.note,
    )


def short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
