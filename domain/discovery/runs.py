"""Discoveries as runs: found, moved through their states, cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import select, update

from auth.permissions import Permission
from datawave.kit import tables
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode
from datawave.kit.jobs import Job
from domain import agents
from domain.discovery.events import RunStateChanged, StageChanged
from domain.sources.states import set_state
from models.discovery import OPEN, Run, RunState, StageRun
from models.sources import DataSource, HealthState, SourceState

MOST_ISSUES = 1_000
ENDED = frozenset({RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED})
LIVE_JOBS = ("QUEUED", "RETRYING", "WAITING", "RUNNING")


@dataclass(frozen=True, kw_only=True)
class DiscoverSource(Job):
    """Carries a discovery from stage to stage; it rests while an agent has the task."""

    tries: ClassVar[int] = 5
    run_id: UUID


async def open_run(tx: Tx, source: DataSource) -> Run | None:
    return await tx.session.scalar(
        select(Run).where(Run.source_id == source.id, Run.kind == "discovery", Run.state.in_(OPEN))
    )


async def locked(tx: Tx, run_id: UUID) -> Run:
    return await tx.session.get_one(Run, run_id, with_for_update=True, populate_existing=True)


async def locked_whole(tx: Tx, run_id: UUID, *, with_source: bool = False) -> tuple[Run, DataSource]:
    """The run with its stages, and its source, in one statement and once in a transaction. What was changed
    before it is written later, with the rest."""
    known: dict[UUID, tuple[Run, DataSource]] = tx.session.info.setdefault("locked_whole", {})
    if run_id not in known:
        query = (
            select(Run, DataSource, StageRun)
            .join(DataSource, DataSource.id == Run.source_id)
            .join(StageRun, StageRun.run_id == Run.id)
            .where(Run.id == run_id)
            .order_by(StageRun.ordinal)
            # Stages too: after a wait for the run, only what is locked is read as it now is.
            .with_for_update(of=[Run, StageRun, *([DataSource] if with_source else [])])
            .execution_options(populate_existing=True, autoflush=False)
        )
        rows = (await tx.session.execute(query)).all()
        run, source, _ = rows[0]
        hold_stages(tx, run_id, [stage for _, _, stage in rows])
        known[run_id] = run, source
    return known[run_id]


async def move(tx: Tx, run: Run, state: RunState, *, failure: Mapping[str, Any] | None = None) -> None:
    """The run goes to another state; where it ends, so do its stages, and its source is told."""
    if run.state is state:
        return
    before, run.state = run.state, state
    run.updated_at = tx.now
    run.failure = dict(failure) if failure else run.failure
    if run.started_at is None and state is RunState.RUNNING:
        run.started_at = tx.now
    if state in ENDED:
        run.finished_at = tx.now
        await _end_stages(tx, run, state, failure)
        await _release_source(tx, run, state)
    tx.emit(
        RunStateChanged(
            run_id=run.id,
            source_id=run.source_id,
            workspace_id=run.workspace_id,
            before=before.value,
            after=state.value,
            failure=run.failure if state in ENDED else None,
        )
    )


async def _end_stages(tx: Tx, run: Run, state: RunState, failure: Mapping[str, Any] | None) -> None:
    left = RunState.CANCELLED if state is not RunState.SUCCEEDED else RunState.SUCCEEDED
    for stage in await stages_of(tx, run):
        if stage.state not in ENDED:
            failed = stage.state is RunState.RUNNING and state in (RunState.FAILED, RunState.PARTIAL)
            await move_stage(
                tx, run, stage, RunState.FAILED if failed else left, failure=failure if failed else None
            )


async def _release_source(tx: Tx, run: Run, state: RunState) -> None:
    source = await tx.session.get_one(DataSource, run.source_id, with_for_update=True, populate_existing=True)
    if source.state is not SourceState.DISCOVERING:
        return
    if source.health_state is HealthState.DOWN and state is not RunState.SUCCEEDED:
        await set_state(tx, source, SourceState.UNREACHABLE)
    elif state is RunState.SUCCEEDED:
        await set_state(tx, source, SourceState.GOVERNED)
    else:
        former = source.state_before or SourceState.CONFIGURED
        await set_state(tx, source, SourceState.CONFIGURED if former is SourceState.DISCOVERING else former)


async def stages_of(tx: Tx, run: Run) -> Sequence[StageRun]:
    """Read once in a transaction: whoever changes them holds the lock on their run."""
    known = _known_stages(tx)
    if run.id not in known:
        query = select(StageRun).where(StageRun.run_id == run.id).order_by(StageRun.ordinal)
        known[run.id] = (await tx.session.scalars(query)).all()
    return known[run.id]


def hold_stages(tx: Tx, run_id: UUID, stages: Sequence[StageRun]) -> None:
    """For the rest of the transaction."""
    _known_stages(tx)[run_id] = stages


def _known_stages(tx: Tx) -> dict[UUID, Sequence[StageRun]]:
    return tx.session.info.setdefault("stages_of", {})


async def stage_of(tx: Tx, run: Run, key: str) -> StageRun | None:
    return next((stage for stage in await stages_of(tx, run) if stage.key == key), None)


async def move_stage(
    tx: Tx,
    run: Run,
    stage: StageRun | None,
    state: RunState,
    *,
    failure: Mapping[str, Any] | None = None,
    agent_id: UUID | None = None,
) -> None:
    if stage is None or stage.state is state:
        return
    before, stage.state = stage.state, state
    stage.agent_id = agent_id or stage.agent_id
    if state is RunState.RUNNING:
        stage.started_at = stage.started_at or tx.now
        stage.attempt += 1
        stage.attempts = [*stage.attempts, {"number": stage.attempt, "startedAt": tx.now.isoformat()}]
    if state in ENDED:
        stage.finished_at = tx.now
        stage.failure = dict(failure) if failure else None
        if stage.attempts:
            last = {**stage.attempts[-1], "finishedAt": tx.now.isoformat(), "failure": stage.failure}
            stage.attempts = [*stage.attempts[:-1], last]
    run.updated_at = tx.now
    tx.emit(
        StageChanged(
            run_id=run.id,
            source_id=run.source_id,
            workspace_id=run.workspace_id,
            stage_id=stage.id,
            key=stage.key,
            before=before.value,
            after=state.value,
            failure=dict(failure) if failure else None,
        )
    )


def tell_progress(tx: Tx, run: Run, stage: StageRun | None) -> None:
    """What live readers see between the events: at most one a second for each stage."""
    tx.progressed(
        f"run:{run.id}",
        "runs",
        f"source:{run.source_id}",
        f"workspace:{run.workspace_id}",
        key=f"{run.id}:{stage.key if stage else ''}",
        progress={
            "run": run.id.hex,
            "stage": stage.id.hex if stage else None,
            "source": run.source_id.hex,
            "workspace": run.workspace_id.hex,
            "progress": run.progress,
            "at": tx.now.isoformat(),
        },
    )


async def cancel_open_run(tx: Tx, source: DataSource, *, reason: str) -> Run | None:
    """Ends what is under way on a source: the catalog keeps what was written, and nothing is removed."""
    run = await open_run(tx, source)
    if run is not None:
        await cancel(tx, await locked(tx, run.id), reason=reason)
    return run


async def cancel(tx: Tx, run: Run, *, reason: str) -> None:
    await agents.cancel_tasks_of(tx, run_id=run.id)
    job = tables.Job
    await tx.session.execute(
        update(job)
        .where(job.subject_id == run.id, job.state.in_(LIVE_JOBS))
        .values(state="CANCELLED", attempt=job.attempt + 1, finished_at=tx.now, updated_at=tx.now)
    )
    failure = {
        "code": "CANCELLED", "message": reason, "hint": None, "retryable": True, "at": tx.now.isoformat(),
    }  # fmt: skip
    await move(tx, run, RunState.PARTIAL if wrote(run) else RunState.CANCELLED, failure=failure)


def wrote(run: Run) -> bool:
    return bool(run.summary.get("added") or run.summary.get("changed"))


@command(needs=Permission.RUN_CONTROL)
async def cancel_run(tx: Tx, *, run_id: UUID, reason: str | None = None) -> Run:
    run = await tx.get(Run, run_id)
    if run.state in ENDED:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"This run has ended ({run.state.value.lower()}); there is nothing to cancel.",
            current=("run", run.id),
        )
    await cancel(tx, run, reason=reason or "Somebody cancelled it.")
    return run
