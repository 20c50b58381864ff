"""Policies of what may be read and leave, through the API, and a real agent that goes by them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from datawave.kit.ids import global_id
from datawave.kit.masking import ValuesLeave
from tests.access_rules.asking import Kept
from tests.client import Client
from tests.factories.sources import Make
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House
from tests.kit.ground import until

POLICY = """id version name sampleRows samplePatterns neverSample valuesLeave maskWith maxQuerySeconds
  quietHours { from to timeZone days }"""
SAVE = f"""mutation($i: SaveEdgePolicyInput!) {{ saveEdgePolicy(input: $i) {{ trackingId
  errors {{ __typename code message path }} policy {{ {POLICY} }} }} }}"""
LIST = f"{{ edgePolicies {{ {POLICY} }} }}"
NOBODYS = UUID(int=7)
UNDO = (
    """mutation($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code message } trackingId } }"""
)
REDO = UNDO.replace("undoCommand", "redoCommand")
BEHIND = "{ agents { nodes { id name sync { bundleVersion currentBundleVersion } } } }"
TOP = """query($n: String!) { asset(qualifiedName: $n) { ... on Column {
  profile { topValues { value count masked } } } } }"""


async def named(api: Client, name: str) -> Any:
    found = (await api.data(LIST))["edgePolicies"]
    return next((policy for policy in found if policy["name"] == name), None)


async def test_a_policy_is_made_as_narrow_as_nothing_else_is_said(api: Client) -> None:
    made = await api.done(SAVE, i={"name": "Careful"})
    assert {**made["policy"], "id": "", "version": 0} == {
        "id": "", "version": 0, "name": "Careful", "sampleRows": 200, "samplePatterns": [], "neverSample": [],
        "valuesLeave": "NEVER", "maskWith": "REDACT", "maxQuerySeconds": 60, "quietHours": [],
    }  # fmt: skip
    await api.done(UNDO, id=made["trackingId"])
    assert await named(api, "Careful") is None
    await api.done(REDO, id=made["trackingId"])
    assert (await named(api, "Careful"))["id"] == made["policy"]["id"]


async def test_what_is_left_out_of_a_change_stays(api: Client) -> None:
    quiet = [{"from": "22:00", "to": "06:00", "timeZone": "Europe/Berlin", "days": [1, 5]}]
    made = (await api.done(SAVE, i={"name": "Careful", "neverSample": ["staff.*"], "quietHours": quiet}))[
        "policy"
    ]
    changed = await api.done(
        SAVE,
        i={"id": made["id"], "version": made["version"], "name": "Bolder", "valuesLeave": "SAMPLES"},
    )
    policy = changed["policy"]
    assert policy == {**made, "name": "Bolder", "valuesLeave": "SAMPLES", "version": policy["version"]}
    assert policy["quietHours"] == quiet
    stale = await api.run(SAVE, i={"id": made["id"], "version": made["version"], "name": "Careful"})
    assert [each["code"] for each in stale["errors"]] == ["STALE_VERSION"]
    await api.done(UNDO, id=changed["trackingId"])
    assert (await named(api, "Careful"))["valuesLeave"] == "NEVER"


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"name": ""}, "REQUIRED", ["name"]),
        ({"sampleRows": -1}, "INVALID", ["sampleRows"]),
        ({"maxQuerySeconds": 0}, "INVALID", ["maxQuerySeconds"]),
        ({"neverSample": ["ok", ""]}, "INVALID", ["neverSample", "1"]),
        ({"samplePatterns": ["x"] * 501}, "INVALID", ["samplePatterns"]),
        ({"quietHours": [{"from": "25:00", "to": "06:00"}]}, "INVALID", ["quietHours", "0", "from"]),
        ({"quietHours": [{"from": "22:00", "to": "6"}]}, "INVALID", ["quietHours", "0", "to"]),
        (
            {"quietHours": [{"from": "22:00", "to": "06:00", "timeZone": "../etc"}]},
            "INVALID",
            ["quietHours", "0", "timeZone"],
        ),
        (
            {"quietHours": [{"from": "22:00", "to": "06:00", "days": [8]}]},
            "INVALID",
            ["quietHours", "0", "days"],
        ),
        ({"id": global_id("policy", NOBODYS)}, "NOT_FOUND", ["id"]),
        ({"id": global_id("agent", NOBODYS)}, "INVALID", ["id"]),
    ],
    ids=str,
)
async def test_what_will_not_do_is_refused_with_the_field_to_change(
    api: Client, changes: dict[str, Any], code: str, path: list[str]
) -> None:
    [error] = (await api.run(SAVE, i={"name": "Careful", **changes}))["errors"]
    assert (error["code"], error["path"]) == (code, path)


async def test_the_default_keeps_its_name_and_names_are_not_shared(kept: Kept) -> None:
    api = kept.shop.api
    default = await named(api, "Default")
    [error] = (await api.run(SAVE, i={"id": default["id"], "name": "Ours"}))["errors"]
    assert (error["code"], error["path"]) == ("INVALID", ["name"])
    [error] = (await api.run(SAVE, i={"name": "Default"}))["errors"]
    assert error["code"] == "ALREADY_EXISTS"


async def test_a_policy_that_somebody_goes_by_is_not_taken_back(kept: Kept) -> None:
    api = kept.shop.api
    made = await api.done(SAVE, i={"name": "Careful"})
    key = made["policy"]["id"].removeprefix("policy_")
    await kept.shop.ground.rows(f"UPDATE data_source SET policy_id = '{key}' RETURNING id")
    refused = await api.run(UNDO, id=made["trackingId"])
    assert [each["code"] for each in refused["errors"]] == ["WRONG_STATE"]


async def test_agents_have_a_new_bundle_to_fetch(kept: Kept) -> None:
    api = kept.shop.api
    [before] = (await api.data(BEHIND))["agents"]["nodes"]
    await kept.policy(max_query_seconds=30)
    [after] = (await api.data(BEHIND))["agents"]["nodes"]
    assert before["sync"] != after["sync"]
    [told] = await kept.shop.ground.rows(
        "SELECT topics FROM event WHERE type = 'EdgePolicySaved' ORDER BY number DESC LIMIT 1"
    )
    assert f"agent:{kept.agent_id}" in told.topics


async def test_who_samples_under_a_policy_that_changes_begins_again(kept: Kept) -> None:
    ground = kept.shop.ground
    task = await ground.value(
        "INSERT INTO agent_task (kind, state, source_id, workspace_id, agent_id, attempt, lease_until,"
        " instructions) SELECT 'SAMPLE', 'RUNNING', id, workspace_id, :agent, 1, datawave_now() + interval"
        " '20 s', '{}'::jsonb FROM data_source WHERE id = :source RETURNING id",
        agent=kept.agent_id,
        source=ground.source_id,
    )
    await kept.policy(values_leave=ValuesLeave.MASKED)
    [now] = await ground.rows("SELECT state, agent_id FROM agent_task WHERE id = :task", task=task)
    assert tuple(now) == ("OFFERED", None)
    told = await ground.rows("SELECT type FROM event WHERE data ->> 'task_id' = :task", task=str(task))
    assert {each.type for each in told} == {"TaskCancelled", "TaskOffered"}, "its holder is told to stop"


SECRETIVE = """
create table payment (id integer primary key, card_number text, colour text);
insert into payment select n, '4111111111111111', 'blue' from generate_series(1, 40) n;
"""


async def test_values_leave_a_source_only_once_a_policy_says_so(
    house: House, api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    """The whole way: the agent reads, the policy says what may leave, the labels say who sees it."""
    database = await make.postgresql(SECRETIVE)
    source = await make.source(database)
    column = f"{source['key']}.{database.database}.public.payment"

    async def top(name: str) -> Any:
        found = await api.data(TOP, n=f"{column}.{name}")
        return found["asset"]["profile"]["topValues"]

    async def agent_knows() -> bool:
        """Until its bundle has the new policy an agent goes by the narrower of the two."""
        [local] = (await api.data(BEHIND))["agents"]["nodes"]
        return local["sync"]["bundleVersion"] == local["sync"]["currentBundleVersion"]

    async def discovered_with(**policy: Any) -> None:
        default = await named(api, "Default")
        await api.done(SAVE, i={"id": default["id"], "name": "Default", **policy})
        await until(agent_knows)
        run = await make.discovery(source["id"], mode="FULL")
        assert run["state"] == "SUCCEEDED", run

    await discovered_with(valuesLeave="NEVER")
    assert await top("colour") == [] and await top("card_number") == []
    await discovered_with(valuesLeave="SAMPLES")
    assert await top("colour") == [{"value": "blue", "count": 40, "masked": False}]
    [card] = await top("card_number")
    assert card == {"value": "4111111111111111", "count": 40, "masked": False}, "an administrator's right"
    await discovered_with(valuesLeave="MASKED", maskWith="FORMAT_PRESERVING")
    [card] = await top("card_number")
    assert card["masked"] and card["value"] != "4111111111111111" and len(card["value"]) == 16
    await discovered_with(valuesLeave="NEVER")
    assert await top("card_number") == []
