"""Hostile values at every place of the API where one goes in: each is refused with words, or does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from datawave.app.built_in import certifier
from datawave.kit import audit
from edge_agent.config import CertificateWanted
from edge_agent.keys import Keys
from models.agents import AgentCapability
from tests import furnished
from tests.bad_input.answers import refusals
from tests.bad_input.inputs import Place, Raw, places
from tests.client import Client, Refused, Socket
from tests.fixtures.agent import Agent
from tests.fixtures.api import House
from tests.fixtures.shop import Shop
from tests.test_operations import ROTATE

NUL, LONG = "a\x00b", "x" * 100_000
TEXTS = ("String", "ID", "Cursor", "Secret", "Base64")
FIRST_AND_LAST = (
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999-14:00",
)
HOSTILE: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(TEXTS, (NUL, "", LONG, "\U0010ffff'\"\\%_")),
    "Int": (2**31, 2**63, 2**64, -1, -(2**31), 0),
    "BigInt": (2**63, "9" * 5_000),
    "Float": (1e308, -1e308, 2**70, -0.0),
    "DateTime": (*FIRST_AND_LAST, "", NUL, LONG),
    "JSON": ({"a": NUL}, NUL, LONG, 2**64, {"a": 1e308}, [], None),
}
WRITTEN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(TEXTS, ('"a\\u0000b"',)),
    "Int": ("9" * 5_000,),
    "BigInt": ("9" * 5_000,),
    "Float": ("1e999", "-1e999", "9" * 5_000),
    "DateTime": ('"a\\u0000b"',),
    "JSON": ("1e999", "{a: 1e999}", "9" * 5_000, '{a: "\\u0000"}', '["\\u0000"]'),
}
LAST = ("decommissionDataSource", "revokeGrant", "setPassword", "endSession")
"""What would take the ground from under the rest."""

AT_ONCE = 8


@dataclass
class Hostile:
    """A platform with something of everything, and who speaks to it."""

    admin: Client
    agent: Client
    ids: dict[str, str]

    def known(self, root: str, name: str) -> Any:
        """A value that is right."""
        known = GIVEN | self.ids
        return known.get(f"{root}.{name}", known.get(name, f"a {name}"))

    def speaks_at(self, place: Place) -> Client:
        return self.agent if place.root in OF_AGENTS else self.admin


OF_AGENTS = ("agentBundle", "claimTask", "reportTask", "sendHeartbeat", "agentAssigned")
GIVEN: dict[str, Any] = {
    "first": 5,
    "attempt": 1,
    "batch": 0,
    "version": 1,
    "retryable": True,
    "from": "2026-01-01T00:00:00Z",
    "host": "127.0.0.1",
    "config": {"a": 1},
    "connector": "sqlite",
    "path": "none.db",
    "permission": "asset:read",
    "permissions": "asset:read",
    "email": furnished.ADMIN.email,
}


@pytest.fixture
async def hostile(house: House, shop: Shop, agent: Agent, tmp_path: Path) -> AsyncIterator[Hostile]:
    house.core.commands.refusals = audit.Refusals(house.core.database, pause=0)
    api = shop.api
    agent_id, token = await an_agent(house, tmp_path / "other")
    found = await api.data(
        "{ viewer { actor { id } } roles { id } workspaces { nodes { id } } dataSources { nodes { id } }"
        " commands { nodes { id } } grants { nodes { id } } }"
    )
    run_id = await shop.ground.new_run()
    source, user = found["dataSources"]["nodes"][0]["id"], found["viewer"]["actor"]["id"]
    workspace, asset = found["workspaces"]["nodes"][0]["id"], await shop.id_of("customer")
    command, role = found["commands"]["nodes"][0]["id"], found["roles"][0]["id"]
    run, job = f"run_{run_id.hex}", (await api.done(ROTATE))["job"]["id"]
    nothing = uuid4().hex
    ids = {
        "dataSourceId": source, "dataSourceIds": source, "subjectId": source,
        "subjectIds": source, "onId": source,
        "actorId": user, "actorIds": user, "ownerIds": user, "removeOwnerIds": user,
        "workspaceId": workspace, "scopeId": workspace, "roleId": role, "roleIds": role,
        "commandId": command, "trackingId": command, "underId": asset, "assetUnderId": asset,
        "updateAssets.ids": asset, "nodes.ids": source, "lineage.id": asset, "node.id": source,
        "controlRun.id": run, "runAdvanced.id": run, "cancelJob.id": job, "saveWorkspace.id": workspace,
        "saveRole.id": role, "updateDataSource.id": source, "decommissionDataSource.id": source,
        "dataSourceChanged.id": source, "resolveDeadLetters.ids": f"letter_{nothing}",
        "saveTag.id": f"tag_{nothing}", "revokeGrant.id": found["grants"]["nodes"][0]["id"],
        "endSession.id": f"session_{nothing}",
        "rotateCredentials.dataSourceId": f"source_{nothing}", "policyId": f"policy_{nothing}",
        "taskId": f"task_{nothing}",
        "agentId": agent_id, "agentIds": agent_id, "agentChanged.id": agent_id,
    }  # fmt: skip
    other = Client(house.url, token)
    yield Hostile(await house.as_admin(), other, ids)
    await other.close()


async def an_agent(house: House, folder: Path) -> tuple[str, str]:
    """The id and a token of another agent than the one that runs."""
    keys = Keys.make(folder)
    wanted = CertificateWanted(
        name="other",
        signing_request=keys.signing_request("other"),
        software_version="1",
        host="here",
        capabilities=tuple(kind.value for kind in AgentCapability),
    )
    issued = await certifier(house.core)(wanted)
    keys.keep_certificate(
        agent_id=issued.agent_id, certificate=issued.certificate, authority=issued.authority
    )
    return issued.agent_id, keys.token()


def in_order(kind: str) -> list[Place]:
    found = [place for place in places() if place.kind == kind]
    return sorted(found, key=lambda place: LAST.index(place.root) if place.root in LAST else -1)


class Complaints:
    """What went wrong, of everything that was tried: one stumble does not hide the next."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._some = asyncio.Semaphore(AT_ONCE)

    async def of(self, put: Callable[..., Awaitable[None]], tried: Iterable[tuple[Place, Any]]) -> None:
        await asyncio.gather(*(self._one(put, place, value) for place, value in tried))

    async def _one(self, put: Callable[..., Awaitable[None]], place: Place, value: Any) -> None:
        async with self._some:
            try:
                await put(place, value)
            except AssertionError as wrong:
                self.found.append(f"{place} = {str(value)[:40]!r}: {str(wrong)[:300]}")


def by_root(kind: str, values: dict[str, tuple[Any, ...]]) -> Iterator[list[tuple[Place, Any]]]:
    for _, of_root in groupby(in_order(kind), key=lambda place: place.root):
        yield [(place, value) for place in of_root for value in values.get(place.type, ())]


@pytest.mark.parametrize("kind", ["query", "mutation"])
async def test_no_value_anywhere_makes_the_platform_stumble(hostile: Hostile, kind: str) -> None:
    async def put(place: Place, value: Any) -> None:
        document, variables = place.document(value, hostile.known)
        found = await refusals(hostile.speaks_at(place), document, **variables)
        if (value == NUL and place.type in ("String", "ID", "Cursor")) or (
            value == "" and place.type == "ID"
        ):
            assert [(each.code, each.path) for each in found] == [("INVALID", place.told_path)]

    complaints = Complaints()
    for tried in by_root(kind, HOSTILE):
        await complaints.of(put, tried)
    assert not complaints.found, "\n".join(complaints.found)


@pytest.mark.parametrize("kind", ["query", "mutation"])
async def test_no_literal_anywhere_makes_the_platform_stumble(hostile: Hostile, kind: str) -> None:
    async def put(place: Place, text: str) -> None:
        await refusals(hostile.speaks_at(place), place.literal(Raw(text), hostile.known))

    complaints = Complaints()
    for tried in by_root(kind, WRITTEN):
        await complaints.of(put, tried)
    assert not complaints.found, "\n".join(complaints.found)


async def test_no_value_makes_a_stream_stumble(hostile: Hostile) -> None:
    for place in in_order("subscription"):
        client = hostile.speaks_at(place)
        async with client.socket() as socket:
            told = {
                value: asyncio.create_task(first(socket, *place.document(value, hostile.known)))
                for value in HOSTILE.get(place.type, ())
            }
            if NUL in told and place.type in TEXTS:
                refused = await told[NUL]
                assert (refused["code"], refused["path"]) == ("INVALID", place.told_path), str(place)
            await something_happens(hostile.admin)
            for value, stream in told.items():
                if stream.done():
                    assert stream.result().get("code") != "INTERNAL", (str(place), value)
                stream.cancel()
            await asyncio.gather(*told.values(), return_exceptions=True)


async def first(socket: Socket, document: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The first event of a stream, or the extensions of the error that ends it."""
    try:
        return await anext(socket.subscribe(document, **variables), {})
    except Refused as refused:
        [error] = refused.args[0]
        return error["extensions"]


async def something_happens(admin: Client) -> None:
    """Returns when a stream that was begun later than all others has told an event."""
    before = await admin.data("{ cursor }")
    document = "subscription ($after: Cursor) { eventRecorded(after: $after) { id } }"
    async with admin.follow(document, after=before["cursor"]) as events, asyncio.timeout(10):
        name = f"t{uuid4().hex}"
        await admin.done("mutation ($n: String!) { saveTag(input: {name: $n}) { errors { code } } }", n=name)
        await anext(events)
