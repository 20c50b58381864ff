"""Changes of programs' accounts in the API."""

from __future__ import annotations

import strawberry
from strawberry.scalars import ID


@strawberry.input(description="What to change of a program's account.")
class UpdateServiceAccountInput:
    id: ID
    display_name: str | None = strawberry.UNSET
    enabled: bool | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET
