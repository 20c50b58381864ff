"""Reading the audit trail: which entries are meant, whether the chain is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, cast, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import audit
from datawave.kit.access import visible
from datawave.kit.database import Database, Db
from datawave.kit.given import among, pairs_among
from datawave.kit.tables import AuditEntry, Event, EventTopic, Outcome

AUDIT = "audit"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which entries are meant; what is not said does not matter."""

    actions: Sequence[str] = ()
    actors: Sequence[tuple[str, UUID]] = ()
    subjects: Sequence[tuple[str, UUID]] = ()
    outcomes: Sequence[Outcome] = ()
    permission: str | None = None
    address: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        row = AuditEntry
        found: list[ColumnElement[bool]] = []
        if self.actions:
            found.append(among(row.action, self.actions))
        if self.actors:
            found.append(pairs_among((row.actor_word, row.actor_id), self.actors))
        if self.subjects:
            found.append(pairs_among((row.subject_word, row.subject_id), self.subjects))
        if self.outcomes:
            found.append(among(row.outcome, self.outcomes))
        if self.permission:
            found.append(row.permission == self.permission)
        if self.address:
            found.append(row.address == self.address)
        if self.since:
            found.append(row.at >= self.since)
        if self.until:
            found.append(row.at < self.until)
        return found


async def sealed_between(db: Db, first: int, last: int, wanted: Wanted) -> Sequence[AuditEntry]:
    """The entries of one sealed batch that are meant."""
    row = AuditEntry
    return await db.scalars(
        select(row)
        .where(row.sequence.between(first, last), visible(row, db.viewer), *wanted.conditions())
        .order_by(row.sequence)
    )


@dataclass(frozen=True, kw_only=True)
class Verification:
    """Whether the chain is whole, and where it breaks if not."""

    intact: bool
    checked: int
    first_sequence: int
    last_sequence: int
    broken_at: int | None
    head_hash: str
    verified_at: datetime


async def verification(
    database: Database, *, since: datetime | None = None, until: datetime | None = None
) -> Verification:
    """Walks the chain. The log of events knows how far it was sealed, so an end that was cut off is found
    too."""
    async with database.session() as session:
        now = (await session.execute(text("SELECT datawave_now()"))).scalar_one()
        sealed = await sealed_to(session)
        found = await audit.verify(session, since=since, until=until)
    broken_at = found.broken_at
    if until is None and broken_at is None and (since is None or found.checked) and sealed > found.last:
        broken_at = found.last + 1
    return Verification(
        intact=broken_at is None,
        checked=found.checked,
        first_sequence=found.first,
        last_sequence=found.last,
        broken_at=broken_at,
        head_hash=found.head.hex(),
        verified_at=now,
    )


async def sealed_to(session: AsyncSession) -> int:
    """The last sequence that an event of the log tells of; 0 where the log knows none."""
    last = cast(Event.data["last"].astext, BigInteger)
    newest = (
        select(last)
        .join(EventTopic, EventTopic.position == Event.position)
        .where(EventTopic.topic == AUDIT)
        .order_by(EventTopic.position.desc())
        .limit(1)
    )
    return (await session.scalar(newest)) or 0


async def describe(database: Database) -> str | None:
    """For the command line: None where the trail is whole, else where it breaks."""
    found = await verification(database)
    if found.intact:
        return None
    return (
        f"The audit trail breaks at entry {found.broken_at}: it was altered, removed or moved."
        f" The {found.checked} entries before it are whole."
    )
