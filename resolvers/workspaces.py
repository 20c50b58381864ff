"""The roots of workspaces: the worked example of one thing, a page, and a mutation."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.ids import key_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import workspaces as domain
from models import workspaces as rows
from schema.context import Info
from schema.fields import mutation, read
from schema.shapes import Connection, given
from schema.workspaces import SaveWorkspaceInput, Workspace, WorkspacePayload

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
