"""Whether the trail is whole: the chain, the anchors, what the log of events tells of both, and anchors that
somebody has kept elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from auth.signatures import PublicKey, own_keys
from datawave.kit import audit
from datawave.kit.database import Database, translated
from datawave.kit.tables import AuditEntry, Event, EventTopic
from datawave.kit.vault import Keyring
from domain.audit import anchors, seals
from domain.audit.anchors import KeptAnchor
from domain.audit.retention import is_removed
from models.audit import AuditAnchor


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether the trail is whole, and where it breaks if not."""

    intact: bool
    checked: int
    anchors: int
    first_sequence: int
    last_sequence: int
    broken_at: int | None
    problem: str | None
    head_hash: str
    verified_at: datetime


@dataclass(frozen=True, kw_only=True)
class Break:
    """Where something is not as it was; of several the first counts."""

    at: int
    why: str


async def verification(
    database: Database,
    keyring: Keyring,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    kept: Sequence[KeptAnchor] = (),
) -> Verification:
    """Walks the chain as it is at one moment, whoever seals or removes meanwhile."""
    one_moment = database.engine.execution_options(isolation_level="REPEATABLE READ")
    with translated():
        async with AsyncSession(one_moment, expire_on_commit=False) as session:
            now = (await session.execute(text("SELECT datawave_now()"))).scalar_one()
            return await _verified(session, keyring, now, since, until, kept)


async def _verified(
    session: AsyncSession,
    keyring: Keyring,
    now: datetime,
    since: datetime | None,
    until: datetime | None,
    kept: Sequence[KeptAnchor],
) -> Verification:
    known = await own_keys(session, keyring)
    rows = await anchors.in_order(session)
    broken_anchor, good = _in_a_row(rows, known)
    ground = _ground(good, known)
    marks = [
        audit.Mark(first=each.first_sequence, last=each.last_sequence, head=each.head_hash)
        for each in good
        if each.last_sequence > ground.last
    ]
    anchored = marks[-1].last if marks else ground.last
    sealed = await seals.after(session, keyring, anchored)
    found = await audit.verify(
        session, since=since, until=until, ground=ground, marks=[*marks, *sealed.marks]
    )
    breaks = [*broken_anchor, *_of_chain(found), *_of_kept(rows, kept), *await _of_log(session, rows)]
    if not broken_anchor and until is None and (since is None or found.checked):
        breaks += _unsealed(found, anchored, sealed)
        breaks += await _cut_off(session, found, ground, marks) if found.intact else []
    if since is None:
        breaks += await _put_before(session, ground)
    first = min(breaks, key=lambda each: each.at, default=None)
    return Verification(
        intact=first is None,
        checked=found.checked,
        anchors=sum(found.first <= mark.last <= found.last for mark in marks),
        first_sequence=found.first,
        last_sequence=found.last,
        broken_at=first.at if first else None,
        problem=first.why if first else None,
        head_hash=found.head.hex(),
        verified_at=now,
    )


def _in_a_row(
    rows: Sequence[AuditAnchor], known: dict[str, PublicKey]
) -> tuple[list[Break], Sequence[AuditAnchor]]:
    """The anchors that follow each other from the first one on, and what is wrong with the next."""
    before: AuditAnchor | None = None
    for at, anchor in enumerate(rows):
        if not anchors.follows(anchor, before, known):
            begins = before.last_sequence + 1 if before else 1
            number = before.number + 1 if before else 1
            return [Break(at=begins, why=f"Anchor {number} was altered, removed, or not signed here.")], rows[
                :at
            ]
        before = anchor
    return [], rows


def _ground(rows: Sequence[AuditAnchor], known: dict[str, PublicKey]) -> audit.Ground:
    """Where the entries begin that are still kept: after the oldest stretches that were removed."""
    ground = audit.Ground()
    for anchor in rows:
        if not is_removed(anchor, known):
            break
        ground = audit.Ground(last=anchor.last_sequence, head=anchor.head_hash)
    return ground


def _of_chain(found: audit.Verified) -> list[Break]:
    if found.broken_at is None:
        return []
    if (mark := found.rewritten) is not None:
        why = f"Entries {mark.first} to {mark.last} were written anew: their anchor does not fit them."
    else:
        why = f"Entry {found.broken_at} was altered, removed or moved."
    return [Break(at=found.broken_at, why=why)]


def _unsealed(found: audit.Verified, anchored: int, sealed: seals.Seals) -> list[Break]:
    """What stands at the end of the chain was put there by the platform, or it has no seal."""
    if sealed.missing is not None:
        return [Break(at=sealed.missing, why=f"The seal of entry {sealed.missing} was altered or removed.")]
    known = max([anchored, *(mark.last for mark in sealed.marks)])
    if known == 0 or found.last <= known:
        return []
    return [Break(at=known + 1, why=f"Entry {known + 1} was not sealed here.")]


def _of_kept(rows: Sequence[AuditAnchor], kept: Sequence[KeptAnchor]) -> list[Break]:
    here = {anchor.number: anchor.digest for anchor in rows}
    return [
        Break(at=each.first, why=f"Anchor {each.number} is not the one that was kept elsewhere.")
        for each in kept
        if here.get(each.number) != each.digest
    ]


async def _of_log(session: AsyncSession, rows: Sequence[AuditAnchor]) -> list[Break]:
    """The log of events knows the last anchor, too."""
    newest = await session.scalar(
        select(Event.data)
        .join(EventTopic, EventTopic.position == Event.position)
        .where(EventTopic.topic == audit.TOPIC, Event.type == anchors.AuditAnchored.__name__)
        .order_by(EventTopic.position.desc())
        .limit(1)
    )
    if not newest or any(
        each.number == newest["number"] and each.digest.hex() == newest["digest"] for each in rows
    ):
        return []
    why = f"Anchor {newest['number']} is not the one that the log of events tells of."
    return [Break(at=newest["first"], why=why)]


async def _cut_off(
    session: AsyncSession, found: audit.Verified, ground: audit.Ground, marks: Sequence[audit.Mark]
) -> list[Break]:
    """An end that is missing: the log of events and the anchors know how far it was sealed."""
    ends = max(found.last, ground.last)
    known = max([await sealed_to(session), *(mark.last for mark in marks)])
    if known <= ends:
        return []
    return [Break(at=ends + 1, why=f"The entries from {ends + 1} to {known} were removed.")]


async def _put_before(session: AsyncSession, ground: audit.Ground) -> list[Break]:
    """Nothing stands before the beginning."""
    first = await session.scalar(select(func.min(AuditEntry.sequence)))
    if first is None or first > ground.last:
        return []
    return [Break(at=first, why=f"Entry {first} was put before the beginning of the trail.")]


async def sealed_to(session: AsyncSession) -> int:
    """The last sequence that an event of the log tells of; 0 where the log knows none."""
    return (await session.scalar(audit.TOLD)) or 0
