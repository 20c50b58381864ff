"""The health of sources: one standing task each, snapshots as rows, changes of state as events."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import select, text

from connectors.entries import Entry, Snapshot
from datawave.kit.access import SYSTEM
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.duties import Duty, duty
from domain import agents
from domain.agents.presence import in_grace
from domain.sources.events import SourceHealthChanged
from domain.sources.states import active_reference, set_state
from models.agents import AgentCapability, AgentTask, TaskState
from models.sources import DataSource, HealthSnapshot, HealthState, SourceState

PING_SECONDS = 30
MISSES = 2
NOBODY_WATCHES = timedelta(seconds=60)
REFUSED = "AUTHENTICATION_FAILED"
SLOW_MS = 2_000.0
WELL = (SourceState.CONNECTED, SourceState.GOVERNED)


async def watch(tx: Tx, source: DataSource) -> None:
    """Offers the standing task that pings the source, in place of any that goes by what no longer counts."""
    await agents.cancel_tasks_of(tx, source_id=source.id, kinds=[AgentCapability.MONITOR])
    await agents.offer_task(
        tx,
        kind=AgentCapability.MONITOR,
        source=source,
        workspace_id=source.workspace_id,
        instructions={"connector": source.kind, "config": source.config, "pingSeconds": PING_SECONDS},
        secret_reference=active_reference(source),
        claim_within=None,
    )


@agents.consumes(AgentCapability.MONITOR)
class Pings(agents.Consumer):
    """What an agent reports of its pings."""

    async def apply(self, tx: Tx, task: AgentTask, entries: Sequence[Entry]) -> None:
        source = await tx.session.get(DataSource, task.source_id, with_for_update=True)
        if source is None or source.state is SourceState.DECOMMISSIONED:
            return
        for entry in entries:
            if isinstance(entry, Snapshot):
                await _take(tx, source, entry)

    async def finished(self, tx: Tx, task: AgentTask) -> None:
        return

    async def failed(self, tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
        """An agent gave up watching: somebody else may."""
        source = await tx.session.get(DataSource, task.source_id, with_for_update=True)
        if source is not None and source.state is not SourceState.DECOMMISSIONED:
            await judge(tx, source, HealthState.DOWN, failure)
            await watch(tx, source)


async def _take(tx: Tx, source: DataSource, snapshot: Snapshot) -> None:
    slow = snapshot.latency_ms is not None and snapshot.latency_ms > SLOW_MS
    state = HealthState.DOWN if not snapshot.ok else HealthState.DEGRADED if slow else HealthState.HEALTHY
    tx.session.add(
        HealthSnapshot(
            source_id=source.id,
            at=snapshot.at,
            state=state,
            latency_ms=snapshot.latency_ms,
            statistics=snapshot.statistics or None,
        )
    )
    source.health_checked_at = snapshot.at
    source.health_latency_ms = snapshot.latency_ms
    if snapshot.ok:
        source.health_misses = 0
        source.health_statistics = snapshot.statistics or None
        await judge(tx, source, state, None)
        return
    source.health_misses += 1
    failure = {
        "code": snapshot.failure_code or "UNREACHABLE",
        "message": snapshot.failure_message or "The source did not answer.",
        "hint": None,
        "retryable": True,
        "at": snapshot.at.isoformat(),
    }
    if source.health_misses >= MISSES or snapshot.failure_code == REFUSED:
        await judge(tx, source, HealthState.DOWN, failure)


async def judge(tx: Tx, source: DataSource, state: HealthState, failure: dict[str, Any] | None) -> None:
    """Moves the health, and the source's state with it, telling of a change once."""
    source.health_failure = failure
    before = source.health_state
    if before is state:
        return
    source.health_state, source.health_since = state, tx.now
    tx.emit(
        SourceHealthChanged(
            source_id=source.id,
            workspace_id=source.workspace_id,
            before=before.value,
            after=state.value,
            failure=failure,
        )
    )
    await _follow(tx, source, state, failure)


async def _follow(tx: Tx, source: DataSource, state: HealthState, failure: dict[str, Any] | None) -> None:
    match state:
        case HealthState.DOWN if source.state in (*WELL, SourceState.DEGRADED):
            await set_state(
                tx, source, SourceState.UNREACHABLE, reason=failure["message"] if failure else None
            )
        case HealthState.DEGRADED if source.state is SourceState.GOVERNED:
            await set_state(tx, source, SourceState.DEGRADED, reason="It answers slowly.")
        case HealthState.HEALTHY if source.state in (SourceState.UNREACHABLE, SourceState.DEGRADED):
            await set_state(tx, source, await _well(tx, source))
        case _:
            return


async def _well(tx: Tx, source: DataSource) -> SourceState:
    """What a healed source is: governed if its catalog was ever read."""
    found = await tx.session.scalar(
        text(
            "SELECT EXISTS (SELECT 1 FROM run WHERE source_id = :id AND kind = 'discovery'"
            " AND state = 'SUCCEEDED')"
        ),
        {"id": source.id},
    )
    return SourceState.GOVERNED if found else SourceState.CONNECTED


UNWATCHED = (
    select(AgentTask.source_id)
    .join(DataSource, DataSource.id == AgentTask.source_id)
    .where(
        AgentTask.kind == AgentCapability.MONITOR,
        AgentTask.state.in_([TaskState.OFFERED, TaskState.CLAIMED, TaskState.RUNNING]),
        DataSource.state != SourceState.DECOMMISSIONED,
        DataSource.health_state != HealthState.DOWN,
    )
)

NO_AGENT = {
    "code": "NO_AGENT",
    "message": "No agent has watched this source for a minute.",
    "hint": "Start the agent that the source is assigned to, or assign it to another.",
    "retryable": True,
}


@duty(every=10.0)
async def notice_unwatched(standing: Duty) -> None:
    """A source whose standing task nobody holds for a minute is unreachable."""
    if await in_grace(standing.session, standing.now):
        return
    long_ago = standing.now - NOBODY_WATCHES
    silent = UNWATCHED.where(
        text("coalesce(agent_task.lease_until, agent_task.created_at) < :long_ago").bindparams(
            long_ago=long_ago
        )
    )
    for source_id in (await standing.session.scalars(silent)).all():
        await standing.commands.run(report_unwatched, SYSTEM, {"source_id": source_id})


@command(needs=INSIDE, recorded=False)
async def report_unwatched(tx: Tx, *, source_id: Any) -> None:
    source = await tx.session.get(DataSource, source_id, with_for_update=True)
    if source is not None and source.state is not SourceState.DECOMMISSIONED:
        await judge(tx, source, HealthState.DOWN, NO_AGENT | {"at": tx.now.isoformat()})
