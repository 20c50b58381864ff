"""The roots of workspaces: the worked example of a query, a page, and a mutation."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.ids import key_of
from datawave.kit.pages import Asked, Key, page_of
from domain import workspaces
from models import workspaces as rows
from schema.context import Info
from schema.fields import mutation, query
from schema.scalars import Cursor
from schema.shapes import Connection, connection, given
from schema.workspaces import SaveWorkspaceInput, Workspace, WorkspacePayload

BY_NAME = [Key(rows.Workspace.name), Key(rows.Workspace.id)]


@strawberry.type
class Queries:
    @query(needs=SIGNED_IN, description="A workspace by its name.")
    async def workspace(self, info: Info, name: str) -> Workspace | None:
        found = select(rows.Workspace).where(
            rows.Workspace.name == name, visible(rows.Workspace, info.context.viewer)
        )
        return Workspace.of_maybe(await info.context.db.scalar(found))

    @query(needs=SIGNED_IN, description="Workspaces the viewer is in, or all for who may manage them.")
    async def workspaces(
        self,
        info: Info,
        include_archived: bool = False,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[Workspace]:
        found = select(rows.Workspace).where(visible(rows.Workspace, info.context.viewer))
        if not include_archived:
            found = found.where(rows.Workspace.archived_at.is_(None))
        page = await page_of(info.context.db, found, BY_NAME, Asked(first=first, after=given(after)))
        return connection(page, Workspace.of)


@strawberry.type
class Mutations:
    @mutation(runs=workspaces.save_workspace, description="Make or change a workspace.")
    async def save_workspace(self, info: Info, input: SaveWorkspaceInput) -> WorkspacePayload:
        workspace = await info.context.run(
            workspaces.save_workspace,
            idempotency_key=input.idempotency_key,
            workspace_id=key_of("workspace", input.id) if input.id else None,
            version=given(input.version),
            name=input.name,
            description=given(input.description),
        )
        return WorkspacePayload(workspace=Workspace.of(workspace))
