"""Invitations: by mail or by hand, good once and for a week, never worth more than the inviter holds."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from datawave.kit.ids import global_id
from datawave.kit.tables import AuditEntry, DeadLetter, Event, Job
from models.identity import Grant, PasswordToken
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House
from tests.fixtures.clock import HouseClock
from tests.fixtures.mail import Mailed, token_in, words
from tests.identity.documents import (
    INVITE,
    OTHER,
    PASSWORD,
    PEOPLE,
    SET_BY_TOKEN,
    UNDO,
    UPDATE,
    WHO,
    code,
    first_error,
    person,
    role_ids,
    signed_in,
)

ANNA = "anna@example.com"
SAVE_ROLE = """mutation($i: SaveRoleInput!) { saveRole(input: $i) { errors { code } role { id } } }"""
GRANT = """mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { code } grant { id } } }"""


async def roles(house: House, *names: str) -> list[str]:
    return [global_id("role", each) for each in await role_ids(house, *names)]


def token_of(payload: dict[str, Any]) -> str:
    return payload["invitationUrl"].partition("#invitation=")[2]


async def test_an_invitation_arrives_and_lets_in_once(mailed: Mailed) -> None:
    house, api = mailed.house, mailed.api
    invited = await api.done(
        INVITE,
        i={"email": "Anna@Example.com", "displayName": "Anna", "roleIds": await roles(house, "Analyst")},
    )
    assert (invited["user"]["email"], invited["user"]["state"]) == (ANNA, "INVITED")
    assert invited["user"]["grants"] == [{"role": {"name": "Analyst"}, "scope": None}]
    assert invited["invitationUrl"] is None
    letter = await mailed.mailbox.next()
    assert letter["To"] == "Anna <anna@example.com>"
    assert letter["X-Envelope-To"] == ANNA
    assert letter["From"] == "DataWave <datawave@governance.example>"
    assert "Administrator has invited you" in words(letter)
    assert f"{house.url}/#invitation=" in words(letter)
    assert "http" not in words(letter, "html").replace(house.url, "")
    token = token_in(letter)
    came = await Client(house.url).done(SET_BY_TOKEN, t=token, n=PASSWORD)
    assert came["viewer"]["user"] == {"email": ANNA, "state": "ACTIVE"}
    assert "asset:read" in (await api.as_(came["tokens"]["accessToken"]).data(WHO))["viewer"]["permissions"]
    again = await Client(house.url).run(SET_BY_TOKEN, t=token, n=OTHER)
    assert first_error(again) == ("INVALID", ["token", "token"])


async def test_nothing_of_a_link_is_kept_but_its_hash(mailed: Mailed) -> None:
    await mailed.api.done(INVITE, i={"email": ANNA})
    token = token_in(await mailed.mailbox.next())
    await mailed.worker.drained()
    async with mailed.house.core.database.session() as session:
        for row in (Job, Event, AuditEntry):
            kept = [
                str({c.name: getattr(each, c.key) for c in row.__table__.c})
                for each in await session.scalars(select(row))
            ]
            assert kept
            assert not [each for each in kept if token in each]
        [link] = (await session.scalars(select(PasswordToken))).all()
    assert token.encode() not in link.token_hash


async def test_without_a_mail_server_whoever_invites_is_shown_the_link(house: House, api: Client) -> None:
    invited = await api.done(INVITE, i={"email": ANNA})
    assert invited["user"]["displayName"] == "anna"
    assert invited["invitationUrl"].startswith(f"{house.url}/#invitation=")
    await Client(house.url).done(SET_BY_TOKEN, t=token_of(invited), n=PASSWORD)
    assert (await (await signed_in(house, ANNA)).data(WHO))["viewer"]["user"]["email"] == ANNA


async def test_invited_again_only_the_newest_link_is_good(house: House, api: Client) -> None:
    first = await api.done(INVITE, i={"email": ANNA, "roleIds": await roles(house, "Analyst")})
    both = await roles(house, "Analyst", "Auditor")
    second = await api.done(INVITE, i={"email": ANNA, "displayName": "Anna B.", "roleIds": both})
    assert second["user"]["id"] == first["user"]["id"]
    assert second["user"]["displayName"] == "Anna B."
    assert sorted(each["role"]["name"] for each in second["user"]["grants"]) == ["Analyst", "Auditor"]
    stale = await Client(house.url).run(SET_BY_TOKEN, t=token_of(first), n=PASSWORD)
    assert first_error(stale) == ("INVALID", ["token", "token"])
    await Client(house.url).done(SET_BY_TOKEN, t=token_of(second), n=PASSWORD)
    taken = await api.run(INVITE, i={"email": ANNA})
    assert first_error(taken) == ("ALREADY_EXISTS", ["email"])


async def test_an_invitation_is_good_for_a_week(house: House, api: Client, house_clock: HouseClock) -> None:
    invited = await api.done(INVITE, i={"email": ANNA})
    await house_clock.shift(days=7, seconds=1)
    late = await Client(house.url).run(SET_BY_TOKEN, t=token_of(invited), n=PASSWORD)
    assert first_error(late) == ("INVALID", ["token", "token"])


async def test_an_invitation_is_taken_back_with_all_that_came_with_it(house: House, api: Client) -> None:
    invited = await api.done(INVITE, i={"email": ANNA, "roleIds": await roles(house, "Analyst")})
    assert (await api.done(UNDO, id=invited["trackingId"]))["errors"] == []
    gone = await Client(house.url).run(SET_BY_TOKEN, t=token_of(invited), n=PASSWORD)
    assert first_error(gone) == ("INVALID", ["token", "token"])
    assert (await api.data(PEOPLE, s="anna"))["users"]["totalCount"] == 0
    async with house.core.database.session() as session:
        entries = (await session.scalars(select(AuditEntry).where(AuditEntry.action == "invite_user"))).all()
        assert [each.detail for each in entries] == [None]
        assert len((await session.scalars(select(Grant))).all()) == 1
    anew = await api.done(INVITE, i={"email": ANNA})
    assert anew["user"]["id"] != invited["user"]["id"]


async def test_an_invitation_that_was_followed_is_not_taken_back(house: House, api: Client) -> None:
    invited = await api.done(INVITE, i={"email": ANNA})
    await Client(house.url).done(SET_BY_TOKEN, t=token_of(invited), n=PASSWORD)
    undone = await api.run(UNDO, id=invited["trackingId"])
    assert undone["errors"][0]["code"] in ("STALE_VERSION", "WRONG_STATE")
    assert (await (await signed_in(house, ANNA)).data(WHO))["viewer"]["user"] is not None


async def somebody_who_invites(house: House, api: Client, **scope: str) -> Client:
    """Holds what inviting takes, and reading the catalog: everywhere, or in one workspace."""
    permissions = ["user:create", "role:grant", "asset:read", "workspace:read"]
    role = await api.done(SAVE_ROLE, i={"name": "Inviter", "permissions": permissions})
    client = await person(house, "inviter@example.com")
    own = (await client.data(WHO))["viewer"]["actor"]["id"]
    await api.done(GRANT, i={"actorId": own, "roleId": role["role"]["id"], **scope})
    return client


async def test_nobody_gives_with_an_invitation_what_they_do_not_hold(house: House, api: Client) -> None:
    inviter = await somebody_who_invites(house, api)
    refused = await inviter.run(INVITE, i={"email": ANNA, "roleIds": await roles(house, "Administrator")})
    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert refused["user"] is None
    assert (await api.data(PEOPLE, s="anna"))["users"]["totalCount"] == 0
    await inviter.done(INVITE, i={"email": ANNA})


async def test_nobody_gets_the_link_to_more_than_their_own(house: House, api: Client) -> None:
    """Invited anew by somebody with fewer rights, the link would make them an administrator."""
    await api.done(INVITE, i={"email": ANNA, "roleIds": await roles(house, "Administrator")})
    inviter = await somebody_who_invites(house, api)
    refused = await inviter.run(INVITE, i={"email": ANNA})
    assert refused["errors"][0]["code"] == "FORBIDDEN"
    assert refused["invitationUrl"] is None


async def test_who_may_invite_in_one_workspace_invites_there_alone(house: House, api: Client) -> None:
    saved = (
        """mutation($n: String!) { saveWorkspace(input: {name: $n}) { errors { code } workspace { id } } }"""
    )
    mine = (await api.done(saved, n="Mine"))["workspace"]["id"]
    other = (await api.done(saved, n="Other"))["workspace"]["id"]
    reader = await api.done(SAVE_ROLE, i={"name": "Reader", "permissions": ["asset:read"]})
    inviter = await somebody_who_invites(house, api, scopeId=mine)
    given = {"email": ANNA, "roleIds": [reader["role"]["id"]]}
    assert (await inviter.run(INVITE, i=given))["errors"][0]["code"] == "FORBIDDEN"
    elsewhere = await inviter.run(INVITE, i=given | {"workspaceId": other})
    assert first_error(elsewhere) == ("NOT_FOUND", ["workspaceId"])
    bare = await inviter.run(INVITE, i={"email": ANNA, "workspaceId": mine})
    assert first_error(bare) == ("REQUIRED", ["roleIds"])
    invited = await inviter.done(INVITE, i=given | {"workspaceId": mine})
    shown = await api.data(
        "query($a: ID) { grants(actorId: $a) { nodes { role { name } scope { id } } } }",
        a=invited["user"]["id"],
    )
    assert shown["grants"]["nodes"] == [{"role": {"name": "Reader"}, "scope": {"id": mine}}]


async def test_a_repeated_key_invites_once_and_shows_the_same_link(house: House, api: Client) -> None:
    given = {"email": ANNA, "idempotencyKey": "one"}
    first, second = await api.done(INVITE, i=given), await api.done(INVITE, i=given)
    assert (first["trackingId"], first["invitationUrl"]) == (second["trackingId"], second["invitationUrl"])


@pytest.mark.parametrize("name", ["A\r\nBcc: evil@example.com", "A\u2028B", "A\u202eB", "x" * 201])
async def test_a_name_that_is_no_line_is_refused(api: Client, name: str) -> None:
    assert first_error(await api.run(INVITE, i={"email": ANNA, "displayName": name})) == (
        "INVALID",
        ["displayName"],
    )


async def test_a_look_alike_of_an_account_is_refused(api: Client) -> None:
    await api.done(INVITE, i={"email": "coe@example.com"})
    for other in ("сое@example.com", "cöe@example.com", "COE@EXAMPLE.com "):
        refused = await api.run(INVITE, i={"email": other, "displayName": "C"})
        if other.isascii():
            assert refused["errors"] == []  # the same person, invited again
        else:
            assert first_error(refused) == ("ALREADY_EXISTS", ["email"])
    mixed = await api.run(INVITE, i={"email": "аnna@example.com"})
    assert first_error(mixed) == ("INVALID", ["email"])


async def test_who_may_not_invite_is_refused_before_anything_is_looked_at(house: House) -> None:
    reader = await person(house, "reader@example.com", "Analyst")
    refused = await reader.run(INVITE, i={"email": "no address"})
    assert (refused["errors"][0]["code"], refused["errors"][0]["permission"]) == ("FORBIDDEN", "user:create")
    assert code(await Client(house.url).ask(INVITE, i={"email": ANNA})) == "UNAUTHENTICATED"


async def test_a_mail_server_that_is_away_delays_the_mail(mailed: Mailed) -> None:
    await mailed.mailbox.end()
    steps = "subscription { eventRecorded { type data } }"
    async with mailed.api.follow(steps) as events:
        await mailed.api.done(INVITE, i={"email": ANNA})
        while True:
            told = (await anext(events))["data"]["eventRecorded"]
            if told["type"] == "JobChanged" and told["data"]["state"] == "RETRYING":
                break
    async with mailed.house.core.database.session() as session:
        [job] = (await session.scalars(select(Job).where(Job.kind == "SendInvitation"))).all()
    assert job.failure is not None
    assert job.failure["code"] == "MAIL_UNREACHABLE"
    await mailed.mailbox.begin()
    await mailed.clock.shift(minutes=1)
    token = token_in(await mailed.mailbox.next())
    await mailed.worker.drained()
    await Client(mailed.house.url).done(SET_BY_TOKEN, t=token, n=PASSWORD)


async def test_nobody_is_mailed_who_was_deleted_meanwhile(mailed: Mailed) -> None:
    await mailed.mailbox.end()
    invited = await mailed.api.done(INVITE, i={"email": ANNA})
    await mailed.api.done(UPDATE, i={"id": invited["user"]["id"], "state": "DELETED"})
    await mailed.mailbox.begin()
    await mailed.clock.shift(minutes=10)
    await mailed.worker.drained()
    assert mailed.mailbox.arrived.empty()
    async with mailed.house.core.database.session() as session:
        assert (await session.scalars(select(DeadLetter))).all() == []


async def test_an_invited_person_signs_in_with_no_password(house: House, api: Client) -> None:
    await api.done(INVITE, i={"email": ANNA})
    answer = await Client(house.url).ask(SIGN_IN, email=ANNA, password="")
    assert code(answer) == "UNAUTHENTICATED"
