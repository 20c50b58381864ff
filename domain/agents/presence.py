"""Leases and signs of life: heartbeats, agents that fell silent, tasks nobody took, and the API's own
presence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, bindparam, exists, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.ext.asyncio import AsyncSession

from auth.permissions import Permission
from datawave.kit.access import SYSTEM
from datawave.kit.commands import Tx, command
from datawave.kit.duties import NOW, Duty, duty
from datawave.kit.errors import invalid
from domain.agents.consumers import consumer_of
from domain.agents.events import AgentStateChanged
from domain.agents.identity import acting_agent
from domain.agents.offering import HELD, ended, forget_draft_secret, offered
from models.agents import OPEN, AgentState, AgentTask, ApiPresence, EdgeAgent, TaskState

LEASE = timedelta(seconds=20)
GRACE = timedelta(seconds=20)
"""After the API was away, tasks stay their holders' for so long, so that they can renew."""

SILENT = timedelta(seconds=15)
AWAY = timedelta(seconds=10)
"""The API was away if its processes did not sign in for so long."""

MOST_LEASES = 5_000


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A task the agent says it holds."""

    task_id: UUID
    attempt: int


# A task that is locked has a report under way, which renews it by itself.
RENEW = text(
    "UPDATE agent_task SET lease_until = datawave_now() + make_interval(secs => :lease), state = 'RUNNING',"
    " updated_at = datawave_now() WHERE id IN (SELECT t.id FROM agent_task t"
    "  JOIN unnest(:ids, :attempts) AS held(id, attempt) ON t.id = held.id AND t.attempt = held.attempt"
    "  WHERE t.agent_id = :agent_id AND t.state IN ('CLAIMED', 'RUNNING')"
    "  ORDER BY t.id FOR UPDATE OF t SKIP LOCKED)"
).bindparams(bindparam("ids", type_=ARRAY(Uuid())), bindparam("attempts", type_=ARRAY(INTEGER())))


@command(needs=Permission.AGENT_ACT, recorded=False)
async def send_heartbeat(
    tx: Tx,
    *,
    load: float | None = None,
    spooled_batches: int | None = None,
    bundle_version: str | None = None,
    leases: Sequence[Lease] = (),
) -> EdgeAgent:
    """The agent lives; what it holds under its present attempts stays its own."""
    if len(leases) > MOST_LEASES:
        raise invalid(f"At most {MOST_LEASES:,} leases are renewed at once.", path=["leases"])
    if spooled_batches is not None and not 0 <= spooled_batches < 2**31:
        raise invalid("This is no number of batches.", path=["spooledBatches"])
    if bundle_version is not None and len(bundle_version) > 200:
        raise invalid("This is no version of a bundle.", path=["bundleVersion"])
    await _renew(tx, leases)
    agent = await acting_agent(tx, lock=True)
    agent.last_heartbeat_at = tx.now
    agent.load = load
    agent.spooled_batches = spooled_batches if spooled_batches is not None else agent.spooled_batches
    if bundle_version is not None and bundle_version != agent.bundle_version:
        agent.bundle_version, agent.last_down_at = bundle_version, tx.now
    if agent.state in (AgentState.ENROLLED, AgentState.OFFLINE):
        tx.emit(_changed(agent, AgentState.ONLINE))
        agent.state = AgentState.ONLINE
    return agent


async def _renew(tx: Tx, leases: Sequence[Lease]) -> None:
    if leases and tx.viewer.actor_word == "agent":
        given = {
            "lease": LEASE.total_seconds(),
            "agent_id": tx.viewer.actor_id,
            "ids": [lease.task_id for lease in leases],
            "attempts": [lease.attempt for lease in leases],
        }
        await tx.session.execute(RENEW, given)


def _changed(agent: EdgeAgent, after: AgentState) -> AgentStateChanged:
    return AgentStateChanged(agent_id=agent.id, before=agent.state.value, after=after.value)


async def in_grace(session: AsyncSession, now: datetime) -> bool:
    """Whether the API is only just back (or nobody has signed in for it yet)."""
    presence = await session.get(ApiPresence, True)
    if presence is None or now - presence.seen_at > AWAY:
        return True
    return now - presence.back_at < GRACE


def past_grace(now: datetime) -> ColumnElement[bool]:
    """The contrary, within another statement."""
    return exists().where(ApiPresence.seen_at >= now - AWAY, ApiPresence.back_at <= now - GRACE)


SIGN_IN = text(
    "INSERT INTO api_presence (single, seen_at, back_at) VALUES (true, datawave_now(), datawave_now())"
    " ON CONFLICT (single) DO UPDATE SET seen_at = excluded.seen_at, back_at = CASE"
    " WHEN excluded.seen_at - api_presence.seen_at > make_interval(secs => :away) THEN excluded.seen_at"
    " ELSE api_presence.back_at END"
)


@duty(every=2.0)
async def keep_presence(standing: Duty) -> None:
    """The API is there; how long it was not is told by the gap."""
    await standing.session.execute(SIGN_IN, {"away": AWAY.total_seconds()})


def _silent(now: Any) -> tuple[Any, ...]:
    return EdgeAgent.state == AgentState.ONLINE, EdgeAgent.last_heartbeat_at < now - SILENT


@duty(every=2.0, when=select(EdgeAgent.id).where(*_silent(NOW)))
async def find_silent_agents(standing: Duty) -> None:
    """Agents that fell silent are OFFLINE; while the API was away they could not speak."""
    presence = await standing.session.get(ApiPresence, True)
    if presence is None or standing.now - presence.back_at < SILENT:
        return
    silent = await standing.session.scalars(
        update(EdgeAgent)
        .where(*_silent(standing.now))
        .values(state=AgentState.OFFLINE, updated_at=standing.now)
        .returning(EdgeAgent.id)
    )
    online, offline = AgentState.ONLINE.value, AgentState.OFFLINE.value
    await standing.emit(*(AgentStateChanged(agent_id=key, before=online, after=offline) for key in silent))


def _lapsed(now: Any) -> tuple[Any, ...]:
    ran_out = AgentTask.lease_until < now
    return OPEN, AgentTask.state.in_(HELD), ran_out, AgentTask.offered_at < AgentTask.lease_until


@duty(every=2.0, when=select(AgentTask.id).where(*_lapsed(NOW)))
async def offer_lapsed_tasks(standing: Duty) -> None:
    """A lease that ran out only makes a task claimable: those who may take it are told once more."""
    if await in_grace(standing.session, standing.now):
        return
    lapsed = await standing.session.scalars(
        select(AgentTask)
        .where(*_lapsed(standing.now))
        .order_by(AgentTask.id)
        .limit(200)
        .with_for_update(skip_locked=True)
    )
    for task in lapsed.all():
        task.offered_at = standing.now
        await standing.emit(await offered(standing.session, task))
    await standing.session.flush()


def _unclaimed(now: Any) -> tuple[Any, ...]:
    return OPEN, AgentTask.state == TaskState.OFFERED, AgentTask.claim_before < now


@duty(every=2.0, when=select(AgentTask.id).where(*_unclaimed(NOW)))
async def end_unclaimed_tasks(standing: Duty) -> None:
    """Tasks that nobody took in time fail. While the API was away nobody could: their time then begins
    anew."""
    presence = await standing.session.get(ApiPresence, True)
    if presence is None or standing.now - presence.seen_at > AWAY:
        return
    waited = standing.now - presence.back_at
    unclaimed = await standing.session.scalars(
        select(AgentTask.id)
        .where(
            *_unclaimed(standing.now),
            or_(
                AgentTask.offered_at >= presence.back_at,
                AgentTask.claim_before - AgentTask.offered_at < waited,
            ),
        )
        .order_by(AgentTask.id)
        .limit(200)
    )
    for key in unclaimed.all():
        await standing.commands.run(expire_task, SYSTEM, {"task_id": key})


@command(needs=Permission.AGENT_MANAGE, recorded=False)
async def expire_task(tx: Tx, *, task_id: UUID) -> None:
    """The platform's own: nobody claimed the task in time."""
    query = (
        select(AgentTask)
        .where(AgentTask.id == task_id, AgentTask.state == TaskState.OFFERED, AgentTask.claim_before < tx.now)
        .with_for_update()
    )
    task = (await tx.session.scalars(query)).one_or_none()
    if task is None:
        return
    task.state = TaskState.EXPIRED
    task.updated_at = tx.now
    task.failure = failure = await _nobody(tx, task)
    await forget_draft_secret(tx, task)
    await tx.session.flush()
    tx.emit(ended(task, code="NO_AGENT"))
    await consumer_of(task).failed(tx, task, failure)


async def _nobody(tx: Tx, task: AgentTask) -> dict[str, Any]:
    told = await offered(tx.session, task)
    names = list(
        await tx.session.scalars(
            select(EdgeAgent.name).where(EdgeAgent.id.in_(told.agent_ids)).order_by(EdgeAgent.name).limit(5)
        )
    )
    if names:
        hint = f"Check that the agent runs and reaches the platform: {', '.join(names)}."
    else:
        hint = "Assign the source to an agent that can do this, or start one (`datawave agent`)."
    return {
        "code": "NO_AGENT",
        "message": "No agent took the work in time.",
        "hint": hint,
        "retryable": True,
        "at": tx.now.isoformat(),
    }
