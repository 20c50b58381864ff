"""What commands show of other tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.tables import Job

MOST = 500


async def jobs_of(db: Db, command_ids: Sequence[UUID]) -> Mapping[UUID, list[Job]]:
    """The work that commands began, in order."""
    found = await db.scalars(
        select(Job)
        .where(Job.command_id.in_(command_ids), visible(Job, db.viewer))
        .order_by(Job.created_at, Job.id)
        .limit(MOST * len(command_ids))
    )
    by_command: defaultdict[UUID, list[Job]] = defaultdict(list)
    for job in found:
        by_command[job.command_id].append(job)
    return by_command
