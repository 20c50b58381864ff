"""Roles, grants, and what somebody may do."""

from __future__ import annotations

import strawberry
from sqlalchemy import select, text
from strawberry.scalars import ID

from auth import permissions as known
from auth.permissions import Permission as P
from datawave.kit.access import Viewer as Asking
from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.errors import forbidden, not_found
from datawave.kit.ids import key_of, named_among, taken_apart
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import identity
from models import identity as rows
from schema.context import Info
from schema.fields import mutation, query, read
from schema.gate import gate_of
from schema.identity.access import (
    AccessDecision,
    Grant,
    GrantPayload,
    GrantRoleInput,
    Permission,
    Role,
    RolePayload,
    SaveRoleInput,
)
from schema.keys import key_among, key_in
from schema.shapes import Connection, DonePayload, NodeInput, given

BY_AGE = [Key(rows.Grant.granted_at), Key(rows.Grant.id)]
MOST_ROLES = 1_000
ACTORS = ("user", "service", "agent")
HOLDERS = (*ACTORS, "group")
SCOPES = ("workspace", "source")


def roles(_of: Of) -> Rows:
    row = rows.Role
    return Rows(query=select(row).limit(MOST_ROLES), row=row, order=[Key(row.name)])


def grants(
    of: Of,
    actor_id: ID | None = strawberry.UNSET,
    scope_id: ID | None = strawberry.UNSET,
    role_id: ID | None = strawberry.UNSET,
) -> Rows:
    """The oldest first; one that has run out no longer counts."""
    row = rows.Grant
    where = [row.expires_at.is_(None) | (row.expires_at > text("datawave_now()"))]
    if actor := given(actor_id):
        where.append(row.actor_id == key_among(HOLDERS, actor, "actorId"))
    if scope := given(scope_id):
        where.append(row.scope_id == key_among(SCOPES, scope, "scopeId"))
    if role := given(role_id):
        where.append(row.role_id == key_in("role", role, "roleId"))
    return Rows(query=select(row).where(visible(row, of.viewer), *where), row=row, order=BY_AGE)


@strawberry.type
class Queries:
    roles: list[Role] = read(Shape.MANY, roles, needs=P.ROLE_READ, description="Roles.")

    grants: Connection[Grant] = read(
        Shape.PAGE, grants, needs=P.ROLE_READ, description="Who holds what, where."
    )

    @query(needs=SIGNED_IN, description="All permissions there are.")
    async def permissions(self, info: Info) -> list[Permission]:
        return [Permission.named(each.value) for each in known.Permission]

    @query(
        needs=SIGNED_IN,
        description="Whether somebody (by default the viewer; others need `role:read`) may do"
        " something, and by which"
        " grants.",
    )
    async def access(
        self,
        info: Info,
        permission: str,
        on_id: ID | None = strawberry.UNSET,
        actor_id: ID | None = strawberry.UNSET,
    ) -> AccessDecision:
        actor = await _asked_about(info, given(actor_id))
        on = taken_apart(wanted) if (wanted := given(on_id)) else None
        if wanted and on is None:
            raise not_found("thing", path=["onId"])
        found = await identity.decide(info.context.db, permission=permission, actor=actor, on=on)
        return AccessDecision.of(found)


async def _asked_about(info: Info, actor_id: ID | None) -> Asking:
    viewer = info.context.viewer
    if actor_id is None:
        return viewer
    word, key = named_among(ACTORS, actor_id, path=["actorId"])
    if key == viewer.actor_id:
        return viewer
    if not viewer.rights.anywhere(P.ROLE_READ):
        raise forbidden(P.ROLE_READ)
    return await gate_of(info).actors.viewer_of(key, word)


@strawberry.type
class Mutations:
    @mutation(runs=identity.save_role, description="Make or change a role.")
    async def save_role(self, info: Info, input: SaveRoleInput) -> RolePayload:
        role = await info.context.run(
            identity.save_role,
            idempotency_key=input.idempotency_key,
            role_id=key_of("role", wanted) if (wanted := given(input.id)) else None,
            version=given(input.version),
            name=input.name,
            description=given(input.description),
            permissions=input.permissions,
        )
        await gate_of(info).actors.refresh()
        return RolePayload(role=Role.of(role))

    @mutation(runs=identity.remove_role, description="Delete a role nobody holds.")
    async def delete_role(self, info: Info, input: NodeInput) -> DonePayload:
        await info.context.run(
            identity.remove_role,
            idempotency_key=input.idempotency_key,
            role_id=key_of("role", input.id),
            version=given(input.version),
        )
        return DonePayload(done=True, deleted_id=input.id)

    @mutation(runs=identity.grant_role, description="Give a role, everywhere or on one thing.")
    async def grant_role(self, info: Info, input: GrantRoleInput) -> GrantPayload:
        word, key = named_among(HOLDERS, input.actor_id, path=["actorId"])
        wanted = given(input.scope_id)
        scope = named_among(SCOPES, wanted, path=["scopeId"]) if wanted else None
        grant = await info.context.run(
            identity.grant_role,
            idempotency_key=input.idempotency_key,
            actor_word=word,
            actor_id=key,
            role_id=key_of("role", input.role_id, path=["roleId"]),
            scope_word=scope[0] if scope else None,
            scope_id=scope[1] if scope else None,
            expires_at=given(input.expires_at),
        )
        await gate_of(info).actors.refresh([grant.actor_id])
        return GrantPayload(grant=Grant.of(grant))

    @mutation(runs=identity.revoke_grant, description="Take a role away; open streams end at once.")
    async def revoke_grant(self, info: Info, input: NodeInput) -> GrantPayload:
        # Asked again with the same key, there is no grant left to show.
        grant: rows.Grant | None = await info.context.run(
            identity.revoke_grant,
            idempotency_key=input.idempotency_key,
            grant_id=key_of("grant", input.id),
        )
        await gate_of(info).actors.refresh([grant.actor_id] if grant else None)
        return GrantPayload(grant=Grant.of_maybe(grant))
