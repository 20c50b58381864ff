"""Standing duties: schedules, sealing, take-up, retention. Tasks of every `serve`, no leader.

Each step runs in its own transaction under its own lock, so that whoever dies or pauses holds nothing, and
two processes never do the same step at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import structlog
from sqlalchemy import Interval, Select, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import audit
from datawave.kit.access import NOBODY, SYSTEM
from datawave.kit.commands import Commands, insert_events
from datawave.kit.database import Database, translated
from datawave.kit.ending import ended
from datawave.kit.errors import UnavailableError
from datawave.kit.events import Event
from datawave.kit.given import Moment
from datawave.kit.jobs import SILENT
from datawave.kit.statements import Statement
from datawave.kit.tables import AuditEntry, Job
from datawave.kit.work import SILENT_NOW, take_up_silent

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Duty:
    """What a step is given: an open transaction, committed when it returns, and the means to run commands."""

    session: AsyncSession
    now: datetime
    database: Database
    commands: Commands
    event_retention: timedelta | None = None
    """How long the log is kept; None is for ever."""
    extras: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the program hands to duties of one domain, by name."""
    emitted: list[Event] = field(default_factory=list[Event])

    async def emit(self, *events: Event) -> None:
        await insert_events(self.session, events, viewer=SYSTEM, command_id=None, now=self.now)
        self.emitted.extend(events)


Step = Callable[[Duty], Awaitable[None]]


@dataclass(frozen=True)
class Standing:
    name: str
    every: float
    step: Step
    when: Select[Any] | None = None
    """Rows that there is something to do about: without them nothing is locked and nothing written."""

    @cached_property
    def _look(self) -> Statement | None:
        return Statement.of(self.when.limit(1)) if self.when is not None else None

    async def is_due(self, database: Database) -> bool:
        look = self._look
        return look is None or bool(await database.aside(look.text, look.values(Moment(NOBODY))))


DUTIES: list[Standing] = []
NOW = select(func.datawave_now()).scalar_subquery()
"""For `when`: asked once for a statement, so that an index finds the rows."""


def duty(*, every: float, when: Select[Any] | None = None) -> Callable[[Step], Step]:
    """Registers a step that is done about every so many seconds, by one process at a time."""

    def registered(step: Step) -> Step:
        DUTIES.append(Standing(f"{step.__module__}.{step.__name__}", every, step, when))
        return step

    return registered


LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:name, 0)), datawave_now()")


async def do(
    standing: Standing,
    database: Database,
    commands: Commands,
    *,
    event_retention: timedelta | None = None,
    extras: Mapping[str, Any] | None = None,
) -> bool:
    """One step, if nobody else is at it."""
    with translated():
        async with AsyncSession(database.engine, expire_on_commit=False) as session:
            mine, now = (await session.execute(LOCK, {"name": f"datawave.duty.{standing.name}"})).one()
            if not mine:
                return False
            duty = Duty(
                session=session,
                now=now,
                database=database,
                commands=commands,
                event_retention=event_retention,
                extras=extras or {},
            )
            await standing.step(duty)
            await session.commit()
    if duty.emitted:
        database.committed()
    return True


class Duties:
    def __init__(
        self,
        database: Database,
        commands: Commands,
        *,
        event_retention: timedelta | None = None,
        extras: Mapping[str, Any] | None = None,
    ) -> None:
        self._extras = extras or {}
        self._database = database
        self._commands = commands
        self._event_retention = event_retention
        self._tasks: list[asyncio.Task[None]] = []
        self.last_done: dict[str, float] = {}

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._keep(standing), name=f"duty.{standing.name}") for standing in DUTIES
        ]

    async def stop(self) -> None:
        await ended(self._tasks)

    async def _keep(self, standing: Standing) -> None:
        while True:
            await asyncio.sleep(standing.every * random.uniform(0.8, 1.2))
            try:
                if await standing.is_due(self._database):
                    retention = self._event_retention
                    await do(
                        standing,
                        self._database,
                        self._commands,
                        event_retention=retention,
                        extras=self._extras,
                    )
                self.last_done[standing.name] = asyncio.get_running_loop().time()
            except UnavailableError:
                log.warning("duty.waits", duty=standing.name)
            except Exception:
                log.exception("duty.failed", duty=standing.name)


@dataclass(frozen=True, kw_only=True)
class AuditSealed(Event):
    """Entries of the audit trail got their places; the content is in the trail, for those who may read it."""

    topics = ("audit",)
    first: int
    last: int


@duty(every=0.5, when=select(AuditEntry.id).where(AuditEntry.sequence.is_(None)).order_by(AuditEntry.number))
async def seal_audit(standing: Duty) -> None:
    connection = await standing.session.connection()
    while (sealed := await audit.seal(connection)) is not None:
        first, last = sealed
        await standing.emit(AuditSealed(first=first, last=last))
        if last - first + 1 < audit.SEALED_AT_ONCE:
            break


SETTLE = text(
    "UPDATE event_log SET settled_at = greatest(settled_at, least("
    " :read, coalesce((SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database()"
    "  AND usename = current_user AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()) + :shift, :read)))"
    " WHERE settled_at < :read RETURNING settled_at"
).bindparams(bindparam("shift", type_=Interval))
SHIFT = text("SELECT datawave_now() - clock_timestamp()")


@duty(every=1.0)
async def settle(standing: Duty) -> None:
    """As-of answers up to here never change again: the clock was read before the oldest open writer was
    looked for. The row is the relay's too, so it is written by a statement that stands alone: whoever pauses
    holds it for none."""
    async with standing.database.connection() as connection:
        shift = (await connection.execute(SHIFT)).scalar_one()
        await connection.execute(SETTLE, {"read": standing.now, "shift": shift})


@duty(every=2.0, when=select(Job.id).where(text(SILENT_NOW).bindparams(silent=SILENT)))
async def take_up_silent_jobs(standing: Duty) -> None:
    await take_up_silent(standing.database, standing.commands)


FORGET = (
    text("DELETE FROM vault_entry WHERE expires_at < datawave_now()"),
    text(
        "UPDATE idempotency SET sealed = NULL"
        " WHERE sealed IS NOT NULL AND at < datawave_now() - interval '10 minutes'"
    ),
    text("DELETE FROM idempotency WHERE at < datawave_now() - interval '24 hours'"),
)


@duty(every=30.0)
async def forget_expired(standing: Duty) -> None:
    for statement in FORGET:
        await standing.session.execute(statement)


@duty(every=3600.0)
async def keep_partitions(standing: Duty) -> None:
    """Months ahead are made, and those that are older than the log is kept go, each by a statement that
    stands alone."""
    async with standing.database.connection() as connection:
        await connection.execute(text("SELECT make_event_partitions()"))
        if standing.event_retention is not None:
            bound = standing.now - standing.event_retention
            await connection.execute(text("SELECT drop_events_before(:bound)"), {"bound": bound})
