"""Workspaces: made, renamed, described."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ErrorCode, InputError, forbidden
from datawave.kit.events import Event
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
