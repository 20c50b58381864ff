"""What people and programs show of other tables: many actors, one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased

from datawave.kit.access import visible
from datawave.kit.database import Db
from models.identity import AuthSession, Grant

MOST_SESSIONS = 100
"""Of each person, the newest."""

MOST_GRANTS = 500


async def living_sessions(db: Db, actor_ids: Sequence[UUID]) -> Mapping[UUID, list[AuthSession]]:
    """Sessions that have not ended, the last used first."""
    row = AuthSession
    place = func.row_number().over(partition_by=row.actor_id, order_by=(row.last_seen_at.desc(), row.id))
    placed = (
        select(row, place.label("place"))
        .where(
            row.actor_id.in_(actor_ids),
            row.ended_at.is_(None),
            row.expires_at > text("datawave_now()"),
            visible(row, db.viewer),
        )
        .subquery()
    )
    found = aliased(row, placed)
    sessions = await db.scalars(
        select(found).where(placed.c.place <= MOST_SESSIONS).order_by(found.last_seen_at.desc(), found.id)
    )
    by_actor: defaultdict[UUID, list[AuthSession]] = defaultdict(list)
    for session in sessions:
        by_actor[session.actor_id].append(session)
    return by_actor


async def grants(db: Db, actor_ids: Sequence[UUID]) -> Mapping[UUID, list[Grant]]:
    """What they hold, the oldest first; one that has run out no longer counts."""
    row = Grant
    found = await db.scalars(
        select(row)
        .where(
            row.actor_id.in_(actor_ids),
            row.expires_at.is_(None) | (row.expires_at > text("datawave_now()")),
            visible(row, db.viewer),
        )
        .order_by(row.granted_at, row.id)
        .limit(MOST_GRANTS * len(actor_ids))
    )
    by_actor: defaultdict[UUID, list[Grant]] = defaultdict(list)
    for grant in found:
        by_actor[grant.actor_id].append(grant)
    return by_actor
