"""Programs of partners in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from auth import permissions as known
from datawave.kit.reads import Shape
from models import identity as rows
from resolvers.loaders import identity as loaders
from resolvers.loaders import programs as program_loaders
from schema.reads import computed, related
from schema.rows import FromRow
from schema.shapes import Actor, Node, Payload, Timestamped

if TYPE_CHECKING:
    from schema.identity.access import Grant
    from schema.identity.apikeys import ApiKey
    from schema.identity.certificates import Certificate
    from schema.identity.groups import Group

    pass


@strawberry.type(description="A client secret: how old it is, and until when it is good.")
class ClientSecret:
    made_at: datetime
    good_until: datetime | None = strawberry.field(description="Null: until it is rotated.")


@strawberry.type(
    description="A partner's program: OAuth 2 client credentials, an API key, or a client certificate."
)
class ServiceAccount(FromRow, Node, Actor, Timestamped, shows=rows.ServiceAccount):
    display_name: str
    client_id: str
    enabled: bool

    @computed(description="The present secret first, then the one before it, which may be good for a while.")
    @staticmethod
    def client_secrets(
        secret_made_at: datetime,
        former_secret_made_at: datetime | None,
        former_secret_until: datetime | None,
    ) -> list[ClientSecret]:
        present = ClientSecret(made_at=secret_made_at, good_until=None)
        if former_secret_made_at is None:
            return [present]
        return [present, ClientSecret(made_at=former_secret_made_at, good_until=former_secret_until)]

    grants: list[Grant] = related(Shape.MANY, loaders.grants)
    groups: list[Group] = related(Shape.MANY, loaders.groups, description="By name.")
    api_keys: list[ApiKey] | None = related(
        Shape.MANY,
        program_loaders.living_keys,
        description="Keys that are good, the newest first.",
        needs=known.Permission.APIKEY_CREATE,
    )
    certificates: list[Certificate] = related(
        Shape.MANY, program_loaders.certificates, description="Those that were not revoked, the newest first."
    )


@strawberry.input(description="An account for a program.")
class CreateServiceAccountInput:
    display_name: str
    role_ids: list[ID] | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="A program whose client secret is to be another.")
class RotateClientSecretInput:
    id: ID
    grace_hours: int = strawberry.field(
        default=24,
        description="For so long the former secret is good as well, 168 at most; with 0 it ends at once, and"
        " with it the sessions that were begun with client credentials.",
    )
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="A program's account; the client secret is shown once.")
class ServiceAccountPayload(Payload):
    service_account: ServiceAccount | None = None
    client_secret: str | None = None
