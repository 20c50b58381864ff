"""Work offered to agents, who may take it, and its cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import tracing
from datawave.kit.commands import Tx
from domain.agents.events import TaskCancelled, TaskEnded, TaskOffered
from models.agents import AgentCapability, AgentSource, AgentState, AgentTask, EdgeAgent, TaskState
from models.sources import DataSource

OPEN = (TaskState.OFFERED, TaskState.CLAIMED, TaskState.RUNNING)
HELD = (TaskState.CLAIMED, TaskState.RUNNING)
CLAIM_WITHIN = timedelta(seconds=30)


async def offer_task(
    tx: Tx,
    *,
    kind: AgentCapability,
    source: DataSource | None,
    workspace_id: UUID | None,
    instructions: dict[str, Any],
    run_id: UUID | None = None,
    stage_id: UUID | None = None,
    job_id: UUID | None = None,
    secret_reference: str | None = None,
    wanted_agent_id: UUID | None = None,
    claim_within: timedelta | None = CLAIM_WITHIN,
) -> AgentTask:
    """Within a command: a task for the agents of the source, or for any where there is none (a draft).
    Nobody taking it within `claim_within` ends it with NO_AGENT; None is for standing tasks, which wait."""
    task = AgentTask(
        kind=kind,
        state=TaskState.OFFERED,
        source_id=source.id if source is not None else None,
        workspace_id=workspace_id,
        run_id=run_id,
        stage_id=stage_id,
        job_id=job_id,
        wanted_agent_id=wanted_agent_id,
        claim_before=tx.now + claim_within if claim_within is not None else None,
        offered_at=tx.now,
        created_at=tx.now,
        updated_at=tx.now,
        instructions=instructions | _trace(kind),
        secret_reference=secret_reference,
        attempt=0,
        last_batch=-1,
        results={},
    )
    tx.session.add(task)
    await tx.session.flush()
    tx.emit(await offered(tx.session, task))
    return task


def _trace(kind: AgentCapability) -> dict[str, str]:
    """What the agent does belongs to the trace of whoever asked for it. A standing task has no end, and would
    have its trace grow for ever."""
    trace = tracing.traceparent() if kind is not AgentCapability.MONITOR else None
    return {"traceparent": trace} if trace else {}


async def cancel_task(tx: Tx, task: AgentTask) -> bool:
    """Ends an open task; its holder is told to stop, and what it still sends is refused."""
    if task.state not in OPEN:
        return False
    task.state = TaskState.CANCELLED
    task.lease_until = None
    task.updated_at = tx.now
    await forget_draft_secret(tx, task)
    tx.emit(cancelled(task))
    return True


async def offer_again(tx: Tx, task: AgentTask) -> None:
    """Takes a task from its holder, who is told to stop, and offers it to the others."""
    tx.emit(cancelled(task))
    if task.claim_before is not None:
        task.claim_before = tx.now + CLAIM_WITHIN
    task.state, task.agent_id, task.lease_until = TaskState.OFFERED, None, None
    task.offered_at = task.updated_at = tx.now
    await tx.session.flush()
    tx.emit(await offered(tx.session, task))


async def cancel_tasks_of(
    tx: Tx,
    *,
    source_id: UUID | None = None,
    run_id: UUID | None = None,
    kinds: Sequence[AgentCapability] = (),
) -> int:
    """All open tasks of a source or a run; how many there were."""
    query = select(AgentTask).where(AgentTask.state.in_(OPEN)).order_by(AgentTask.id).with_for_update()
    assert source_id is not None or run_id is not None, "whose tasks?"
    if source_id is not None:
        query = query.where(AgentTask.source_id == source_id)
    if run_id is not None:
        query = query.where(AgentTask.run_id == run_id)
    if kinds:
        query = query.where(AgentTask.kind.in_(kinds))
    tasks = (await tx.session.scalars(query)).all()
    for task in tasks:
        await cancel_task(tx, task)
    return len(tasks)


async def forget_draft_secret(tx: Tx, task: AgentTask) -> None:
    """The credentials of a connection that is not saved are for one use."""
    if task.source_id is None and task.secret_reference is not None:
        await tx.vault.destroy(tx.session, task.secret_reference)


async def offered(session: AsyncSession, task: AgentTask) -> TaskOffered:
    """The event that tells of a task, for those who may take it now."""
    found = await session.scalars(
        select(EdgeAgent.id).where(
            may_take(task.source_id, task.wanted_agent_id),
            EdgeAgent.state.not_in((AgentState.DRAINING, AgentState.REVOKED)),
            EdgeAgent.capabilities.contains([task.kind.value]),
        )
    )
    return TaskOffered(
        task_id=task.id,
        kind=task.kind.value,
        agent_ids=list(found),
        run_id=task.run_id,
        source_id=task.source_id,
        workspace_id=task.workspace_id,
    )


def cancelled(task: AgentTask) -> TaskCancelled:
    return TaskCancelled(
        task_id=task.id,
        agent_id=task.agent_id,
        run_id=task.run_id,
        source_id=task.source_id,
        workspace_id=task.workspace_id,
    )


def ended(task: AgentTask, *, code: str | None = None) -> TaskEnded:
    return TaskEnded(
        task_id=task.id,
        state=task.state.value,
        code=code,
        agent_id=task.agent_id,
        run_id=task.run_id,
        source_id=task.source_id,
        workspace_id=task.workspace_id,
    )


def may_take(source_id: UUID | None, wanted_agent_id: UUID | None) -> ColumnElement[bool]:
    """Which agents may take a task: the one that is wanted, those of the source, or any for a draft."""
    if wanted_agent_id is not None:
        return EdgeAgent.id == wanted_agent_id
    if source_id is None:
        return EdgeAgent.state != AgentState.REVOKED
    assigned = AgentSource.agent_id == EdgeAgent.id
    return exists().where(assigned, AgentSource.source_id == source_id)


def takeable_by(agent: EdgeAgent) -> ColumnElement[bool]:
    """Which tasks an agent may take: the other side of `may_take`."""
    assigned = exists().where(AgentSource.agent_id == agent.id, AgentSource.source_id == AgentTask.source_id)
    unwanted = and_(AgentTask.wanted_agent_id.is_(None), or_(AgentTask.source_id.is_(None), assigned))
    return and_(
        or_(AgentTask.wanted_agent_id == agent.id, unwanted),
        AgentTask.kind.in_([AgentCapability(name) for name in agent.capabilities]),
    )
