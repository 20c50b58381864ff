"""How the end of an agent's task moves the job that waits for it, in the same transaction.

A waiting job has no worker and no heartbeat. Every change here is made only to a job that waits, so that
one that was cancelled meanwhile stays cancelled.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from datawave.kit import tables
from datawave.kit.commands import Tx
from datawave.kit.database import encoded
from datawave.kit.jobs import job_of
from datawave.kit.work import DEATHS, LAST_ATTEMPT_ENDED, Fenced

WAIT = text(
    "UPDATE job SET state = 'WAITING', heartbeat_at = NULL, updated_at = datawave_now()"
    " WHERE id = :id AND state IN ('RUNNING', 'QUEUED', 'WAITING') RETURNING id"
)
NEXT = text(
    "UPDATE job SET state = 'QUEUED', attempt = attempt + 1, signalled_at = NULL, failure = NULL,"
    " next_attempt_at = datawave_now(), updated_at = datawave_now(),"
    + LAST_ATTEMPT_ENDED
    + " WHERE id = :id AND state = 'WAITING'"
    " RETURNING id"
)
FINISH = text(
    "UPDATE job SET state = 'SUCCEEDED', failure = NULL,"
    " finished_at = datawave_now(), updated_at = datawave_now(),"
    + LAST_ATTEMPT_ENDED
    + " WHERE id = :id AND state = 'WAITING' RETURNING id"
)
FAIL = text(
    "UPDATE job SET state = CAST(:state AS text), finished_at = datawave_now(), updated_at = datawave_now(),"
    " tries = tries + 1, failure = CAST(:failure AS jsonb),"
    + LAST_ATTEMPT_ENDED
    + " WHERE id = :id AND state = 'WAITING' RETURNING kind, arguments"
)


async def job_waits(tx: Tx, job_id: UUID) -> None:
    """The job rests until the task that was just offered ends. A handler raises `Waiting` after it; a job
    that was only just enqueued waits from the start, and no worker takes part before the task has ended; one
    that waits for the task that brought this one goes on waiting."""
    await tx.session.flush()
    if (await tx.session.execute(WAIT, {"id": job_id})).one_or_none() is None:
        raise Fenced


async def next_attempt_of_job(tx: Tx, job_id: UUID) -> bool:
    """The job goes on where it left off; it has lost no try."""
    return await _moved(tx, NEXT, job_id)


async def finish_job(tx: Tx, job_id: UUID) -> bool:
    return await _moved(tx, FINISH, job_id)


async def fail_job(tx: Tx, job_id: UUID, failure: dict[str, Any], *, letter: bool = True) -> bool:
    """The job ends for good: as a dead letter that a person may requeue, or without one where the failure
    is itself the answer. Whatever its kind asks for on its death happens here too."""
    state = tables.JobState.DEAD if letter else tables.JobState.FAILED
    await tx.session.flush()
    given = {"id": job_id, "state": state.value, "failure": encoded(failure)}
    row = (await tx.session.execute(FAIL, given)).one_or_none()
    if row is None:
        return False
    if letter:
        tx.session.add(
            tables.DeadLetter(
                job_id=job_id, arguments=row.arguments, failure=failure, trace=None, died_at=tx.now
            )
        )
        await tx.session.flush()
    if died := DEATHS.get(row.kind):
        await died(tx, job_of(row.kind, row.arguments), failure)
    return True


async def _moved(tx: Tx, statement: Any, job_id: UUID) -> bool:
    await tx.session.flush()
    found = await tx.session.execute(statement, {"id": job_id, "failure": None})
    return found.one_or_none() is not None
