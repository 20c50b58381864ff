"""Data sources through the API: configured, tried, changed."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.client import Client
from tests.factories import documents
from tests.factories.sources import SHOP, Make, password_of, postgresql_of
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.clock import HouseClock
from tests.streams import heard

CONNECTORS = "{ connectors { kind displayName family capabilities runLive configSchema } }"
JOB = "query ($id: ID!) { node(id: $id) { ... on Job { state failure { code hint } } } }"
ROLE = """
mutation ($input: SaveRoleInput!) { saveRole(input: $input) { errors { code message path } role { id } } }
"""
GRANT = """
mutation ($input: GrantRoleInput!) { grantRole(input: $input) { errors { code message path } grant { id } } }
"""
ACCOUNT = """
mutation {
  createServiceAccount(input: {displayName: "Partner"}) {
    errors { code message path } clientSecret serviceAccount { id clientId }
  }
}
"""
SIGN_IN = """
mutation ($id: String!, $secret: Secret!) {
  signIn(input: {clientCredentials: {clientId: $id, clientSecret: $secret}}) {
    errors { code message path } tokens { accessToken }
  }
}
"""
SOURCES = """
query ($search: String, $states: [DataSourceState!], $kinds: [String!], $first: Int, $after: Cursor) {
  dataSources(search: $search, states: $states, kinds: $kinds, first: $first, after: $after) {
    nodes { key } pageInfo { hasNextPage endCursor } totalCount
  }
}
"""
SECRET_WORDS = "planted-Passw0rd-42"


def of_type(name: str, told: Any) -> bool:
    return told["event"]["type"] == name


async def test_three_kinds_of_source_are_there_with_a_schema_of_their_options(api: Client) -> None:
    found = {each["kind"]: each for each in (await api.data(CONNECTORS))["connectors"]}
    assert {"postgresql", "mysql", "sqlite"} <= found.keys()
    assert "host" in found["postgresql"]["configSchema"]["properties"]
    assert "TEST" in found["sqlite"]["capabilities"]


async def test_a_created_source_is_configured_and_its_password_is_nowhere(api: Client, make: Make) -> None:
    made = await make.source(name="Customer database", credentials=password_of("reader", SECRET_WORDS))
    assert (made["key"], made["state"], made["version"]) == ("customer_database", "CONFIGURED", 1)
    assert made["secret"]["versions"] == [{"version": 1, "state": "ACTIVE"}]
    assert made["health"]["state"] == "UNKNOWN"
    whole = await api.data(documents.EVENTS, first=200)
    assert SECRET_WORDS not in str(whole)


async def test_keys_are_made_from_names_and_numbered_when_taken(make: Make) -> None:
    at = await make.postgresql("")
    keys = [
        (await make.source(at, name=name))["key"] for name in ("Käufe & Co", "Käufe Co", "k ufe co", "2024")
    ]
    assert keys == ["k_ufe_co", "k_ufe_co_2", "k_ufe_co_3", "source_2024"]


async def test_a_taken_name_or_key_is_refused_at_its_field(api: Client, make: Make) -> None:
    at = await make.postgresql("")
    await make.source(at, name="Shop", key="shop")
    for more, path in (({"name": "Shop"}, ["name"]), ({"name": "Other", "key": "shop"}, ["key"])):
        [error] = (await make.answer({"postgresql": postgresql_of(at)}, **more))["errors"]
        assert (error["code"], error["path"]) == ("ALREADY_EXISTS", path)
    assert (await api.data(SOURCES))["dataSources"]["totalCount"] == 1


async def test_sources_are_found_by_words_kinds_and_states(api: Client, make: Make) -> None:
    at = await make.postgresql("")
    for name in ("Shop north", "Shop south", "Files"):
        await make.source(at, name=name)
    await make.sqlite_source(make.sqlite("create table t (a)"), name="Small")

    async def keys(**wanted: object) -> list[str]:
        return [each["key"] for each in (await api.data(SOURCES, **wanted))["dataSources"]["nodes"]]

    assert await keys(search="SHOP") == ["shop_north", "shop_south"]
    assert await keys(kinds=["sqlite"]) == ["small"]
    assert await keys(states=["GOVERNED"]) == []
    first = (await api.data(SOURCES, first=2))["dataSources"]
    assert [each["key"] for each in first["nodes"]] == ["files", "shop_north"]
    assert await keys(first=2, after=first["pageInfo"]["endCursor"]) == ["shop_south", "small"]


async def test_a_postgresql_is_tried_step_by_step(api: Client, make: Make, agent: Agent) -> None:
    made = await make.source()
    payload = await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    test = payload["test"]
    assert test["ok"] and test["readOnly"] and test["failure"] is None and test["latencyMs"] > 0
    assert [step["name"] for step in test["steps"]] == [
        "resolve",
        "connect",
        "tls",
        "sign in",
        "read",
        "capability",
    ]
    assert test["serverInfo"]["readableTables"] == 3
    assert payload["dataSource"]["state"] == "CONNECTED" and payload["job"] is None


async def test_what_happens_to_a_source_is_followed_live(api: Client, make: Make, agent: Agent) -> None:
    made = await make.source()
    connected = partial(of_type, "SourceStateChanged")
    async with heard(api, documents.SOURCE_CHANGED, connected, id=made["id"]) as listening:
        await api.done(documents.TEST, input={"dataSourceId": made["id"]})
        told = await listening
    assert told[-1]["dataSource"]["state"] == "CONNECTED"


async def test_a_connection_is_tried_before_it_is_saved(api: Client, make: Make, agent: Agent) -> None:
    at = await make.postgresql("")
    draft = {
        "config": {"postgresql": postgresql_of(at)},
        "credentials": password_of(at.username, at.password),
    }
    payload = await api.done(documents.TEST, input={"draft": draft})
    assert payload["test"]["ok"] and payload["dataSource"] is None
    assert (await api.data(SOURCES))["dataSources"]["totalCount"] == 0


async def test_without_an_agent_a_test_goes_on_as_a_job_and_then_says_who_is_missing(
    api: Client, make: Make, house_clock: HouseClock
) -> None:
    """A source's own time limit bounds the wait."""
    at = await make.postgresql("")
    config = {"postgresql": postgresql_of(at, timeoutSeconds=1)}
    draft = {"config": config, "credentials": password_of(at.username, at.password)}
    payload = await api.done(documents.TEST, input={"draft": draft})
    assert payload["test"] is None and payload["job"]["state"] == "WAITING"
    await house_clock.pass_by(seconds=35)
    await house_clock.do("end_unclaimed_tasks")
    job = (await api.data(JOB, id=payload["job"]["id"]))["node"]
    assert (job["state"], job["failure"]["code"]) == ("FAILED", "NO_AGENT") and job["failure"]["hint"]


async def test_a_source_is_renamed_and_the_former_name_comes_back_by_undo(api: Client, make: Make) -> None:
    made = await make.source(await make.postgresql(""), name="Shop")
    changed = await api.done(
        documents.UPDATE, input={"id": made["id"], "version": 1, "name": "Store", "description": "All of it"}
    )
    assert (changed["dataSource"]["name"], changed["dataSource"]["version"]) == ("Store", 2)
    await api.done(documents.UNDO, input={"commandId": changed["trackingId"]})
    now = (await api.data(documents.GET, key="shop"))["dataSource"]
    assert (now["name"], now["description"], now["version"]) == ("Shop", None, 3)
    await api.done(documents.REDO, input={"commandId": changed["trackingId"]})
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["name"] == "Store"


async def test_a_stale_version_is_a_conflict_that_names_the_present_one(api: Client, make: Make) -> None:
    made = await make.source(await make.postgresql(""), name="Shop")
    await api.done(documents.UPDATE, input={"id": made["id"], "version": 1, "name": "Store"})
    [error] = (await api.run(documents.UPDATE, input={"id": made["id"], "version": 1, "name": "Mart"}))[
        "errors"
    ]
    assert (error["__typename"], error["code"], error["currentVersion"]) == (
        "ConflictError",
        "STALE_VERSION",
        2,
    )


async def test_a_new_configuration_counts_only_when_it_works(api: Client, make: Make, agent: Agent) -> None:
    at, other = await make.postgresql(), await make.postgresql("")
    made = await make.source(at, name="Shop")
    gone = {"postgresql": postgresql_of(at, database="no_such_database")}
    [error] = (await api.run(documents.UPDATE, input={"id": made["id"], "version": 1, "config": gone}))[
        "errors"
    ]
    assert (error["code"], error["path"]) == ("CONNECTION_FAILED", ["config"])
    works = {"postgresql": postgresql_of(other)}
    changed = await api.done(documents.UPDATE, input={"id": made["id"], "version": 1, "config": works})
    assert changed["dataSource"]["config"]["database"] == other.database
    await api.done(documents.UNDO, input={"commandId": changed["trackingId"]})
    again = await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    assert again["test"]["serverInfo"]["database"] == at.database
    await api.done(documents.REDO, input={"commandId": changed["trackingId"]})
    again = await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    assert again["test"]["serverInfo"]["database"] == other.database


@pytest.mark.parametrize("kind", ["sqlite", "mysql"])
async def test_the_kind_of_a_source_stays_what_it_is(api: Client, make: Make, kind: str) -> None:
    made = await make.source(await make.postgresql(""))
    config = {"sqlite": {"path": "/x.db"}} if kind == "sqlite" else {"mysql": {"host": "127.0.0.1"}}
    wanted = {"id": made["id"], "version": 1, "config": config}
    [error] = (await api.run(documents.UPDATE, input=wanted))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["config", kind])


async def partner(api: Client, *granted: tuple[str, list[str]]) -> Client:
    """A service account that holds these permissions on these sources."""
    account = await api.done(ACCOUNT)
    for source_id, permissions in granted:
        role = await api.done(ROLE, input={"name": f"On {source_id}", "permissions": permissions})
        wanted = {
            "actorId": account["serviceAccount"]["id"],
            "roleId": role["role"]["id"],
            "scopeId": source_id,
        }
        await api.done(GRANT, input=wanted)
    signed_in = await api.as_(None).done(
        SIGN_IN, id=account["serviceAccount"]["clientId"], secret=account["clientSecret"]
    )
    return api.as_(signed_in["tokens"]["accessToken"])


async def test_the_right_to_test_a_source_does_not_send_its_credentials_elsewhere(
    api: Client, make: Make, agent: Agent
) -> None:
    at = await make.postgresql("")
    mine, other = [(await make.source(at))["id"] for _ in range(2)]
    rights = ["datasource:read", "datasource:test"]
    tester = await partner(api, (mine, rights), (other, [*rights, "datasource:update"]))
    assert (await tester.done(documents.TEST, input={"dataSourceId": mine}))["test"]["ok"]
    wanted = {"id": mine, "version": 1, "config": {"postgresql": {"host": "127.0.0.1", "port": 9}}}
    [error] = (await tester.run(documents.UPDATE, input=wanted))["errors"]
    assert (error["__typename"], error["code"]) == ("AccessError", "FORBIDDEN")


async def test_a_source_created_with_discover_now_is_discovered(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    made = await make.source(await make.postgresql(SHOP), discoverNow=True, key="shop")
    assert made["state"] == "DISCOVERING"
    run = await make.ended(made["latestDiscovery"]["id"])
    assert run["state"] == "SUCCEEDED"
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] == "GOVERNED"
