"""Who is asking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry
from sqlalchemy import Uuid, literal, select
from strawberry.scalars import ID

from datawave.kit.access import Viewer as Asking
from datawave.kit.access import visible
from datawave.kit.errors import invalid
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from models import identity as rows
from models import workspaces as workspace_rows
from schema.context import Info
from schema.directives import Cost
from schema.reads import one, pointed, related
from schema.shapes import Actor, Connection, given
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.identity.access import ResourcePermissions
    from schema.identity.people import User
    from schema.identity.sessions import AuthSession
    from schema.workspaces import Workspace


MOST_IDS = 500


BY_NAME = [Key(workspace_rows.Workspace.name), Key(workspace_rows.Workspace.id)]


def workspaces(of: Of) -> Rows:
    """All that there are for whoever asks: nobody else has a `Viewer`."""
    row = workspace_rows.Workspace
    query = select(row).where(visible(row, of.viewer), row.archived_at.is_(None))
    return Rows(query=query, row=row, by=literal(of.viewer.actor_id, Uuid()), order=BY_NAME)


@strawberry.type(description="Who is asking, and with what rights.")
class Viewer:
    row: strawberry.Private[Asking]
    actor: Actor = pointed("actor_word", "actor_id")
    user: User | None = one("actor_id", rows.User, description="Null for programs and agents.")
    session: AuthSession | None = one(
        "session_id",
        rows.AuthSession,
        description="Null for agents, which prove themselves with each request.",
    )

    @strawberry.field(description="All permissions held on a thing, or globally.")
    async def permissions(self, info: Info, on_id: ID | None = strawberry.UNSET) -> list[str]:
        wanted = given(on_id)
        if wanted is None:
            return identity.held_everywhere(info.context.viewer)
        return (await identity.permissions_on(info.context.db, [wanted])).get(wanted, [])

    @strawberry.field(
        description="Permissions held on each of several things, in the order asked.",
        directives=[Cost(weight=1, times=["ids"])],
    )
    async def permissions_on(self, info: Info, ids: list[ID]) -> list[ResourcePermissions]:
        if len(ids) > MOST_IDS:
            raise invalid(f"Ask for at most {MOST_IDS} ids at once.", path=["ids"], expected="at most 500")
        found = await identity.permissions_on(info.context.db, ids)
        return [ResourcePermissions(resource_id=each, permissions=found.get(each, [])) for each in ids]

    workspaces: Connection[Workspace] = related(
        Shape.PAGE, workspaces, key="actor_id", description="Workspaces the viewer is in, by name."
    )


class _WithViewer(FromLogged):
    asking: Asking


@strawberry.type(description="The viewer's rights changed.")
class AccessChanged(_WithViewer, StreamEvent):
    @strawberry.field(description="With the rights of this moment.")
    def viewer(self) -> Viewer | None:
        return Viewer(row=self.asking)
