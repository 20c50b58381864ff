"""The statement of a read and the answers made of its rows: one variant for each shape of the arguments and
each reach of the permissions that it touches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from datawave.kit.access import Reach, Viewer
from datawave.kit.cursors import list_cursor
from datawave.kit.given import AT, KEYS, Given, Moment
from datawave.kit.listing import Listing
from datawave.kit.pages import Asked, further, shown_of
from datawave.kit.reads import Of, Rows, Shape
from datawave.kit.statements import MOST_VARIANTS, Statement, open_viewer, python_of_driver
from datawave.planner import leaves
from datawave.planner.kinds import named
from datawave.planner.moments import Run
from datawave.planner.paging import PageShape
from datawave.planner.selections import Selections
from datawave.planner.things import Drawn
from datawave.planner.together import Reading, Together
from datawave.planner.writing import Writer

if TYPE_CHECKING:
    from datawave.planner.levels import Level
    from datawave.planner.making import Making, Path


def made_variant(
    making: Making,
    describe: Callable[[Of], Rows],
    viewer: Viewer,
    *,
    shape: Shape,
    kind: Any,
    selections: Selections,
    path: Path,
    single: bool,
    timed: bool,
    of_parents: bool,
    alone: bool = False,
) -> Variant:
    """`alone` says that there is one parent."""
    opened, touched = open_viewer(viewer)
    rows = describe(Of(viewer=opened, at=AT if timed else None, keys=KEYS, alone=alone))
    source = Drawn(rows, opened, first=1 if of_parents else 0)
    if shape is Shape.PAGE:
        page = PageShape(making, named(kind), selections, path, lambda _node: source)
        return PageVariant(rows, source, touched, page, of_parents=of_parents)
    if shape is Shape.VALUE:
        return ValueVariant(rows, source, touched, leaves.of_python(kind), of_parents=of_parents)
    level = making.level(kind, selections, source, path, single=single)
    return ListVariant(rows, source, touched, level, shape=shape, of_parents=of_parents)


class Variant(ABC):
    """Rows are read and then answered of, because what is beneath them may be read with them."""

    numbered = False
    """Whether a record says by its number, not by its key, to which parent it belongs."""

    def __init__(self, rows: Rows, source: Drawn, touched: Mapping[str, Reach]) -> None:
        self.rows, self.source, self.touched = rows, source, touched
        self._together: dict[Hashable, Together] = {}

    async def answers_of_parents(self, run: Run, moment: Moment, asked: Asked | None) -> Mapping[Any, Any]:
        return await self.of_parents(run, await self._read(run, moment, asked))

    async def answer_of_root(self, run: Run, moment: Moment, asked: Asked | None) -> Any:
        return await self.of_root(run, await self._read(run, moment, asked))

    @abstractmethod
    def reading(self, run: Run, moment: Moment, asked: Asked | None) -> Reading:
        """What is to be read at this moment."""

    @abstractmethod
    async def of_parents(self, run: Run, reading: Reading) -> Mapping[Any, Any]:
        """The answers of what has been read, by the keys of the parents."""

    @abstractmethod
    async def of_root(self, run: Run, reading: Reading) -> Any: ...

    def at(self, moment: Moment) -> Any:
        """As of when the rows are."""
        at = self.rows.at
        return at.of(moment) if isinstance(at, Given) else at

    def _with_beneath(
        self, run: Run, statement: Statement, moment: Moment, asked: Asked | None, levels: Sequence[Level]
    ) -> Reading:
        reading = Reading(self, statement, moment, asked)
        if statement.combines:
            at = self.at(moment)
            reading.beneath = {step: each for level in levels for step, each in level.beneath(run, at)}
        return reading

    async def _read(self, run: Run, moment: Moment, asked: Asked | None) -> Reading:
        reading = self.reading(run, moment, asked)
        if reading.is_alone:
            reading.records = await run.fetch(reading.statement, moment)
            return reading
        parts = [*reading.parts()]
        together = self._together_of(reading, tuple([each.statement for each in parts]))
        [record] = await run.fetched(together.text, together.values(parts))
        together.spread(record, parts)
        return reading

    def _together_of(self, reading: Reading, statements: Hashable) -> Together:
        found = self._together.get(statements)
        if found is None:
            if len(self._together) >= MOST_VARIANTS:
                self._together.clear()
            found = self._together[statements] = Together(reading)
        return found


class ValueVariant(Variant):
    """One value for each parent, or one alone."""

    def __init__(
        self, rows: Rows, source: Drawn, touched: Mapping[str, Reach], wire: leaves.Wire, *, of_parents: bool
    ) -> None:
        super().__init__(rows, source, touched)
        self._wire = wire
        self._python = python_of_driver(rows.value.type) or leaves.as_it_is
        self._listing = Listing(rows, [rows.value.label("value")], of_parents=of_parents)

    def reading(self, run: Run, moment: Moment, asked: Asked | None) -> Reading:
        return Reading(self, self._listing.whole, moment)

    async def of_parents(self, run: Run, reading: Reading) -> Mapping[Any, Any]:
        return {record[0]: self._wire(self._python(record[1])) for record in reading.records}

    async def of_root(self, run: Run, reading: Reading) -> Any:
        [record] = reading.records
        return self._wire(self._python(record[0]))


class ListVariant(Variant):
    """The rows of each parent, or one of each."""

    def __init__(
        self,
        rows: Rows,
        source: Drawn,
        touched: Mapping[str, Reach],
        level: Any,
        *,
        shape: Shape,
        of_parents: bool,
    ) -> None:
        super().__init__(rows, source, touched)
        self._level, self._shape = level, shape
        told = len(source.columns)
        order = _labels(source, _places(source, rows)) if source.beside else ()
        around = partial(source.with_beside, told=told) if source.beside else None
        self._listing = Listing(rows, source.labelled, order, of_parents=of_parents, around=around)

    def reading(self, run: Run, moment: Moment, asked: Asked | None) -> Reading:
        return self._with_beneath(run, self._listing.whole, moment, asked, [self._level])

    async def of_parents(self, run: Run, reading: Reading) -> Mapping[Any, Any]:
        records = reading.records
        answers = await self._level.answers(records, run, self.at(reading.moment), reading.beneath)
        if self._shape is Shape.ONE:
            return {
                record[0]: answer for record, answer in zip(reversed(records), reversed(answers), strict=True)
            }
        found: dict[Any, list[Any]] = defaultdict(list)
        for record, answer in zip(records, answers, strict=True):
            found[record[0]].append(answer)
        return found

    async def of_root(self, run: Run, reading: Reading) -> Any:
        records = reading.records
        if self._shape is Shape.ONE:
            records = records[:1]
        answers = await self._level.answers(records, run, self.at(reading.moment), reading.beneath)
        if self._shape is Shape.ONE:
            return answers[0] if answers else None
        return answers


class PageVariant(Variant):
    """A page of each parent's rows, or of all."""

    numbered = True

    def __init__(
        self, rows: Rows, source: Drawn, touched: Mapping[str, Reach], page: PageShape, *, of_parents: bool
    ) -> None:
        super().__init__(rows, source, touched)
        self._page = page
        places = _places(source, rows)
        order = _labels(source, places)
        self._cursors = self._cursors_of(places)
        self._listing = Listing(
            rows,
            source.labelled,
            order,
            of_parents=of_parents,
            around=source.with_beside if source.beside else None,
        )

    def reading(self, run: Run, moment: Moment, asked: Asked | None) -> Reading:
        assert asked is not None
        page = self._listing.page(asked, moment)
        reading = self._with_beneath(run, page, moment, asked, self._page.levels)
        if self._page.wants_total and page.combines and self._listing.counting.combines:
            reading.beside = Reading(self, self._listing.counting, moment)
        return reading

    async def of_parents(self, run: Run, reading: Reading) -> Mapping[Any, Any]:
        moment, asked = reading.moment, reading.asked
        assert asked is not None
        by_parent: list[list[Any]] = [[] for _ in moment.keys]
        for record in reading.records:
            by_parent[record[0] - 1].append(record)
        kept = [shown_of(mine, asked) for mine in by_parent]
        things = list(chain.from_iterable(kept))
        answers = await self._nodes(run, reading, things)
        totals = dict(await self._totals(run, reading))
        cursors = self._cursors(things)
        found: dict[Any, Any] = {}
        start = 0
        for key, all_of_it, mine in zip(moment.keys, by_parent, kept, strict=True):
            end = start + len(mine)
            nodes = [each[start:end] for each in answers]
            ends = further(asked, more=len(all_of_it) > len(mine))
            found[key] = self._page.build(cursors[start:end], *ends, totals.get(key, 0), *nodes)
            start = end
        return found

    async def of_root(self, run: Run, reading: Reading) -> Any:
        records, asked = reading.records, reading.asked
        assert asked is not None
        things = shown_of(records, asked)
        nodes = await self._nodes(run, reading, things)
        total = (await self._totals(run, reading))[0][0] if self._page.wants_total else None
        ends = further(asked, more=len(records) > len(things))
        return self._page.build(self._cursors(things), *ends, total, *nodes)

    async def _nodes(self, run: Run, reading: Reading, things: Sequence[Any]) -> list[list[Any]]:
        at, levels = self.at(reading.moment), self._page.levels
        return [await level.answers(things, run, at, reading.beneath) for level in levels]

    async def _totals(self, run: Run, reading: Reading) -> Sequence[Any]:
        """How many there are in all; of parents, with the key of each."""
        if not self._page.wants_total:
            return ()
        if reading.beside is not None:
            return reading.beside.records
        return await run.fetch(self._listing.counting, reading.moment)

    def _cursors_of(self, places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """What makes the cursors of rows, of nothing but the order's columns."""
        if not self._page.wants_cursors:
            return lambda things: [None] * len(things)
        writer = Writer()
        parts: list[str] = []
        for at, key in zip(places, self.rows.order, strict=True):
            text, made = f"r[{at}]", leaves.place_of_driver(key.column.type)
            parts.append(text if made is None else f"{writer.name(made)}({text})")
        each = f"{writer.name(list_cursor)}([{', '.join(parts)}])"
        return writer.function(f"def cursors(things):\n    return [{each} for r in things]\n", "cursors")


def _places(source: Drawn, rows: Rows) -> list[int]:
    """Where in a record the columns of the order stand, which are read for it if for nothing else."""
    return [source.known_or_extra(key.column) for key in rows.order]


def _labels(source: Drawn, places: Sequence[int]) -> list[str]:
    return [f"c{at - source.first}" for at in places]
