"""Reading the audit trail: which entries are meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.given import among, pairs_among
from datawave.kit.tables import AuditEntry, Outcome


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which entries are meant; what is not said does not matter."""

    actions: Sequence[str] = ()
    actors: Sequence[tuple[str, UUID]] = ()
    subjects: Sequence[tuple[str, UUID]] = ()
    sessions: Sequence[UUID] = ()
    commands: Sequence[UUID] = ()
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
        if self.sessions:
            found.append(among(row.session_id, self.sessions))
        if self.commands:
            found.append(among(row.command_id, self.commands))
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
