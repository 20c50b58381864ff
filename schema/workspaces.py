"""Workspaces in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from datawave.kit.pages import Key
from models import sources as source_rows
from models import workspaces as rows
from schema.reads import page
from schema.rows import FromRow
from schema.shapes import Connection, Node, Payload, Timestamped, Versioned

if TYPE_CHECKING:
    from schema.sources import DataSource


@strawberry.type(description="A room for a team: it scopes members, roles, sources and talk.")
class Workspace(FromRow, Node, Timestamped, Versioned, shows=rows.Workspace):
    name: str
    description: str | None
    archived_at: datetime | None
    data_sources: Connection[DataSource] = page(
        source_rows.DataSource.workspace_id,
        order_by=[Key(source_rows.DataSource.name), Key(source_rows.DataSource.id)],
        description="Its sources, by name.",
    )


@strawberry.input(description="A workspace to make or change.")
class SaveWorkspaceInput:
    name: str
    id: ID | None = strawberry.UNSET
    version: int | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The workspace as it now is.")
class WorkspacePayload(Payload):
    workspace: Workspace | None = None
