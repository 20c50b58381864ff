"""The health of sources: pinged by an agent, told when it changes, kept as history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.sources import health
from tests.client import Answer, Client
from tests.factories import documents
from tests.factories.sources import Make, password_of
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.clock import HouseClock
from tests.sources_at_fault import Wire
from tests.streams import heard, until

HEALTH = """
query ($key: String!) {
  dataSource(key: $key) {
    state
    health {
      state latencyMs checkedAt since statistics uptimeRatio
      failure { code message hint }
      history(first: 50) { nodes { state latencyMs at } }
    }
  }
}
"""
CHANGED = """
subscription ($id: ID, $after: Cursor) {
  dataSourceChanged(id: $id, after: $after) { event { type data } }
}
"""
JOB_AND_LETTERS = """
query ($id: ID!) {
  node(id: $id) { ... on Job { state attempts { number } failure { code } } }
  deadLetters { nodes { id } }
}
"""


def became(state: str) -> Callable[[Any], bool]:
    def came(told: Any) -> bool:
        event = told["event"]
        return bool(event["type"] == "SourceHealthChanged" and event["data"]["after"] == state)

    return came


async def until_it_became(state: str, api: Client, made: Answer) -> None:
    """Since the source was made."""
    async with api.follow(CHANGED, id=made["id"], after=made["cursor"]) as events:
        await until(events, became(state))


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute between two pings is too long for a test."""
    monkeypatch.setattr(health, "PING_SECONDS", 0.2)


async def test_a_source_that_answers_is_healthy_and_keeps_what_it_told(
    api: Client, make: Make, agent: Agent
) -> None:
    made = await make.source(key="shop")
    await until_it_became("HEALTHY", api, made)
    found = (await api.data(HEALTH, key="shop"))["dataSource"]["health"]
    assert found["state"] == "HEALTHY" and found["failure"] is None and found["uptimeRatio"] == 1.0
    assert found["statistics"]["connections"] >= 1 and found["latencyMs"] > 0
    assert {each["state"] for each in found["history"]["nodes"]} == {"HEALTHY"}


async def test_a_source_that_is_silent_twice_is_down_and_well_again_after_one_answer(
    api: Client, make: Make, agent: Agent
) -> None:
    wire = Wire(await make.postgresql())
    async with wire.open():
        made = await make.source(wire.seen, key="shop")
        await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    async with heard(api, CHANGED, became("DOWN"), id=made["id"]) as listening:
        told = await listening
    failure = told[-1]["event"]["data"]["failure"]
    assert failure["code"] and "127.0.0.1" in failure["message"]
    found = (await api.data(HEALTH, key="shop"))["dataSource"]
    assert (found["state"], found["health"]["state"]) == ("UNREACHABLE", "DOWN")
    assert found["health"]["history"]["nodes"][0]["state"] == "DOWN"
    async with heard(api, CHANGED, became("HEALTHY"), id=made["id"]) as listening, wire.open():
        await listening
    assert (await api.data(HEALTH, key="shop"))["dataSource"]["state"] == "CONNECTED"


async def test_one_refused_sign_in_is_enough(api: Client, make: Make, agent: Agent) -> None:
    at = await make.postgresql("")
    made = await make.source(at, key="shop", credentials=password_of(at.username, "wrong"))
    await until_it_became("DOWN", api, made)
    found = (await api.data(HEALTH, key="shop"))["dataSource"]["health"]
    assert found["failure"]["code"] == "AUTHENTICATION_FAILED"
    assert found["history"]["nodes"][-1]["state"] == "DOWN"


async def test_a_source_that_nobody_watches_for_a_minute_is_unreachable_for_want_of_an_agent(
    api: Client, make: Make, house_clock: HouseClock
) -> None:
    made = await make.source(await make.postgresql(""), key="shop")
    await house_clock.pass_by(seconds=30)
    await house_clock.do("notice_unwatched")
    assert (await api.data(HEALTH, key="shop"))["dataSource"]["health"]["state"] == "UNKNOWN"
    async with heard(api, CHANGED, became("DOWN"), id=made["id"]) as listening:
        await house_clock.pass_by(seconds=35)
        await house_clock.do("notice_unwatched")
        await listening
    found = (await api.data(HEALTH, key="shop"))["dataSource"]["health"]
    assert found["failure"]["code"] == "NO_AGENT" and found["failure"]["hint"]


async def test_a_source_watched_by_an_agent_is_not_unwatched(
    api: Client, make: Make, agent: Agent, house_clock: HouseClock
) -> None:
    made = await make.source(key="shop")
    await until_it_became("HEALTHY", api, made)
    await house_clock.pass_by(seconds=10)
    await house_clock.do("notice_unwatched")
    assert (await api.data(HEALTH, key="shop"))["dataSource"]["health"]["state"] == "HEALTHY"


async def test_the_breaker_of_a_source_opens_after_failures_in_a_row_and_is_told(
    api: Client, make: Make, agent: Agent
) -> None:
    wire = Wire(await make.postgresql(""))
    async with wire.open():
        made = await make.source(wire.seen, key="shop")
    for _ in range(6):
        payload = await api.done(documents.TEST, input={"dataSourceId": made["id"]})
        assert payload["test"]["ok"] is False
    found = await api.data('{ dataSource(key: "shop") { circuitBreaker { state failures } } }')
    assert found["dataSource"]["circuitBreaker"]["state"] == "OPEN"


async def test_a_discovery_at_an_open_breaker_fails_at_once_and_says_what_to_do(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    wire = Wire(await make.postgresql(""))
    async with wire.open():
        made = await make.source(wire.seen, key="shop", name="The shop")
    for _ in range(6):
        await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    started = await api.done(documents.DISCOVER, input={"dataSourceId": made["id"]})
    assert (started["discovery"]["state"], started["job"]["state"]) == ("FAILED", "FAILED")
    run = await make.ended(started["discovery"]["id"])
    failure = run["failure"]
    assert (run["state"], failure["code"], failure["retryable"]) == ("FAILED", "CIRCUIT_OPEN", True)
    assert "The shop" in failure["message"] and "source:shop" in failure["message"]
    assert " is open since " in failure["message"] and " UTC" in failure["message"]
    assert "Test its connection" in failure["hint"]
    assert {stage["state"] for stage in run["stages"]} == {"CANCELLED"}
    found = await api.data(JOB_AND_LETTERS, id=started["job"]["id"])
    assert (found["node"]["state"], found["node"]["attempts"]) == ("FAILED", [])  # no worker was troubled
    assert found["node"]["failure"]["code"] == "CIRCUIT_OPEN"
    assert found["deadLetters"]["nodes"] == []
    async with wire.open():
        assert (await api.done(documents.TEST, input={"dataSourceId": made["id"]}))["test"]["ok"] is True
        retried = await api.done(documents.CONTROL, input={"id": run["id"], "action": "RETRY"})
        assert (await make.ended(retried["run"]["id"]))["state"] == "SUCCEEDED"


async def test_credentials_are_rotated_at_an_open_breaker_since_their_test_tells_whether_it_may_close(
    api: Client, make: Make, agent: Agent
) -> None:
    at = await make.postgresql("")
    wire = Wire(at)
    async with wire.open():
        made = await make.source(wire.seen, key="shop")
    for _ in range(6):
        await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    credentials = password_of(at.username, at.password)
    wanted = {"dataSourceId": made["id"], "credentials": credentials}
    [refused] = (await api.run(documents.ROTATE, input=wanted))["errors"]
    assert refused["code"] != "CIRCUIT_OPEN"
    async with wire.open():
        await api.done(documents.ROTATE, input=wanted)
    found = await api.data('{ dataSource(key: "shop") { circuitBreaker { state failures } } }')
    assert found["dataSource"]["circuitBreaker"] == {"state": "CLOSED", "failures": 0}
