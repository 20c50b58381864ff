"""Our executor answers as graphql-core's own: trees at random, with values that will not do in them."""

from __future__ import annotations

import asyncio
import gc
import inspect
from asyncio import Future
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest
import strawberry
from graphql import ExecutionResult
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from datawave.executor import Executor
from datawave.kit.loaders import Loader
from schema.fields import field
from tests.nulls import nulls


@dataclass(frozen=True)
class Begun:
    """What the context's loader finds under the name of a thing's field."""

    name: str

    def load(self, thing: Any, context: Any) -> Future[Any] | None:
        key = getattr(thing, self.name)
        return None if key is None else context.found(key)

    def shown(self, found: Any) -> Any:
        return found


def loading(name: str) -> Any:
    begun = Begun(name)

    async def resolve(self: Any, info: strawberry.Info) -> Any:
        coming = begun.load(self, info.context)
        return begun.shown(None if coming is None else await asyncio.shield(coming))

    resolve.__annotations__.pop("return")
    return field(resolve, begins=lambda _field, _given: begun)


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Thing(Named):
    number: int
    maybe: int | None
    words: list[str]
    maybe_words: list[str | None] | None
    own: strawberry.Private[Any]
    own_list: strawberry.Private[Any]
    key: strawberry.Private[Any]
    list_key: strawberry.Private[Any]

    @strawberry.field
    def half(self) -> int | None:
        return self.number // 2

    @strawberry.field
    async def slow(self) -> int | None:
        await asyncio.sleep(0)
        return self.number // 2

    @strawberry.field
    def thing(self) -> Thing | None:
        return self.own

    @strawberry.field
    def needed(self) -> Named:
        return self.own

    @strawberry.field
    async def slow_needed(self) -> Thing:
        await asyncio.sleep(0)
        return self.own

    @strawberry.field
    def things(self) -> list[Thing | None] | None:
        return self.own_list

    @strawberry.field
    def named(self) -> list[Named]:
        return self.own_list

    later: Thing | None = loading("key")
    later_needed: Thing = loading("key")
    later_list: list[Thing] | None = loading("list_key")
    later_named: list[Named | None] = loading("list_key")


@strawberry.type
class Query:
    @strawberry.field
    async def things(self, info: strawberry.Info) -> list[Thing | None]:
        return info.context.roots

    @strawberry.field
    def thing(self, info: strawberry.Info) -> Thing | None:
        return info.context.roots[0]

    @strawberry.field
    def needed(self, info: strawberry.Info) -> Named:
        return info.context.roots[-1]


LEAVES = ("name", "__typename")
OWN = ("number", "maybe", "words", "maybeWords", "half", "slow")
SINGLE, INTERFACES = ("thing", "slowNeeded", "later", "laterNeeded"), ("needed", "named", "laterNamed")
LISTS = ("things", "laterList")
LEVELS = 5


class Wild:
    """Things at random, in levels. `faults` is how many of a hundred values will not do."""

    def __init__(self, random: Random, faults: int) -> None:
        self.random, self.faults = random, faults
        self.found: dict[int, Any] = {}
        self.loaders: dict[int, Loader] = {}
        beneath: list[Thing] = []
        for _ in range(LEVELS):
            beneath = [self.thing(beneath) for _ in range(6)]
        self.roots: list[Any] = beneath[:3]

    async def load(self, keys: list[int]) -> list[Any]:
        await asyncio.sleep(0)
        if self.faults and any(key % 37 == 0 for key in keys):
            raise ValueError("nothing is found")
        return [self.found[key] for key in keys]

    def loader(self, key: int) -> Loader:
        """One for each: what is asked for with a fault depends on who asks, and fails with it."""
        return self.loaders.setdefault(key, Loader(self.load))

    def or_fault(self, value: Any, *faults: Any) -> Any:
        return self.random.choice(faults) if self.random.randrange(100) < self.faults else value

    def thing(self, beneath: list[Thing]) -> Thing:
        random = self.random
        return Thing(
            name=self.or_fault(f"thing {random.randrange(9)}", None, 7, ValueError("no name")),
            number=self.or_fault(random.randrange(99), None, "x", 2**40, 1.5),
            maybe=self.or_fault(random.choice([None, 1]), "x", 2**40),
            words=self.or_fault(["a", "b"], None, ["a", None], ("c", "d"), "word", 5),
            maybe_words=self.or_fault(["a", None], None, [object()], 5),
            own=self.or_fault(random.choice(beneath), None) if beneath else None,
            own_list=self.things(beneath) if beneath else [],
            key=self.kept(random.choice(beneath)) if beneath else None,
            list_key=self.kept(self.things(beneath)) if beneath else None,
        )

    def things(self, beneath: list[Thing]) -> Any:
        members = [self.or_fault(each, None, 3, KeyError("gone")) for each in self.random.sample(beneath, 2)]
        return self.or_fault(members, None, tuple(members), 5)

    def kept(self, value: Any) -> int:
        self.found[len(self.found) + 1] = self.or_fault(value, None, "nothing")
        return len(self.found)


@dataclass
class Context:
    wild: Wild

    @property
    def roots(self) -> list[Any]:
        return self.wild.roots

    def found(self, key: int) -> Future[Any]:
        return self.wild.loader(key).found(key)


def selection(random: Random, depth: int, *, interface: bool = False) -> str:
    fields = random.sample(LEAVES, random.randint(1, 2))
    own = random.sample(OWN, random.randint(0, 3))
    if depth:
        for name in random.sample((*SINGLE, *INTERFACES, *LISTS), random.randint(1, 3)):
            own.append(f"{name} {selection(random, depth - 1, interface=name in INTERFACES)}")
    if own and interface:
        fields.append(f"... on Thing {{ {' '.join(own)} }}")
    else:
        fields += own
    return f"{{ {' '.join(fields)} }}"


def document(random: Random) -> str:
    roots = random.sample(("things", "thing", "needed"), random.randint(1, 2))
    asked = [f"{name} {selection(random, 3, interface=name in INTERFACES)}" for name in roots]
    return f"{{ {' '.join(asked)} }}"


ANSWERING = [
    strawberry.Schema(query=Query, execution_context_class=each)
    for each in (Executor, StrawberryGraphQLCoreExecutionContext)
]


def told(result: ExecutionResult) -> tuple[Any, dict[Any, Any]]:
    return result.data, nulls(result.data, [each.formatted for each in result.errors or ()])


@pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine .* was never awaited:RuntimeWarning"
)
@pytest.mark.parametrize("faults", [0, 2, 10])
def test_trees_at_random_are_answered_alike(faults: int) -> None:
    asyncio.run(answered_alike(faults))
    end_what_is_left()


def end_what_is_left() -> None:
    """Who fails leaves coroutines that nobody awaits, we and graphql-core alike; the collector would tell of
    them in whatever test comes later."""
    for each in gc.get_objects():
        if inspect.iscoroutine(each) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
            each.close()


async def answered_alike(faults: int) -> None:
    whole = 0
    for seed in range(60):
        text = document(Random(seed))
        ours, theirs = [
            told(await each.execute(text, context_value=Context(Wild(Random(seed), faults))))
            for each in ANSWERING
        ]
        assert ours == theirs, text
        whole += ours[0] is not None
    assert whole > 10


async def test_a_level_of_things_is_asked_for_at_once() -> None:
    wild = Wild(Random(1), 0)
    asked: list[int] = []

    async def noting(keys: list[int]) -> list[Any]:
        asked.append(len(keys))
        return await wild.load(keys)

    one = Loader(noting)
    wild.loader = lambda key: one
    text = "{ things { later { later { name } laterList { name } } laterList { laterList { name } } } }"
    result: Any = await ANSWERING[0].execute(text, context_value=Context(wild))
    assert result.errors is None
    assert len(asked) == 2, "one batch for each level"
