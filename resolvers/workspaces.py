"""The roots of workspaces: the worked example of one thing, a page, and a mutation."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.ids import key_of, named_among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from domain import workspaces as domain
from models import workspaces as rows
from schema.context import Info
from schema.fields import mutation, read
from schema.gate import gate_of
from schema.shapes import Connection, NodeInput, given
from schema.workspaces import SaveWorkspaceInput, SetWorkspaceMemberInput, Workspace, WorkspacePayload

MEMBERS = ("user", "service", "group")
BY_NAME = [Key(rows.Workspace.name), Key(rows.Workspace.id)]


def workspace(of: Of, name: str) -> Rows:
    row = rows.Workspace
    return Rows(query=select(row).where(row.name == name, visible(row, of.viewer)), row=row)


def workspaces(of: Of, include_archived: bool = False) -> Rows:
    row = rows.Workspace
    query = select(row).where(visible(row, of.viewer))
    if not include_archived:
        query = query.where(row.archived_at.is_(None))
    return Rows(query=query, row=row, order=BY_NAME)


@strawberry.type
class Queries:
    workspace: Workspace | None = read(
        Shape.ONE, workspace, needs=SIGNED_IN, description="A workspace by its name."
    )
    workspaces: Connection[Workspace] = read(
        Shape.PAGE,
        workspaces,
        needs=SIGNED_IN,
        description="Workspaces the viewer is in, or all for who may manage them.",
    )


@strawberry.type
class Mutations:
    @mutation(runs=domain.save_workspace, description="Make or change a workspace.")
    async def save_workspace(self, info: Info, input: SaveWorkspaceInput) -> WorkspacePayload:
        workspace = await info.context.run(
            domain.save_workspace,
            idempotency_key=input.idempotency_key,
            workspace_id=key_of("workspace", input.id) if input.id else None,
            version=given(input.version),
            name=input.name,
            description=given(input.description),
        )
        return WorkspacePayload(workspace=Workspace.of(workspace))

    @mutation(
        runs=domain.archive_workspace,
        description="Put a workspace away, or bring it back by undo. No source may live in it.",
    )
    async def archive_workspace(self, info: Info, input: NodeInput) -> WorkspacePayload:
        workspace = await info.context.run(
            domain.archive_workspace,
            idempotency_key=input.idempotency_key,
            workspace_id=key_of("workspace", input.id),
            version=given(input.version),
        )
        return WorkspacePayload(workspace=Workspace.of(workspace))

    @mutation(
        runs=identity.set_workspace_member,
        description="Add a member, change their role, or remove them (no role).",
    )
    async def set_workspace_member(self, info: Info, input: SetWorkspaceMemberInput) -> WorkspacePayload:
        word, key = named_among(MEMBERS, input.actor_id, path=["actorId"])
        wanted = given(input.role_id)
        workspace = await info.context.run(
            identity.set_workspace_member,
            idempotency_key=input.idempotency_key,
            workspace_id=key_of("workspace", input.workspace_id, path=["workspaceId"]),
            actor_word=word,
            actor_id=key,
            role_id=key_of("role", wanted, path=["roleId"]) if wanted else None,
        )
        await gate_of(info).actors.refresh([key])
        return WorkspacePayload(workspace=Workspace.of(workspace))
