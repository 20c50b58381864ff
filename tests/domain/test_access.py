"""Rights: from roles and grants, never more than the giver's, in force at once, and kept for the last
administrator."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.access import limited, rights_made
from auth.permissions import BUILT_IN_ROLES, MEANING, Permission
from datawave.kit.access import SYSTEM, Reach
from datawave.kit.database import Db
from datawave.kit.errors import ConflictError, ErrorCode, UserError
from datawave.kit.ids import global_id, new_id
from domain import identity
from domain.workspaces import save_workspace
from models.identity import Grant
from models.sources import DataSource
from tests.domain.conftest import Platform


async def refused(awaited: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        await awaited
    return caught.value


async def given_to(platform: Platform, user_id: UUID, role: str, by: Any = SYSTEM, **more: Any) -> Grant:
    found = await platform.role(role)
    return await platform.run(
        identity.grant_role, by, actor_word="user", actor_id=user_id, role_id=found.id, **more
    )


async def source_in(platform: Platform, workspace_id: UUID, key: str) -> UUID:
    async with platform.database.session() as session:
        row = DataSource(workspace_id=workspace_id, key=key, name=key, kind="sqlite", config={})
        session.add(row)
        await session.flush()
        await session.commit()
        return row.id


def test_every_permission_says_what_it_means() -> None:
    assert set(MEANING) == set(Permission)
    assert all(permissions <= set(Permission) for _, permissions in BUILT_IN_ROLES.values())


SCOPES = st.sampled_from(
    [None, ("workspace", UUID(int=1)), ("workspace", UUID(int=2)), ("source", UUID(int=3))]
)
NAMES = st.lists(st.sampled_from(["a:read", "a:edit", "b:read"]), max_size=3)


@given(st.lists(st.tuples(NAMES, SCOPES), max_size=6), st.lists(st.sampled_from(["a:read", "b:read"])))
def test_rights_are_the_sum_of_the_grants_in_whatever_order(
    granted: list[tuple[list[str], tuple[str, UUID] | None]], scopes: list[str]
) -> None:
    flat = [(names, scope[0] if scope else None, scope[1] if scope else None) for names, scope in granted]
    rights, backwards = rights_made(flat), rights_made(list(reversed(flat)))
    assert rights.digest == backwards.digest
    for name in ("a:read", "a:edit", "b:read", "never:held"):
        places = [scope for names, scope in granted if name in names]
        assert rights.scope(name).everywhere is (None in places)
        assert rights.anywhere(name) is bool(places)
        assert rights.on(name, source_id=UUID(int=3)) is (None in places or ("source", UUID(int=3)) in places)
    less = limited(rights, scopes)
    assert set(less.held) == set(rights.held) & set(scopes)


async def test_a_grant_counts_where_it_holds(platform: Platform) -> None:
    one = await platform.run(save_workspace, name="One")
    two = await platform.run(save_workspace, name="Two")
    inside, outside = (
        await source_in(platform, one.id, "inside"),
        await source_in(platform, two.id, "outside"),
    )
    user = await platform.person("analyst@example.com")
    await given_to(platform, user.id, "Analyst", scope_word="workspace", scope_id=one.id)
    viewer = await platform.viewer(user.id)
    assert viewer.rights.scope("asset:read").reach is Reach.SOMEWHERE
    found = await identity.permissions_on(
        Db(platform.database, viewer), [global_id("source", inside), global_id("source", outside), "nonsense"]
    )
    assert "datasource:read" in found[global_id("source", inside)]
    assert global_id("source", outside) not in found


async def test_why_something_is_allowed_or_who_could_allow_it(platform: Platform) -> None:
    one = await platform.run(save_workspace, name="One")
    inside = await source_in(platform, one.id, "inside")
    user = await platform.person("analyst@example.com")
    grant = await given_to(platform, user.id, "Analyst", scope_word="workspace", scope_id=one.id)
    viewer = await platform.viewer(user.id)
    db = Db(platform.database, viewer)
    yes = await identity.decide(db, permission="datasource:read", actor=viewer, on=("source", inside))
    assert (yes.allowed, [each.id for each in yes.because], yes.missing) == (True, [grant.id], None)
    no = await identity.decide(db, permission="datasource:update", actor=viewer, on=("source", inside))
    assert (no.allowed, no.missing) == (False, "datasource:update")
    assert {"Administrator", "Data steward"} <= {role.name for role in no.held_by}
    everywhere = await identity.decide(db, permission="datasource:read", actor=viewer)
    assert not everywhere.allowed
    unknown = await refused(identity.decide(db, permission="no:such", actor=viewer))
    assert (unknown.code, unknown.path) == (ErrorCode.INVALID, ["permission"])
    unseen = await refused(
        identity.decide(db, permission="asset:read", actor=viewer, on=("source", new_id()))
    )
    assert unseen.code is ErrorCode.NOT_FOUND


async def test_nobody_gives_what_they_do_not_hold_there(platform: Platform) -> None:
    one = await platform.run(save_workspace, name="One")
    two = await platform.run(save_workspace, name="Two")
    user = await platform.person("new@example.com")
    analyst = BUILT_IN_ROLES["Analyst"][1]
    giver = await platform.holder("giver@example.com", "role:grant", *analyst, scope=("workspace", one.id))
    scope = {"scope_word": "workspace", "scope_id": one.id}
    more = await refused(given_to(platform, user.id, "Data steward", giver, **scope))
    assert (more.code, more.path) == (ErrorCode.FORBIDDEN, ["roleId"])
    elsewhere = await refused(
        given_to(platform, user.id, "Analyst", giver, scope_word="workspace", scope_id=two.id)
    )
    assert elsewhere.code is ErrorCode.NOT_FOUND
    everywhere = await refused(given_to(platform, user.id, "Analyst", giver))
    assert everywhere.code is ErrorCode.FORBIDDEN
    grant = await given_to(platform, user.id, "Analyst", giver, **scope)
    assert grant.granted_by == giver.actor_id
    again = await refused(given_to(platform, user.id, "Analyst", giver, **scope))
    assert again.code is ErrorCode.ALREADY_EXISTS


async def test_nobody_puts_into_a_role_what_they_do_not_hold(platform: Platform) -> None:
    maker = await platform.holder("maker@example.com", "role:manage", "asset:read")
    await platform.run(identity.save_role, maker, name="Readers", permissions=["asset:read"])
    error = await refused(platform.run(identity.save_role, maker, name="More", permissions=["vault:manage"]))
    assert (error.code, error.extensions["permission"]) == (ErrorCode.FORBIDDEN, "vault:manage")


@pytest.mark.parametrize(
    ("permissions", "path"),
    [(["no:such"], ["permissions", "0"]), (["asset:read", "agent:act"], ["permissions"])],
)
async def test_a_role_holds_known_permissions(
    platform: Platform, permissions: list[str], path: list[str]
) -> None:
    error = await refused(platform.run(identity.save_role, name="Odd", permissions=permissions))
    assert (error.code, error.path) == (ErrorCode.INVALID, path)


async def test_built_in_roles_stay_as_they_are(platform: Platform) -> None:
    role = await platform.role("Analyst")
    error = await refused(
        platform.run(identity.save_role, role_id=role.id, version=role.version, name="X", permissions=[])
    )
    assert isinstance(error, ConflictError)
    assert error.code is ErrorCode.WRONG_STATE


async def test_the_last_administrator_stays_one(platform: Platform) -> None:
    async with platform.database.session() as session:
        from sqlalchemy import select

        mine = (await session.scalars(select(Grant).where(Grant.actor_id == platform.admin.actor_id))).one()
    error = await refused(platform.run(identity.revoke_grant, grant_id=mine.id))
    assert error.code is ErrorCode.WRONG_STATE
    other = await platform.person("second@example.com", roles=["Administrator"])
    theirs = (await platform.viewer(other.id)).actor_id
    assert theirs is not None
    await platform.run(identity.revoke_grant, grant_id=mine.id)


async def test_two_administrators_cannot_remove_each_other_at_once(platform: Platform) -> None:
    from sqlalchemy import select

    second = await platform.person("second@example.com", roles=["Administrator"])
    async with platform.database.session() as session:
        grants = {each.actor_id: each.id for each in await session.scalars(select(Grant))}
    viewer = await platform.viewer(second.id)
    assert platform.admin.actor_id is not None
    done = await asyncio.gather(
        platform.run(identity.revoke_grant, platform.admin, grant_id=grants[second.id]),
        platform.run(identity.revoke_grant, viewer, grant_id=grants[platform.admin.actor_id]),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in done) == ["ConflictError", "Grant"]


async def test_taken_rights_are_gone_for_an_open_socket(platform: Platform) -> None:
    user = await platform.person("reader@example.com")
    first, second = await given_to(platform, user.id, "Analyst"), await given_to(platform, user.id, "Auditor")
    entered = await platform.enter(await platform.sign_in(user.email))
    assert entered.viewer.rights.anywhere("audit:read")
    changed = entered.changed
    await platform.run(identity.revoke_grant, grant_id=second.id)
    platform.gate.heard({"look": True})
    async with asyncio.timeout(5):
        await changed.wait()
    assert not entered.viewer.rights.anywhere("audit:read")
    assert not entered.ended
    await platform.run(identity.revoke_grant, grant_id=first.id)
    await platform.place()
    await platform.gate.look()
    assert entered.ended


async def test_a_grant_ends_by_itself(platform: Platform) -> None:
    from datetime import UTC, datetime, timedelta

    user = await platform.person("guest@example.com")
    until = datetime.now(UTC) + timedelta(hours=1)
    await given_to(platform, user.id, "Analyst", expires_at=until)
    past = await refused(
        given_to(platform, user.id, "Auditor", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    )
    assert past.path == ["expiresAt"]
    assert (await platform.viewer(user.id)).rights.held
    await platform.advance(hours=2)
    assert not (await platform.viewer(user.id)).rights.held
    await platform.duty("end_expired_grants")
    [event] = await platform.events("GrantRevoked")
    assert event.data is not None
    assert (event.data["expired"], event.data["actor_id"]) == (True, str(user.id))


async def test_a_role_that_changes_counts_for_whoever_holds_it(platform: Platform) -> None:
    role = await platform.run(identity.save_role, name="Readers", permissions=["asset:read"])
    user = await platform.person("reader@example.com")
    await platform.run(identity.grant_role, actor_word="user", actor_id=user.id, role_id=role.id)
    entered = await platform.enter(await platform.sign_in(user.email))
    await platform.run(
        identity.save_role,
        role_id=role.id,
        version=role.version,
        name="Readers",
        permissions=["lineage:read"],
    )
    await platform.gate.actors.refresh()
    assert set(entered.viewer.rights.held) == {"lineage:read"}


async def test_a_client_secret_is_shown_once_and_for_a_repetition(platform: Platform) -> None:
    arguments: dict[str, Any] = {"display_name": "Partner", "role_ids": []}
    made = await platform.commands.run(
        identity.create_service_account, platform.admin, arguments, idempotency_key="k"
    )
    again = await platform.commands.run(
        identity.create_service_account, platform.admin, arguments, idempotency_key="k"
    )
    assert again.repeated
    assert again.value.client_secret.value == made.value.client_secret.value
    await platform.advance(minutes=11)
    late = await platform.commands.run(
        identity.create_service_account, platform.admin, arguments, idempotency_key="k"
    )
    assert late.value.client_secret.value is None
