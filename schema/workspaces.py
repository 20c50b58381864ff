"""Workspaces in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from datawave.kit.pages import Key
from datawave.kit.reads import Shape
from models import identity as identity_rows
from models import sources as source_rows
from models import workspaces as rows
from resolvers.loaders import workspaces as loaders
from schema.reads import actor as acting
from schema.reads import one, page, related
from schema.rows import FromRow
from schema.shapes import Actor, Connection, Node, Payload, Timestamped, Versioned

if TYPE_CHECKING:
    from schema.identity.access import Role
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
    members: Connection[WorkspaceMember] = related(
        Shape.PAGE,
        loaders.members,
        description="Whoever holds a role on the workspace itself, in the order in which they came; somebody"
        " who holds several stands there for each.",
    )


@strawberry.type(description="Somebody's place in a workspace.")
class WorkspaceMember(FromRow):
    display_name: str
    joined_at: datetime
    actor: Actor | None = acting(
        "actor", description="Null for whoever may not see people; the name is there for all."
    )
    role: Role = one("role_id", identity_rows.Role)


@strawberry.input(description="Somebody's role in a workspace; none removes them.")
class SetWorkspaceMemberInput:
    workspace_id: ID
    actor_id: ID
    role_id: ID | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


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
