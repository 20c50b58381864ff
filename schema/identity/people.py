"""People in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from auth import permissions as known
from datawave.kit.pages import Key
from datawave.kit.reads import Shape
from models import identity as rows
from resolvers.loaders import identity as loaders
from resolvers.loaders import programs as program_loaders
from schema.reads import many, related
from schema.rows import FromRow
from schema.shapes import Actor, Node, Payload, Timestamped, Versioned

if TYPE_CHECKING:
    from schema.identity.access import Grant
    from schema.identity.apikeys import ApiKey
    from schema.identity.factors import MfaFactor, RememberedDevice
    from schema.identity.groups import Group
    from schema.identity.providers import ExternalIdentity
    from schema.identity.sessions import AuthSession

    pass


strawberry.enum(rows.UserState, name="UserState", description="Whether a person may come in.")


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
    api_keys: list[ApiKey] | None = related(
        Shape.MANY,
        program_loaders.living_keys,
        description="One's own, or anybody's with the permission; those that are good, the newest first.",
        needs=known.Permission.APIKEY_CREATE,
    )
    mfa_factors: list[MfaFactor] = many(
        rows.MfaFactor.user_id,
        order_by=[Key(rows.MfaFactor.created_at), Key(rows.MfaFactor.id)],
        description="Second factors, those included that are not confirmed yet.",
    )
    devices: list[RememberedDevice] | None = related(
        Shape.MANY,
        loaders.remembered_devices,
        description="Remembered devices, one's own, or anybody's with the permission; the last used first.",
        needs=known.Permission.USER_UPDATE,
    )
    grants: list[Grant] = related(Shape.MANY, loaders.grants)
    groups: list[Group] = related(Shape.MANY, loaders.groups, description="By name.")
    identities: list[ExternalIdentity] | None = related(
        Shape.MANY,
        loaders.identities,
        description="How login services know them: one's own, or anybody's with the permission.",
        needs=known.Permission.USER_UPDATE,
    )


@strawberry.input(
    description="A person to invite, with their roles: in a workspace where one is named, else everywhere."
)
class InviteUserInput:
    email: str
    display_name: str | None = strawberry.UNSET
    role_ids: list[ID] | None = strawberry.UNSET
    workspace_id: ID | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="What to change of a person; a language or time zone of null takes it away.")
class UpdateUserInput:
    id: ID
    version: int | None = strawberry.UNSET
    display_name: str | None = strawberry.UNSET
    locale: str | None = strawberry.UNSET
    time_zone: str | None = strawberry.UNSET
    state: rows.UserState | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="The address to send a mail to.")
class RequestPasswordResetInput:
    email: str


@strawberry.type(description="The person as they now are.")
class UserPayload(Payload):
    user: User | None = None
    invitation_url: str | None = strawberry.field(
        default=None,
        description="The link by which an invited person comes in, shown once and only where the platform"
        " sends no mail: hand it over yourself.",
    )
