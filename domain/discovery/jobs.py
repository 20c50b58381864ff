"""What becomes of a run when a person cancels its job, or puts a dead one back."""

from __future__ import annotations

from datawave.kit.commands import Tx
from datawave.kit.errors import ConflictError, ErrorCode
from domain.discovery.runs import (
    ENDED,
    DiscoverSource,
    cancel,
    locked,
    move,
    move_stage,
    open_run,
    stages_of,
)
from domain.operations import on_cancel, on_revival
from domain.sources.states import set_state
from models.discovery import RunState
from models.sources import DataSource, SourceState


@on_cancel(DiscoverSource)
async def job_cancelled(tx: Tx, job: DiscoverSource) -> None:
    """Cancelling the job is cancelling the run."""
    run = await locked(tx, job.run_id)
    if run.state not in ENDED:
        await cancel(tx, run, reason="Its job was cancelled.")


@on_revival(DiscoverSource)
async def job_revived(tx: Tx, job: DiscoverSource) -> None:
    """The run goes on where it failed, unless the source is ended or is being read again already."""
    run = await locked(tx, job.run_id)
    source = await tx.session.get_one(DataSource, run.source_id, with_for_update=True)
    if source.state is SourceState.DECOMMISSIONED or await open_run(tx, source) is not None:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "The source of this discovery is decommissioned or is being discovered again; discard this one.",
            path=["ids"],
            current=("run", run.id),
        )
    run.finished_at = run.failure = None
    for stage in await stages_of(tx, run):
        if stage.state in (RunState.FAILED, RunState.CANCELLED):
            stage.finished_at = None
            await move_stage(tx, run, stage, RunState.QUEUED)
    await move(tx, run, RunState.QUEUED)
    await set_state(tx, source, SourceState.DISCOVERING)
