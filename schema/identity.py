"""People, programs, roles, grants and sessions in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from auth import permissions as known
from auth.gate import Gate
from datawave.kit.access import visible
from datawave.kit.errors import forbidden, invalid
from datawave.kit.pages import Asked, Key, page_of
from datawave.kit.secrets import Secret
from domain import identity
from models import identity as rows
from models import workspaces as workspace_rows
from resolvers.loaders import identity as loaders
from schema.context import Info
from schema.directives import Cost, Needs
from schema.fields import actor as acting
from schema.fields import one
from schema.rows import FromRow
from schema.scalars import Cursor
from schema.shapes import Actor, Connection, Node, Payload, Timestamped, Versioned, connection, given

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

    @strawberry.field
    def permissions(self) -> list[Permission]:
        """A permission that this release no longer knows is left out."""
        return [Permission.named(name) for name in self.row.permission_names if name in set(known.Permission)]


@strawberry.type(description="A role given to an actor, everywhere, on one workspace, or on one source.")
class Grant(FromRow, Node, shows=rows.Grant):
    granted_at: datetime
    expires_at: datetime | None
    actor: Actor | None = acting("actor", description="Null where the viewer may not see them.")
    role: Role = one("role_id", rows.Role)
    granted_by: Actor | None = acting("granted_by")

    @strawberry.field(description="Null: everywhere.")
    async def scope(self, info: Info) -> Node | None:
        word, key = self.row.scope_word, self.row.scope_id
        return await info.context.node(word, key) if word and key else None


@strawberry.type(description="A signed-in client; ends everywhere at once when revoked.")
class AuthSession(FromRow, Node, shows=rows.AuthSession):
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    client: str | None
    method: rows.AuthMethod

    @strawberry.field(description="Whether this very request came with it.")
    def current(self, info: Info) -> bool:
        return self.row.id == info.context.viewer.session_id


@strawberry.type(description="A person.")
class User(FromRow, Node, Actor, Timestamped, Versioned, shows=rows.User):
    email: str
    display_name: str
    state: rows.UserState
    locale: str | None
    time_zone: str | None
    last_seen_at: datetime | None

    @strawberry.field(
        description="One's own, or anybody's with the permission; those that have not ended.",
        directives=[Needs(permission=known.Permission.USER_UPDATE.value)],
    )
    async def sessions(self, info: Info) -> list[AuthSession] | None:
        if not _own_or(info, self.row.id, known.Permission.USER_UPDATE):
            return None
        found = await info.context.loaders.batch(loaders.living_sessions, []).load(self.row.id)
        return [AuthSession.of(each) for each in found]

    @strawberry.field
    async def grants(self, info: Info) -> list[Grant]:
        found = await info.context.loaders.batch(loaders.grants, []).load(self.row.id)
        return [Grant.of(each) for each in found]


def _own_or(info: Info, owner: UUID, permission: known.Permission) -> bool:
    """One's own always; else the permission, and one FORBIDDEN for each response path without it."""
    viewer = info.context.viewer
    if viewer.actor_id == owner or viewer.rights.scope(permission).everywhere:
        return True
    path = tuple(str(step) for step in info.path.as_list() if not isinstance(step, int))
    if path not in info.context.told:
        info.context.told.add(path)
        raise forbidden(permission)
    return False


@strawberry.type(description="A partner's program: OAuth 2 client credentials.")
class ServiceAccount(FromRow, Node, Actor, Timestamped, shows=rows.ServiceAccount):
    display_name: str
    client_id: str
    enabled: bool

    @strawberry.field
    async def grants(self, info: Info) -> list[Grant]:
        found = await info.context.loaders.batch(loaders.grants, []).load(self.row.id)
        return [Grant.of(each) for each in found]


@strawberry.type(description="What the viewer may do with one thing.")
class ResourcePermissions:
    resource_id: ID
    permissions: list[str]


BY_NAME = [Key(workspace_rows.Workspace.name), Key(workspace_rows.Workspace.id)]


@strawberry.type(description="Who is asking, and with what rights.")
class Viewer:
    @strawberry.field
    async def actor(self, info: Info) -> Actor:
        viewer = info.context.viewer
        assert viewer.actor_word is not None, "only somebody has a viewer"
        assert viewer.actor_id is not None, "the platform itself asks nothing"
        return await info.context.node(viewer.actor_word, viewer.actor_id)

    @strawberry.field(description="Null for programs and agents.")
    async def user(self, info: Info) -> User | None:
        viewer = info.context.viewer
        if viewer.actor_word != "user" or viewer.actor_id is None:
            return None
        return await info.context.node_of(User, viewer.actor_id)

    @strawberry.field(description="Null for agents, which prove themselves with each request.")
    async def session(self, info: Info) -> AuthSession | None:
        return await info.context.node_of(AuthSession, info.context.viewer.session_id)

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

    @strawberry.field(description="Workspaces the viewer is in, by name.")
    async def workspaces(
        self, info: Info, first: int | None = 50, after: Cursor | None = strawberry.UNSET
    ) -> Connection[Workspace]:
        from schema.workspaces import Workspace

        row = workspace_rows.Workspace
        query = select(row).where(visible(row, info.context.viewer), row.archived_at.is_(None))
        page = await page_of(info.context.db, query, BY_NAME, Asked(first=first, after=given(after)))
        return connection(page, Workspace.of)


@strawberry.type(
    description="Whether something is allowed, and why; who could allow it, readable by the refused."
)
class AccessDecision:
    allowed: bool
    permission: str
    missing: str | None
    because: list[Grant]
    held_by: list[Role] = strawberry.field(description="Roles that hold the permission.")
    place: strawberry.Private[tuple[str, UUID] | None]

    @strawberry.field
    async def resource(self, info: Info) -> Node | None:
        return await info.context.node(*self.place) if self.place else None

    @classmethod
    def of(cls, decision: identity.Decision) -> AccessDecision:
        return cls(
            allowed=decision.allowed,
            permission=decision.permission,
            missing=decision.missing,
            because=[Grant.of(each) for each in decision.because],
            held_by=[Role.of(each) for each in decision.held_by],
            place=decision.resource,
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
