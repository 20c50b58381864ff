"""A level: what a document asks of many things of one type at once, made into one function.

The function builds the answers of all of them in one comprehension. What is not in the things themselves
comes from steps, which run before it, each for all things together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datawave.planner.moments import Run
from datawave.planner.steps import RelatedStep, Step
from datawave.planner.together import NOTHING, Beneath, Reading


@dataclass(frozen=True)
class Level:
    """Answers many things."""

    steps: Sequence[Step]
    related: Sequence[RelatedStep]
    """Those of the steps that can be read with the things."""
    build: Callable[..., list[Any]]
    told: Callable[[Any], Any] | None

    async def answers(
        self, things: Sequence[Any], run: Run, at: Any, beneath: Beneath = NOTHING
    ) -> list[Any]:
        """`beneath` is what was read with the things."""
        if not things:
            return []
        if not self.steps:
            return self.build(things, run)
        kinds = [*map(self.told, things)] if self.told is not None else ()
        met = set(kinds)
        found: list[Sequence[Any]] = []
        for step in self.steps:
            if step.only is None or met <= step.only:
                found.append(await _stepped(step, things, run, at, beneath))
            else:
                mine = [thing for thing, kind in zip(things, kinds, strict=True) if kind in step.only]
                answers = iter(await _stepped(step, mine, run, at, beneath))
                found.append([next(answers) if kind in step.only else None for kind in kinds])
        return self.build(things, run, *found)

    def beneath(self, run: Run, at: Any) -> Iterator[tuple[RelatedStep, Reading]]:
        """What can be read with the things, while they are rows that are yet to be read."""
        for step in self.related:
            reading = step.reading(run, at)
            if reading.statement.combines:
                yield step, reading


async def _stepped(step: Step, things: Sequence[Any], run: Run, at: Any, beneath: Beneath) -> Sequence[Any]:
    if isinstance(step, RelatedStep) and (reading := beneath.get(step)) is not None:
        return await step.told(things, run, reading)
    return await step.run(things, run, at)
