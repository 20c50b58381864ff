"""The agents' part of the API, as an agent and as a person see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from datawave.app.built_in import certifier
from datawave.kit.access import SYSTEM
from datawave.kit.cursors import log_cursor
from datawave.kit.ids import key_of
from datawave.kit.log import standing
from datawave.kit.secrets import Secret
from domain.agents.consumers import CONSUMERS
from edge_agent.config import CertificateWanted
from edge_agent.keys import Keys
from models.agents import AgentCapability
from tests.agents.conftest import Recorder, call_off, container, give_work
from tests.client import Client
from tests.fixtures.api import House
from tests.planner.counting import planning

CLAIM = """mutation ($input: ClaimTaskInput!) { claimTask(input: $input) {
  errors { __typename code path } trackingId
  task { id kind state attempt lastBatch leaseExpiresAt instructions sealedCredentials } } }"""
REPORT = """mutation ($input: ReportTaskInput!) { reportTask(input: $input) {
  errors { __typename code path } trackingId
  expectedBatch stop task { id state lastBatch sealedCredentials } } }"""
HEARTBEAT = """mutation ($input: HeartbeatInput!) { sendHeartbeat(input: $input) {
  errors { code path } trackingId
  agent { state load spooledBatches sync { bundleVersion currentBundleVersion behind } } } }"""
AGENTS = """{ agents { nodes {
  id name displayName kind state capabilities softwareVersion labels spooledBatches
  certificate { serial fingerprint notAfter } policy { name sampleRows valuesLeave } dataSources { id }
  tasks { nodes { id kind } } sync { behind } } totalCount } }"""


class Desk:
    """An agent that is only a key and a client."""

    def __init__(self, house: House, client: Client, keys: Keys) -> None:
        self.house, self.client, self.keys = house, client, keys

    async def offer(self, kind: str = "DISCOVER", **more: Any) -> str:
        more = {"source_id": None, "kind": kind, **more}
        task = await self.house.core.commands.run(give_work, SYSTEM, more)
        return f"task_{task.value.id.hex}"

    async def claim(self, **given: Any) -> Any:
        return await self.client.run(CLAIM, input=given)

    async def report(self, **given: Any) -> Any:
        return await self.client.run(REPORT, input=given)


@pytest.fixture
async def desk(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    for kind in AgentCapability:
        monkeypatch.setitem(CONSUMERS, kind, Recorder())
    keys = Keys.make(tmp_path / "agent")
    await certified(house, keys)
    client = Client(house.url, keys.token())
    yield Desk(house, client, keys)
    await client.close()


async def certified(house: House, keys: Keys) -> None:
    """The agent `local` has this key from now on."""
    every = tuple(kind.value for kind in AgentCapability)
    issued = await certifier(house.core)(
        CertificateWanted(
            name="local",
            signing_request=keys.signing_request("local"),
            software_version="1",
            host="here",
            capabilities=every,
        )
    )
    keys.keep_certificate(
        agent_id=issued.agent_id, certificate=issued.certificate, authority=issued.authority
    )


async def test_a_task_goes_its_way_over_the_api(desk: Desk) -> None:
    offered = await desk.offer(secret={"password": Secret("a planted secret")})
    claimed = await desk.claim(capabilities=["DISCOVER"])
    task = claimed["task"]
    assert (task["id"], task["state"], task["attempt"]) == (offered, "CLAIMED", 1)
    assert claimed["trackingId"].startswith("command_")
    opened = desk.keys.opened(task["sealedCredentials"], task_id=offered, attempt=1)
    assert opened == {"password": "a planted secret"}
    place = {"taskId": offered, "attempt": 1}
    first = await desk.report(**place, batch=0, entries=[container("a")], progress=1)
    assert (first["errors"], first["expectedBatch"], first["stop"]) == ([], 1, False)
    assert first["task"]["sealedCredentials"] is None
    last = await desk.report(**place, batch=1, finished=True)
    assert last["task"] == {"id": offered, "state": "COMPLETED", "lastBatch": 1, "sealedCredentials": None}


async def test_nothing_to_claim_is_null(desk: Desk) -> None:
    claimed = await desk.claim()
    assert (claimed["task"], claimed["errors"]) == (None, [])


async def test_a_repeated_claim_with_its_key_gives_the_same_task_sealed_anew(desk: Desk) -> None:
    await desk.offer(secret={"password": Secret("x" * 20)})
    await desk.offer()
    first = await desk.claim(idempotencyKey="once")
    again = await desk.claim(idempotencyKey="once")
    assert first["task"]["id"] == again["task"]["id"] and again["task"]["attempt"] == 1
    assert again["trackingId"] == first["trackingId"]
    assert again["task"]["sealedCredentials"] != first["task"]["sealedCredentials"]
    assert desk.keys.opened(again["task"]["sealedCredentials"], task_id=again["task"]["id"], attempt=1)


async def test_a_gap_says_from_where_to_send_again(desk: Desk) -> None:
    offered = await desk.offer()
    await desk.claim()
    answer = await desk.report(taskId=offered, attempt=1, batch=3)
    assert answer["errors"] == [{"__typename": "InputError", "code": "INVALID", "path": ["batch"]}]
    assert (answer["expectedBatch"], answer["stop"], answer["task"]) == (0, False, None)
    assert answer["trackingId"].startswith("audit_")


async def test_an_attempt_that_is_over_is_told_to_stop(desk: Desk) -> None:
    offered = await desk.offer()
    await desk.claim()
    await desk.claim(taskId=offered)
    answer = await desk.report(taskId=offered, attempt=1, batch=0)
    assert answer["stop"] is True
    assert answer["errors"][0] == {"__typename": "ConflictError", "code": "WRONG_STATE", "path": ["attempt"]}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"taskId": "task_1"}, ["taskId"]),
        ({"taskId": "source_" + "0" * 32}, ["taskId"]),
        ({"batch": -1}, ["batch"]),
        ({"progress": -1}, ["progress"]),
        ({"entries": [{"entry": "container"}]}, ["entries", "0", "path"]),
        ({"finished": True, "failure": {"code": "X", "message": "x", "retryable": False}}, ["failure"]),
    ],
    ids=str,
)
async def test_what_will_not_do_is_named(desk: Desk, given: dict[str, Any], path: list[str]) -> None:
    offered = await desk.offer()
    await desk.claim()
    answer = await desk.report(**{"taskId": offered, "attempt": 1, "batch": 0, **given})
    assert (answer["errors"][0]["code"], answer["errors"][0]["path"]) == ("INVALID", path)
    assert answer["stop"] is False


async def test_a_heartbeat_brings_the_agent_online(desk: Desk) -> None:
    bundle = (await desk.client.data("{ agentBundle { version taxonomy ownPorts policy { name } } }"))[
        "agentBundle"
    ]
    assert bundle["policy"] == {"name": "Default"} and bundle["taxonomy"]
    known = "query ($have: String) { agentBundle(have: $have) { version } }"
    assert (await desk.client.data(known, have=bundle["version"]))["agentBundle"] is None
    told = {"load": 0.5, "spooledBatches": 3, "bundleVersion": bundle["version"], "leases": []}
    agent = (await desk.client.done(HEARTBEAT, input=told))["agent"]
    assert (agent["state"], agent["load"], agent["spooledBatches"]) == ("ONLINE", 0.5, 3)
    assert agent["sync"] == {
        "bundleVersion": bundle["version"],
        "currentBundleVersion": bundle["version"],
        "behind": False,
    }


async def test_an_agent_sees_its_own_tasks_and_nothing_else(desk: Desk) -> None:
    await desk.offer()
    await desk.claim()
    mine = """mutation { sendHeartbeat(input: {}) { agent { tasks(state: CLAIMED) { nodes { kind } } } } }"""
    assert (await desk.client.run(mine))["agent"]["tasks"]["nodes"] == [{"kind": "DISCOVER"}]
    answer = await desk.client.ask("{ dataSources { nodes { id } } }")
    assert answer["errors"]


async def test_a_person_sees_agents_and_does_not_act_as_one(desk: Desk, api: Client) -> None:
    await desk.offer()
    await desk.claim()
    found = (await api.data(AGENTS))["agents"]
    [node] = found["nodes"]
    assert (found["totalCount"], node["name"], node["displayName"]) == (1, "local", "local")
    assert node["labels"] == {"builtIn": True} and node["policy"]["valuesLeave"] == "NEVER"
    assert node["certificate"]["fingerprint"] and [task["kind"] for task in node["tasks"]["nodes"]] == [
        "DISCOVER"
    ]
    refused = await api.run(CLAIM, input={})
    assert refused["errors"][0]["code"] == "FORBIDDEN"


async def test_agents_cost_a_number_of_statements_that_does_not_grow(
    desk: Desk, api: Client, tmp_path: Path
) -> None:
    async def spent() -> int:
        with planning() as counts:
            await api.data(AGENTS)
        assert counts == {"planned": 1}
        return api.statements

    await spent()  # the session is met here for the first time
    alone = await spent()
    for number in range(4):
        keys = Keys.make(tmp_path / str(number))
        wanted = CertificateWanted(
            name=f"other-{number}",
            signing_request=keys.signing_request("x"),
            software_version="1",
            host="here",
            capabilities=("TEST",),
        )
        await certifier(desk.house.core)(wanted)
    assert await spent() == alone


async def test_the_stream_tells_of_offers_and_cancellations(desk: Desk) -> None:
    stream = "subscription ($after: Cursor) { agentAssigned(after: $after) { cancelledTaskId task { id } } }"
    start = await standing(desk.house.core.database)
    cursor = log_cursor(start.epoch, start.head)
    offered = await desk.offer()
    async with desk.client.follow(stream, after=cursor) as events:
        told = (await anext(events))["data"]["agentAssigned"]
        assert told["task"]["id"] == offered and told["cancelledTaskId"] is None
        claimed = (await desk.claim())["task"]
        arguments = {"task_id": key_of("task", claimed["id"])}
        await desk.house.core.commands.run(call_off, SYSTEM, arguments)
        told = (await anext(events))["data"]["agentAssigned"]
        assert told == {"cancelledTaskId": offered, "task": None}


ASSIGNED = "subscription ($after: Cursor) { agentAssigned(after: $after) { task { id } } }"


@asynccontextmanager
async def listening(desk: Desk) -> AsyncGenerator[AsyncIterator[str]]:
    """The lines of the agent's stream over SSE, once its first event has come."""
    start = await standing(desk.house.core.database)
    await desk.offer()
    variables = {"after": log_cursor(start.epoch, start.head)}
    asked = desk.client.http.stream(
        "POST",
        "/graphql",
        json={"query": ASSIGNED, "variables": variables},
        headers={**desk.client.headers, "accept": "text/event-stream"},
    )
    async with asked as response, asyncio.timeout(20):
        lines = response.aiter_lines()
        while "agentAssigned" not in await anext(lines):
            pass
        yield lines


async def test_a_revoked_certificate_ends_the_streams_that_it_opened(desk: Desk, tmp_path: Path) -> None:
    async with listening(desk) as lines:
        again = Keys.make(tmp_path / "again")
        await certified(desk.house, again)  # a lost key: the former certificate is revoked
        assert "UNAUTHENTICATED" in "".join([line async for line in lines])
    refused = await desk.client.ask("{ agentBundle { version } }")
    assert refused["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    fresh = desk.client.as_(again.token())
    assert (await fresh.data("{ agentBundle { version } }"))["agentBundle"]["version"]
    await fresh.close()


async def test_a_revocation_that_was_not_heard_is_found(desk: Desk) -> None:
    async with listening(desk) as lines:
        async with desk.house.core.database.connection() as connection:
            await connection.execute(text("UPDATE certificate SET revoked_at = datawave_now()"))
        desk.house.served.gate.heard({})  # a message that cannot be read says that one was missed
        assert "UNAUTHENTICATED" in "".join([line async for line in lines])


async def test_an_agent_that_is_shut_out_is_out_at_once(desk: Desk) -> None:
    async with listening(desk) as lines:
        async with desk.house.core.database.connection() as connection:
            await connection.execute(text("UPDATE edge_agent SET state = 'REVOKED'"))
        desk.house.served.gate.heard({})
        assert "UNAUTHENTICATED" in "".join([line async for line in lines])


async def test_people_follow_an_agent(desk: Desk, api: Client) -> None:
    stream = "subscription ($after: Cursor) { agentChanged(after: $after) { agent { name state } } }"
    cursor = (await api.data("{ cursor }"))["cursor"]
    await desk.client.done(HEARTBEAT, input={})
    async with api.follow(stream, after=cursor) as events:
        told = (await anext(events))["data"]["agentChanged"]
    assert told == {"agent": {"name": "local", "state": "ONLINE"}}
