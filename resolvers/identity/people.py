"""People, and who is asking."""

from __future__ import annotations

import strawberry
from sqlalchemy import or_, select

from auth.permissions import Permission as P
from datawave.kit.access import visible
from datawave.kit.commands import PUBLIC
from datawave.kit.given import among, containing
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from models import identity as rows
from schema.context import Info
from schema.fields import query, read
from schema.identity.people import User
from schema.identity.viewer import Viewer
from schema.shapes import Connection, given

BY_NAME = [Key(rows.User.display_name), Key(rows.User.id)]


def users(
    of: Of,
    search: str | None = strawberry.UNSET,
    states: list[rows.UserState] | None = strawberry.UNSET,
) -> Rows:
    row = rows.User
    query = select(row).where(visible(row, of.viewer))
    if words := given(search):
        query = query.where(or_(containing(row.display_name, words), containing(row.email, words)))
    if wanted := given(states):
        query = query.where(among(row.state, wanted))
    return Rows(query=query, row=row, order=BY_NAME)


@strawberry.type
class Queries:
    @query(needs=PUBLIC, description="Who is asking; null when nobody is signed in.")
    async def viewer(self, info: Info) -> Viewer | None:
        viewer = info.context.viewer
        return Viewer(row=viewer) if viewer.signed_in else None

    users: Connection[User] = read(Shape.PAGE, users, needs=P.USER_READ, description="People.")
