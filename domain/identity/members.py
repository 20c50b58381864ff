"""Members of workspaces: whoever holds a role on the workspace itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from domain.identity.events import GrantRevoked
from domain.identity.grants import Place, given, refuse_beyond_own, refuse_unknown_actor
from models.identity import Grant, Role
from models.workspaces import Workspace

HeldRole = tuple[UUID, datetime | None]


@command(needs=Permission.WORKSPACE_MANAGE)
async def set_workspace_member(
    tx: Tx, *, workspace_id: UUID, actor_word: str, actor_id: UUID, role_id: UUID | None = None
) -> Workspace:
    """Gives them this role in the workspace in place of all others, or none: then they are no member. Nobody
    gives or takes what they do not hold there themselves."""
    workspace = await tx.get(Workspace, workspace_id, path=["workspaceId"])
    await refuse_unknown_actor(tx, actor_word, actor_id)
    roles: list[HeldRole] = [(role_id, None)] if role_id else []
    await _put(tx, workspace, (actor_word, actor_id), roles)
    return workspace


@command(needs=Permission.WORKSPACE_MANAGE)
async def restore_workspace_member(
    tx: Tx, *, workspace_id: UUID, actor_word: str, actor_id: UUID, roles: Sequence[HeldRole]
) -> Workspace:
    """What they held in the workspace before."""
    workspace = await tx.get(Workspace, workspace_id, path=["workspaceId"])
    await _put(tx, workspace, (actor_word, actor_id), roles)
    return workspace


async def _put(tx: Tx, workspace: Workspace, actor: tuple[str, UUID], roles: Sequence[HeldRole]) -> None:
    place, wanted = Place(workspace_id=workspace.id), set(roles)
    held = await tx.session.execute(
        select(Grant, Role.permission_names)
        .join(Role, Role.id == Grant.role_id)
        .where(Grant.actor_id == actor[1], Grant.scope_id == workspace.id)
        .with_for_update(of=Grant)
    )
    before: list[HeldRole] = []
    for grant, permissions in held.all():
        role = (grant.role_id, grant.expires_at)
        before.append(role)
        if role in wanted:
            wanted.remove(role)
            continue
        refuse_beyond_own(tx, place, permissions, path=["actorId"])
        await _taken(tx, grant, workspace)
    for role_id, until in roles:
        if (role_id, until) in wanted and (until is None or until > tx.now):
            await given(
                tx, None, *actor, role_id, "workspace", workspace.id, until, needs=Permission.WORKSPACE_MANAGE
            )
    tx.undone_by(
        restore_workspace_member,
        workspace_id=workspace.id,
        actor_word=actor[0],
        actor_id=actor[1],
        roles=before,
    )


async def _taken(tx: Tx, grant: Grant, workspace: Workspace) -> None:
    gone = delete(Grant).where(Grant.id == grant.id)
    await tx.session.execute(gone.execution_options(synchronize_session=False))
    tx.emit(
        GrantRevoked(
            grant_id=grant.id,
            actor_id=grant.actor_id,
            role_id=grant.role_id,
            workspace_id=workspace.id,
            source_id=None,
        )
    )
