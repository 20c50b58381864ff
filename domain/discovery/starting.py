"""Discoveries begun: by a person, by a schedule, with a new source, or again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from auth.permissions import Permission
from datawave.kit import tables
from datawave.kit.commands import Tx, command, result
from datawave.kit.database import UNWRITABLE
from datawave.kit.errors import ConflictError, ErrorCode, invalid
from datawave.kit.ids import new_id
from domain.discovery.events import RunStateChanged
from domain.discovery.runs import ENDED, DiscoverSource, hold_stages, open_run
from domain.discovery.stages import offer_reading
from domain.sources.states import set_state
from models.discovery import DiscoveryMode, Run, RunState, StageKind, StagePlace, StageRun
from models.sources import DataSource, SourceState

STAGES: tuple[tuple[str, StageKind, StagePlace], ...] = (
    ("connect", StageKind.CONNECT, StagePlace.AGENT),
    ("discover", StageKind.DISCOVER, StagePlace.AGENT),
    ("update_catalog", StageKind.UPDATE_CATALOG, StagePlace.WORKER),
    ("validate", StageKind.VALIDATE, StagePlace.WORKER),
    ("sample", StageKind.SAMPLE, StagePlace.AGENT),
    ("classify", StageKind.CLASSIFY, StagePlace.AGENT),
)
SAMPLING = ("sample", "classify")
MOST_PATTERNS = 500


@result
@dataclass(frozen=True, kw_only=True)
class Started:
    """The discovery, new or (then `joined`) the one that was under way."""

    run: Run
    joined: bool


@command(needs=Permission.DATASOURCE_DISCOVER)
async def start_discovery(
    tx: Tx,
    *,
    source_id: UUID,
    mode: DiscoveryMode = DiscoveryMode.INCREMENTAL,
    include: Sequence[str] = (),
    sample: bool = True,
    classify: bool = True,
    agent_id: UUID | None = None,
) -> Started:
    """Reads a source's structure; a second one while the first is under way joins it."""
    if len(include) > MOST_PATTERNS or not all(_is_pattern(each) for each in include):
        raise invalid(
            f"At most {MOST_PATTERNS} patterns of 1 to 300 characters, none of them NUL.", path=["include"]
        )
    source = await tx.get(DataSource, source_id, path=["dataSourceId"])
    if source.state is SourceState.DECOMMISSIONED:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "This source is decommissioned and is not read any more.",
            path=["dataSourceId"],
            current=("source", source.id),
        )
    under_way = await open_run(tx, source)
    if under_way is not None:
        return Started(run=under_way, joined=True)
    options = {
        "include": list(include),
        "sample": sample and mode is not DiscoveryMode.SCHEMA_ONLY,
        "classify": classify and mode is not DiscoveryMode.SCHEMA_ONLY,
        "agentId": agent_id.hex if agent_id else None,
    }
    return Started(run=await begin(tx, source, mode=mode, options=options), joined=False)


def _is_pattern(text: str) -> bool:
    return 0 < len(text) <= 300 and not UNWRITABLE.search(text)


async def begin(
    tx: Tx,
    source: DataSource,
    *,
    mode: DiscoveryMode,
    options: Mapping[str, Any] | None = None,
    retry_of: Run | None = None,
) -> Run:
    """The run, its stages, its job and the agent's task, in the caller's transaction: no worker has a part
    in it before the agent has read the source. The job waits for the task from the start."""
    wanted: dict[str, Any] = (
        dict(options) if options is not None else {"include": [], "sample": True, "classify": True}
    )
    run = Run(
        id=new_id(),
        kind="discovery",
        source_id=source.id,
        workspace_id=source.workspace_id,
        mode=mode,
        options=wanted,
        command_id=tx.command_id,
        started_by=tx.viewer.actor_id,
        started_by_word=tx.viewer.actor_word,
        attempt=retry_of.attempt + 1 if retry_of else 1,
        retry_of=retry_of.id if retry_of else None,
        created_at=tx.now,
        updated_at=tx.now,
        progress={},
        summary={},
        state=RunState.QUEUED,
    )
    stages = _stages(run)
    tx.session.add_all([run, *stages])
    job = tx.enqueue(
        DiscoverSource(run_id=run.id),
        subject=("run", run.id),
        workspace_id=source.workspace_id,
        source_id=source.id,
    )
    job.state = tables.JobState.WAITING
    await tx.session.flush()
    hold_stages(tx, run.id, stages)
    tx.touches(run, made=True)
    tx.emit(
        RunStateChanged(
            run_id=run.id,
            source_id=source.id,
            workspace_id=run.workspace_id,
            before=None,
            after=RunState.QUEUED.value,
        )
    )
    if source.state is not SourceState.DISCOVERING:
        await set_state(tx, source, SourceState.DISCOVERING)
    await offer_reading(tx, run, source, job.id)
    return run


def _stages(run: Run) -> list[StageRun]:
    """Written in one go, since they bring their ids."""
    skipped = () if run.options["sample"] else SAMPLING
    return [
        StageRun(
            id=new_id(),
            run_id=run.id,
            source_id=run.source_id,
            ordinal=at,
            key=key,
            kind=kind,
            where=where,
            state=RunState.QUEUED,
            attempts=[],
            inputs={},
            results={},
            metrics=[],
        )
        for at, (key, kind, where) in enumerate(STAGES)
        if key not in skipped
    ]


@command(needs=Permission.RUN_CONTROL)
async def retry_run(tx: Tx, *, run_id: UUID) -> Run:
    """A new run with the options of one that did not succeed; what that one wrote is found again and not
    doubled."""
    run = await tx.get(Run, run_id)
    if run.state not in ENDED or run.state is RunState.SUCCEEDED:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "Only a run that failed, was cancelled or is partial can be tried again.",
            current=("run", run.id),
        )
    source = await tx.session.get_one(DataSource, run.source_id, with_for_update=True)
    if source.state is SourceState.DECOMMISSIONED:
        raise ConflictError(ErrorCode.WRONG_STATE, "Its source is decommissioned.", current=("run", run.id))
    under_way = await open_run(tx, source)
    return under_way or await begin(tx, source, mode=run.mode, options=run.options, retry_of=run)
