"""Commands taken back and done again, under their own permission, on things that are as they were left."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from datawave.kit import tables
from datawave.kit.errors import ConflictError, ErrorCode, UserError
from datawave.kit.ids import new_id
from domain import identity, undo
from domain.workspaces import save_workspace
from models.identity import Grant, Role
from models.workspaces import Workspace
from tests.domain.conftest import Platform


async def refused(awaited: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        await awaited
    return caught.value


async def name_of(platform: Platform, workspace_id: UUID) -> tuple[str, int]:
    async with platform.database.session() as session:
        row = (await session.scalars(select(Workspace).where(Workspace.id == workspace_id))).one()
        return row.name, row.version


async def renamed(platform: Platform) -> tuple[UUID, UUID]:
    made = await platform.run(save_workspace, name="Before")
    done = await platform.done(save_workspace, workspace_id=made.id, version=1, name="After")
    return made.id, done.tracking_id


async def test_a_command_is_taken_back_and_done_again_as_often_as_one_likes(platform: Platform) -> None:
    workspace_id, command_id = await renamed(platform)
    for _ in range(3):
        await platform.run(undo.undo_command, command_id=command_id)
        assert (await name_of(platform, workspace_id))[0] == "Before"
        await platform.run(undo.redo_command, command_id=command_id, reason="it was right")
        assert (await name_of(platform, workspace_id))[0] == "After"
    assert (await name_of(platform, workspace_id))[1] == 8


async def test_what_was_taken_back_or_not_is_said(platform: Platform) -> None:
    _, command_id = await renamed(platform)
    not_yet = await refused(platform.run(undo.redo_command, command_id=command_id))
    done = await platform.done(undo.undo_command, command_id=command_id)
    twice = await refused(platform.run(undo.undo_command, command_id=command_id))
    assert (not_yet.code, twice.code) == (ErrorCode.WRONG_STATE, ErrorCode.WRONG_STATE)
    of_undo = await refused(platform.run(undo.undo_command, command_id=done.tracking_id))
    assert of_undo.code is ErrorCode.NOT_REVERSIBLE
    async with platform.database.session() as session:
        rows = {row.id: row for row in await session.scalars(select(tables.Command))}
    assert rows[command_id].undone_by == done.tracking_id
    assert rows[done.tracking_id].undoes == command_id


async def test_a_thing_changed_since_is_not_taken_back(platform: Platform) -> None:
    workspace_id, command_id = await renamed(platform)
    await platform.run(save_workspace, workspace_id=workspace_id, version=2, name="Later")
    error = await refused(platform.run(undo.undo_command, command_id=command_id))
    assert isinstance(error, ConflictError)
    assert (error.code, error.current_version) == (ErrorCode.STALE_VERSION, 3)
    assert error.current == ("workspace", workspace_id)
    assert (await name_of(platform, workspace_id))[0] == "Later"


async def test_undo_needs_the_permission_of_the_command_on_the_thing(platform: Platform) -> None:
    workspace_id, command_id = await renamed(platform)
    other = await platform.run(save_workspace, name="Other")
    reads_all = ("command:undo", "event:read")
    for email, permissions in (("a@x.io", reads_all), ("b@x.io", ("event:read", "workspace:manage"))):
        viewer = await platform.holder(email, *permissions)
        assert (await refused(platform.run(undo.undo_command, viewer, command_id=command_id))).code is (
            ErrorCode.FORBIDDEN
        )
    elsewhere = await platform.holder("c@x.io", *reads_all)
    held = await platform.run(identity.save_role, name="Managers", permissions=["workspace:manage"])
    await platform.run(
        identity.grant_role,
        actor_word="user",
        actor_id=elsewhere.actor_id,
        role_id=held.id,
        scope_word="workspace",
        scope_id=other.id,
    )
    assert elsewhere.actor_id is not None
    elsewhere = await platform.viewer(elsewhere.actor_id)
    error = await refused(platform.run(undo.undo_command, elsewhere, command_id=command_id))
    assert error.code in (ErrorCode.FORBIDDEN, ErrorCode.STALE_VERSION)
    assert (await name_of(platform, workspace_id))[0] == "After"
    unseen = await platform.holder("d@x.io", "command:undo", "workspace:manage")
    assert (await refused(platform.run(undo.undo_command, unseen, command_id=command_id))).code is (
        ErrorCode.NOT_FOUND
    )


async def test_ones_own_command_is_seen_without_reading_the_log(platform: Platform) -> None:
    viewer = await platform.holder("own@x.io", "command:undo", "workspace:manage", "workspace:read")
    made = await platform.run(save_workspace, viewer, name="Mine")
    done = await platform.done(save_workspace, viewer, workspace_id=made.id, version=1, name="Changed")
    await platform.run(undo.undo_command, viewer, command_id=done.tracking_id)
    assert (await name_of(platform, made.id))[0] == "Mine"


async def test_what_shows_a_secret_and_what_is_unknown_is_not_taken_back(platform: Platform) -> None:
    roles = [(await platform.role("Analyst")).id]
    made = await platform.done(identity.create_service_account, display_name="Partner", role_ids=roles)
    error = await refused(platform.run(undo.undo_command, command_id=made.tracking_id))
    assert error.code is ErrorCode.NOT_REVERSIBLE
    assert (await refused(platform.run(undo.undo_command, command_id=new_id()))).code is ErrorCode.NOT_FOUND


async def test_a_grant_comes_back_as_itself(platform: Platform) -> None:
    user, role = await platform.person("x@example.com"), await platform.role("Analyst")
    given_ = await platform.done(
        identity.grant_role, actor_word="user", actor_id=user.id, role_id=role.id, expires_at=None
    )
    await platform.run(undo.undo_command, command_id=given_.tracking_id)
    assert not (await platform.viewer(user.id)).rights.held
    await platform.run(undo.redo_command, command_id=given_.tracking_id)
    async with platform.database.session() as session:
        assert (await session.scalars(select(Grant.id).where(Grant.actor_id == user.id))).all() == [
            given_.value.id
        ]
    taken = await platform.done(identity.revoke_grant, grant_id=given_.value.id)
    await platform.run(undo.undo_command, command_id=taken.tracking_id)
    assert (await platform.viewer(user.id)).rights.held
    await platform.run(identity.revoke_grant, grant_id=given_.value.id)
    gone = await refused(platform.run(undo.undo_command, command_id=given_.tracking_id))
    assert gone.code is ErrorCode.STALE_VERSION


async def test_a_new_role_is_taken_back_while_nobody_holds_it(platform: Platform) -> None:
    made = await platform.done(identity.save_role, name="Readers", permissions=["asset:read"])
    await platform.run(undo.undo_command, command_id=made.tracking_id)
    async with platform.database.session() as session:
        assert await session.get(Role, made.value.id) is None
    await platform.run(undo.redo_command, command_id=made.tracking_id)
    await platform.run(
        identity.grant_role, actor_word="user", actor_id=platform.admin.actor_id, role_id=made.value.id
    )
    held = await refused(platform.run(undo.undo_command, command_id=made.tracking_id))
    assert held.code is ErrorCode.WRONG_STATE


async def test_undo_keeps_the_rule_that_nobody_gives_more_than_they_hold(platform: Platform) -> None:
    user, role = await platform.person("x@example.com"), await platform.role("Administrator")
    given_ = await platform.done(identity.grant_role, actor_word="user", actor_id=user.id, role_id=role.id)
    taken = await platform.done(identity.revoke_grant, grant_id=given_.value.id)
    less = await platform.holder("less@example.com", "command:undo", "event:read", "role:grant")
    error = await refused(platform.run(undo.undo_command, less, command_id=taken.tracking_id))
    assert error.code is ErrorCode.FORBIDDEN


@given(
    st.uuids(),
    st.datetimes(timezones=st.just(UTC)),
    st.none() | st.uuids(),
)
def test_kept_arguments_come_back_in_their_types(key: UUID, at: Any, scope: UUID | None) -> None:
    kept = {
        "grant_id": key.hex,
        "actor_word": "user",
        "actor_id": str(key),
        "role_id": key.hex,
        "scope_word": "source" if scope else None,
        "scope_id": scope.hex if scope else None,
        "expires_at": at.isoformat(),
    }
    found = undo.arguments_of(identity.restore_grant, kept)
    assert (found["grant_id"], found["actor_id"], found["scope_id"]) == (key, key, scope)
    assert found["expires_at"].timestamp() == pytest.approx(at.timestamp(), abs=1e-5)
