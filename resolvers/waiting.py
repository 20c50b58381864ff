"""Waiting in a mutation for the job it began: an answer in time, or the job that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from uuid import UUID

from sqlalchemy import select

from datawave.kit import log, tables
from datawave.kit.cursors import log_cursor
from schema.context import Context

LONGEST = 20.0
TERMINAL = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "DEAD"})


@asynccontextmanager
async def before_it_begins(context: Context) -> AsyncGenerator[str]:
    """The cursor from which the job's events will be followed: taken before the command runs, so none is
    missed."""
    now = await log.standing(context.platform.database)
    yield log_cursor(now.epoch, now.head)


async def ended(context: Context, job_id: UUID, *, after: str, seconds: float) -> tables.Job:
    """The job as it is when it has ended, or when the time is up. One that ended before (a repeated
    request's) tells nothing more, so it is looked at first."""
    platform, row = context.platform, tables.Job
    if await context.db.scalar(select(row.state).where(row.id == job_id)) in TERMINAL:
        return await context.db.scalar(select(row).where(row.id == job_id))
    try:
        async with asyncio.timeout(min(seconds, LONGEST)):
            steps = log.follow(platform.database, platform.live, f"job:{job_id}", after=after)
            async with aclosing(steps):
                async for step in steps:
                    if step.event is not None and step.event.value("state") in TERMINAL:
                        break
    except TimeoutError:
        pass  # the job goes on; whoever asked is given it to follow
    return await context.db.scalar(select(row).where(row.id == job_id))
