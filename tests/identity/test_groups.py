"""Groups: what they hold is held by their members, at once, and given by nobody who lacks it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from models.identity import Grant
from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.test_identity import ERRORS, GRANT, REVOKE, SAVE_ROLE, code, person

ME = "{ viewer { actor { id } permissions user { groups { name displayName grants { id } } } } }"
SAVE = (
    "mutation($i: SaveGroupInput!) { saveGroup(input: $i) { errors { ...Errors } trackingId"
    " group { id version name description displayName } } }" + ERRORS
)
DELETE = (
    "mutation($id: ID!) { deleteGroup(input: {id: $id}) { errors { ...Errors } trackingId done deletedId } }"
    + ERRORS
)
ADD = (
    "mutation($g: ID!, $m: [ID!]!) { addGroupMembers(input: {groupId: $g, memberIds: $m}) {"
    " errors { ...Errors } trackingId group { id members { totalCount nodes { actor { id } } } } } }" + ERRORS
)
REMOVE = ADD.replace("addGroupMembers", "removeGroupMembers")
UNDO = (
    "mutation($c: ID!) { undoCommand(input: {commandId: $c}) { errors { ...Errors } trackingId } }" + ERRORS
)
REDO = UNDO.replace("undoCommand", "redoCommand")
GROUPS = """query($s: String) { groups(search: $s) { totalCount nodes { id name
  members { nodes { joinedAt fromProvider actor { id displayName } } }
  grants { role { name } actor { id displayName __typename } } } } }"""
ROLE = "query { roles { id name } }"
SEES = "{ roles { id } }"
"""Needs `role:read`."""


async def id_of(client: Client) -> str:
    return (await client.data(ME))["viewer"]["actor"]["id"]


async def role_of(api: Client, *permissions: str, name: str = "Some") -> str:
    made = await api.done(SAVE_ROLE, i={"name": name, "permissions": list(permissions)})
    return made["role"]["id"]


async def built_in(api: Client, name: str) -> str:
    [found] = [each["id"] for each in (await api.data(ROLE))["roles"] if each["name"] == name]
    return found


async def group_of(api: Client, *members: str, name: str = "Readers", role: str | None = None) -> str:
    """A group that holds a role everywhere."""
    group = (await api.done(SAVE, i={"name": name}))["group"]["id"]
    if role is not None:
        await api.done(GRANT, i={"actorId": group, "roleId": role})
    if members:
        await api.done(ADD, g=group, m=list(members))
    return group


async def test_members_hold_what_their_group_holds(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    user = await id_of(reader)
    assert code(await reader.ask(SEES)) == "FORBIDDEN"
    group = await group_of(api, user, role=await role_of(api, "role:read"))
    assert (await reader.data(SEES))["roles"]
    assert (await reader.data(ME))["viewer"] == {
        "actor": {"id": user},
        "permissions": ["role:read"],
        # Of their group they see the name; and, with `role:read`, what it holds.
        "user": {
            "groups": [
                {
                    "name": "Readers",
                    "displayName": "Readers",
                    "grants": [await _only_grant(api, group)],
                }
            ]
        },
    }
    removed = await api.done(REMOVE, g=group, m=[user])
    assert removed["group"]["members"]["totalCount"] == 0
    assert code(await reader.ask(SEES)) == "FORBIDDEN"


async def _only_grant(api: Client, group: str) -> dict[str, Any]:
    found = await api.data("query($g: ID!) { grants(actorId: $g) { nodes { id } } }", g=group)
    [grant] = found["grants"]["nodes"]
    return grant


async def test_groups_are_listed_with_members_and_grants_in_few_statements(house: House, api: Client) -> None:
    role = await role_of(api, "role:read")
    people = [await id_of(await person(house, f"p{at}@example.com")) for at in range(3)]
    await group_of(api, people[0], name="One", role=role)
    await api.data(GROUPS)
    await api.data(GROUPS)
    few = api.statements
    await group_of(api, *people, name="Two", role=role)
    await group_of(api, people[1], name="Three", role=role)
    found = (await api.data(GROUPS))["groups"]
    assert api.statements == few
    assert [(each["name"], len(each["members"]["nodes"])) for each in found["nodes"]] == [
        ("One", 1),
        ("Three", 1),
        ("Two", 3),
    ]
    two = found["nodes"][2]
    assert [each["actor"]["id"] for each in two["members"]["nodes"]] == sorted(people)
    assert {each["fromProvider"] for each in two["members"]["nodes"]} == {False}
    assert two["grants"] == [
        {"role": {"name": "Some"}, "actor": {"id": two["id"], "displayName": "Two", "__typename": "Group"}}
    ]
    assert [each["name"] for each in (await api.data(GROUPS, s="thr"))["groups"]["nodes"]] == ["Three"]
    outsider = await person(house, "outsider@example.com", "Analyst")
    assert code(await outsider.ask(GROUPS)) == "FORBIDDEN"
    node = "query($id: ID!) { node(id: $id) { id ... on Group { name members { totalCount } } } }"
    assert (await outsider.data(node, id=two["id"]))["node"] is None
    assert (await api.data(node, id=two["id"]))["node"]["members"]["totalCount"] == 3


async def test_a_member_without_the_right_sees_only_the_name_of_their_group(
    house: House, api: Client
) -> None:
    reader = await person(house, "reader@example.com", "Analyst")
    other = await id_of(await person(house, "other@example.com"))
    await group_of(api, await id_of(reader), other, role=await role_of(api, "asset:read"))
    answer = await reader.ask(
        "{ viewer { user { groups { name grants { id } members { nodes { joinedAt actor { id } } } } } } }"
    )
    [group] = answer["data"]["viewer"]["user"]["groups"]
    assert group == {"name": "Readers", "grants": [], "members": None}
    assert [each["extensions"]["permission"] for each in answer["errors"]] == ["user:read"]


async def test_a_decision_tells_the_grant_of_the_group(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    group = await group_of(api, await id_of(reader), role=await role_of(api, "role:read"))
    why = "query($a: ID) { access(permission: %s, actorId: $a) { allowed because { id actor { id } } } }"
    why = why % '"role:read"'
    grant = await _only_grant(api, group)
    own = (await reader.data(why))["access"]
    assert own == {"allowed": True, "because": [{"id": grant["id"], "actor": None}]}
    asked = (await api.data(why, a=await id_of(reader)))["access"]
    assert asked == {"allowed": True, "because": [{"id": grant["id"], "actor": {"id": group}}]}


async def test_nobody_gives_by_a_group_what_they_do_not_hold(house: House, api: Client) -> None:
    maker = await person(house, "maker@example.com")
    user = await id_of(maker)
    role = await role_of(api, "role:manage", "user:read", name="Makers")
    await api.done(GRANT, i={"actorId": user, "roleId": role})
    group = await group_of(api, role=await built_in(api, "Administrator"))
    [refused] = (await maker.run(ADD, g=group, m=[user]))["errors"]
    assert (refused["code"], refused["permission"]) == ("FORBIDDEN", "role:grant")
    assert refused["path"] == ["groupId"]
    plain = await group_of(api, name="Plain")
    await maker.done(ADD, g=plain, m=[user])
    # Nor by taking back what somebody with more rights did.
    removed = await api.done(ADD, g=group, m=[user])
    await api.done(REMOVE, g=group, m=[user])
    assert removed["trackingId"]
    more = await role_of(api, "command:undo", "event:read", name="Undoers")
    await api.done(GRANT, i={"actorId": user, "roleId": more})
    taken = (await api.data("{ commands(first: 20) { nodes { id name } } }"))["commands"]["nodes"]
    last = next(each["id"] for each in taken if each["name"] == "remove_group_members")
    [undone] = (await maker.run(UNDO, c=last))["errors"]
    assert (undone["code"], undone["permission"]) == ("FORBIDDEN", "role:grant")


async def test_all_of_it_can_be_taken_back_and_done_again(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    user = await id_of(reader)
    group = await group_of(api, role=await role_of(api, "role:read"))
    added = await api.done(ADD, g=group, m=[user])
    assert (await reader.data(ME))["viewer"]["permissions"] == ["role:read"]
    await api.done(UNDO, c=added["trackingId"])
    assert (await _members(api, group)) == []
    await api.done(REDO, c=added["trackingId"])
    assert (await _members(api, group)) == [user]
    renamed = await api.done(SAVE, i={"id": group, "version": 1, "name": "Others"})
    await api.done(UNDO, c=renamed["trackingId"])
    assert [each["name"] for each in (await api.data(GROUPS))["groups"]["nodes"]] == ["Readers"]
    before = (await api.data(GROUPS))["groups"]["nodes"]
    deleted = await api.done(DELETE, id=group)
    assert (deleted["done"], deleted["deletedId"]) == (True, group)
    assert (await api.data(GROUPS))["groups"]["totalCount"] == 0
    assert code(await reader.ask(SEES)) in ("FORBIDDEN", "UNAUTHENTICATED")
    await api.done(UNDO, c=deleted["trackingId"])
    after = (await api.data(GROUPS))["groups"]["nodes"]
    assert [(each["id"], each["grants"]) for each in after] == [
        (each["id"], each["grants"]) for each in before
    ]
    assert (await _members(api, group)) == [user]


async def _members(api: Client, group: str) -> list[str]:
    found = (await api.data(GROUPS))["groups"]["nodes"]
    [members] = [each["members"]["nodes"] for each in found if each["id"] == group]
    return [each["actor"]["id"] for each in members]


@pytest.mark.parametrize("way", ["revoking", "removing", "deleting", "weakening"])
async def test_the_last_administrator_stays_one_through_a_group_too(
    house: House, api: Client, way: str
) -> None:
    admin = await id_of(api)
    permissions = [each["name"] for each in (await api.data("{ permissions { name } }"))["permissions"]]
    role = await role_of(api, *(each for each in permissions if each != "agent:act"), name="Keepers")
    group = await group_of(api, admin, name="Keepers", role=role)
    of_group = (await _only_grant(api, group))["id"]
    own = (await api.data("query($a: ID) { grants(actorId: $a) { nodes { id } } }", a=admin))["grants"]
    # The group keeps the platform, so their own grant may go.
    await api.done(REVOKE, id=own["nodes"][0]["id"])
    tried = {
        "revoking": lambda: api.run(REVOKE, id=of_group),
        "removing": lambda: api.run(REMOVE, g=group, m=[admin]),
        "deleting": lambda: api.run(DELETE, id=group),
        "weakening": lambda: api.run(SAVE_ROLE, i={"id": role, "name": "Keepers", "permissions": []}),
    }
    [refused] = (await tried[way]())["errors"]
    assert refused["code"] == "WRONG_STATE"
    second = await id_of(await person(house, "second@example.com", "Administrator"))
    assert second != admin
    assert (await tried[way]())["errors"] == []


async def test_a_login_services_word_alone_keeps_no_platform(house: House, api: Client) -> None:
    admin = await id_of(api)
    group = await group_of(api, admin, role=await built_in(api, "Administrator"))
    async with house.core.database.session() as session:
        await session.execute(text("UPDATE group_member SET provider_id = :id"), {"id": uuid4()})
        await session.commit()
    own = (await api.data("query($a: ID) { grants(actorId: $a) { nodes { id } } }", a=admin))["grants"]
    [refused] = (await api.run(REVOKE, id=own["nodes"][0]["id"]))["errors"]
    assert refused["code"] == "WRONG_STATE"
    found = (await api.data(GROUPS))["groups"]["nodes"]
    assert [each["fromProvider"] for each in found[0]["members"]["nodes"]] == [True]
    assert found[0]["id"] == group


async def test_a_grant_to_a_group_ends_by_itself_for_its_members(house: House, api: Client) -> None:
    user = await id_of(await person(house, "reader@example.com", "Analyst"))
    group = await group_of(api, user)
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    role = await role_of(api, "role:read")
    await api.done(GRANT, i={"actorId": group, "roleId": role, "expiresAt": until})
    key, actors = UUID(user.rpartition("_")[2]), house.served.gate.actors
    assert (await actors.rights_of(key, "user")).anywhere("role:read")
    clock = HouseClock(house.core.database, house.core.commands)
    await clock.shift(hours=2)
    assert not (await actors.viewer_of(key, "user")).rights.anywhere("role:read")
    await clock.do("end_expired_grants")
    async with house.core.database.session() as session:
        of_group = select(func.count()).select_from(Grant).where(Grant.actor_word == "group")
        assert await session.scalar(of_group) == 0


async def test_wrong_input_names_its_place(house: House, api: Client) -> None:
    user = await id_of(api)
    group = await group_of(api)
    cases: list[tuple[dict[str, Any], str, list[str]]] = [
        ({"g": group, "m": []}, "REQUIRED", ["memberIds"]),
        ({"g": group, "m": [user, group]}, "INVALID", ["memberIds", "1"]),
        ({"g": group, "m": [user, "user_" + "0" * 32]}, "NOT_FOUND", ["memberIds", "1"]),
        ({"g": "group_" + "0" * 32, "m": [user]}, "NOT_FOUND", ["groupId"]),
        ({"g": group, "m": [user] * 501}, "INVALID", ["memberIds"]),
    ]
    for given, expected, path in cases:
        [error] = (await api.run(ADD, **given))["errors"]
        assert (error["code"], error["path"]) == (expected, path)
    [taken] = (await api.run(SAVE, i={"name": "Readers"}))["errors"]
    assert (taken["code"], taken["path"]) == ("ALREADY_EXISTS", ["name"])
    [stale] = (await api.run(SAVE, i={"id": group, "version": 7, "name": "X"}))["errors"]
    assert stale["code"] == "STALE_VERSION"
    await api.done(ADD, g=group, m=[user])
    again = await api.done(ADD, g=group, m=[user])
    assert again["group"]["members"]["totalCount"] == 1


async def test_an_open_stream_ends_when_its_reader_leaves_the_group(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    user = await id_of(reader)
    group = await group_of(api, user, role=await role_of(api, "event:read"))
    async with reader.follow("subscription { eventRecorded { type } }") as events:
        waiting = asyncio.ensure_future(anext(events))
        await api.done(SAVE, i={"name": "Another"})
        async with asyncio.timeout(5):
            assert (await waiting)["data"]["eventRecorded"]["type"]
        await api.done(REMOVE, g=group, m=[user])
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                while True:
                    await anext(events)


ACCESS_CHANGED = "subscription { accessChanged { replayed viewer { permissions } actor { id } } }"


async def test_the_viewer_is_told_of_each_change_of_their_rights(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com", "Analyst")
    stranger = await person(house, "stranger@example.com", "Analyst")
    user = await id_of(reader)
    first, second = await role_of(api, "role:read"), await role_of(api, "user:read", name="People")

    async def told(changes: Any) -> set[str]:
        async with asyncio.timeout(5):
            return set((await anext(changes))["data"]["accessChanged"]["viewer"]["permissions"])

    async with reader.follow(ACCESS_CHANGED) as changes, stranger.follow(ACCESS_CHANGED) as others:
        waiting, quiet = asyncio.ensure_future(told(changes)), asyncio.ensure_future(anext(others))
        await asyncio.wait([waiting, quiet], timeout=0.3)
        group = await group_of(api, user, role=first)
        assert "role:read" in await waiting
        await api.done(GRANT, i={"actorId": user, "roleId": second})
        assert {"role:read", "user:read"} <= await told(changes)
        await api.done(SAVE_ROLE, i={"id": second, "name": "People", "permissions": ["event:read"]})
        assert "event:read" in await told(changes)
        await api.done(DELETE, id=group)
        left = await told(changes)
        assert "role:read" not in left
        assert "event:read" in left
        assert not quiet.done()
        quiet.cancel()
