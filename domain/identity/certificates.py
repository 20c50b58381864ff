"""Certificates of partners' programs: signed for a key that the partner alone holds, and revoked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from auth.certificates import CERTIFICATE_DAYS, SIGNED_WITH, certify
from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, invalid
from datawave.kit.events import Event
from domain.agents.events import CertificatesRevoked
from domain.identity.programs import refuse_way_beyond_own, rights_of
from models.agents import Certificate
from models.identity import ServiceAccount

LONGEST_DAYS = 365
MOST_CERTIFICATES = 10
"""That are good at once, of one program: two while one follows the other."""


@dataclass(frozen=True, kw_only=True)
class ProgramCertified(Event):
    """A partner's program got a certificate: its first, or the next before that one ends."""

    topics = ("users", "actor:{service_id}")
    subject = ("certificate", "certificate_id")
    certificate_id: UUID
    service_id: UUID
    fingerprint: str
    not_after: datetime


@dataclass(frozen=True, kw_only=True)
class ProgramCertificateRevoked(Event):
    """A partner's certificate is good for nothing any more: whoever came in with it is out at once."""

    topics = ("access", "actor:{actor_id}")
    subject = ("certificate", "certificate_id")
    certificate_id: UUID
    actor_id: UUID
    fingerprints: list[str]


@command(needs=Permission.CERTIFICATE_MANAGE)
async def issue_certificate(
    tx: Tx,
    *,
    service_id: UUID,
    signing_request: str,
    valid_days: int = CERTIFICATE_DAYS,
    longest_days: int = LONGEST_DAYS,
) -> Certificate:
    """Signs a program's key. The former certificate stays good, so that the program can go over to the new
    one in its own time."""
    if not 1 <= valid_days <= longest_days:
        raise invalid(
            f"A certificate is good for {longest_days} days at most; issue the next one before it ends.",
            path=["validDays"],
            expected=f"1 to {longest_days}",
        )
    account = await tx.within(ServiceAccount, service_id, path=["actorId"])
    # One at a time for each program, so that they are counted rightly.
    await tx.session.refresh(account, with_for_update={"key_share": True})
    held = await rights_of(tx, account.id)
    await refuse_way_beyond_own(tx, held, held.held, account_id=account.id)
    await _refuse_too_many(tx, account.id)
    certificate = await certify(
        tx.session,
        tx.vault.keyring,
        request=signing_request,
        actor=("service", account.id),
        name=account.display_name,
        now=tx.now,
        days=valid_days,
        curves=tuple(SIGNED_WITH),
    )
    tx.touches(certificate, made=True)
    tx.emit(
        ProgramCertified(
            certificate_id=certificate.id,
            service_id=account.id,
            fingerprint=certificate.fingerprint,
            not_after=certificate.not_after,
        )
    )
    return certificate


async def _refuse_too_many(tx: Tx, service_id: UUID) -> None:
    living = await tx.session.scalar(
        select(func.count()).where(
            Certificate.actor_id == service_id,
            Certificate.revoked_at.is_(None),
            Certificate.not_after > tx.now,
        )
    )
    if (living or 0) >= MOST_CERTIFICATES:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"The program has {MOST_CERTIFICATES} certificates already; revoke those that it does not use.",
            path=["actorId"],
        )


@command(needs=Permission.CERTIFICATE_MANAGE)
async def revoke_certificate(tx: Tx, *, certificate_id: UUID) -> Certificate:
    """Ends a certificate, a program's or an agent's; an agent without one has to be enrolled again."""
    certificate = await tx.get(Certificate, certificate_id)
    if certificate.revoked_at is not None:
        raise ConflictError(ErrorCode.WRONG_STATE, "This certificate was revoked before.", path=["id"])
    certificate.revoked_at = tx.now
    fingerprints = [certificate.fingerprint]
    if certificate.actor_word == "agent":
        tx.emit(CertificatesRevoked(actor_id=certificate.actor_id, fingerprints=fingerprints))
    else:
        tx.emit(
            ProgramCertificateRevoked(
                certificate_id=certificate.id, actor_id=certificate.actor_id, fingerprints=fingerprints
            )
        )
    return certificate
