"""Jobs and dead letters in people's hands: cancelled, put back, thrown away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command, result
from datawave.kit.errors import ConflictError, ErrorCode, InputError
from datawave.kit.events import Event
from datawave.kit.jobs import KINDS, Job, job_of
from datawave.kit.tables import DeadLetter, DeadLetterResolution, JobState
from datawave.kit.tables import Job as JobRow
from datawave.kit.work import DEATHS
from domain import agents
from models.agents import AgentTask

J = TypeVar("J", bound=Job)
Cancelled = Callable[[Tx, Any], Awaitable[None]]

CANCELS: dict[str, Cancelled] = {}
"""What else happens, in the same transaction, when a job of a kind is cancelled (its run is cancelled
too)."""

REVIVALS: dict[str, Cancelled] = {}
"""What else happens when a dead job of a kind is put back into its queue (its run is opened again)."""

AT_REST = (JobState.QUEUED, JobState.WAITING, JobState.RETRYING)
OVER = (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.DEAD)
MOST_LETTERS = 500


def on_cancel(kind: type[J]) -> Callable[[Callable[[Tx, J], Awaitable[None]]], Cancelled]:
    """Registers what a cancelled job of this kind asks for beside."""

    def registered(cancelled: Callable[[Tx, J], Awaitable[None]]) -> Cancelled:
        CANCELS[kind.__name__] = cancelled
        return cancelled

    return registered


def on_revival(kind: type[J]) -> Callable[[Callable[[Tx, J], Awaitable[None]]], Cancelled]:
    """Registers what a dead job of this kind asks for beside when it is put back."""

    def registered(revived: Callable[[Tx, J], Awaitable[None]]) -> Cancelled:
        REVIVALS[kind.__name__] = revived
        return revived

    return registered


@dataclass(frozen=True, kw_only=True)
class JobCancelled(Event):
    """Who cancelled it and why; the change of state itself is told by JobChanged."""

    topics = ("job:{job_id}",)
    subject = ("job", "job_id")
    job_id: UUID
    reason: str | None
    workspace_id: UUID | None
    source_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class DeadLettersResolved(Event):
    """Dead letters were put back into their queue or thrown away."""

    topics = ("platform",)
    letter_ids: Sequence[UUID]
    resolution: str


@command(needs=Permission.JOB_MANAGE)
async def cancel_job(tx: Tx, *, job_id: UUID, reason: str | None = None) -> JobRow:
    """Ends a job at once. One that runs is fenced: whatever its worker still tries to write is refused, and
    it is told to stop with its next sign of life."""
    job = await tx.get(JobRow, job_id)
    if job.state in OVER:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"This job is over ({job.state.value.lower()}); there is nothing to cancel.",
            path=["id"],
            current=("job", job.id),
        )
    job.cancel_asked = True
    job.state = JobState.CANCELLED
    job.finished_at = job.updated_at = tx.now
    job.heartbeat_at = None
    job.failure = {
        "code": "CANCELLED",
        "message": "Somebody cancelled this." if not reason else f"Cancelled: {reason}",
        "hint": None,
        "retryable": True,
        "at": tx.now.isoformat(),
    }
    await tx.session.flush()
    await _end_tasks(tx, job.id)
    await _tell_owner(tx, job)
    tx.emit(
        JobCancelled(job_id=job.id, reason=reason, workspace_id=job.workspace_id, source_id=job.source_id)
    )
    return job


async def _end_tasks(tx: Tx, job_id: UUID) -> None:
    """What agents do for the job ends with it."""
    open_tasks = select(AgentTask).where(AgentTask.job_id == job_id, AgentTask.state.in_(agents.OPEN))
    for task in (await tx.session.scalars(open_tasks.with_for_update())).all():
        await agents.cancel_task(tx, task)


async def _tell_owner(tx: Tx, job: JobRow) -> None:
    """A kind without a word of its own on cancelling takes it as its death: nothing waits for it for ever."""
    if job.kind not in KINDS:
        return
    order = job_of(job.kind, job.arguments)
    if cancelled := CANCELS.get(job.kind):
        await cancelled(tx, order)
    elif died := DEATHS.get(job.kind):
        await died(tx, order, job.failure or {})


@result
@dataclass(frozen=True, kw_only=True)
class Resolved:
    letters: list[DeadLetter]
    jobs: list[JobRow]


@command(needs=Permission.JOB_MANAGE)
async def resolve_dead_letters(
    tx: Tx, *, letter_ids: Sequence[UUID], resolution: DeadLetterResolution, reason: str | None = None
) -> Resolved:
    """Puts dead jobs back into their queue with all their tries, or throws them away."""
    if not 1 <= len(letter_ids) <= MOST_LETTERS:
        raise InputError(
            ErrorCode.INVALID,
            f"Name between 1 and {MOST_LETTERS} dead letters.",
            path=["ids"],
            expected=f"1 to {MOST_LETTERS} ids",
        )
    letters: list[DeadLetter] = []
    jobs: list[JobRow] = []
    for at, key in sorted(enumerate(dict.fromkeys(letter_ids)), key=lambda each: each[1]):
        letter = await tx.get(DeadLetter, key, path=["ids", str(at)])
        _refuse_resolved(letter, at)
        letter.resolution, letter.resolved_at = resolution, tx.now
        letter.resolved_by, letter.resolved_by_word = tx.viewer.actor_id, tx.viewer.actor_word
        job = await tx.session.get_one(JobRow, letter.job_id, with_for_update=True)
        if resolution is DeadLetterResolution.REQUEUED and job.state is JobState.DEAD:
            await _requeue(tx, job)
        letters.append(letter)
        jobs.append(job)
    tx.counts(letters=len(letters))
    tx.emit(DeadLettersResolved(letter_ids=[each.id for each in letters], resolution=resolution.value))
    return Resolved(letters=letters, jobs=jobs)


def _refuse_resolved(letter: DeadLetter, at: int) -> None:
    if letter.resolution is not None:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"This dead letter was {letter.resolution.value.lower()} already.",
            path=["ids", str(at)],
            current=("letter", letter.id),
        )


async def _requeue(tx: Tx, job: JobRow) -> None:
    job.state = JobState.QUEUED
    job.attempt += 1
    job.tries = 0
    job.failure = job.finished_at = job.signalled_at = job.heartbeat_at = None
    job.cancel_asked = False
    job.next_attempt_at = job.updated_at = tx.now
    await tx.session.flush()
    if revived := REVIVALS.get(job.kind):
        await revived(tx, job_of(job.kind, job.arguments))
