"""Grants: a role given to somebody everywhere, on a workspace or on a source; never more than the giver holds
there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.commands import Tx, command
from datawave.kit.duties import NOW, Duty, duty
from datawave.kit.errors import ErrorCode, InputError, forbidden, not_found
from datawave.kit.ids import global_id
from domain.identity.events import GrantRevoked, RoleGranted
from domain.identity.roles import refuse_nobody_left, stand_in_line
from models.agents import EdgeAgent
from models.identity import Grant, Group, Role, ServiceAccount, User
from models.sources import DataSource
from models.workspaces import Workspace

ACTORS: dict[str, type[Any]] = {
    "user": User,
    "service": ServiceAccount,
    "agent": EdgeAgent,
    "group": Group,
}
SCOPES: dict[str, type[Any]] = {"workspace": Workspace, "source": DataSource}


@dataclass(frozen=True)
class Place:
    """Where a grant holds: everywhere without ids."""

    workspace_id: UUID | None = None
    source_id: UUID | None = None

    @property
    def everywhere(self) -> bool:
        return self.workspace_id is None and self.source_id is None


async def place_of(tx: Tx, word: str | None, key: UUID | None) -> Place:
    """A source's place is its workspace too, since what is held there is held on it."""
    if word is None or key is None:
        return Place()
    if word == "workspace":
        return Place(workspace_id=key)
    return Place(
        workspace_id=await tx.session.scalar(select(DataSource.workspace_id).where(DataSource.id == key)),
        source_id=key,
    )


@command(needs=Permission.ROLE_GRANT)
async def grant_role(
    tx: Tx,
    *,
    actor_word: str,
    actor_id: UUID,
    role_id: UUID,
    scope_word: str | None = None,
    scope_id: UUID | None = None,
    expires_at: datetime | None = None,
) -> Grant:
    """Gives a role; needs the permission in the scope, and all that the role holds."""
    if expires_at is not None and expires_at <= tx.now:
        raise InputError(
            ErrorCode.INVALID, "This time has passed.", path=["expiresAt"], expected="a time to come"
        )
    if scope_word is not None and scope_id is not None:
        await tx.get(SCOPES[scope_word], scope_id, path=["scopeId"], lock=False)
    await refuse_unknown_actor(tx, actor_word, actor_id)
    grant = await given(tx, None, actor_word, actor_id, role_id, scope_word, scope_id, expires_at)
    tx.undone_by(revoke_grant, grant_id=grant.id)
    return grant


@command(needs=Permission.ROLE_GRANT)
async def restore_grant(
    tx: Tx,
    *,
    grant_id: UUID,
    actor_word: str,
    actor_id: UUID,
    role_id: UUID,
    scope_word: str | None,
    scope_id: UUID | None,
    expires_at: datetime | None,
) -> Grant:
    """What was taken away again, under its own id."""
    grant = await given(tx, grant_id, actor_word, actor_id, role_id, scope_word, scope_id, expires_at)
    tx.undone_by(revoke_grant, grant_id=grant.id)
    return grant


async def refuse_unknown_actor(tx: Tx, word: str, key: UUID) -> None:
    """A group that is being deleted is waited for."""
    row = ACTORS[word]
    found = await tx.session.scalar(
        select(row.id).where(row.id == key).with_for_update(read=True, key_share=True)
    )
    if found is None:
        raise not_found(word, path=["actorId"])


async def give_everywhere(tx: Tx, actor_word: str, actor_id: UUID, role_ids: Sequence[UUID]) -> None:
    """Roles for a new account, on the whole platform."""
    for role_id in dict.fromkeys(role_ids):
        if not tx.viewer.rights.scope(Permission.ROLE_GRANT).everywhere:
            raise forbidden(Permission.ROLE_GRANT, path=["roleIds"])
        await given(tx, None, actor_word, actor_id, role_id, None, None, None)


async def give_in_workspace(
    tx: Tx, actor_word: str, actor_id: UUID, role_ids: Sequence[UUID], workspace_id: UUID
) -> None:
    """The same within one workspace."""
    for role_id in dict.fromkeys(role_ids):
        await given(tx, None, actor_word, actor_id, role_id, "workspace", workspace_id, None)


async def given(
    tx: Tx,
    grant_id: UUID | None,
    actor_word: str,
    actor_id: UUID,
    role_id: UUID,
    scope_word: str | None,
    scope_id: UUID | None,
    expires_at: datetime | None,
    *,
    needs: str = Permission.ROLE_GRANT,
) -> Grant:
    """Gives the role, within a command. The giver holds there what the role holds, and what the command
    needs."""
    role = await tx.session.get(Role, role_id)
    if role is None:
        raise not_found("role", path=["roleId"])
    place = await place_of(tx, scope_word, scope_id)
    refuse_beyond_own(tx, place, [needs, *role.permission_names])
    values: dict[str, Any] = {
        "actor_id": actor_id,
        "actor_word": actor_word,
        "role_id": role_id,
        "scope_word": scope_word,
        "scope_id": scope_id,
        "granted_by": tx.viewer.actor_id,
        "granted_by_word": tx.viewer.actor_word,
        "granted_at": tx.now,
        "expires_at": expires_at,
    }
    same = (
        Grant.actor_id == actor_id,
        Grant.role_id == role_id,
        Grant.scope_id.is_not_distinct_from(scope_id),
    )
    await tx.session.execute(delete(Grant).where(*same, Grant.expires_at <= tx.now))
    made = insert(Grant).values(**values if grant_id is None else values | {"id": grant_id})
    grant = (await tx.session.scalars(made.on_conflict_do_nothing().returning(Grant))).one_or_none()
    if grant is None:
        raise InputError(
            ErrorCode.ALREADY_EXISTS, f"They hold the role {role.name} there already.", path=["roleId"]
        )
    tx.touches(grant, made=True)
    tx.emit(
        RoleGranted(
            grant_id=grant.id,
            actor_id=actor_id,
            role_id=role_id,
            workspace_id=place.workspace_id,
            source_id=place.source_id,
            expires_at=expires_at,
        )
    )
    return grant


def refuse_beyond_own(
    tx: Tx, place: Place, permissions: Sequence[str], *, path: Sequence[str] = ("roleId",)
) -> None:
    """Nobody gives what they do not hold there themselves."""
    rights = tx.viewer.rights
    for name in permissions:
        held = (
            rights.scope(name).everywhere
            if place.everywhere
            else rights.on(name, workspace_id=place.workspace_id, source_id=place.source_id)
        )
        if not held:
            scope = next(
                (
                    global_id(word, key)
                    for word, key in (("source", place.source_id), ("workspace", place.workspace_id))
                    if key
                ),
                None,
            )
            raise forbidden(name, resource_id=scope, path=path)


@command(needs=Permission.ROLE_GRANT)
async def revoke_grant(tx: Tx, *, grant_id: UUID) -> Grant:
    """Takes a role away; it counts everywhere within a second."""
    await stand_in_line(tx)
    grant, place = await _grant_to_take(tx, grant_id)
    tx.removes(grant)
    tx.undone_by(
        restore_grant,
        grant_id=grant.id,
        actor_word=grant.actor_word,
        actor_id=grant.actor_id,
        role_id=grant.role_id,
        scope_word=grant.scope_word,
        scope_id=grant.scope_id,
        expires_at=grant.expires_at,
    )
    await tx.session.execute(
        delete(Grant).where(Grant.id == grant.id).execution_options(synchronize_session=False)
    )
    await refuse_nobody_left(tx)
    tx.emit(
        GrantRevoked(
            grant_id=grant.id,
            actor_id=grant.actor_id,
            role_id=grant.role_id,
            workspace_id=place.workspace_id,
            source_id=place.source_id,
        )
    )
    return grant


async def _grant_to_take(tx: Tx, grant_id: UUID) -> tuple[Grant, Place]:
    """The grant, if the viewer may give and take roles where it holds."""
    grant = await tx.session.get(Grant, grant_id, with_for_update=True)
    if grant is None:
        raise not_found("grant")
    place = await place_of(tx, grant.scope_word, grant.scope_id)
    rights = tx.viewer.rights
    held = rights.on(Permission.ROLE_GRANT, workspace_id=place.workspace_id, source_id=place.source_id)
    if not held:
        seen = await tx.session.scalar(
            select(Grant.id).where(Grant.id == grant_id, visible(Grant, tx.viewer))
        )
        if seen is None:
            raise not_found("grant")
        raise forbidden(Permission.ROLE_GRANT, resource_id=global_id("grant", grant_id), path=["id"])
    return grant, place


@duty(every=2.0, when=select(Grant.id).where(Grant.expires_at <= NOW))
async def end_expired_grants(standing: Duty) -> None:
    """A grant that has run out is taken away, so that open streams hear of it and history knows until when it
    held."""
    gone = await standing.session.scalars(
        delete(Grant).where(Grant.expires_at <= standing.now).returning(Grant)
    )
    for grant in gone.all():
        await standing.emit(
            GrantRevoked(
                grant_id=grant.id,
                actor_id=grant.actor_id,
                role_id=grant.role_id,
                workspace_id=grant.scope_id if grant.scope_word == "workspace" else None,
                source_id=grant.scope_id if grant.scope_word == "source" else None,
                expired=True,
            )
        )
