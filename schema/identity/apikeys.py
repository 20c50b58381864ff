"""API keys in the API."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import ID

from models import identity as rows
from schema.reads import actor as acting
from schema.reads import column
from schema.rows import FromRow
from schema.shapes import Actor, Node, Payload


@strawberry.type(description="A key for programs; its value is shown once, when it is made.")
class ApiKey(FromRow, Node, shows=rows.ApiKey):
    name: str
    prefix: str = strawberry.field(description="How the key begins: enough to know it by.")
    created_at: datetime
    last_used_at: datetime | None = strawberry.field(description="To the minute.")
    expires_at: datetime
    revoked_at: datetime | None

    permissions: list[str] = column(
        "permission_names",
        description="The most that the key may do: of these, what its actor holds at the time.",
    )
    actor: Actor | None = acting("actor", description="Null where the viewer may not see them.")


@strawberry.input(description="A key to make, with some or all of its actor's permissions.")
class CreateApiKeyInput:
    name: str
    actor_id: ID | None = strawberry.field(
        default=strawberry.UNSET, description="A program; by default whoever asks."
    )
    permissions: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="By default all that its actor holds now."
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="By default in 90 days."
    )
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="A key; its value is shown once.")
class ApiKeyPayload(Payload):
    api_key: ApiKey | None = None
    value: str | None = None
