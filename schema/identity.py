"""People, programs, roles, grants and sessions in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

import strawberry
from sqlalchemy import Uuid, literal, select
from strawberry.scalars import ID

from auth import permissions as known
from auth.gate import Gate
from datawave.kit.access import Viewer as Asking
from datawave.kit.access import visible
from datawave.kit.errors import invalid
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from datawave.kit.secrets import Secret
from domain import identity
from models import identity as rows
from models import workspaces as workspace_rows
from resolvers.loaders import identity as loaders
from schema.context import Info
from schema.directives import Cost
from schema.reads import actor as acting
from schema.reads import computed, one, pointed, related
from schema.rows import FromRow
from schema.shapes import Actor, Connection, Node, Payload, Timestamped, Versioned, given

if TYPE_CHECKING:
    from schema.workspaces import Workspace

strawberry.enum(rows.UserState, name="UserState", description="Whether a person may come in.")
strawberry.enum(rows.AuthMethod, name="AuthMethod", description="How somebody proved who they are.")

MOST_IDS = 500


def gate_of(info: Info) -> Gate:
    return cast("Gate", info.context.platform.extras["gate"])


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


@strawberry.type(description="A signed-in client; ends everywhere at once when revoked.")
class AuthSession(FromRow, Node, shows=rows.AuthSession):
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    client: str | None
    method: rows.AuthMethod

    @computed(description="Whether this very request came with it.", own=True)
    @staticmethod
    def current(viewer: Asking, id: UUID) -> bool:
        return id == viewer.session_id


@strawberry.type(description="A person.")
class User(FromRow, Node, Actor, Timestamped, Versioned, shows=rows.User):
    email: str
    display_name: str
    state: rows.UserState
    locale: str | None
    time_zone: str | None
    last_seen_at: datetime | None

    sessions: list[AuthSession] | None = related(
        Shape.MANY,
        loaders.living_sessions,
        description="One's own, or anybody's with the permission; those that have not ended.",
        needs=known.Permission.USER_UPDATE,
    )
    grants: list[Grant] = related(Shape.MANY, loaders.grants)


@strawberry.type(description="A partner's program: OAuth 2 client credentials.")
class ServiceAccount(FromRow, Node, Actor, Timestamped, shows=rows.ServiceAccount):
    display_name: str
    client_id: str
    enabled: bool

    grants: list[Grant] = related(Shape.MANY, loaders.grants)


@strawberry.type(description="What the viewer may do with one thing.")
class ResourcePermissions:
    resource_id: ID
    permissions: list[str]


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


@strawberry.type(
    description="A short access token and the refresh token that replaces it; each refresh token works once."
)
class TokenPair:
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


@strawberry.input(description="E-mail and password, with the second factor's code where there is one.")
class PasswordSignInInput:
    email: str
    password: Secret
    totp: str | None = strawberry.UNSET


@strawberry.input(description="A partner's program, as in OAuth 2.")
class ClientCredentialsInput:
    client_id: str
    client_secret: Secret
    scopes: list[str] | None = strawberry.UNSET


@strawberry.input(one_of=True, description="One way to prove who one is.")
class SignInInput:
    password: PasswordSignInInput | None = strawberry.UNSET
    client_credentials: ClientCredentialsInput | None = strawberry.UNSET


@strawberry.input(description="A refresh token.")
class RefreshSessionInput:
    refresh_token: Secret


@strawberry.input(description="The old password and the new.")
class PasswordChangeInput:
    current_password: Secret
    new_password: Secret


@strawberry.input(description="A token from a mail and the new password.")
class PasswordTokenInput:
    token: Secret
    new_password: Secret


@strawberry.input(one_of=True, description="One way to set a password.")
class SetPasswordInput:
    change: PasswordChangeInput | None = strawberry.UNSET
    token: PasswordTokenInput | None = strawberry.UNSET


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


@strawberry.input(description="An account for a program.")
class CreateServiceAccountInput:
    display_name: str
    role_ids: list[ID] | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(
    description="Tokens, or the need for a second factor; for a browser a cookie in place of tokens."
)
class SignInPayload(Payload):
    tokens: TokenPair | None = None
    viewer: Viewer | None = None
    mfa_required: bool = False


@strawberry.type(description="A program's account; the client secret is shown once.")
class ServiceAccountPayload(Payload):
    service_account: ServiceAccount | None = None
    client_secret: str | None = None


@strawberry.type(description="The role as it now is.")
class RolePayload(Payload):
    role: Role | None = None


@strawberry.type(description="The grant as it now is.")
class GrantPayload(Payload):
    grant: Grant | None = None
