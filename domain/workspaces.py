"""Workspaces: made, renamed, described, put away."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden
from datawave.kit.events import Event
from models.sources import DataSource, SourceState
from models.workspaces import Workspace

UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""Make a name read otherwise than it is written."""

MAIN = "Main"
"""The workspace of every installation; an input without a workspace means it."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceSaved(Event):
    """A workspace was made or changed."""

    topics = ("workspace:{workspace_id}", "workspaces")
    subject = ("workspace", "workspace_id")
    workspace_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class WorkspaceArchived(Event):
    """A workspace was put away."""

    topics = ("workspace:{workspace_id}", "workspaces")
    subject = ("workspace", "workspace_id")
    workspace_id: UUID
    name: str


@command(needs=Permission.WORKSPACE_MANAGE)
async def save_workspace(
    tx: Tx,
    *,
    name: str,
    description: str | None = None,
    workspace_id: UUID | None = None,
    version: int | None = None,
) -> Workspace:
    """Makes a workspace (with the permission everywhere), or changes one."""
    name = checked_name(name)
    await refuse_taken_name(tx, name, workspace_id)
    if workspace_id is None:
        if not tx.viewer.rights.scope(Permission.WORKSPACE_MANAGE).everywhere:
            raise forbidden(Permission.WORKSPACE_MANAGE)
        workspace = await tx.add(Workspace(name=name, description=description))
    else:
        workspace = await tx.get(Workspace, workspace_id, version=version)
        tx.undone_by(
            save_workspace, workspace_id=workspace.id, name=workspace.name, description=workspace.description
        )
        workspace.name = name
        workspace.description = description
    tx.emit(WorkspaceSaved(workspace_id=workspace.id, name=name))
    return workspace


@command(needs=Permission.WORKSPACE_MANAGE)
async def archive_workspace(tx: Tx, *, workspace_id: UUID, version: int | None = None) -> Workspace:
    """Puts away a workspace in which no source lives any more. Its members keep their roles in it."""
    workspace = await tx.get(Workspace, workspace_id, version=version)
    if workspace.archived_at is not None:
        raise _wrong_state(workspace, "This workspace is put away already.")
    if workspace.id == await main_workspace(tx):
        raise _wrong_state(
            workspace, f"{workspace.name} stays: what is made without a workspace is made in it."
        )
    await _refuse_living_sources(tx, workspace)
    workspace.archived_at = tx.now
    tx.undone_by(restore_workspace, workspace_id=workspace.id)
    tx.emit(WorkspaceArchived(workspace_id=workspace.id, name=workspace.name))
    return workspace


@command(needs=Permission.WORKSPACE_MANAGE)
async def restore_workspace(tx: Tx, *, workspace_id: UUID) -> Workspace:
    """A workspace that was put away, again."""
    workspace = await tx.get(Workspace, workspace_id)
    workspace.archived_at = None
    tx.undone_by(archive_workspace, workspace_id=workspace.id)
    tx.emit(WorkspaceSaved(workspace_id=workspace.id, name=workspace.name))
    return workspace


async def main_workspace(tx: Tx) -> UUID | None:
    """Main may have been renamed: then the first one made is meant."""
    first = select(Workspace.id).order_by((Workspace.name == MAIN).desc(), Workspace.created_at).limit(1)
    return await tx.session.scalar(first)


async def refuse_archived(tx: Tx, workspace_id: UUID, *, path: Sequence[str]) -> None:
    """For whatever comes to live in a workspace. One that is just being put away is waited for."""
    query = select(Workspace).where(Workspace.id == workspace_id)
    shared = query.with_for_update(read=True, key_share=True).execution_options(populate_existing=True)
    workspace = (await tx.session.scalars(shared)).one()
    if workspace.archived_at is not None:
        raise _wrong_state(workspace, f"{workspace.name} is put away; bring it back by undo.", path)


async def _refuse_living_sources(tx: Tx, workspace: Workspace) -> None:
    """Locked against new ones too: these refer to it."""
    await tx.session.execute(select(Workspace.id).where(Workspace.id == workspace.id).with_for_update())
    living = select(DataSource.name).where(
        DataSource.workspace_id == workspace.id, DataSource.state != SourceState.DECOMMISSIONED
    )
    name = await tx.session.scalar(living.order_by(DataSource.name).limit(1))
    if name is not None:
        raise _wrong_state(
            workspace,
            f"There are sources in this workspace, as “{name}”; move or decommission them first.",
        )


def _wrong_state(workspace: Workspace, message: str, path: Sequence[str] = ("id",)) -> ConflictError:
    return ConflictError(
        ErrorCode.WRONG_STATE,
        message,
        path=path,
        current=("workspace", workspace.id),
        current_version=workspace.version,
    )


async def refuse_taken_name(tx: Tx, name: str, own: UUID | None) -> None:
    taken = await tx.session.scalar(select(Workspace.id).where(Workspace.name == name))
    if taken is not None and taken != own:
        raise InputError(
            ErrorCode.ALREADY_EXISTS,
            f"A workspace named “{name}” exists; choose another name.",
            path=["name"],
        )


def checked_name(name: str, *, path: str = "name") -> str:
    """A display name: 1 to 200 characters, none of them invisible."""
    name = name.strip()
    if not name:
        raise InputError(ErrorCode.REQUIRED, "Give a name.", path=[path])
    if len(name) > 200 or any(unicodedata.category(c) in UNPRINTABLE or c in REORDERING for c in name):
        raise InputError(
            ErrorCode.INVALID,
            "A name has at most 200 characters and no control characters.",
            path=[path],
            expected="1 to 200 printable characters",
        )
    return name
