"""Second factors and remembered devices in the API."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import ID

from datawave.kit.secrets import Secret
from domain.identity import device_named
from models import identity as rows
from schema.reads import computed
from schema.rows import FromRow
from schema.shapes import Node, Payload

strawberry.enum(rows.MfaKind, name="MfaKind", description="Kinds of second factor.")


@strawberry.type(description="A second factor.")
class MfaFactor(FromRow, Node, shows=rows.MfaFactor):
    kind: rows.MfaKind
    name: str
    created_at: datetime
    confirmed_at: datetime | None = strawberry.field(description="Null: nobody is asked for it yet.")
    last_used_at: datetime | None
    codes_left: int | None = strawberry.field(description="Of recovery codes: how many still work.")


@strawberry.type(description="A device that is not asked for a second factor for a while.")
class RememberedDevice(FromRow, Node, shows=rows.RememberedDevice):
    address: str | None
    client: str | None
    remembered_at: datetime
    last_used_at: datetime
    expires_at: datetime

    @computed(description="What it is, in words: `Firefox on Linux`.")
    @staticmethod
    def device(client: str | None) -> str | None:
        return device_named(client)


@strawberry.input(
    description="A second factor to set up, with a fresh proof: the password, or a code where there is a"
    " factor already. Whoever has no password has signed in within the last 15 minutes."
)
class EnrollMfaInput:
    kind: rows.MfaKind = rows.MfaKind.TOTP
    name: str | None = strawberry.UNSET
    password: Secret | None = strawberry.UNSET
    code: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="The first code of a new factor.")
class ConfirmMfaInput:
    factor_id: ID
    code: str
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(
    description="A second factor to take away: one's own with the password or a code (a recovery code too)."
)
class RemoveMfaInput:
    id: ID
    password: Secret | None = strawberry.UNSET
    code: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="A factor being set up; the provisioning URI and recovery codes are shown once.")
class MfaPayload(Payload):
    factor: MfaFactor | None = None
    provisioning_uri: str | None = None
    recovery_codes: list[str] | None = None
