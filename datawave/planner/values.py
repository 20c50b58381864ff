"""Python's values of a field, many at once: objects, lists of them, pages, leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from datawave.planner import leaves
from datawave.planner.kinds import is_composite, is_list, is_required, member, named
from datawave.planner.moments import Run
from datawave.planner.paging import PageShape, is_page
from datawave.planner.selections import Selections
from datawave.planner.things import Held
from datawave.transports.plans import Unplanned

if TYPE_CHECKING:
    from datawave.planner.levels import Level
    from datawave.planner.making import Making, Path


class Values(Protocol):
    async def answers(self, values: Sequence[Any], run: Run, at: Any) -> list[Any]: ...


def values_of(making: Making, kind: Any, selections: Selections, path: Path, *, single: bool) -> Values:
    if not is_composite(kind):
        return _Leaves(leaves.of_python(kind))
    if is_page(named(kind)):
        return _Pages(PageShape(making, named(kind), selections, path, lambda _node: Held()))
    level = making.level(named(kind), selections, Held(), path, single=single and not is_list(kind))
    if not is_list(kind):
        return _Objects(level)
    if is_list(member(kind)):
        raise Unplanned("type", "a list of lists")
    return _Lists(level, required=is_required(member(kind)))


@dataclass(frozen=True)
class _Leaves:
    wire: leaves.Wire

    async def answers(self, values: Sequence[Any], run: Run, at: Any) -> list[Any]:
        return [self.wire(value) for value in values]


@dataclass(frozen=True)
class _Objects:
    level: Level

    async def answers(self, values: Sequence[Any], run: Run, at: Any) -> list[Any]:
        present = [value for value in values if value is not None]
        found = iter(await self.level.answers(present, run, time_of(present)))
        return [next(found) if value is not None else None for value in values]


@dataclass(frozen=True)
class _Lists:
    level: Level
    required: bool

    async def answers(self, values: Sequence[Any], run: Run, at: Any) -> list[Any]:
        all_of_them = [each for value in values if value is not None for each in value]
        present = [each for each in all_of_them if each is not None]
        if self.required and len(present) < len(all_of_them):
            raise Unplanned("null", "where none may be")
        found = iter(await self.level.answers(present, run, time_of(present)))
        return [
            None if value is None else [next(found) if each is not None else None for each in value]
            for value in values
        ]


@dataclass(frozen=True)
class _Pages:
    shape: PageShape

    async def answers(self, values: Sequence[Any], run: Run, at: Any) -> list[Any]:
        return [None if value is None else await self._page(value, run) for value in values]

    async def _page(self, value: Any, run: Run) -> Any:
        page = value.page
        things = [value.make(row) for row in page.rows]
        total = None
        if self.shape.wants_total:
            total = await page.total() if page.total else len(page.rows)
        return await self.shape.whole(
            things, run, time_of(things), page.cursors, page.has_next, page.has_previous, total
        )


def time_of(things: Sequence[Any]) -> Any:
    """As of when objects are: those of one list are as of one time."""
    return getattr(things[0], "at", None) if things else None
