"""Permissions, roles and grants in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from auth import permissions as known
from domain import identity
from models import identity as rows
from schema.reads import actor as acting
from schema.reads import computed, one, pointed
from schema.rows import FromRow
from schema.shapes import Actor, Node, Payload, Timestamped, Versioned

if TYPE_CHECKING:
    pass


@strawberry.type(description="One thing that may be done, as `datasource:create`.")
class Permission:
    name: str
    description: str
    dangerous: bool

    @classmethod
    def named(cls, name: str) -> Permission:
        one = known.Permission(name)
        return cls(name=one.value, description=known.MEANING[one], dangerous=one in known.DANGEROUS)


@strawberry.type(description="A named set of permissions; built-in ones cannot be changed.")
class Role(FromRow, Node, Timestamped, Versioned, shows=rows.Role):
    name: str
    description: str | None
    built_in: bool

    @computed
    @staticmethod
    def permissions(permission_names: list[str]) -> list[Permission]:
        """A permission that this release no longer knows is left out."""
        return [Permission.named(name) for name in permission_names if name in set(known.Permission)]


@strawberry.type(description="A role given to an actor, everywhere, on one workspace, or on one source.")
class Grant(FromRow, Node, shows=rows.Grant):
    granted_at: datetime
    expires_at: datetime | None
    actor: Actor | None = acting("actor", description="Null where the viewer may not see them.")
    role: Role = one("role_id", rows.Role)
    granted_by: Actor | None = acting("granted_by")

    scope: Node | None = pointed("scope_word", "scope_id", description="Null: everywhere.")


@strawberry.type(description="What the viewer may do with one thing.")
class ResourcePermissions:
    resource_id: ID
    permissions: list[str]


@strawberry.type(
    description="Whether something is allowed, and why; who could allow it, readable by the refused."
)
class AccessDecision:
    allowed: bool
    permission: str
    missing: str | None
    because: list[Grant]
    held_by: list[Role] = strawberry.field(description="Roles that hold the permission.")
    row: strawberry.Private[identity.Decision]
    resource: Node | None = pointed("resource_word", "resource_id")

    @classmethod
    def of(cls, decision: identity.Decision) -> AccessDecision:
        return cls(
            allowed=decision.allowed,
            permission=decision.permission,
            missing=decision.missing,
            because=[Grant.of(each) for each in decision.because],
            held_by=[Role.of(each) for each in decision.held_by],
            row=decision,
        )


@strawberry.input(description="A role to make or change.")
class SaveRoleInput:
    name: str
    permissions: list[str]
    id: ID | None = strawberry.UNSET
    version: int | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="A role to give: to whom, where, until when.")
class GrantRoleInput:
    actor_id: ID
    role_id: ID
    scope_id: ID | None = strawberry.UNSET
    expires_at: datetime | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The role as it now is.")
class RolePayload(Payload):
    role: Role | None = None


@strawberry.type(description="The grant as it now is.")
class GrantPayload(Payload):
    grant: Grant | None = None
