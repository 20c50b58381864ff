"""A member of one workspace, and the things of another: these make no difference to anything that the
member is told, and their ids are answered as ids of nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from datawave.kit.ids import new_id
from tests.access.hidden import ENTRIES, SEEN, WORD, Hidden, hide, seen_by
from tests.bad_input.inputs import KINDS, Place, places
from tests.bad_input.test_everywhere import GIVEN
from tests.client import Client, Refused, Socket
from tests.fixtures.api import House
from tests.fixtures.shop import Shop
from tests.identity.test_groups import UNDO, built_in, id_of, role_of
from tests.test_identity import GRANT, person

AT_ONCE = 6
HELD = (
    "role:read", "job:read", "audit:read", "monitoring:read", "command:undo", "workspace:manage",
    "classification:read", "role:grant", "user:update", "job:manage", "run:control",
)  # fmt: skip
"""Beside all that a data steward holds: the more somebody may, the more could leak."""


@dataclass
class Member:
    """Somebody with everything in Main, and nothing elsewhere."""

    client: Client
    main: str


@pytest.fixture
async def member(house: House, shop: Shop) -> AsyncIterator[Member]:
    client = await person(house, "member@example.com")
    user = await id_of(client)
    [main] = (await shop.api.data("{ workspaces { nodes { id } } }"))["workspaces"]["nodes"]
    steward = await built_in(shop.api, "Data steward")
    more = await role_of(shop.api, *HELD, name="More")
    for role in (steward, more):
        await shop.api.done(GRANT, i={"actorId": user, "roleId": role, "scopeId": main["id"]})
    await shop.sample()
    await shop.parse()
    await shop.update("customer", addTags=["pii"])
    yield Member(client, main["id"])
    await client.close()


async def test_what_is_elsewhere_makes_no_difference(house: House, shop: Shop, member: Member) -> None:
    before = await seen_by(member.client)
    hidden = await hide(house, shop)
    after = await seen_by(member.client)
    differing = [name for name in SEEN if before[name] != after[name]]
    assert not differing, {name: (before[name], after[name]) for name in differing}
    told = json.dumps(after).lower()
    keys = [each.rpartition("_")[2] for each in hidden.ids.values()]
    assert WORD not in told
    assert not [key for key in keys if key in told]
    # It is there for who may see it.
    everything = json.dumps(await seen_by(shop.api)).lower()
    assert WORD in everything


def _at(place: Place, text: str) -> tuple[str, dict[str, Any]]:
    return place.document(text, lambda _root, name: GIVEN.get(name, f"a {name}"))


async def _answer(client: Client, place: Place, text: str) -> str:
    document, variables = _at(place, text)
    answer = await client.ask(document, **variables)
    return json.dumps(answer).replace(text.rpartition("_")[2], "…")


async def test_a_hidden_id_is_answered_as_one_of_nothing(house: House, shop: Shop, member: Member) -> None:
    """Wherever an id goes in, of whatever kind."""
    # So many tries at a code are slowed down, whichever id they are for.
    house.served.gate.attempts._per_minute = 10_000
    hidden = await hide(house, shop)
    different: list[str] = []
    some = asyncio.Semaphore(AT_ONCE)
    tried = 0

    async def compare(place: Place, word: str, text: str) -> None:
        async with some:
            there = await _answer(member.client, place, text)
            absent = await _answer(member.client, place, f"{word}_{new_id().hex}")
        if there != absent:
            different.append(f"{place} = {word}: {there[:300]} | {absent[:300]}")

    asked: list[Coroutine[Any, Any, None]] = []
    for place in places():
        if place.type == "ID" and place.kind != "subscription":
            asked += [compare(place, word, text) for word, text in hidden.ids.items()]
            tried += 1
    await asyncio.gather(*asked)
    assert not different, "\n".join(different)
    assert tried > 40
    assert KINDS[:2] == ("query", "mutation")


async def test_a_stream_tells_nothing_of_what_is_elsewhere(house: House, shop: Shop, member: Member) -> None:
    hidden = await hide(house, shop)
    asked = [
        [
            Asked(f"{place} = {word}", *_at(place, each), each)
            for word, text in hidden.ids.items()
            for each in _two(word, text)
        ]
        for place in places()
        if place.type == "ID" and place.kind == "subscription"
    ]
    asked.append([Asked(each, f"subscription {{ {each} }}", {}, "nothing") for each in PLAIN])
    streams: list[tuple[str, asyncio.Task[str]]] = []
    async with AsyncExitStack() as sockets:
        for together in asked:
            socket = await sockets.enter_async_context(member.client.socket())
            streams += [(each.name, asyncio.create_task(_first(socket, each))) for each in together]
        whole = await sockets.enter_async_context(member.client.socket())
        main = f'{{workspaceId: "{member.main}"}}'
        seen = f"subscription {{ catalogChanged(filter: {main}) {{ __typename }} }}"
        visible = asyncio.create_task(_first(whole, Asked("seen", seen, {}, "nothing")))
        await asyncio.wait([visible], timeout=0.5)
        await _change(hidden, shop)
        async with asyncio.timeout(10):
            await visible
    # Now all that came before has been told, or never will be.
    told = {
        name: [task.result() for each, task in streams if each == name and task.done()] for name, _ in streams
    }
    for _, task in streams:
        task.cancel()
    for name, results in told.items():
        assert len(set(results)) <= 1, (name, results)
        assert not any(WORD in each.lower() for each in results), (name, results)


PLAIN = (
    "catalogChanged { __typename }",
    "dataSourceChanged { __typename }",
    "runsAdvanced { __typename }",
    "eventRecorded { type data }",
)


def _two(word: str, text: str) -> tuple[str, str]:
    """The id of something that is hidden, and one of nothing."""
    return text, f"{word}_{new_id().hex}"


class Asked(NamedTuple):
    """A stream, and the id that is asked for."""

    name: str
    document: str
    variables: dict[str, Any]
    text: str


async def _first(socket: Socket, asked: Asked) -> str:
    try:
        found: Any = await anext(socket.subscribe(asked.document, **asked.variables), {})
    except Refused as refused:
        found = refused.args[0]
    return json.dumps(found).replace(asked.text.rpartition("_")[2], "…")


async def _change(hidden: Hidden, shop: Shop) -> None:
    """Something there; and then something here, which tells that the former has been passed by."""
    await hidden.ground.read(ENTRIES[:-1], removed=[("zanzibar_db", "s", "zanzibar_ships")])
    await shop.api.run(
        'mutation($s: ID!) { updateDataSource(input: {id: $s, version: 1, description: "zanzibar"})'
        " { errors { code } } }",
        s=hidden.ids["source"],
    )
    await shop.update("orders", description="What they buy")


async def test_an_edge_to_what_is_hidden_is_hidden(house: House, shop: Shop, member: Member) -> None:
    """Also one that the member's own source told of."""
    hidden = await hide(house, shop)
    edges = await hidden.ground.rows("SELECT id FROM lineage_edge WHERE origin = 'MANUAL'")
    ids = [f"edge_{each.id.hex}" for each in edges]
    ends = "... on LineageEdge { source { id } target { id } }"
    document = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {ends} }} }}"
    assert (await member.client.data(document, ids=ids))["nodes"] == [None] * 4
    assert all((await shop.api.data(document, ids=ids))["nodes"])


async def test_nobody_takes_back_what_was_done_elsewhere(house: House, shop: Shop, member: Member) -> None:
    hidden = await hide(house, shop)
    [there] = (await member.client.run(UNDO, c=hidden.ids["command"]))["errors"]
    [absent] = (await member.client.run(UNDO, c=f"command_{uuid4().hex}"))["errors"]
    assert there == absent
    assert there["code"] == "NOT_FOUND"


async def test_a_key_of_another_is_no_key_of_mine(house: House, shop: Shop, member: Member) -> None:
    """The same words in two hands are two requests: neither learns of the other's."""
    save = """mutation($n: String!) { saveTag(input: {name: $n, idempotencyKey: "the same"}) {
      errors { code } trackingId tag { name } } }"""
    editor = await role_of(shop.api, "asset:edit", "asset:read", name="Editors")
    await shop.api.done(GRANT, i={"actorId": await id_of(member.client), "roleId": editor})
    first = await shop.api.done(save, n="zanzibar")
    second = await member.client.done(save, n="here")
    assert second["tag"]["name"] == "here"
    assert second["trackingId"] != first["trackingId"]
