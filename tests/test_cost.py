"""What operations cost, told before they run and kept to what the schema says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from graphql import (
    FieldDefinitionNode,
    InterfaceTypeDefinitionNode,
    ObjectTypeDefinitionNode,
    OperationDefinitionNode,
    parse,
    value_from_ast_untyped,
)
from graphql.execution import get_variable_values
from redis.asyncio import Redis

from auth.rates import Rates
from datawave.app.core import connected
from datawave.graphql import schema, sdl
from datawave.transports.cost import Prices
from datawave.transports.documents import Documents
from datawave.transports.limits import Limits
from tests import furnished, servers
from tests.client import Client, Refused
from tests.fixtures.api import House, house_at

SCHEMA: Any = schema()._schema  # pyright: ignore[reportPrivateUsage]

PAGES = """query ($first: Int, $n: Int = 3) {
  dataSources(first: $first) { nodes { key assets(first: $n) { nodes { id } } } }
}"""
SKIPPED = "query ($no: Boolean!) { viewer { actor @skip(if: $no) { id } } settledAt }"
KINDS = """{ node(id: "x") {
  ... on Job { subject { id } }
  ... on Column { dataset { id } labels { name } }
} }"""
TWICE = "{ viewer { actor { id } } ...F } fragment F on Query { viewer { actor { displayName } } }"
CHANGE = """mutation { endSession(input: {id: "x"}) { errors { message } trackingId } }"""
SUBJECTS = "query ($i: [ID!]!) { nodes(ids: $i) { ... on Job { subject { id } } } }"

POINTS: dict[str, tuple[str, dict[str, Any], int]] = {
    "a leaf costs nothing": ("{ settledAt }", {}, 0),
    "an object costs one": ("{ viewer { actor { id } } }", {}, 2),
    "a page counts its things as often as it is long": ("{ tags(first: 7) { nodes { name } } }", {}, 1 + 7),
    "a page of no length has fifty": ("{ tags { nodes { name } } }", {}, 1 + 50),
    "a length that is null is none": ("{ tags(first: null) { nodes { name } } }", {}, 1 + 50),
    "no page is longer than the longest": ("{ tags(first: 9999) { nodes { name } } }", {}, 1 + 500),
    "a length below nothing is nothing": ("{ tags(first: -1) { nodes { name } } }", {}, 1),
    "the last count as the first do": ("{ events(last: 9) { nodes { id } } }", {}, 1 + 9),
    "edges count like nodes": ("{ tags(first: 2) { edges { cursor node { name } } } }", {}, 1 + 2 + 2),
    "what a page has once counts once": ("{ tags(first: 9) { totalCount pageInfo { endCursor } } }", {}, 7),
    "pages in pages multiply": (PAGES, {"first": 10}, 1 + 10 * (1 + 2 + 3)),
    "variables count as they are given": (PAGES, {"first": 10, "n": 5}, 1 + 10 * (1 + 2 + 5)),
    "a weight counts for each of a list": ('{ nodes(ids: ["a", "b", "c"]) { id } }', {}, 3),
    "what is in such a list counts as often": (SUBJECTS, {"i": ["a", "b"]}, 2 + 2),
    "another list counts a few": ("{ labels { name children { name } } }", {}, 5 + 5 * 5),
    "a list that declares its size counts so many": ('{ lineage(id: "x") { nodes { distance } } }', {}, 150),
    "an object is of one type": (KINDS, {}, 1 + (1 + 5)),
    "one key is paid for once": (TWICE, {}, 2),
    "aliases are paid for each": ("{ a: viewer { actor { id } } b: viewer { actor { id } } }", {}, 4),
    "what is skipped costs nothing": (SKIPPED, {"no": True}, 1),
    "what is not skipped costs": (SKIPPED, {"no": False}, 2),
    "what is never included costs nothing": ("{ viewer { actor @include(if: false) { id } } }", {}, 1),
    "a look at the schema has one price": ("{ __schema { types { name } } __typename }", {}, 100),
    "a change costs like anything": (CHANGE, {}, 1 + 5),
    "a stream costs one event": ("subscription { eventRecorded { cursor actor { id } } }", {}, 2),
}


def costs(text: str, values: dict[str, Any]) -> int:
    document = Documents(SCHEMA, Limits()).get(text, frank=True)
    operation = document.node.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    coerced: Any = get_variable_values(SCHEMA, operation.variable_definitions or (), values)
    return document.cost(operation).of(coerced.coerced)


@pytest.mark.parametrize("what", POINTS)
def test_points_are_what_the_schema_says(what: str) -> None:
    text, values, points = POINTS[what]
    assert costs(text, values) == points


def test_every_price_in_the_sdl_is_the_one_that_is_charged() -> None:
    prices = Prices(SCHEMA, longest_page=500)
    declared = 0
    for kind in parse(sdl()).definitions:
        if not isinstance(kind, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            continue
        served = SCHEMA.type_map[kind.name.value]
        for field in kind.fields or ():
            price = prices.of(served, field.name.value, served.fields[field.name.value])
            told = _told(field)
            declared += len(told)
            cost = told.get("cost", {"weight": None, "times": []})
            assert (price.weight, list(price.times)) == (cost["weight"], cost["times"]), field.name.value
            assert "listSize" not in told or price.size == told["listSize"]["assumedSize"]
    assert declared > 50


def _told(field: FieldDefinitionNode) -> dict[str, dict[str, Any]]:
    return {
        one.name.value: {each.name.value: value_from_ast_untyped(each.value) for each in one.arguments or ()}
        for one in field.directives or ()
        if one.name.value in ("cost", "listSize")
    }


DEAR = "{ dataSources(first: 500) { nodes { assets(first: 500) { nodes { path { id } } } } } }"


async def post(client: Client, document: str, **variables: Any) -> httpx2.Response:
    body = {"query": document, "variables": variables}
    return await client.http.post("/graphql", json=body, headers=client.headers)


async def test_every_answer_tells_its_cost_and_what_is_left_of_the_minute(api: Client) -> None:
    answer = await post(api, PAGES, first=10)
    assert answer.headers["x-query-cost"] == "61"
    assert answer.headers["ratelimit-policy"] == '"points";q=3000000;w=60'
    assert answer.headers["ratelimit"].startswith('"points";r=')
    assert "extensions" not in answer.json()


async def test_what_costs_too_much_is_refused_with_the_field_to_change(api: Client) -> None:
    answer = await post(api, DEAR)
    [error] = answer.json()["errors"]
    told = error["extensions"]
    assert (told["code"], told["costliest"]) == ("TOO_COSTLY", "dataSources.nodes.assets.nodes.path")
    assert told["points"] == 1 + 500 * (1 + 2 + 500 * (1 + 5)) > told["maximum"] == 100_000
    assert answer.headers["x-query-cost"] == str(told["points"])
    assert "data" not in answer.json()


async def test_over_a_socket_too_much_is_an_error_of_that_operation(api: Client) -> None:
    async with api.socket() as socket:
        with pytest.raises(Refused, match="TOO_COSTLY"):
            await anext(socket.subscribe(DEAR))
        assert "data" in await anext(socket.subscribe("{ viewer { actor { id } } }"))


@asynccontextmanager
async def serving(valkey: servers.ValkeySpace, **more: Any) -> AsyncIterator[tuple[House, Client]]:
    async with furnished.fresh_database() as url, house_at(url, valkey, **more) as house:
        client = await house.as_admin()
        yield house, client
        await client.close()


async def test_in_development_the_answer_has_its_cost(valkey: servers.ValkeySpace) -> None:
    async with serving(valkey, tell_cost=True, points_per_minute=1_000) as (_, client):
        answer = (await post(client, PAGES, first=10)).json()
        assert answer["extensions"]["cost"] == {"points": 61, "limit": 1_000, "remaining": 939}


async def test_whoever_has_spent_the_minute_hears_when_to_come_again(valkey: servers.ValkeySpace) -> None:
    async with serving(valkey, points_per_minute=61) as (house, client):
        # Whatever minute they fall into: of so many, two are in the same one.
        answers = [await post(client, PAGES, first=10) for _ in range(5)]
        refused = next(answer for answer in answers if answer.status_code != 200)
        [error] = refused.json()["errors"]
        assert (refused.status_code, error["extensions"]["code"]) == (429, "RATE_LIMITED")
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert error["extensions"]["retryAfterSeconds"] == int(refused.headers["retry-after"])
        stranger = Client(house.url)
        assert (await post(stranger, "{ viewer { actor { id } } }")).status_code == 200
        await stranger.close()


class Minutes:
    """A clock that stands still."""

    seconds = 600.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
async def counts(valkey: servers.ValkeySpace) -> AsyncIterator[Redis]:
    client = connected(valkey.url)
    yield client
    await client.aclose()


async def test_processes_share_a_minute(valkey: servers.ValkeySpace, counts: Redis) -> None:
    one, other = (Rates(counts, prefix=valkey.prefix, now=Minutes()) for _ in range(2))
    spent = [await rates.spend("ada", 10, most=200) for _ in range(10) for rates in (one, other)]
    assert not any(standing.refused for standing in spent)
    assert (await one.spend("ada", 10, most=200)).refused
    assert (await other.spend("ada", 10, most=200)).refused
    assert not (await other.spend("bob", 10, most=200)).refused


async def test_points_are_leased_in_blocks(valkey: servers.ValkeySpace, counts: Redis) -> None:
    rates = Rates(counts, prefix=valkey.prefix, now=Minutes())
    for _ in range(1_000):
        assert not (await rates.spend("ada", 1, most=1_000)).refused
    assert rates.leases == 20
    for _ in range(100):
        assert (await rates.spend("ada", 1, most=1_000)).refused
    assert rates.leases == 20  # whoever has nothing left costs nothing more


async def test_a_new_minute_begins_anew(valkey: servers.ValkeySpace, counts: Redis) -> None:
    now = Minutes()
    rates = Rates(counts, prefix=valkey.prefix, now=now)
    assert not (await rates.spend("ada", 50, most=50)).refused
    assert (await rates.spend("ada", 1, most=50)).reset == 60
    now.seconds += 60
    assert (await rates.spend("ada", 1, most=50)).remaining == 49


async def test_requests_at_once_lease_once(valkey: servers.ValkeySpace, counts: Redis) -> None:
    rates = Rates(counts, prefix=valkey.prefix, now=Minutes())
    standings = await asyncio.gather(*(rates.spend("ada", 1, most=1_000) for _ in range(50)))
    assert not any(standing.refused for standing in standings)
    assert rates.leases == 1


async def test_without_valkey_a_process_counts_for_itself() -> None:
    nowhere = connected("redis://127.0.0.1:1/0")
    rates = Rates(nowhere, prefix="", now=Minutes(), pause=3_600)
    assert [(await rates.spend("ada", 40, most=100)).refused for _ in range(3)] == [False, False, True]
    assert rates.leases == 1  # one that does not answer is not asked for each request
    await nowhere.aclose()


async def test_who_asked_is_remembered_within_bounds(valkey: servers.ValkeySpace, counts: Redis) -> None:
    rates = Rates(counts, prefix=valkey.prefix, now=Minutes(), most_kept=10)
    for number in range(50):
        await rates.spend(f"at 10.0.0.{number}", 1, most=100)
    assert rates.kept == 10
