"""Programs of partners in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry
from strawberry.scalars import ID

from datawave.kit.reads import Shape
from models import identity as rows
from resolvers.loaders import identity as loaders
from schema.reads import related
from schema.rows import FromRow
from schema.shapes import Actor, Node, Payload, Timestamped

if TYPE_CHECKING:
    from schema.identity.access import Grant
    from schema.identity.groups import Group

    pass


@strawberry.type(description="A partner's program: OAuth 2 client credentials.")
class ServiceAccount(FromRow, Node, Actor, Timestamped, shows=rows.ServiceAccount):
    display_name: str
    client_id: str
    enabled: bool

    grants: list[Grant] = related(Shape.MANY, loaders.grants)
    groups: list[Group] = related(Shape.MANY, loaders.groups, description="By name.")


@strawberry.input(description="An account for a program.")
class CreateServiceAccountInput:
    display_name: str
    role_ids: list[ID] | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="A program's account; the client secret is shown once.")
class ServiceAccountPayload(Payload):
    service_account: ServiceAccount | None = None
    client_secret: str | None = None
