"""Groups in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from auth.permissions import Permission as P
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from models import identity as rows
from resolvers.loaders import identity as loaders
from schema.reads import actor as acting
from schema.reads import column, computed, related
from schema.rows import FromRow
from schema.shapes import Actor, Connection, Node, Payload, Timestamped, Versioned

if TYPE_CHECKING:
    from uuid import UUID

    from schema.identity.access import Grant


def members(_of: Of) -> Rows:
    """In the order in which they came; who may see the group and people at all sees them."""
    row = rows.GroupMember
    return Rows(query=select(row), row=row, by=row.group_id, order=[Key(row.joined_at), Key(row.member_id)])


@strawberry.type(description="Somebody in a group.")
class GroupMember(FromRow):
    joined_at: datetime
    actor: Actor | None = acting("member", description="Null where the viewer may not see them.")

    @computed(description="A login service said so with their last sign-in, and may take it back.")
    @staticmethod
    def from_provider(provider_id: UUID | None) -> bool:
        return provider_id is not None


@strawberry.type(
    description="People and programs who hold together what their group is given. It is an actor only in"
    " grants: nobody signs in as a group."
)
class Group(FromRow, Node, Actor, Timestamped, Versioned, shows=rows.Group):
    display_name: str = column("name")
    name: str
    description: str | None
    members: Connection[GroupMember] | None = related(
        Shape.PAGE, members, description="In the order in which they came.", needs=P.USER_READ
    )
    grants: list[Grant] = related(Shape.MANY, loaders.grants)


@strawberry.input(description="A group to make or rename.")
class SaveGroupInput:
    name: str
    id: ID | None = strawberry.UNSET
    version: int | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="People and programs to take into a group, or out of it; at most 500 at once.")
class GroupMembersInput:
    group_id: ID
    member_ids: list[ID]
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The group as it now is.")
class GroupPayload(Payload):
    group: Group | None = None
