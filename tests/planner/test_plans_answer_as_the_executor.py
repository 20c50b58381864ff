"""A plan, our executor and graphql-core's own answer alike: documents at random, for viewers of all kinds."""

from __future__ import annotations

import warnings
from collections import Counter
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from graphql import parse, validate
from sqlalchemy.exc import SAWarning
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from auth.permissions import Permission
from datawave.graphql import schema
from datawave.kit.access import Rights, Scope, Viewer
from datawave.planner.plans import Planner
from datawave.transports.door import Asked
from datawave.transports.errors import Rejected
from datawave.transports.execution import Engine
from datawave.transports.limits import Limits
from schema.context import Context, Platform
from tests.fixtures.api import House
from tests.fixtures.shop import Shop
from tests.nulls import nulls
from tests.planner.documents import Made, Maker, Pool

# After an error graphql-core leaves coroutines that it does not need behind, which Python would warn of.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore:coroutine .* was never awaited:RuntimeWarning"
)

LIMITS = Limits(depth=40, aliases=1_000, fields=20_000, spreads=1_000, directives=1_000, points=10**12)


@dataclass(eq=False)
class Asking:
    """A session whose viewer the test decides."""

    platform: Platform
    viewer: Viewer
    expires_at: datetime | None = None
    ended: bool = False
    whose: str = "test"

    def context(self, asked: Asked) -> Context:
        return Context(platform=self.platform, viewer=self.viewer)

    def listen(self, listener: Any) -> None:
        raise NotImplementedError

    async def renew(self, authorization: str) -> None:
        raise NotImplementedError


@dataclass
class Twins:
    """One engine that plans, one that does not, and one on graphql-core's executor."""

    planned: Engine
    executed: Engine
    plain: Engine
    reasons: Counter[str]

    @classmethod
    def made(cls) -> Twins:
        reasons: Counter[str] = Counter()

        def count(reason: str) -> None:
            reasons[reason or "planned"] += 1

        planned = Engine(schema=schema(), limits=LIMITS, plans=Planner(schema()), counted=count)
        plain = copy(schema())
        plain.execution_context_class = StrawberryGraphQLCoreExecutionContext
        return cls(
            planned, Engine(schema=schema(), limits=LIMITS), Engine(schema=plain, limits=LIMITS), reasons
        )

    async def differ(self, made: Made, asking: Asking) -> str | None:
        """What differs between the two answers; None where nothing does."""
        asked = Asked(query=made.text, variables=made.variables)
        before = self.reasons["planned"]
        one, other = await answered(self.planned, asked, asking), await answered(self.executed, asked, asking)
        was_planned = self.reasons["planned"] > before
        if one != other and (was_planned or not alike(one, other)):
            return f"{made.text}\n{made.variables}\nplanned  {one}\nexecuted {other}"
        return await self._differs_from_plain(made, asking, other)

    async def _differs_from_plain(self, made: Made, asking: Asking, executed: Any) -> str | None:
        plain = await answered(self.plain, Asked(query=made.text, variables=made.variables), asking)
        if alike(executed, plain):
            return None
        return f"{made.text}\n{made.variables}\nexecuted {executed}\nplain    {plain}"


def alike(one: Any, other: Any) -> bool:
    """Two refusals in the same words, or the same data with the same said of its nulls."""
    if isinstance(one, list) or isinstance(other, list):
        return one == other
    return one["data"] == other["data"] and nulls(**one) == nulls(**other)


async def answered(engine: Engine, asked: Asked, asking: Asking) -> Any:
    try:
        answer: dict[str, Any] = orjson.loads(await (await engine.prepare(asked, asking)).once())
    except Rejected as rejected:
        return [each["message"] for each in engine.told(rejected.errors)]
    errors = [
        {**each, "extensions": {**each.get("extensions", {}), "id": None}}
        for each in answer.get("errors", ())
    ]
    return {"data": answer["data"], "errors": sorted(errors, key=in_any_order)}


def in_any_order(error: Any) -> bytes:
    return orjson.dumps(error, option=orjson.OPT_SORT_KEYS)


async def _pool(shop: Shop) -> Pool:
    found = await shop.api.data(
        """{ assets(first: 100) { nodes { id qualifiedName } pageInfo { endCursor startCursor } }
        dataSources { nodes { id key workspace { id } } pageInfo { endCursor } }
        users { nodes { id } } agents { nodes { id } } roles { id } labels { id name }
        discoveries { nodes { id } } runs { pageInfo { endCursor } } jobs { nodes { id trackingId } }
        grants { nodes { id } } tags { nodes { id } } events(last: 5) { nodes { id } } }"""
    )
    ids = [
        each["id"] for part in ("assets", "dataSources", "users", "agents") for each in found[part]["nodes"]
    ]
    ids += [
        each["id"]
        for part in ("discoveries", "jobs", "grants", "tags", "events")
        for each in found[part]["nodes"]
    ]
    ids += [each["id"] for part in ("roles", "labels") for each in found[part]]
    ids += [each["workspace"]["id"] for each in found["dataSources"]["nodes"]]
    cursors = [found[part]["pageInfo"]["endCursor"] for part in ("assets", "dataSources", "runs")]
    return Pool(
        ids=ids,
        names=[each["qualifiedName"] for each in found["assets"]["nodes"]] + ["shop", "Main", "nowhere"],
        words=["mail", "cust", "EMAIL", "a*", "", "shop"],
        cursors=[each for each in cursors if each],
        instants=["2020-01-01T00:00:00Z", "2035-01-01T00:00:00.000001Z"],
    )


async def _viewers(shop: Shop) -> list[Viewer]:
    """Everything everywhere; a part of it, somewhere; nothing; and nobody."""
    admin = await shop.api.data("{ viewer { user { id } } dataSources { nodes { workspace { id } } } }")
    actor = UUID(hex=admin["viewer"]["user"]["id"].removeprefix("user_"))
    workspace = UUID(hex=admin["dataSources"]["nodes"][0]["workspace"]["id"].removeprefix("workspace_"))
    source = shop.ground.source_id
    every = [each.value for each in Permission]
    held: list[dict[str, Scope]] = [
        {each: Scope(everywhere=True) for each in every},
        {each: Scope(workspaces=frozenset([workspace])) for each in every},
        {each: Scope(sources=frozenset([source])) for each in every},
        {each: Scope(sources=frozenset([uuid4()])) for each in every},
        {each: Scope(everywhere=True) for each in every[::2]}
        | {each: Scope(sources=frozenset([source])) for each in every[1::3]},
        {"asset:read": Scope(workspaces=frozenset([workspace])), "datasource:read": Scope(everywhere=True)},
        {},
    ]
    known = [
        Viewer(actor_id=actor, actor_word="user", rights=Rights(held=each, digest=str(at)))
        for at, each in enumerate(held)
    ]
    return [*known, Viewer()]


async def _compared(shop: Shop, house: House, *, seed: int, documents: int) -> Counter[str]:
    twins, pool, viewers = Twins.made(), await _pool(shop), await _viewers(shop)
    platform = house.served.platform
    core = schema()._schema
    random = Random(seed)
    asked = 0
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", SAWarning)  # of a table that is joined to no other, above all
        while asked < documents:
            made = Maker(core, pool, random).document()
            if validate(core, parse(made.text)):
                continue
            asked += 1
            difference = await twins.differ(made, Asking(platform, random.choice(viewers)))
            assert difference is None, difference
            doubted = [each.message for each in warned if issubclass(each.category, SAWarning)]
            assert not doubted, f"{made.text}\n{made.variables}\n{doubted}"
    return twins.reasons


@pytest.mark.parametrize("seed", range(4))
async def test_documents_at_random_are_answered_alike(shop: Shop, house: House, seed: int) -> None:
    await shop.sample()
    reasons = await _compared(shop, house, seed=seed, documents=75)
    assert not reasons["failed"], "a plan broke where it should have answered, or left it"
    assert reasons["planned"] > 20


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 110))
async def test_thousands_of_documents_are_answered_alike(shop: Shop, house: House, seed: int) -> None:
    await shop.sample()
    reasons = await _compared(shop, house, seed=seed, documents=500)
    assert not reasons["failed"]
