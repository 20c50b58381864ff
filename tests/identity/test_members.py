"""Members of workspaces, workspaces put away, roles deleted, programs disabled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.client import Client
from tests.factories.documents import DECOMMISSION
from tests.factories.sources import Make
from tests.fixtures.api import House
from tests.identity.test_groups import ADD, SAVE, UNDO, built_in, id_of, role_of
from tests.test_identity import ERRORS, GRANT, code, person

WORKSPACE = (
    "mutation($n: String!) { saveWorkspace(input: {name: $n}) { errors { ...Errors } workspace { id } } }"
    + ERRORS
)
MEMBERS = "members { totalCount nodes { displayName joinedAt actor { id } role { name } } }"
SET = (
    "mutation($i: SetWorkspaceMemberInput!) { setWorkspaceMember(input: $i) {"
    " errors { ...Errors } trackingId workspace { id " + MEMBERS + " } } }" + ERRORS
)
ARCHIVE = (
    "mutation($id: ID!) { archiveWorkspace(input: {id: $id}) { errors { ...Errors } trackingId"
    " workspace { id archivedAt } } }" + ERRORS
)
DELETE_ROLE = (
    "mutation($id: ID!) { deleteRole(input: {id: $id}) { errors { ...Errors } trackingId done deletedId } }"
    + ERRORS
)
PROGRAM = """mutation($r: [ID!]) { createServiceAccount(input: {displayName: "Nightly", roleIds: $r}) {
  errors { code } clientSecret serviceAccount { id clientId } } }"""
PROGRAM_SIGNS_IN = """mutation($c: String!, $s: Secret!) { signIn(input: {clientCredentials:
  {clientId: $c, clientSecret: $s}}) { errors { code } tokens { accessToken } } }"""
UPDATE_PROGRAM = (
    "mutation($i: UpdateServiceAccountInput!) { updateServiceAccount(input: $i) { errors { ...Errors }"
    " trackingId serviceAccount { id displayName enabled } } }" + ERRORS
)
NAMES = "{ workspaces { nodes { id name " + MEMBERS + " } } }"


async def workspace_of(api: Client, name: str) -> str:
    return (await api.done(WORKSPACE, n=name))["workspace"]["id"]


def roles_told(workspace: dict[str, Any]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for each in workspace["members"]["nodes"]:
        told.setdefault(each["displayName"], []).append(each["role"]["name"])
    return told


async def test_a_member_has_one_role_in_the_workspace_or_none(house: House, api: Client) -> None:
    one = await workspace_of(api, "One")
    reader = await person(house, "reader@example.com")
    user = await id_of(reader)
    analyst, steward = await built_in(api, "Analyst"), await built_in(api, "Data steward")
    assert (await reader.data(NAMES))["workspaces"]["nodes"] == []
    made = await api.done(SET, i={"workspaceId": one, "actorId": user, "roleId": analyst})
    assert roles_told(made["workspace"]) == {"reader": ["Analyst"]}
    [seen] = (await reader.data(NAMES))["workspaces"]["nodes"]
    assert seen["name"] == "One"
    assert [(each["displayName"], each["actor"]) for each in seen["members"]["nodes"]] == [
        ("reader", {"id": user})
    ]
    changed = await api.done(SET, i={"workspaceId": one, "actorId": user, "roleId": steward})
    assert roles_told(changed["workspace"]) == {"reader": ["Data steward"]}
    await api.done(UNDO, c=changed["trackingId"])
    assert roles_told((await reader.data(NAMES))["workspaces"]["nodes"][0]) == {"reader": ["Analyst"]}
    gone = await api.done(SET, i={"workspaceId": one, "actorId": user})
    assert gone["workspace"]["members"]["totalCount"] == 0
    await api.done(UNDO, c=gone["trackingId"])
    found = (await api.data(NAMES))["workspaces"]["nodes"]
    [there] = [each for each in found if each["id"] == one]
    assert roles_told(there) == {"reader": ["Analyst"]}


async def test_members_know_each_other_by_name(house: House, api: Client) -> None:
    one, two = await workspace_of(api, "One"), await workspace_of(api, "Two")
    analyst = await built_in(api, "Analyst")
    reader, other = await person(house, "reader@example.com"), await person(house, "other@example.com")
    stranger = await person(house, "stranger@example.com")
    group = (await api.done(SAVE, i={"name": "Everybody"}))["group"]["id"]
    for where, who in ((one, reader), (one, other), (two, stranger)):
        await api.done(SET, i={"workspaceId": where, "actorId": await id_of(who), "roleId": analyst})
    await api.done(SET, i={"workspaceId": one, "actorId": group, "roleId": analyst})
    [seen] = (await reader.data(NAMES))["workspaces"]["nodes"]
    assert list(roles_told(seen)) == ["reader", "other", "Everybody"]
    assert [each["actor"] is None for each in seen["members"]["nodes"]] == [False, True, True]
    [elsewhere] = (await stranger.data(NAMES))["workspaces"]["nodes"]
    assert list(roles_told(elsewhere)) == ["stranger"]


async def test_who_manages_a_workspace_gives_and_takes_no_more_than_they_hold_there(
    house: House, api: Client
) -> None:
    one = await workspace_of(api, "One")
    lead, user = await person(house, "lead@example.com"), await id_of(await person(house, "new@example.com"))
    analyst = await built_in(api, "Analyst")
    permissions = ("workspace:manage", "role:read", "user:read")
    leads = await role_of(api, *permissions, name="Leads")
    for role in (leads, analyst):
        await api.done(GRANT, i={"actorId": await id_of(lead), "roleId": role, "scopeId": one})
    await lead.done(SET, i={"workspaceId": one, "actorId": user, "roleId": analyst})
    steward = await built_in(api, "Data steward")
    [more] = (await lead.run(SET, i={"workspaceId": one, "actorId": user, "roleId": steward}))["errors"]
    assert (more["code"], more["path"]) == ("FORBIDDEN", ["roleId"])
    await api.done(SET, i={"workspaceId": one, "actorId": user, "roleId": steward})
    [taken] = (await lead.run(SET, i={"workspaceId": one, "actorId": user}))["errors"]
    assert (taken["code"], taken["path"]) == ("FORBIDDEN", ["actorId"])
    two = await workspace_of(api, "Two")
    [elsewhere] = (await lead.run(SET, i={"workspaceId": two, "actorId": user, "roleId": analyst}))["errors"]
    assert (elsewhere["code"], elsewhere["path"]) == ("NOT_FOUND", ["workspaceId"])
    [nobody] = (await api.run(SET, i={"workspaceId": one, "actorId": "user_" + "0" * 32}))["errors"]
    assert (nobody["code"], nobody["path"]) == ("NOT_FOUND", ["actorId"])


async def test_a_workspace_is_put_away_when_nothing_lives_in_it(api: Client, make: Make) -> None:
    one = await workspace_of(api, "One")
    source = await make.source(workspaceId=one)
    [lives] = (await api.run(ARCHIVE, id=one))["errors"]
    assert lives["code"] == "WRONG_STATE"
    assert source["name"] in lives["message"]
    ended = await api.done(DECOMMISSION, input={"id": source["id"]})
    done = await api.done(ARCHIVE, id=one)
    assert done["workspace"]["archivedAt"]
    assert [each["name"] for each in (await api.data(NAMES))["workspaces"]["nodes"]] == ["Main"]
    [again] = (await api.run(ARCHIVE, id=one))["errors"]
    assert again["code"] == "WRONG_STATE"
    answer = await make.answer({"sqlite": {"path": "none.db"}}, workspaceId=one)
    assert [(each["code"], each["path"]) for each in answer["errors"]] == [("WRONG_STATE", ["workspaceId"])]
    [put_away] = (await api.run(UNDO, c=ended["trackingId"]))["errors"]
    assert put_away["code"] == "WRONG_STATE"
    await api.done(UNDO, c=done["trackingId"])
    await api.done(UNDO, c=ended["trackingId"])
    assert {each["name"] for each in (await api.data(NAMES))["workspaces"]["nodes"]} == {"Main", "One"}


async def test_main_is_never_put_away(api: Client) -> None:
    [main] = (await api.data(NAMES))["workspaces"]["nodes"]
    [refused] = (await api.run(ARCHIVE, id=main["id"]))["errors"]
    assert refused["code"] == "WRONG_STATE"


async def test_a_role_that_nobody_holds_is_deleted(house: House, api: Client) -> None:
    role = await role_of(api, "asset:read")
    user = await id_of(await person(house, "reader@example.com"))
    grant = await api.done(GRANT, i={"actorId": user, "roleId": role})
    [held] = (await api.run(DELETE_ROLE, id=role))["errors"]
    assert held["code"] == "WRONG_STATE"
    await api.done(UNDO, c=grant["trackingId"])
    gone = await api.done(DELETE_ROLE, id=role)
    assert (gone["done"], gone["deletedId"]) == (True, role)
    await api.done(UNDO, c=gone["trackingId"])
    assert role in [each["id"] for each in (await api.data("{ roles { id } }"))["roles"]]
    [fixed] = (await api.run(DELETE_ROLE, id=await built_in(api, "Analyst")))["errors"]
    assert fixed["code"] == "WRONG_STATE"


async def test_a_program_that_is_disabled_is_out_at_once(house: House, api: Client) -> None:
    made = await api.done(PROGRAM, r=[await role_of(api, "event:read")])
    account = made["serviceAccount"]
    keys = {"c": account["clientId"], "s": made["clientSecret"]}
    signed = await api.as_(None).done(PROGRAM_SIGNS_IN, **keys)
    program = api.as_(signed["tokens"]["accessToken"])
    async with program.follow("subscription { eventRecorded { type } }") as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.wait([waiting], timeout=0.1)
        changes = {"id": account["id"], "enabled": False, "displayName": "Off"}
        done = await api.done(UPDATE_PROGRAM, i=changes)
        assert done["serviceAccount"] == {"id": account["id"], "displayName": "Off", "enabled": False}
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                await waiting
                while True:
                    await anext(events)
    assert code(await program.ask("{ cursor }")) == "UNAUTHENTICATED"
    assert code(await api.as_(None).ask(PROGRAM_SIGNS_IN, **keys)) == "UNAUTHENTICATED"
    await api.done(UNDO, c=done["trackingId"])
    again = await api.as_(None).done(PROGRAM_SIGNS_IN, **keys)
    assert again["tokens"]["accessToken"]
    [refused] = (await api.run(UPDATE_PROGRAM, i={"id": account["id"], "displayName": " "}))["errors"]
    assert (refused["code"], refused["path"]) == ("REQUIRED", ["displayName"])


async def test_a_program_may_be_in_a_group(api: Client) -> None:
    made = await api.done(PROGRAM, r=[])
    group = (await api.done(SAVE, i={"name": "Programs"}))["group"]["id"]
    await api.done(ADD, g=group, m=[made["serviceAccount"]["id"]])
    found = await api.data("{ serviceAccounts { nodes { id groups { id } } } }")
    assert found["serviceAccounts"]["nodes"] == [
        {"id": made["serviceAccount"]["id"], "groups": [{"id": group}]}
    ]
