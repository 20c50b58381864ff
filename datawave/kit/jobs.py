"""Jobs: rows that PostgreSQL knows and arq carries.

arq gets one function, `run(job_id, attempt)`, as a signal. Claiming is one UPDATE: whoever updates no row
goes home. Every write of a job carries its attempt, and a lower one is refused, so a worker that was paused
and woke does nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar, get_type_hints
from uuid import UUID

import orjson
import structlog
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from arq.utils import timestamp_ms
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy import text

from datawave.kit import tracing
from datawave.kit.access import Viewer
from datawave.kit.database import Database
from datawave.kit.events import Event
from datawave.kit.ids import new_id
from datawave.kit.tables import Job as JobRow
from datawave.kit.tables import JobState

log = structlog.get_logger(__name__)

HEARTBEAT = 5.0
SILENT = 15.0
SIGNALLED_AGAIN = 5.0
SIGNAL_LIVES_MS = 3_600_000
PATIENCE = 2.0
"""So long Valkey may take over signals; the rows stay, and are told again."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Base of all jobs: an order, with what it needs to know. `tries` is how many failures its kind bears."""

    tries: ClassVar[int] = 5

    def __init_subclass__(cls) -> None:
        KINDS[cls.__name__] = cls


KINDS: dict[str, type[Job]] = {}


def queue_name(prefix: str) -> str:
    """The queue of one installation, in a Valkey that others may share."""
    return f"{prefix}jobs"


J = TypeVar("J", bound=Job)


@dataclass(frozen=True, kw_only=True)
class JobChanged(Event):
    """A job went to another state. Written by the database itself with the change (a trigger), so none is
    ever missing."""

    topics = ("job:{job_id}", "tracking:{command_id}", "jobs")
    subject = ("job", "job_id")
    job_id: UUID
    command_id: UUID
    kind: str
    state: str
    attempt: int
    workspace_id: UUID | None = None
    source_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetterAdded(Event):
    """A job used its tries; written by the database with the letter."""

    topics = ("platform",)
    subject = ("letter", "letter_id")
    letter_id: UUID
    job_id: UUID


def job_row(
    job: Job,
    *,
    command_id: UUID,
    viewer: Viewer,
    now: datetime,
    subject: tuple[str, UUID] | None,
    workspace_id: UUID | None,
    source_id: UUID | None,
    not_before: datetime | None,
) -> JobRow:
    kind = type(job).__name__
    return JobRow(
        id=new_id(),
        created_at=now,
        updated_at=now,
        kind=kind,
        arguments=orjson.loads(orjson.dumps(dataclasses.asdict(job), default=str)),
        state=JobState.QUEUED,
        command_id=command_id,
        subject_word=subject[0] if subject else None,
        subject_id=subject[1] if subject else None,
        workspace_id=workspace_id,
        source_id=source_id,
        actor_id=viewer.actor_id,
        actor_word=viewer.actor_word,
        attempt=0,
        tries=0,
        max_tries=type(job).tries,
        attempts=[],
        next_attempt_at=not_before or now,
        traceparent=tracing.traceparent(),
    )


def job_of(kind: str, arguments: Mapping[str, Any]) -> Job:
    made = KINDS[kind]
    hints = get_type_hints(made)
    values = {
        name: UUID(value) if value is not None and "UUID" in str(hints.get(name)) else value
        for name, value in arguments.items()
    }
    return made(**values)


DUE = text(
    "UPDATE job SET signalled_at = datawave_now() WHERE id IN ("
    " SELECT id FROM job WHERE state IN ('QUEUED', 'RETRYING') AND next_attempt_at <= datawave_now()"
    " AND (signalled_at IS NULL OR signalled_at < datawave_now() - make_interval(secs => :again))"
    " ORDER BY next_attempt_at LIMIT 500 FOR UPDATE SKIP LOCKED) RETURNING id, attempt"
)


async def signal_due(database: Database, arq: ArqRedis) -> int:
    """Tells arq of jobs that are due, all in one round trip; one that nobody took is told again after a
    while."""
    async with database.connection() as connection:
        due = (await connection.execute(DUE, {"again": SIGNALLED_AGAIN})).all()
    if not due:
        return 0
    try:
        async with asyncio.timeout(PATIENCE):
            await _signal(arq, [(row.id, row.attempt) for row in due])
    except Exception as error:  # Valkey is away: the rows are told again after a while
        log.warning("jobs.not_signalled", error=type(error).__name__, count=len(due))
        return 0
    return len(due)


async def _signal(arq: ArqRedis, due: Sequence[tuple[UUID, int]]) -> None:
    """What arq's own `enqueue_job` writes, for many at once. A signal that still waits is left as it is."""
    queue, now = arq.default_queue_name, timestamp_ms()
    valkey: Any = arq  # redis-py types its commands only in part
    async with valkey.pipeline(transaction=True) as pipeline:
        for job_id, attempt in due:
            signal = f"{queue}:{job_id.hex}:{attempt}"
            message = serialize_job(
                "run", (job_id.hex, attempt), {}, None, now, serializer=arq.job_serializer
            )
            pipeline.set(job_key_prefix + signal, message, px=SIGNAL_LIVES_MS, nx=True)
            pipeline.zadd(queue, {signal: now}, nx=True)
        pipeline.publish(queue, b"")  # rings whoever listens
        await pipeline.execute()


def arq_queue(valkey_url: str, *, prefix: str) -> ArqRedis:
    """The workers' queue in Valkey: names and numbers as JSON, never pickled; nobody waits for it long."""
    library: Any = ArqRedis  # redis-py types its constructors only in part
    client: ArqRedis = library.from_url(
        valkey_url, socket_connect_timeout=2, socket_timeout=5, retry=Retry(NoBackoff(), 0)
    )
    client.job_serializer, client.job_deserializer = orjson.dumps, orjson.loads
    client.default_queue_name = queue_name(prefix)
    return client
