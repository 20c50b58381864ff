"""Steps: what a level needs beside its things, found for all of them together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Protocol

from datawave.kit.given import Moment
from datawave.kit.reads import Loaded, Of, Related, Rows, Shape, by_id
from datawave.kit.statements import Variants
from datawave.planner import leaves
from datawave.planner.arguments import Arguments, asked_of
from datawave.planner.moments import Run
from datawave.planner.selections import Selections
from datawave.planner.statements import Variant, made_variant
from datawave.planner.together import Reading
from datawave.transports.plans import Unplanned

if TYPE_CHECKING:
    from datawave.kit.pages import Asked as Page
    from datawave.planner.making import Asked, Making, Path
    from datawave.planner.values import Values


class Step(Protocol):
    only: set[Any] | None
    """What tells the things apart that this is for; None is all of them."""

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        """One answer for each thing."""
        ...


class ValueStep:
    """Objects that are made of the things themselves."""

    def __init__(self, get: Callable[[Any, Run], Any], values: Values) -> None:
        self.only: set[Any] | None = None
        self._get, self._values = get, values

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        return await self._values.answers([self._get(thing, run) for thing in things], run, at)


class OnceStep:
    """A field answered by its own resolver; there is only one thing that it is asked of."""

    def __init__(
        self,
        asked: Asked,
        arguments: Arguments,
        values: Values,
        shown: tuple[type[Any], Callable[[Any], Any]] | None = None,
    ) -> None:
        """`shown` is the table and the key of a row that its type has to be made of first."""
        self.only: set[Any] | None = None
        self._asked, self._arguments, self._values = asked, arguments, values
        self._shown = shown

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        found: list[Any] = []
        for each in things:
            thing = each
            if self._shown is not None:
                row, key = self._shown
                thing = await run.context.instance(row, key(each), at)
                if thing is None:
                    raise Unplanned("null", "a row that went meanwhile")
            resolve: Any = self._asked.field.resolve
            value = resolve(thing, run.resolving(self._asked), **self._arguments.coerced(run.variables))
            found.append(await value if isawaitable(value) else value)
        return await self._values.answers(found, run, at)


class LoadedStep:
    """What a function finds for many keys."""

    def __init__(self, read: Loaded, key: Callable[[Any], Any], values: Values) -> None:
        self.only: set[Any] | None = None
        self._read, self._key, self._values = read, key, values

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        keys = [self._key(thing) for thing in things]
        found: Mapping[Any, Any] = await self._read.load(run.db, list(dict.fromkeys(keys)), at)
        missing = self._read.missing
        return await self._values.answers([found.get(key, missing) for key in keys], run, at)


class RelatedStep:
    """Rows that belong to the things: one statement for all of them, or a part of the things' own."""

    def __init__(
        self,
        read: Related,
        key: Callable[[Any], Any],
        place: int | None,
        arguments: Arguments,
        making: Making,
        kind: Any,
        selections: Selections,
        path: Path,
        *,
        single: bool,
        alone: bool,
    ) -> None:
        """`place` is where the key stands in the things' rows, so that SQL can look there for itself;
        `alone` says that there is one thing, which names one key."""
        self.only: set[Any] | None = None
        self.place = place
        self._read, self._key, self._arguments = read, key, arguments
        self._making, self._kind, self._selections = making, kind, selections
        self._path, self._single, self._alone = path, single, alone
        self._wire = leaves.of_python(kind) if read.shape is Shape.VALUE else None
        self._variants: Variants[Variant] = Variants()

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        keys = [self._key(thing) for thing in things]
        if self._read.each:
            return await self._each(keys, run, at)
        return await self._answers(keys, run, at)

    async def _each(self, keys: Sequence[Sequence[Any] | None], run: Run, at: Any) -> list[Any]:
        """Each thing names several keys."""
        distinct = list(dict.fromkeys(key for each in keys for key in each or ()))
        found = dict(zip(distinct, await self._answers(distinct, run, at), strict=True))
        return [[found[key] for key in each or () if found[key] is not None] for each in keys]

    async def _answers(self, keys: Sequence[Any], run: Run, at: Any) -> list[Any]:
        distinct = [key for key in dict.fromkeys(keys) if key]
        if not distinct:
            return [self._without(key) for key in keys]
        variant, values, asked = self._chosen(run, at)
        moment = Moment(run.viewer, arguments=values, keys=distinct, at=at)
        return self._spread(keys, await variant.answers_of_parents(run, moment, asked))

    def reading(self, run: Run, at: Any) -> Reading:
        """What belongs to rows that are about to be read."""
        variant, values, asked = self._chosen(run, at)
        return variant.reading(run, Moment(run.viewer, arguments=values, at=at), asked)

    async def told(self, things: Sequence[Any], run: Run, reading: Reading) -> Sequence[Any]:
        """The answers, of what has been read with the things."""
        found = await reading.variant.of_parents(run, reading)
        return self._spread([self._key(thing) for thing in things], found)

    def _chosen(self, run: Run, at: Any) -> tuple[Variant, list[Any], Page | None]:
        """The statement for these arguments and this viewer, and the values it is run with."""
        coerced = self._arguments.coerced(run.variables)
        asked = asked_of(coerced) if self._read.shape is Shape.PAGE else None
        shape, values = self._arguments.parted(coerced)
        variant = self._variants.find((shape, at is None), run, lambda: self._made(run, coerced, at))
        return variant, values, asked

    def _spread(self, keys: Sequence[Any], found: Mapping[Any, Any]) -> list[Any]:
        return [found[key] if key in found else self._without(key) for key in keys]

    def _without(self, key: Any) -> Any:
        shape = self._read.shape
        if shape is Shape.MANY:
            return []
        if shape is Shape.PAGE:
            if key is None:
                raise Unplanned("null", "a page of nothing")
            raise Unplanned("page", "of a parent that was not asked for")
        return self._wire(self._read.missing) if self._wire is not None else None

    def _made(self, run: Run, coerced: dict[str, Any], at: Any) -> Variant:
        def describe(of: Of) -> Rows:
            return self._read.describe(of, **self._arguments.described(coerced))

        return made_variant(
            self._making,
            describe,
            run.viewer,
            shape=self._read.shape,
            kind=self._kind,
            selections=self._selections,
            path=self._path,
            single=self._single,
            timed=at is not None,
            of_parents=True,
            alone=self._alone,
        )


class PointedStep:
    """Things of whatever table, by the word and key of their ids: one statement for each word that is met."""

    def __init__(
        self,
        keys: Callable[[Any], Any],
        making: Making,
        kind: Any,
        selections: Selections,
        path: Path,
        *,
        single: bool,
    ) -> None:
        self.only: set[Any] | None = None
        self._keys = keys
        self._found = Found(making, kind, selections, path, single=single)

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        return await self._found.answers([self._keys(thing) for thing in things], run)


class PointedEachStep(PointedStep):
    """Several such things of each."""

    async def run(self, things: Sequence[Any], run: Run, at: Any) -> Sequence[Any]:
        named = [self._keys(thing) for thing in things]
        found = iter(await self._found.answers([each for some in named for each in some], run))
        return [[answer for _ in some if (answer := next(found)) is not None] for some in named]


class Found:
    """Answers by word and key."""

    def __init__(
        self, making: Making, kind: Any, selections: Selections, path: Path, *, single: bool
    ) -> None:
        self._making, self._kind, self._selections = making, kind, selections
        self._path, self._single = path, single
        self._variants: Variants[Variant] = Variants()

    async def answers(self, wanted: Sequence[tuple[Any, Any] | None], run: Run) -> list[Any]:
        by_word: dict[str, dict[Any, None]] = defaultdict(dict)
        for each in wanted:
            if each is not None and each[0] and each[1]:
                by_word[each[0]][each[1]] = None
        found: dict[Hashable, Any] = {}
        for word, keys in by_word.items():
            answered = await self._of_word(word, list(keys), run)
            found.update({(word, key): answer for key, answer in answered.items()})
        return [found.get(each) for each in wanted]

    async def _of_word(self, word: str, keys: list[Any], run: Run) -> Mapping[Any, Any]:
        row = run.context.row_of(word)
        if row is None:
            return {}
        variant = self._variants.find((word,), run, lambda: self._made(row, run))
        return await variant.answers_of_parents(run, Moment(run.viewer, keys=keys), None)

    def _made(self, row: Any, run: Run) -> Variant:
        return made_variant(
            self._making,
            by_id(row),
            run.viewer,
            shape=Shape.ONE,
            kind=self._kind,
            selections=self._selections,
            path=self._path,
            single=self._single,
            timed=False,
            of_parents=True,
        )
