"""How long the trail is kept: whole stretches that are anchored and old go, their anchors stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import delete, func, select

from auth.signatures import NotSigned, PublicKey, said_by_us, signer
from datawave.kit import audit
from datawave.kit.access import SYSTEM
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.duties import Duty, duty
from datawave.kit.errors import ConflictError, ErrorCode
from datawave.kit.events import Event
from datawave.kit.tables import AuditEntry
from domain.audit.anchors import Keeping
from models.audit import AuditAnchor

log = structlog.get_logger(__name__)

REMOVAL = "datawave-audit-removal"
LEAST = timedelta(days=365)
"""Whatever is set: nothing younger goes."""


@dataclass(frozen=True, kw_only=True)
class AuditPeriodRemoved(Event):
    """Entries that were older than the audit trail is kept were removed; their anchor stays."""

    topics = (audit.TOPIC,)
    subject = ("anchor", "anchor_id")
    anchor_id: UUID
    number: int
    first: int
    last: int


def is_removed(anchor: AuditAnchor, known: Mapping[str, PublicKey]) -> bool:
    """Whether the platform itself has removed the entries of this anchor, and said so with its signature."""
    if anchor.removed_at is None or anchor.removal is None:
        return False
    kid, _, statement = anchor.removal.partition(" ")
    try:
        told = said_by_us(REMOVAL, statement, kid, known)
    except NotSigned:
        return False
    return told.get("anchor") == anchor.digest.hex()


@command(needs=INSIDE)
async def remove_audit_period(tx: Tx, *, anchor_id: UUID) -> None:
    """Removes the entries of the oldest anchor that has any. They are looked at once more: what was tampered
    with is not tidied away."""
    anchor = await tx.get(AuditAnchor, anchor_id)
    before = await tx.session.scalar(select(AuditAnchor).where(AuditAnchor.number == anchor.number - 1))
    ground = audit.Ground(last=before.last_sequence, head=before.head_hash) if before else audit.Ground()
    if anchor.removed_at is not None or (before is not None and before.removed_at is None):
        raise ConflictError(ErrorCode.WRONG_STATE, "Only the oldest period that is kept can be removed.")
    if tx.now - anchor.at < LEAST:
        raise ConflictError(ErrorCode.WRONG_STATE, "The audit trail is kept for a year at the least.")
    if await _is_last(tx, anchor):
        raise ConflictError(ErrorCode.WRONG_STATE, "The last period stays: the next entry builds on it.")
    mark = audit.Mark(first=anchor.first_sequence, last=anchor.last_sequence, head=anchor.head_hash)
    found = await audit.verify_span(
        tx.session, anchor.first_sequence, anchor.last_sequence, ground=ground, marks=[mark]
    )
    if not found.intact or found.marks != 1:
        entry = found.broken_at or found.last + 1
        raise ConflictError(ErrorCode.WRONG_STATE, f"The trail breaks at entry {entry}; it stays as it is.")
    await tx.session.execute(
        delete(AuditEntry).where(AuditEntry.sequence.between(anchor.first_sequence, anchor.last_sequence))
    )
    told = {"anchor": anchor.digest.hex(), "number": anchor.number, "at": tx.now.isoformat()}
    signed = (await signer(tx.session, tx.vault.keyring)).sign(REMOVAL, told)
    anchor.removed_at, anchor.removal = tx.now, f"{signed.kid} {signed.statement}"
    tx.counts(entries=found.checked, first=anchor.first_sequence, last=anchor.last_sequence)
    tx.emit(
        AuditPeriodRemoved(
            anchor_id=anchor.id,
            number=anchor.number,
            first=anchor.first_sequence,
            last=anchor.last_sequence,
        )
    )


async def _is_last(tx: Tx, anchor: AuditAnchor) -> bool:
    sealed = await tx.session.scalar(select(func.max(AuditEntry.sequence)))
    return sealed is None or sealed <= anchor.last_sequence


@duty(every=600.0)
async def remove_old_periods(standing: Duty) -> None:
    """One after the other, each in a transaction of its own, until what is left is young enough."""
    keeping: Keeping = standing.extras.get("audit") or Keeping()
    if keeping.retention is None:
        return
    oldest = (
        select(AuditAnchor.id)
        .where(
            AuditAnchor.removed_at.is_(None),
            AuditAnchor.at < standing.now - max(keeping.retention, LEAST),
        )
        .order_by(AuditAnchor.number)
    )
    for anchor_id in (await standing.session.scalars(oldest)).all():
        try:
            await standing.commands.run(remove_audit_period, SYSTEM, {"anchor_id": anchor_id})
        except ConflictError as stays:
            log.warning("audit.period_stays", why=stays.message)
            return
