"""What ends with a login service, with an identity, with a person; and whom a service cannot bring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import func, select, text

from datawave.kit.access import SYSTEM
from datawave.kit.ids import key_of
from datawave.kit.secrets import Secret
from datawave.kit.tables import AuditEntry, Command
from datawave.kit.tables import Event as EventRow
from domain import identity
from models.identity import (
    ApiKey,
    AuthSession,
    ExternalIdentity,
    GroupMember,
    MfaFactor,
    PasswordToken,
    RecoveryCode,
    RememberedDevice,
    SignInChallenge,
    User,
)
from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.clock import SHIFT, HouseClock
from tests.identity.programs import key, role_ids
from tests.identity.providers import DELETE, MINE, UNDO, UNLINK, WHO, code, group, members
from tests.identity.signing_in import ENROLL, PASSWORD, SIGN_IN, protected
from tests.identity.there import There

OWN = "subscription($after: Cursor) { accessChanged(after: $after) { __typename } }"
GRANT = "mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { code message } grant { id } } }"
UPDATE = """mutation($i: UpdateUserInput!) { updateUser(input: $i) { errors { code message }
  user { state } } }"""
ENDED = "SELECT data ->> 'reason' FROM event WHERE type = 'SessionsEnded' ORDER BY id"


async def reasons(there: There) -> list[str]:
    async with there.house.core.database.connection() as connection:
        return list((await connection.execute(text(ENDED))).scalars())


@asynccontextmanager
async def put_out(client: Client) -> AsyncGenerator[None]:
    """An open stream of theirs ends by what the block does, and they are signed in no more."""
    async with client.follow(OWN, after=(await client.data("{ cursor }"))["cursor"]) as events:
        waiting = asyncio.ensure_future(anext(events))
        yield
        async with asyncio.timeout(5):
            with pytest.raises((AssertionError, StopAsyncIteration)):
                await waiting
    assert code(await client.ask(WHO)) == "UNAUTHENTICATED"


async def test_whoever_came_by_a_service_is_out_when_it_is_switched_off(there: There) -> None:
    ada = await there.client("ada")
    async with put_out(ada):
        await there.now(enabled=False)
    assert await reasons(there) == ["login service disabled"]
    await there.now(enabled=True)
    assert code(await ada.ask(WHO)) == "UNAUTHENTICATED", "a session that has ended stays so"
    again = await there.client("ada")
    await there.now(name="Keycloak of ours")
    assert (await again.data(WHO))["viewer"]["user"]["email"] == "ada@example.com"
    assert (await there.api.data(WHO))["viewer"] is not None


async def test_whoever_came_by_a_service_is_out_when_it_is_deleted_or_never_was(there: There) -> None:
    ada = await there.client("ada")
    async with put_out(ada):
        deleted = await there.api.done(DELETE, id=there.provider["id"])
    assert await reasons(there) == ["login service deleted"]
    assert (await there.api.data(WHO))["viewer"] is not None
    await there.api.done(UNDO, id=deleted["trackingId"])
    assert code(await ada.ask(WHO)) == "UNAUTHENTICATED"
    assert (await (await there.client("ada")).data(WHO))["viewer"] is not None


async def with_password(there: There, email: str) -> Client:
    """They have a password beside what they come by."""
    hashed = await there.house.served.gate.passwords.hash(Secret(PASSWORD))
    async with there.house.core.database.connection() as connection:
        await connection.execute(
            text("UPDATE person SET password_hash = :h WHERE email = :e"), {"h": hashed.reveal(), "e": email}
        )
    signed = await Client(there.house.url).done(
        SIGN_IN, i={"password": {"email": email, "password": PASSWORD}}
    )
    return Client(there.house.url, signed["tokens"]["accessToken"])


async def test_unlinking_an_identity_ends_what_was_begun_by_it(there: There) -> None:
    ada = await there.client("ada")
    by_password = await with_password(there, "ada@example.com")
    [known] = (await by_password.data(MINE))["viewer"]["user"]["identities"]
    async with put_out(ada):
        await by_password.done(UNLINK, id=known["id"])
    assert await reasons(there) == ["identity unlinked"]
    assert (await by_password.data(WHO))["viewer"]["session"]["method"] == "PASSWORD"


async def test_an_invitation_is_taken_up_once_and_everybody_hears_of_it(there: There) -> None:
    await there.now(linksByEmail=True)
    made = await there.house.core.commands.run(identity.add_user, SYSTEM, {"email": "ada@example.com"})
    async with there.house.core.database.connection() as connection:
        await connection.execute(
            text(
                "INSERT INTO password_token (token_hash, user_id, kind, expires_at)"
                " VALUES ('x', :u, 'INVITATION', datawave_now() + interval '7 days')"
            ),
            {"u": made.value.id},
        )
    ada = await there.client("ada")
    assert (await ada.data(WHO))["viewer"]["user"]["state"] == "ACTIVE"
    async with there.house.core.database.session() as session:
        told = await session.scalars(select(EventRow.data).where(EventRow.type == "UserStateChanged"))
        assert [(each["before"], each["after"]) for each in told if each] == [("INVITED", "ACTIVE")]
        [used] = (await session.scalars(select(PasswordToken.used_at))).all()
        assert used is not None, "its link lets nobody in any more"


async def test_a_service_is_never_the_only_one_that_says_who_is_administrator(there: There) -> None:
    """What it has said it may take back at the next sign-in, and then nobody is asked."""
    admins = await group(there.house, "Admins")
    [administrator] = await role_ids(there.house, "Administrator")
    await there.api.done(GRANT, i={"actorId": admins, "roleId": administrator})
    await there.now(groupMappings=[{"value": "stewards", "groupId": admins}])
    ada = await there.client("ada")
    assert "role:grant" in (await ada.data(WHO))["viewer"]["permissions"]
    first = (await there.api.data(WHO))["viewer"]["user"]["id"]
    for state in ("SUSPENDED", "DELETED"):
        refused = await ada.run(UPDATE, i={"id": first, "state": state})
        assert [each["code"] for each in refused["errors"]] == ["WRONG_STATE"]
        assert "administrator" in refused["errors"][0]["message"]
    await there.service.now_knows(ada={"email": "ada@example.com", "email_verified": True, "groups": []})
    again = await there.client("ada")
    assert await members(there.house) == set()
    assert (await again.data(WHO))["viewer"]["permissions"] == []
    assert "role:grant" in (await there.api.data(WHO))["viewer"]["permissions"]


async def test_who_has_no_password_sets_up_a_factor_soon_after_signing_in(there: There) -> None:
    ada = await there.client("ada")
    assert (await ada.done(ENROLL, i={}))["provisioningUri"]
    async with there.house.core.database.connection() as connection:
        await connection.exec_driver_sql(SHIFT, (901.0,))
        # The token has run out by then; its session has not.
        await connection.execute(text("UPDATE auth_session SET started_at = started_at - interval '1 day'"))
        await connection.exec_driver_sql(SHIFT, (-901.0,))
    late = await ada.run(ENROLL, i={})
    assert late["errors"] == [{"code": "WRONG_STATE", "path": ["input"]}]
    guessed = await ada.run(ENROLL, i={"password": "a guess of mine"})
    assert guessed["errors"] == [{"code": "INVALID", "path": ["password"]}]


async def test_all_that_lets_somebody_in_goes_with_them(there: There) -> None:
    """Somebody of every way in: nothing of it is left, and nothing of what it says of them."""
    house = there.house
    core = house.core
    stewards = await group(house, "Stewards")
    await there.now(
        groupMappings=[{"value": "stewards", "groupId": stewards}],
        linksByEmail=True,
        defaultRoleIds=await role_ids(house, "Analyst"),
    )
    ada = await protected(house, HouseClock(core.database, core.commands), "ada@example.com")
    await there.client("ada")
    [role] = await role_ids(house, "Data engineer")
    await there.api.done(GRANT, i={"actorId": ada.id, "roleId": role})
    await ada.client.done(ENROLL, i={"name": "Ada's other phone", "password": PASSWORD})
    await there.api.done(GRANT, i={"actorId": ada.id, "roleId": (await role_ids(house, "Administrator"))[0]})
    made = await key(ada.client, "Ada's laptop", permissions=["asset:read"])
    asked = (await ada.signs_in())["data"]["signIn"]["challenge"]
    shown = {"challenge": asked, "totp": await ada.app.code(), "rememberDevice": True}
    assert (await Client(house.url).done(SIGN_IN, i={"secondFactor": shown}))["deviceToken"]
    await ada.signs_in()
    with_key = Client(house.url, made["value"])
    assert (await with_key.data("{ assets { totalCount } }"))["assets"]["totalCount"] == 0
    before = await counted(house, key_of("user", ada.id))
    assert all(before.values()), before
    async with put_out(ada.client):
        gone = await there.api.done(UPDATE, i={"id": ada.id, "state": "DELETED"})
    assert gone["user"]["state"] == "DELETED"
    assert not any((await counted(house, key_of("user", ada.id))).values())
    assert code(await with_key.ask("{ assets { totalCount } }")) == "UNAUTHENTICATED"
    await HouseClock(core.database, core.commands).do("seal_audit")
    async with core.database.session() as session:
        for row in (User, AuthSession, ApiKey, AuditEntry, Command, EventRow):
            for each in await session.scalars(select(row)):
                kept = str({column.key: getattr(each, column.key) for column in row.__table__.c}).lower()
                assert "ada@" not in kept, kept
                assert "ada's" not in kept, kept
                assert "lovelace" not in kept, kept
    fresh = await there.client("ada")
    assert (await fresh.data(WHO))["viewer"]["user"]["id"] != ada.id


async def counted(house: House, person: Any) -> dict[str, int]:
    """How many rows of each kind would let this person in, or hold what does."""
    kinds: dict[str, Any] = {
        "factors": select(func.count()).where(MfaFactor.user_id == person),
        "codes": select(func.count()).select_from(RecoveryCode).where(RecoveryCode.used_at.is_(None)),
        "secrets": text("SELECT count(*) FROM vault_entry WHERE reference LIKE 'factor:%'"),
        "devices": select(func.count()).where(RememberedDevice.user_id == person),
        "challenges": select(func.count()).where(SignInChallenge.user_id == person),
        "identities": select(func.count()).where(ExternalIdentity.user_id == person),
        "memberships": select(func.count()).where(GroupMember.member_id == person),
        "keys": select(func.count()).where(ApiKey.actor_id == person, ApiKey.revoked_at.is_(None)),
        "sessions": select(func.count()).where(
            AuthSession.actor_id == person, AuthSession.ended_at.is_(None)
        ),
    }
    async with house.core.database.session() as session:
        return {name: await session.scalar(query) or 0 for name, query in kinds.items()}
