"""Client certificates in the API."""

from __future__ import annotations

from datetime import datetime

import strawberry
from strawberry.scalars import ID

from models import agents as rows
from schema.reads import actor as acting
from schema.rows import FromRow
from schema.shapes import Actor, Node, Payload


@strawberry.type(description="A client certificate from the platform's authority.")
class Certificate(FromRow, Node, shows=rows.Certificate):
    serial: str
    subject: str
    fingerprint: str = strawberry.field(
        description="SHA-256 of the DER form, in hex: the `kid` of the tokens that its key signs."
    )
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    pem: str

    actor: Actor | None = acting("actor")


@strawberry.input(description="A signing request (PKCS #10, PEM) of a program to sign.")
class IssueCertificateInput:
    actor_id: ID
    signing_request: str
    valid_days: int = 90
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The certificate as it now is.")
class CertificatePayload(Payload):
    certificate: Certificate | None = None
