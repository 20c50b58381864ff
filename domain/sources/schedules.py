"""When a source is discovered by itself: a cron expression in a time zone, a row, turned into a run once when
due."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from sqlalchemy import select

from datawave.kit.access import SYSTEM
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.duties import Duty, duty
from datawave.kit.errors import ErrorCode, InputError
from domain.discovery.runs import open_run
from domain.discovery.starting import begin
from models.discovery import DiscoveryMode
from models.sources import DataSource, Schedule, SourceState


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """The next instant after this one, by the clock on the wall of the zone."""
    return next(CronSim(cron, after.astimezone(ZoneInfo(zone)))).astimezone(UTC)


async def set_schedule(tx: Tx, source: DataSource, wanted: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Sets or ends (None, or no cron) the schedule of a source; returns what was there before."""
    row = await tx.session.scalar(select(Schedule).where(Schedule.source_id == source.id))
    before = {"cron": row.cron, "time_zone": row.time_zone, "enabled": row.enabled} if row else None
    cron = wanted.get("cron") if wanted else None
    if wanted is None or cron is None:
        if row is not None:
            await tx.session.delete(row)
        return before
    zone = wanted.get("time_zone") or "UTC"
    due = _checked(cron, zone, tx.now)
    if row is None:
        row = Schedule(source_id=source.id)
        tx.session.add(row)
    row.cron, row.time_zone = cron, zone
    row.enabled = wanted.get("enabled") is not False
    row.next_at = due if row.enabled else None
    row.actor_id, row.actor_word = tx.viewer.actor_id, tx.viewer.actor_word
    await tx.session.flush()
    return before


def _checked(cron: str, zone: str, now: datetime) -> datetime:
    try:
        return next_time(cron, zone, now)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            ErrorCode.INVALID,
            f"There is no time zone “{zone[:60]}”.",
            path=["discoverySchedule", "timeZone"],
            expected="a name such as Europe/Berlin",
        ) from None
    except (CronSimError, StopIteration):
        raise InputError(
            ErrorCode.INVALID,
            "This is not a cron expression that ever comes due; five fields are expected.",
            path=["discoverySchedule", "cron"],
            expected="minute hour day month weekday, as 30 2 * * 1",
        ) from None


@duty(every=5.0)
async def start_due(standing: Duty) -> None:
    due = await standing.session.scalars(
        select(Schedule.source_id).where(Schedule.enabled, Schedule.next_at <= standing.now).limit(100)
    )
    for source_id in due.all():
        await standing.commands.run(start_scheduled, SYSTEM, {"source_id": source_id})


@command(needs=INSIDE, recorded=False)
async def start_scheduled(tx: Tx, *, source_id: Any) -> None:
    """Once for each due time: the row is locked, and moves on in the same transaction."""
    row = await tx.session.scalar(
        select(Schedule).where(Schedule.source_id == source_id, Schedule.next_at <= tx.now).with_for_update()
    )
    if row is None or row.cron is None:
        return
    row.next_at = next_time(row.cron, row.time_zone, tx.now)
    source = await tx.session.get(DataSource, source_id, with_for_update=True)
    if source is None or source.state is SourceState.DECOMMISSIONED or await open_run(tx, source) is not None:
        return
    run = await begin(tx, source, mode=DiscoveryMode.INCREMENTAL)
    row.last_run_id = run.id
