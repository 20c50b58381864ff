"""Anchors: every so often a stretch of the trail is closed by a signed statement of where the chain stands.

The chain alone shows that somebody changed an entry; not that somebody changed it and everything after it. A
statement that is signed, and kept elsewhere, does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from auth.permissions import Permission
from auth.signatures import NotSigned, PublicKey, digest_of, said, said_by_us, signer
from datawave.kit import audit
from datawave.kit.commands import Tx, command
from datawave.kit.duties import Duty, duty
from datawave.kit.errors import ConflictError, ErrorCode
from datawave.kit.events import Event
from datawave.kit.ids import new_id
from datawave.kit.tables import AuditEntry
from datawave.kit.vault import Keyring
from models.audit import AuditAnchor

log = structlog.get_logger(__name__)

ANCHOR = "datawave-audit-anchor"
EVERY = timedelta(days=1)
MOST = 50_000
"""Entries that one anchor closes at most: they are looked at in the transaction that signs them."""
LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('datawave.audit.anchor', 0))")


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How the trail is kept, as the program was told; the standing duties find it as `audit`."""

    anchor_every: timedelta = EVERY
    retention: timedelta | None = None
    """None is for ever."""


@dataclass(frozen=True, kw_only=True)
class AuditAnchored(Event):
    """A stretch of the audit trail was closed and signed; keep the digest somewhere else."""

    topics = (audit.TOPIC,)
    subject = ("anchor", "anchor_id")
    anchor_id: UUID
    number: int
    first: int
    last: int
    digest: str


class NotWhole(Exception):
    """What would be signed is not as it was sealed."""

    def __init__(self, entry: int) -> None:
        super().__init__(f"The audit trail breaks at entry {entry}.")
        self.entry = entry


async def newest(session: AsyncSession) -> AuditAnchor | None:
    return await session.scalar(select(AuditAnchor).order_by(AuditAnchor.number.desc()).limit(1))


async def in_order(session: AsyncSession) -> Sequence[AuditAnchor]:
    return (await session.scalars(select(AuditAnchor).order_by(AuditAnchor.number))).all()


async def close(session: AsyncSession, keyring: Keyring, now: datetime) -> AuditAnchor | None:
    """Signs what was sealed since the last anchor, after a look at all of it; None where there is nothing."""
    await session.execute(LOCK)
    before = await newest(session)
    ground = audit.Ground(last=before.last_sequence, head=before.head_hash) if before else audit.Ground()
    sealed = (await session.scalar(select(func.max(AuditEntry.sequence)))) or 0
    last = min(sealed, ground.last + MOST)
    if last <= ground.last:
        return None
    found = await audit.verify_span(session, ground.last + 1, last, ground=ground)
    if not found.intact or found.last != last:
        raise NotWhole(found.broken_at or found.last + 1)
    anchor = AuditAnchor(
        id=new_id(),
        number=before.number + 1 if before else 1,
        at=now,
        first_sequence=ground.last + 1,
        last_sequence=last,
        head_hash=found.head,
        previous_digest=before.digest if before else None,
    )
    signed = (await signer(session, keyring)).sign(ANCHOR, stated(anchor))
    anchor.statement, anchor.digest = signed.statement, signed.digest
    anchor.kid, anchor.public_key = signed.kid, signed.public
    session.add(anchor)
    await session.flush()
    return anchor


def stated(anchor: AuditAnchor) -> dict[str, Any]:
    """What the statement of an anchor says."""
    return {
        "number": anchor.number,
        "at": anchor.at.isoformat(),
        "first": anchor.first_sequence,
        "last": anchor.last_sequence,
        "entries": anchor.last_sequence - anchor.first_sequence + 1,
        "head": anchor.head_hash.hex(),
        "previous": anchor.previous_digest.hex() if anchor.previous_digest else None,
    }


def follows(anchor: AuditAnchor, before: AuditAnchor | None, known: dict[str, PublicKey]) -> bool:
    """Whether an anchor is the next one after another, as it was signed, by a key of ours."""
    number, first, previous = (
        (before.number + 1, before.last_sequence + 1, before.digest) if before else (1, 1, None)
    )
    try:
        told = said_by_us(ANCHOR, anchor.statement, anchor.kid, known)
    except NotSigned:
        return False
    return (
        told == {**stated(anchor), "kind": ANCHOR}
        and anchor.digest == digest_of(anchor.statement)
        and (anchor.number, anchor.first_sequence, anchor.previous_digest) == (number, first, previous)
    )


def told(anchor: AuditAnchor) -> AuditAnchored:
    """Logged as well: a line in the log of another machine is a copy that nobody here can change."""
    log.info(
        "audit.anchored",
        number=anchor.number,
        first=anchor.first_sequence,
        last=anchor.last_sequence,
        head=anchor.head_hash.hex(),
        digest=anchor.digest.hex(),
        kid=anchor.kid,
    )
    return AuditAnchored(
        anchor_id=anchor.id,
        number=anchor.number,
        first=anchor.first_sequence,
        last=anchor.last_sequence,
        digest=anchor.digest.hex(),
    )


@command(needs=Permission.AUDIT_MANAGE)
async def anchor_audit(tx: Tx, *, reason: str | None = None) -> AuditAnchor:
    """Closes the present stretch now, without waiting for its time."""
    try:
        anchor = await close(tx.session, tx.vault.keyring, tx.now)
    except NotWhole as broken:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"The trail breaks at entry {broken.entry}, so nothing is signed; see `auditVerification`.",
        ) from None
    if anchor is None:
        raise ConflictError(
            ErrorCode.WRONG_STATE, "Everything that is sealed is anchored already; there is nothing new."
        )
    tx.touches(anchor, made=True)
    tx.emit(told(anchor))
    return anchor


LAST_ANCHORED = select(func.coalesce(func.max(AuditAnchor.last_sequence), 0)).scalar_subquery()


@duty(every=30.0, when=select(AuditEntry.id).where(AuditEntry.sequence > LAST_ANCHORED))
async def anchor_periods(standing: Duty) -> None:
    """The same when its time has come, or there is more than one anchor closes."""
    keeping: Keeping = standing.extras.get("audit") or Keeping()
    if not await _is_due(standing, keeping.anchor_every):
        return
    try:
        while anchor := await close(standing.session, standing.commands.keyring, standing.now):
            await standing.emit(told(anchor))
    except NotWhole as broken:
        log.error("audit.broken", entry=broken.entry, hint="`datawave audit verify` says more.")


async def _is_due(standing: Duty, every: timedelta) -> bool:
    before = await newest(standing.session)
    anchored = before.last_sequence if before else 0
    waiting = select(AuditEntry.sequence, AuditEntry.at).where(AuditEntry.sequence > anchored)
    first = (await standing.session.execute(waiting.order_by(AuditEntry.sequence).limit(1))).one_or_none()
    if first is None:
        return False
    began = before.at if before else first.at
    sealed = (await standing.session.scalar(select(func.max(AuditEntry.sequence)))) or 0
    return standing.now - began >= every or sealed - anchored >= MOST


@dataclass(frozen=True, kw_only=True)
class KeptAnchor:
    """An anchor as somebody has kept it elsewhere."""

    number: int
    first: int
    last: int
    head: bytes
    digest: bytes


def shown(anchor: AuditAnchor) -> dict[str, Any]:
    """What is to be kept elsewhere; enough to be checked alone."""
    return {
        **stated(anchor),
        "digest": anchor.digest.hex(),
        "statement": anchor.statement,
        "publicKey": anchor.public_key,
    }


def kept_anchors(content: bytes) -> list[KeptAnchor]:
    """Out of what `shown` gave, one a line; NotSigned where it is not as it was signed."""
    found: list[KeptAnchor] = []
    for line in content.splitlines():
        if not line.strip():
            continue
        try:
            kept = orjson.loads(line)
            statement = str(kept["statement"])
            told = said(ANCHOR, statement, kept["publicKey"])
            anchor = KeptAnchor(
                number=int(told["number"]),
                first=int(told["first"]),
                last=int(told["last"]),
                head=bytes.fromhex(told["head"]),
                digest=digest_of(statement),
            )
        except NotSigned:
            raise
        except (ValueError, TypeError, KeyError):
            raise NotSigned("This is no anchor of an audit trail.") from None
        found.append(anchor)
    if not found:
        raise NotSigned("There is no anchor in it.")
    return found
