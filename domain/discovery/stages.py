"""What a discovery's job does between the agent's tasks, and what it asks of the agent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import aliased

from datawave.kit import breakers
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.errors import UnavailableError
from datawave.kit.ids import new_id
from datawave.kit.jobs import Job
from datawave.kit.work import on_death
from domain import agents
from domain.catalog import drift, ingest
from domain.discovery.runs import (
    ENDED,
    MOST_ISSUES,
    DiscoverSource,
    locked,
    locked_whole,
    move,
    move_stage,
    stage_of,
    wrote,
)
from domain.lineage.jobs import enqueue_parsing
from domain.sources.states import active_reference
from domain.sources.testing import breaker_name
from models.agents import AgentCapability, AgentTask, TaskState
from models.catalog import DATASETS, Asset, AssetState
from models.discovery import DiscoveryMode, Run, RunState, StageRun, ValidationIssue
from models.sources import DataSource

AGENT_WAIT = timedelta(seconds=60)


@command(needs=INSIDE, recorded=False)
async def advance(tx: Tx, *, run_id: UUID, job_id: UUID) -> bool:
    """Does what is next; True while an agent has to do something first (the job then rests)."""
    run, source = await locked_whole(tx, run_id, with_source=True)
    if run.state in ENDED:
        return False
    if not await go_on(tx, run, source, job_id):
        return False
    await agents.job_waits(tx, job_id)
    return True


async def go_on(tx: Tx, run: Run, source: DataSource, job_id: UUID) -> bool:
    """The same for a run that is locked already, and a job that waits already."""
    discover, sample = await stage_of(tx, run, "discover"), await stage_of(tx, run, "sample")
    assert discover is not None
    if discover.state is not RunState.SUCCEEDED:
        return await offer_reading(tx, run, source, job_id)
    if run.state is RunState.QUEUED:
        await move(tx, run, RunState.RUNNING)
    validate = await stage_of(tx, run, "validate")
    if validate is not None and validate.state is not RunState.SUCCEEDED:
        await _validate(tx, run, source)
    if (
        sample is not None
        and sample.state is not RunState.SUCCEEDED
        and await _offer_sample(tx, run, source, sample.id, job_id)
    ):
        return True
    for key in ("sample", "classify"):
        await move_stage(tx, run, await stage_of(tx, run, key), RunState.SUCCEEDED)
    await move(tx, run, RunState.SUCCEEDED)
    return False


async def offer_reading(tx: Tx, run: Run, source: DataSource, job_id: UUID) -> bool:
    """The breaker of the source stands before the agent is asked; while it is open the run fails at once."""
    discover = await stage_of(tx, run, "discover")
    assert discover is not None
    breaker = await breakers.of(tx.session, breaker_name(source), subject=("source", source.id))
    try:
        admitted = breakers.admit(breaker, tx.now)
    except UnavailableError as refused:
        await _end_at_breaker(tx, source, job_id, refused)
        return False
    for event in admitted:
        tx.emit(event)
    mark = await ingest.mark(tx.session, source.id)
    more = {
        "include": run.options.get("include", []),
        "trustDigests": run.mode is not DiscoveryMode.FULL,
        "isKnown": mark is not None,
        "mark": mark,
        "knownStamp": await _stamp_of(tx, source, mark),
    }
    kind = AgentCapability.DISCOVER
    await _offer(tx, run, source, kind=kind, stage_id=discover.id, job_id=job_id, more=more)
    return True


async def _stamp_of(tx: Tx, source: DataSource, mark: str | None) -> str | None:
    """What marked the source when it was last read whole and without a hitch, if the catalog still is what
    that reading left."""
    if mark is None:
        return None
    connect, validate = aliased(StageRun), aliased(StageRun)
    last = (
        select(connect.results["stamp"].as_string(), validate.results["mark"].as_string(), Run.summary)
        .join(validate, validate.run_id == connect.run_id)
        .join(Run, Run.id == connect.run_id)
        .where(
            Run.source_id == source.id,
            Run.kind == "discovery",
            Run.state == RunState.SUCCEEDED,
            connect.key == "connect",
            validate.key == "validate",
        )
        .order_by(Run.created_at.desc())
        .limit(1)
    )
    found = (await tx.session.execute(last)).one_or_none()
    if found is None:
        return None
    stamp, left, summary = found
    return stamp if left == mark and not summary.get("errors") else None


async def _end_at_breaker(tx: Tx, source: DataSource, job_id: UUID, refused: UnavailableError) -> None:
    """That the source does not answer is known: no try more would change it, and a letter would tell nothing
    new."""
    failure = {
        "code": refused.code.value,
        "message": f"“{source.name}” is not read now. {refused.message}",
        "hint": "Test its connection: the first test that succeeds closes the breaker. Then retry this"
        " discovery.",
        "retryable": True,
        "at": tx.now.isoformat(),
    }
    await agents.job_waits(tx, job_id)
    await agents.fail_job(tx, job_id, failure, letter=False)


async def _offer_sample(tx: Tx, run: Run, source: DataSource, stage_id: UUID, job_id: UUID) -> bool:
    targets = await ingest.sample_targets(tx.session, source, run.mode is not DiscoveryMode.FULL)
    if not targets:
        return False
    await _offer(
        tx,
        run,
        source,
        kind=AgentCapability.SAMPLE,
        stage_id=stage_id,
        job_id=job_id,
        more={"datasets": [list(path) for path in targets], "classify": bool(run.options.get("classify"))},
    )
    return True


async def _offer(
    tx: Tx,
    run: Run,
    source: DataSource,
    *,
    kind: AgentCapability,
    stage_id: UUID,
    job_id: UUID,
    more: dict[str, Any],
) -> None:
    """One task at a time: a job that was taken up again finds the task of its former attempt still open."""
    open_task = await tx.session.scalar(
        select(AgentTask.id).where(
            AgentTask.run_id == run.id,
            AgentTask.kind == kind,
            AgentTask.state.in_([TaskState.OFFERED, TaskState.CLAIMED, TaskState.RUNNING]),
        )
    )
    wanted = run.options.get("agentId")
    if open_task is None:
        await agents.offer_task(
            tx,
            kind=kind,
            source=source,
            workspace_id=run.workspace_id,
            run_id=run.id,
            stage_id=stage_id,
            job_id=job_id,
            instructions={"connector": source.kind, "config": source.config, **more},
            secret_reference=active_reference(source),
            wanted_agent_id=UUID(wanted) if wanted else None,
            claim_within=AGENT_WAIT,
        )


async def _validate(tx: Tx, run: Run, source: DataSource) -> None:
    """Holds what was written against the source's own counts, settles drift, and has views parsed."""
    stage = await stage_of(tx, run, "validate")
    await move_stage(tx, run, stage, RunState.RUNNING)
    if stage is not None and run.summary.get("asMarked"):
        # Nothing was read: what the catalog had at the offer is what was held against the source last time.
        stage.results = {"asMarked": True, "mark": run.summary["asMarked"]}
        run.summary = {**run.summary, "differing": 0, "unreadable": await _note_unreadable(tx, run, source)}
        return await move_stage(tx, run, stage, RunState.SUCCEEDED)
    discover = await stage_of(tx, run, "discover")
    counted: dict[str, Any] = (discover.results.get("counts") or {}) if discover else {}
    drifted = await drift.finish(tx, source, run, whole=bool(discover and discover.results.get("complete")))
    written = await ingest.counts(tx.session, source.id)
    differing = 0
    if not run.options.get("include"):
        for count in counted.values():
            have = written.get(tuple(count["path"]), (0, 0))
            if have != (count["datasets"], count["columns"]):
                differing += 1
                tx.session.add(_differs(run, source, count, have))
    unread = await _note_unreadable(tx, run, source)
    if drifted is not None:
        run.summary = {**run.summary, "drift": True}
    run.summary = {**run.summary, "differing": differing, "unreadable": unread}
    if run.summary.get("added") or run.summary.get("changed") or run.summary.get("removed"):
        enqueue_parsing(tx, source=source, run=run)
    if stage is not None:
        mark = await ingest.mark(tx.session, source.id)
        stage.results = {"containers": len(counted), "differing": differing, "mark": mark}
    await move_stage(tx, run, stage, RunState.SUCCEEDED)


async def _note_unreadable(tx: Tx, run: Run, source: DataSource) -> int:
    """Tables that the login sees and may not read: known by name and columns, never sampled."""
    unread = await tx.session.execute(
        select(Asset.id, Asset.qualified_name)
        .where(
            Asset.source_id == source.id,
            Asset.state == AssetState.ACTIVE,
            Asset.kind.in_(DATASETS),
            Asset.attributes["readable"].as_string() == "false",
        )
        .order_by(Asset.qualified_name)
        .limit(MOST_ISSUES)
        .execution_options(autoflush=False)
    )
    issues = [
        ValidationIssue(
            id=new_id(),
            run_id=run.id,
            source_id=source.id,
            asset_id=row.id,
            severity="LOW",
            code="NOT_READABLE",
            message="The login may not read this table: its rows were not looked at, and nothing in it was"
            " classified. Grant the login SELECT on it, or leave the table out of the source.",
            qualified_name=row.qualified_name,
        )
        for row in unread
    ]
    tx.session.add_all(issues)
    return len(issues)


def _differs(run: Run, source: DataSource, count: dict[str, Any], have: tuple[int, int]) -> ValidationIssue:
    where = ".".join([source.key, *count["path"]])
    return ValidationIssue(
        id=new_id(),
        run_id=run.id,
        source_id=source.id,
        severity="MEDIUM",
        code="COUNT_DIFFERS",
        message=f"The source counts {count['datasets']} datasets with {count['columns']} columns in {where};"
        f" the catalog has {have[0]} with {have[1]}. The source may have changed while it was read:"
        " discover it again.",
        qualified_name=where,
    )


@on_death(DiscoverSource)
async def discovery_died(tx: Tx, job: Job, failure: dict[str, Any]) -> None:
    """A run whose job is dead has failed; what it wrote stays, and nothing is removed."""
    assert isinstance(job, DiscoverSource)
    run = await locked(tx, job.run_id)
    if run.state not in ENDED:
        await agents.cancel_tasks_of(tx, run_id=run.id)
        await move(tx, run, RunState.PARTIAL if wrote(run) else RunState.FAILED, failure=failure)
