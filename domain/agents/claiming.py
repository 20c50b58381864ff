"""Taking a task under a lease. The attempt rises here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.certificates import seal_to
from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, not_found
from datawave.kit.ids import global_id
from datawave.kit.vault import Vault
from domain.agents.consumers import consumer_of
from domain.agents.events import TaskClaimed
from domain.agents.identity import acting_agent
from domain.agents.offering import HELD, OPEN, ended, takeable_by
from domain.agents.policy import told_of
from domain.agents.presence import LEASE, past_grace
from models.agents import AgentCapability, AgentState, AgentTask, Certificate, EdgeAgent, TaskState

READING = (AgentCapability.DISCOVER, AgentCapability.SAMPLE)


@command(needs=Permission.AGENT_ACT)
async def claim_task(
    tx: Tx, *, task_id: UUID | None = None, capabilities: Sequence[AgentCapability] | None = None
) -> AgentTask | None:
    """A named task, or the next of those the agent may take. An agent takes its own named task back at
    once, as one that restarts does; another's only when its lease has run out."""
    agent = await acting_agent(tx)
    claimable = _claimable(tx, agent)
    if task_id is not None:
        task = await _named(tx, agent, task_id, claimable)
    else:
        task = await _next(tx, agent, claimable, capabilities)
    if task is None:
        tx.leaves_no_record()
        return None
    if not await _has_secret(tx, task):
        return await _gone(tx, task)
    task.agent_id = agent.id
    task.attempt += 1
    task.state = TaskState.CLAIMED
    task.lease_until = tx.now + LEASE
    task.last_batch = -1
    task.progress = None
    task.updated_at = tx.now
    tx.counts(task=global_id("task", task.id), kind=task.kind.value, attempt=task.attempt)
    tx.emit(
        TaskClaimed(
            task_id=task.id,
            agent_id=agent.id,
            attempt=task.attempt,
            run_id=task.run_id,
            source_id=task.source_id,
            workspace_id=task.workspace_id,
        )
    )
    await _tell_policy(tx, task, agent)
    await consumer_of(task).claimed(tx, task, agent)
    return task


async def _tell_policy(tx: Tx, task: AgentTask, agent: EdgeAgent) -> None:
    """What may be read and leave, as it is now: a policy may have changed since the work was offered, and the
    agent's bundle may be a few seconds behind."""
    if task.kind not in READING or task.source_id is None:
        return
    told = await told_of(tx.session, agent_id=agent.id, source_id=task.source_id)
    task.instructions = {**task.instructions, **told}


def _claimable(tx: Tx, agent: EdgeAgent) -> ColumnElement[bool]:
    """Nobody's, or lapsed; while the API is only just back, what another held stays its own."""
    lapsed = and_(
        AgentTask.state.in_(HELD),
        AgentTask.lease_until < tx.now,
        or_(AgentTask.agent_id == agent.id, past_grace(tx.now)),
    )
    return or_(AgentTask.state == TaskState.OFFERED, lapsed)


async def _named(tx: Tx, agent: EdgeAgent, task_id: UUID, claimable: ColumnElement[bool]) -> AgentTask | None:
    own = and_(AgentTask.state.in_(HELD), AgentTask.agent_id == agent.id)
    query = (
        select(AgentTask, or_(claimable, own).label("free"))
        .where(AgentTask.id == task_id, takeable_by(agent))
        .with_for_update(of=AgentTask)
    )
    row = (await tx.session.execute(query)).one_or_none()
    if row is None:
        raise not_found("task", path=["taskId"])
    task: AgentTask = row[0]
    if not row.free:
        held = task.state in OPEN
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "Another agent holds this task; look for other work."
            if held
            else f"This task is {task.state.value.lower()} and cannot be claimed; look for other work.",
            path=["taskId"],
            current=("task", task.id),
        )
    return task


FIRST = case((AgentTask.kind == AgentCapability.TEST, 0), else_=1)
"""A person waits for a test."""


async def _next(
    tx: Tx,
    agent: EdgeAgent,
    claimable: ColumnElement[bool],
    capabilities: Sequence[AgentCapability] | None,
) -> AgentTask | None:
    query = select(AgentTask).where(claimable, takeable_by(agent))
    if agent.state is AgentState.DRAINING:
        query = query.where(false())
    if capabilities is not None:
        query = query.where(AgentTask.kind.in_(list(capabilities)))
    query = query.order_by(FIRST, AgentTask.created_at, AgentTask.id).limit(1)
    return (await tx.session.scalars(query.with_for_update(skip_locked=True))).one_or_none()


async def _has_secret(tx: Tx, task: AgentTask) -> bool:
    if task.secret_reference is None:
        return True
    return await tx.vault.get(tx.session, task.secret_reference) is not None


async def _gone(tx: Tx, task: AgentTask) -> None:
    """The credentials expired or were destroyed before anybody could use them."""
    task.state = TaskState.FAILED
    task.updated_at = tx.now
    task.failure = told = {
        "code": "CREDENTIALS_GONE",
        "message": "The credentials of this task are no longer kept.",
        "hint": "Start it again.",
        "retryable": True,
        "at": tx.now.isoformat(),
    }
    await tx.session.flush()
    tx.emit(ended(task, code="CREDENTIALS_GONE"))
    await consumer_of(task).failed(tx, task, told)


async def sealed_credentials(session: AsyncSession, vault: Vault, task: AgentTask) -> str | None:
    """How to sign in at the source, for the key of the certificate of the agent that holds the task, with
    the task and its attempt inside. Made anew for each answer and kept nowhere."""
    if task.secret_reference is None or task.agent_id is None or task.state not in HELD:
        return None
    value = await vault.get(session, task.secret_reference)
    newest = (
        select(Certificate.pem)
        .where(Certificate.actor_id == task.agent_id, Certificate.revoked_at.is_(None))
        .order_by(Certificate.not_before.desc(), Certificate.id.desc())
        .limit(1)
    )
    pem = await session.scalar(newest)
    if value is None or pem is None:
        return None
    inside = {"taskId": global_id("task", task.id), "attempt": task.attempt, "credentials": value}
    return seal_to(pem, inside)
