"""Groups: made, filled, emptied, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from auth.permissions import Permission as P
from datawave.kit.access import visible
from datawave.kit.given import containing
from datawave.kit.ids import key_of, named_among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from models import identity as rows
from schema.context import Info
from schema.fields import mutation, read
from schema.gate import gate_of
from schema.identity.groups import Group, GroupMembersInput, GroupPayload, SaveGroupInput
from schema.shapes import Connection, DonePayload, NodeInput, given

BY_NAME = [Key(rows.Group.name), Key(rows.Group.id)]
MEMBERS = ("user", "service")


def groups(of: Of, search: str | None = strawberry.UNSET) -> Rows:
    row = rows.Group
    query = select(row).where(visible(row, of.viewer))
    if words := given(search):
        query = query.where(containing(row.name, words))
    return Rows(query=query, row=row, order=BY_NAME)


def _members(ids: Sequence[ID]) -> list[tuple[str, UUID]]:
    return [named_among(MEMBERS, each, path=["memberIds", str(at)]) for at, each in enumerate(ids)]


@strawberry.type
class Queries:
    groups: Connection[Group] = read(Shape.PAGE, groups, needs=P.USER_READ, description="Groups, by name.")


@strawberry.type
class Mutations:
    @mutation(runs=identity.save_group, description="Make a group, or rename one.")
    async def save_group(self, info: Info, input: SaveGroupInput) -> GroupPayload:
        group = await info.context.run(
            identity.save_group,
            idempotency_key=input.idempotency_key,
            group_id=key_of("group", wanted) if (wanted := given(input.id)) else None,
            version=given(input.version),
            name=input.name,
            description=given(input.description),
        )
        return GroupPayload(group=Group.of(group))

    @mutation(
        runs=identity.delete_group, description="Delete a group; its members lose what they held through it."
    )
    async def delete_group(self, info: Info, input: NodeInput) -> DonePayload:
        await info.context.run(
            identity.delete_group,
            idempotency_key=input.idempotency_key,
            group_id=key_of("group", input.id),
        )
        await gate_of(info).actors.refresh()
        return DonePayload(done=True, deleted_id=input.id)

    @mutation(
        runs=identity.add_group_members,
        description="Take people and programs into a group; whoever does must hold all that it holds.",
    )
    async def add_group_members(self, info: Info, input: GroupMembersInput) -> GroupPayload:
        members = _members(input.member_ids)
        group = await info.context.run(
            identity.add_group_members,
            idempotency_key=input.idempotency_key,
            group_id=key_of("group", input.group_id, path=["groupId"]),
            members=members,
        )
        await gate_of(info).actors.refresh(key for _, key in members)
        return GroupPayload(group=Group.of(group))

    @mutation(
        runs=identity.remove_group_members,
        description="Take people and programs out of a group; open streams end or show less at once.",
    )
    async def remove_group_members(self, info: Info, input: GroupMembersInput) -> GroupPayload:
        members = _members(input.member_ids)
        group = await info.context.run(
            identity.remove_group_members,
            idempotency_key=input.idempotency_key,
            group_id=key_of("group", input.group_id, path=["groupId"]),
            members=members,
        )
        await gate_of(info).actors.refresh(key for _, key in members)
        return GroupPayload(group=Group.of(group))
