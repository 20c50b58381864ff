"""The running of jobs: claim, heartbeat, fence, retry, bury, give back, take up what fell silent."""

from __future__ import annotations

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text, update

from datawave.kit import tables, tracing
from datawave.kit.access import NOBODY, SYSTEM, Viewer
from datawave.kit.commands import INSIDE, Commands, Tx, command
from datawave.kit.database import Database, encoded
from datawave.kit.errors import UnavailableError, UserError
from datawave.kit.handling import (
    DEATHS,
    HANDLERS,
    Failure,
    Fenced,
    Handler,
    Waiting,
    Work,
    handles,
    on_death,
)
from datawave.kit.ids import new_id
from datawave.kit.jobs import HEARTBEAT, SILENT, Job, job_of

log = structlog.get_logger(__name__)

PATIENCE = 30.0
"""So long an attempt goes on trying to write how it ended while the database is away."""

CLAIM = text(
    "UPDATE job SET state = 'RUNNING', heartbeat_at = datawave_now(), updated_at = datawave_now(),"
    " started_at = coalesce(started_at, datawave_now()), progressed = false,"
    # The first of very many attempts are forgotten.
    " attempts = CASE WHEN jsonb_array_length(attempts) >= 50 THEN attempts - 0 ELSE attempts END"
    "   || jsonb_build_object('number', attempt, 'startedAt', datawave_now())"
    " WHERE id = :id AND state IN ('QUEUED', 'RETRYING') AND attempt = :attempt"
    " RETURNING kind, arguments, actor_id, actor_word, command_id, tries, max_tries, traceparent"
)
BEAT = text(
    "UPDATE job SET heartbeat_at = datawave_now() WHERE id = :id AND attempt = :attempt AND state = 'RUNNING'"
    " RETURNING cancel_asked"
)
LAST_ATTEMPT_ENDED = (
    " attempts = CASE WHEN jsonb_array_length(attempts) = 0 THEN attempts ELSE"
    "   jsonb_set(attempts, ARRAY[(jsonb_array_length(attempts) - 1)::text], (attempts -> -1) ||"
    "   jsonb_build_object('finishedAt', datawave_now(), 'failure', CAST(:failure AS jsonb))) END"
)
MINE = " WHERE id = :id AND attempt = :attempt AND state = 'RUNNING'"
AGAIN = " state = 'RETRYING', attempt = attempt + 1, signalled_at = NULL, updated_at = datawave_now(),"
SUCCEEDED = text(
    "UPDATE job SET state = 'SUCCEEDED', finished_at = datawave_now(), updated_at = datawave_now(),"
    " failure = NULL," + LAST_ATTEMPT_ENDED + MINE
)
RETRY = text(
    f"UPDATE job SET {AGAIN} tries = tries + 1, failure = CAST(:failure AS jsonb),"
    " next_attempt_at = datawave_now() + make_interval(secs => :delay)," + LAST_ATTEMPT_ENDED + MINE
)
GIVE_BACK = text(f"UPDATE job SET {AGAIN} next_attempt_at = datawave_now()," + LAST_ATTEMPT_ENDED + MINE)

ViewerOf = Callable[[UUID | None, str | None], Awaitable[Viewer]]
"""The rights of an actor as they are now; given by the program, since the kit knows no grants."""


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An attempt that is ours."""

    job_id: UUID
    attempt: int
    kind: str
    arguments: dict[str, Any]
    actor_id: UUID | None
    actor_word: str | None
    command_id: UUID
    tries: int
    max_tries: int
    traceparent: str | None

    @property
    def trace(self) -> tracing.Trace:
        """That of the command, so that its attempts are found with it; what nobody's request began (a
        schedule) has the command's own id."""
        return tracing.continued(self.traceparent) or tracing.begun(self.command_id.hex)

    @property
    def place(self) -> dict[str, Any]:
        return {"id": self.job_id, "attempt": self.attempt}


class Runner:
    """Runs signalled jobs that are still to be run."""

    def __init__(
        self, database: Database, commands: Commands, viewer_of: ViewerOf, extras: Mapping[str, Any]
    ) -> None:
        self._database = database
        self._commands = commands
        self._viewer_of = viewer_of
        self._extras = extras

    async def run(self, job_id: UUID, attempt: int) -> None:
        claiming = asyncio.create_task(self.claim(job_id, attempt))
        try:
            claimed = await asyncio.shield(claiming)
        except asyncio.CancelledError:
            if (claimed := await claiming) is not None:
                await self._give_back(claimed)
            raise
        if claimed is not None:
            with tracing.within(claimed.trace):
                await self.carry_out(claimed)

    async def claim(self, job_id: UUID, attempt: int) -> Claimed | None:
        """One update: whoever updates no row goes home."""
        async with self._database.connection() as connection:
            row = (await connection.execute(CLAIM, {"id": job_id, "attempt": attempt})).one_or_none()
        if row is None:
            return None
        self._database.committed()
        return Claimed(
            job_id=job_id,
            attempt=attempt,
            kind=row.kind,
            arguments=row.arguments,
            actor_id=row.actor_id,
            actor_word=row.actor_word,
            command_id=row.command_id,
            tries=row.tries,
            max_tries=row.max_tries,
            traceparent=row.traceparent,
        )

    async def carry_out(self, claimed: Claimed) -> None:
        """To its end, whatever that is. Whoever cancels this gives the job back to the others, at no cost of
        a try."""
        work = Work(
            claimed.job_id,
            claimed.attempt,
            claimed.command_id,
            NOBODY,
            self._commands,
            self._database,
            self._extras,
        )
        name = f"job.{claimed.kind}.{claimed.job_id.hex}"
        handling = asyncio.create_task(self._handled(work, claimed), name=name)
        heart = asyncio.create_task(self._beat(work, claimed, handling), name=f"{name}.heart")
        try:
            await asyncio.wait({handling})
        except asyncio.CancelledError:
            handling.cancel()
            await asyncio.wait({handling})
            await self._give_back(claimed)
            raise
        finally:
            heart.cancel()
        if not handling.cancelled() and (error := handling.exception()):
            log.error("job.end_not_written", job=claimed.job_id.hex, kind=claimed.kind, exc_info=error)
        self._database.committed()

    async def _handled(self, work: Work, claimed: Claimed) -> None:
        try:
            handler = HANDLERS.get(claimed.kind)
            if handler is None:
                message = f"No worker knows jobs of kind {claimed.kind}."
                raise Failure("UNKNOWN_KIND", message, retryable=False)
            work.viewer = await self._viewer_of(claimed.actor_id, claimed.actor_word)
            job = job_of(claimed.kind, claimed.arguments)
            told = {"datawave.job": claimed.job_id.hex, "datawave.attempt": claimed.attempt}
            with tracing.span(f"job {claimed.kind}", "consumer", told, expected=(Waiting,)):
                await handler.run(work, job)
        except Waiting:
            return
        except Fenced:
            log.info("job.fenced", job=claimed.job_id.hex, kind=claimed.kind, attempt=claimed.attempt)
        except Exception as error:
            await self._failed(claimed, error)
        else:
            await self._written(SUCCEEDED, claimed.place | {"failure": None})

    async def _failed(self, claimed: Claimed, error: Exception) -> None:
        failure = failure_of(error)
        log.warning("job.failed", job=claimed.job_id.hex, kind=claimed.kind, code=failure["code"])
        if failure["retryable"] and claimed.tries + 1 < claimed.max_tries:
            delay = min(2.0**claimed.tries, 300.0) * random.uniform(0.5, 1.5)
            await self._written(RETRY, claimed.place | {"delay": delay, "failure": encoded(failure)})
            return
        buried = {
            "job_id": claimed.job_id,
            "attempt": claimed.attempt,
            "failure": failure,
            "trace": "".join(traceback.format_exception(error))[-8_000:],
        }
        await _despite_outages(lambda: self._commands.run(bury_job, SYSTEM, buried))

    async def _written(self, statement: Any, given: Mapping[str, Any]) -> None:
        async def write() -> None:
            async with self._database.connection() as connection:
                await connection.execute(statement, given)

        await _despite_outages(write)

    async def _give_back(self, claimed: Claimed) -> None:
        """The worker stops: another goes on at once, and this attempt writes nothing more."""
        try:
            async with asyncio.timeout(5), self._database.connection() as connection:
                await connection.execute(GIVE_BACK, claimed.place | {"failure": None})
        except (UnavailableError, TimeoutError):  # then it falls silent and is taken up
            log.warning("job.not_given_back", job=claimed.job_id.hex)
        self._database.committed()

    async def _beat(self, work: Work, claimed: Claimed, handling: asyncio.Task[None]) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                async with self._database.connection() as connection:
                    row = (await connection.execute(BEAT, claimed.place)).one_or_none()
            except Exception as error:  # a missed beat; the next one tries again
                log.warning("job.beat_missed", error=type(error).__name__)
                continue
            if row is None or row.cancel_asked:
                # Cancelled, or taken up by another: nothing more that it writes counts.
                if work.cancelled.is_set():
                    handling.cancel()
                work.cancelled.set()


async def _despite_outages(write: Callable[[], Awaitable[Any]]) -> None:
    """How an attempt ended is written when the database is back, so that nobody does the work again."""
    pause, until = 0.2, asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            await write()
            return
        except UnavailableError:
            if asyncio.get_running_loop().time() > until:
                raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


def failure_of(error: Exception) -> dict[str, Any]:
    """A failure as it is kept and shown: a bug says only that it is one, and where to find it."""
    at = datetime.now(UTC).isoformat()
    match error:
        case Failure():
            words = (error.code, error.message, error.hint, error.retryable)
        case UserError():
            retryable = error.code.value in ("UNAVAILABLE", "CIRCUIT_OPEN", "RATE_LIMITED")
            words = (error.code.value, error.message, None, retryable)
        case _:
            reference = new_id().hex
            log.error("job.bug", reference=reference, exc_info=error)
            message = f"Something went wrong inside DataWave; the log knows it as {reference}."
            words = ("INTERNAL", message, None, True)
    return dict(zip(("code", "message", "hint", "retryable"), words, strict=True)) | {"at": at}


SILENT_NOW = "state = 'RUNNING' AND heartbeat_at < datawave_now() - make_interval(secs => :silent)"


@command(needs=INSIDE, recorded=False)
async def bury_job(
    tx: Tx,
    *,
    job_id: UUID,
    attempt: int,
    failure: dict[str, Any],
    trace: str | None,
    silent: float | None = None,
) -> None:
    """The job has used its tries: a dead letter, and whatever its kind asks for, in one transaction. With
    `silent`, only if no sign of life has come for so many seconds."""
    job = tables.Job
    ours: list[Any] = [job.id == job_id, job.attempt == attempt, job.state == tables.JobState.RUNNING]
    if silent is not None:
        ours.append(text(SILENT_NOW).bindparams(silent=silent))
    row = (
        await tx.session.execute(
            update(job)
            .where(*ours)
            .values(
                state=tables.JobState.DEAD,
                finished_at=tx.now,
                updated_at=tx.now,
                failure=failure,
                tries=job.tries + 1,
            )
            .returning(job.kind, job.arguments)
        )
    ).one_or_none()
    if row is None:
        return
    letter = tables.DeadLetter(
        job_id=job_id, arguments=row.arguments, failure=failure, trace=trace, died_at=tx.now
    )
    tx.session.add(letter)
    await tx.session.flush()
    if died := DEATHS.get(row.kind):
        await died(tx, job_of(row.kind, row.arguments), failure)


WORKER_DIED = {
    "code": "WORKER_DIED",
    "message": "The worker stopped answering; the job was taken up again.",
    "hint": None,
    "retryable": True,
}
SPENT = "NOT progressed AND tries + 1 >= max_tries"
# A job whose row is locked is being written to, or its worker was paused inside a transaction, which ends by
# itself.
LOCKED_LATER = " ORDER BY heartbeat_at LIMIT 200 FOR NO KEY UPDATE SKIP LOCKED"
TAKE_UP = text(
    f"UPDATE job SET {AGAIN} tries = tries + CASE WHEN progressed THEN 0 ELSE 1 END,"
    " next_attempt_at = datawave_now()," + LAST_ATTEMPT_ENDED + " WHERE id IN"
    f" (SELECT id FROM job WHERE {SILENT_NOW} AND NOT ({SPENT}) {LOCKED_LATER}) RETURNING id"
)
DYING = text(f"SELECT id, attempt FROM job WHERE {SILENT_NOW} AND {SPENT} {LOCKED_LATER}")


async def take_up_silent(database: Database, commands: Commands) -> int:
    """Jobs whose worker died go to the next attempt; one that killed its worker too often is buried."""
    at = datetime.now(UTC).isoformat()
    async with database.connection() as connection:
        failure = encoded(WORKER_DIED | {"at": at})
        taken = (await connection.execute(TAKE_UP, {"silent": SILENT, "failure": failure})).all()
        dying = (await connection.execute(DYING, {"silent": SILENT})).all()
    for row in dying:
        message = "The job's worker died at it again and again."
        arguments = {
            "job_id": row.id,
            "attempt": row.attempt,
            "failure": WORKER_DIED | {"message": message, "at": at},
            "trace": None,
            "silent": SILENT,
        }
        await commands.run(bury_job, SYSTEM, arguments)
    if taken or dying:
        database.committed()
    return len(taken) + len(dying)


__all__ = [
    "DEATHS",
    "HANDLERS",
    "Failure",
    "Fenced",
    "Handler",
    "Job",
    "Runner",
    "Waiting",
    "Work",
    "handles",
    "on_death",
    "take_up_silent",
]
