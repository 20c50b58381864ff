"""What is seen from outside: `/metrics`, `/readyz`, and the id of each request."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from datawave.app.readiness import Readiness
from datawave.kit.database import Database
from domain.operations import health
from tests.client import Client
from tests.factories.sources import Make
from tests.fixtures.agent import Agent
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.streams import until

FIRST = "{ events(first: 1) { nodes { cursor } } }"
RESPONSE = "application/graphql-response+json"
ONLINE = "subscription ($after: Cursor) { agentChanged(after: $after) { agent { state } } }"

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured anew for each question, not remembered for two seconds."""
    monkeypatch.setattr(health, "REMEMBERED", -1.0)


async def samples(api: Client) -> dict[Sample, float]:
    answer = await api.http.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> Sample:
    return f"datawave_{name}", frozenset(labels.items())


async def test_requests_operations_and_commands_are_counted(api: Client, make: Make) -> None:
    before = await samples(api)
    await make.source(key="shop")
    await make.answer({"postgresql": {"host": "h"}}, key="shop")
    await api.http.post("/graphql", json={"query": "{ nothing }"}, headers={"accept": RESPONSE})
    await api.http.get("/wp-login.php")
    after = await samples(api)

    def rise(wanted: Sample) -> float:
        return after.get(wanted, 0.0) - before.get(wanted, 0.0)

    assert rise(key("commands_total", command="create_source", outcome="DONE")) == 1
    assert rise(key("commands_total", command="create_source", outcome="ALREADY_EXISTS")) == 1
    done = key("operations_total", kind="mutation", field="createDataSource", outcome="DONE")
    assert rise(done) == 2
    assert rise(key("operation_seconds_count", kind="mutation")) == 2
    assert rise(key("http_requests_total", path="/graphql", method="POST", status="400")) == 1
    assert rise(key("http_requests_total", path="other", method="GET", status="404")) == 1
    assert after[key("component_state", component="database")] == 1


async def test_what_clients_send_makes_no_series(api: Client) -> None:
    await api.ask("query Planted4711 { planted: viewer { actor { id } } }")
    await api.http.request("PLANTED", "/planted")
    answer = await api.http.get("/metrics")
    assert "lanted" not in answer.text


async def test_readyz_tells_what_waits_and_who_is_silent(
    api: Client, agent: Agent, house_clock: HouseClock
) -> None:
    async with api.follow(ONLINE, after=(await api.data(FIRST))["events"]["nodes"][0]["cursor"]) as events:
        await until(events, lambda told: told["agent"]["state"] == "ONLINE")
    told = (await api.http.get("/readyz")).json()
    assert told["ready"] and told["problems"] == {}
    assert told["figures"]["agents"] | {"lastHeartbeatSeconds": 0} == {
        "alive": 1, "known": 1, "lastHeartbeatSeconds": 0
    }  # fmt: skip
    await api.done("mutation { rotateVaultKey(input: {}) { errors { code } } }")
    await house_clock.shift(minutes=10)
    told = (await api.http.get("/readyz")).json()
    assert told["ready"] and "datawave worker" in told["problems"]["jobs"]
    assert told["figures"]["jobs"]["due"] >= 1 and told["figures"]["jobs"]["lagSeconds"] >= 600


async def test_without_its_database_it_is_not_ready_and_says_so_at_once(house: House) -> None:
    nowhere = house.core.database.engine.url.set(port=1).render_as_string(hide_password=False)
    gone = Database(nowhere)
    examiner = house.served.platform.extras["examiner"]
    told = await Readiness(database=gone, live=house.core.live, examiner=examiner, relays=lambda: True).told()
    assert (told["ready"], told["problems"].keys(), told["figures"]) == (False, {"database"}, {})
    await gone.close()


async def test_whoever_is_not_signed_in_learns_no_names(api: Client, house: House) -> None:
    """A breaker is called as its source is."""
    async with house.core.database.connection() as connection:
        await connection.execute(
            text(
                "INSERT INTO circuit_breaker (id, name, state, degraded)"
                " VALUES (datawave_uuid(), 'secret-shop', 'OPEN', 'Calls to secret-shop are refused.')"
            )
        )
    ready = await api.http.get("/readyz")
    assert ready.json()["figures"]["breakers"] == {"open": 1}
    assert "secret-shop" not in ready.text + (await api.http.get("/metrics")).text


async def test_each_request_has_an_id_and_keeps_the_one_it_came_with(api: Client) -> None:
    answer = await api.http.get("/healthz")
    assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])
    given = await api.http.get("/healthz", headers={"x-request-id": "web-42"})
    assert given.headers["x-request-id"] == "web-42"
