"""What agents report of a discovery, batch by batch: into the catalog, the run and its stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.entries import (
    Container,
    ContainerCount,
    Dataset,
    Entry,
    Issue,
    MoreColumns,
    Prediction,
    Profile,
    Removed,
    ServerFacts,
    Unchanged,
    as_dict,
)
from datawave.kit import breakers
from datawave.kit.commands import Tx
from datawave.kit.ids import new_id
from domain import agents, classification
from domain.catalog import ingest
from domain.catalog.names import qualified
from domain.discovery import stages
from domain.discovery.runs import (
    ENDED,
    MOST_ISSUES,
    locked_whole,
    move,
    move_stage,
    stage_of,
    tell_progress,
    wrote,
)
from domain.policies import values
from domain.sources.testing import OURS_TO_FIX, breaker_name
from models.agents import AgentCapability, AgentTask, EdgeAgent
from models.discovery import Run, RunState, StageRun, ValidationIssue
from models.sources import DataSource

FOR_THE_CATALOG = (Container, Dataset, MoreColumns)


async def _run_of(tx: Tx, task: AgentTask) -> tuple[Run, DataSource]:
    assert task.run_id is not None, "a discovery's task is always a run's"
    return await locked_whole(tx, task.run_id)


@agents.consumes(AgentCapability.DISCOVER)
class Reading(agents.Consumer):
    """Additions and changes as they come; removals with the last batch of a complete reading."""

    async def claimed(self, tx: Tx, task: AgentTask, agent: EdgeAgent) -> None:
        run, _ = await _run_of(tx, task)
        if run.state is RunState.QUEUED:
            await move(tx, run, RunState.RUNNING)
        connect, discover = await stage_of(tx, run, "connect"), await stage_of(tx, run, "discover")
        if discover is not None:
            # Another attempt counts anew; what it finds again is found unchanged.
            discover.results = {}
            await move_stage(tx, run, connect, RunState.RUNNING, agent_id=agent.id)
            discover.agent_id = agent.id
        run.summary = {**run.summary, "read": {"datasets": 0, "columns": 0}}
        tell_progress(tx, run, connect)

    async def apply(self, tx: Tx, task: AgentTask, entries: Sequence[Entry]) -> None:
        run, source = await _run_of(tx, task)
        if run.state in ENDED:
            return
        discover = await stage_of(tx, run, "discover")
        assert discover is not None
        await self._connected(tx, run, discover, entries)
        catalog = [entry for entry in entries if isinstance(entry, FOR_THE_CATALOG)]
        if catalog:
            await self._into_catalog(tx, run, source, catalog)
        removed = [path for entry in entries if isinstance(entry, Removed) for path in entry.paths]
        if removed:
            gone = await ingest.remove(tx, source, run, removed)
            run.summary = {**run.summary, "removed": run.summary.get("removed", 0) + gone}
        self._count(run, discover, entries)
        await note_issues(tx, run, source, entries)
        tell_progress(tx, run, discover)

    async def _connected(self, tx: Tx, run: Run, discover: StageRun, entries: Sequence[Entry]) -> None:
        connect = await stage_of(tx, run, "connect")
        for entry in entries:
            if isinstance(entry, ServerFacts) and connect is not None:
                connect.results = as_dict(entry)
        await move_stage(tx, run, connect, RunState.SUCCEEDED)
        await move_stage(tx, run, discover, RunState.RUNNING)

    async def _into_catalog(self, tx: Tx, run: Run, source: DataSource, entries: Sequence[Entry]) -> None:
        update = await stage_of(tx, run, "update_catalog")
        await move_stage(tx, run, update, RunState.RUNNING)
        ingested = await ingest.apply(tx, source, run, entries)
        summary, read = run.summary, dict(run.summary.get("read") or {})
        read["datasets"] = read.get("datasets", 0) + ingested.datasets
        read["columns"] = read.get("columns", 0) + ingested.columns
        run.summary = {
            **summary,
            "read": read,
            "added": summary.get("added", 0) + ingested.added,
            "changed": summary.get("changed", 0) + ingested.changed,
        }

    def _count(self, run: Run, discover: StageRun, entries: Sequence[Entry]) -> None:
        """Counts of the source itself, and of what was as known; kept with the stage."""
        results, read = dict(discover.results), dict(run.summary.get("read") or {})
        counts = dict(results.get("counts") or {})
        for entry in entries:
            if isinstance(entry, ContainerCount):
                counts["/".join(entry.path)] = {
                    "path": list(entry.path), "datasets": entry.datasets, "columns": entry.columns,
                    "whole": entry.read_whole,
                }  # fmt: skip
            elif isinstance(entry, Unchanged):
                read["datasets"] = read.get("datasets", 0) + entry.datasets
                read["columns"] = read.get("columns", 0) + entry.columns
        results["counts"] = counts
        results["readWhole"] = ["/".join(c["path"]) for c in counts.values() if c["whole"]]
        discover.results = results
        run.summary = {**run.summary, "read": read}
        run.progress = {**run.progress, "done": read.get("columns", 0), "unit": "columns"}

    async def progressed(self, tx: Tx, task: AgentTask, done: int, total: int | None) -> None:
        run, _ = await _run_of(tx, task)
        discover = await stage_of(tx, run, "discover")
        show_progress(tx, run, discover, done, total, unit="columns")

    async def finished(self, tx: Tx, task: AgentTask) -> None:
        run, source = await _run_of(tx, task)
        discover = await stage_of(tx, run, "discover")
        assert discover is not None
        discover.results = {**discover.results, "complete": True}
        for key in ("connect", "discover", "update_catalog"):
            await move_stage(tx, run, await stage_of(tx, run, key), RunState.SUCCEEDED)
        breaker = await breakers.of(tx.session, breaker_name(source), subject=("source", source.id))
        for event in breakers.succeeded(breaker):
            tx.emit(event)
        tell_progress(tx, run, discover)
        if task.job_id is None or not await self._is_as_marked(tx, task, run):
            return await super().finished(tx, task)
        # Nothing was read, so next to nothing is left to do: no worker is asked for it.
        run.summary = {**run.summary, "asMarked": task.instructions.get("mark")}
        if not await stages.go_on(tx, run, source, task.job_id):
            await agents.finish_job(tx, task.job_id)

    async def _is_as_marked(self, tx: Tx, task: AgentTask, run: Run) -> bool:
        """Whether the agent found the source still marked as the last whole reading left it."""
        connect, given = await stage_of(tx, run, "connect"), task.instructions
        found = connect.results.get("stamp") if connect is not None else None
        is_trusted = found is not None and given.get("trustDigests") and given.get("knownStamp") == found
        return bool(is_trusted) and not (
            wrote(run) or run.summary.get("removed") or run.summary.get("errors")
        )

    async def failed(self, tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
        await run_failed(tx, task, failure)


@agents.consumes(AgentCapability.SAMPLE)
class Sampling(agents.Consumer):
    """Profiles and predictions, and values as far as the policies let them leave."""

    async def claimed(self, tx: Tx, task: AgentTask, agent: EdgeAgent) -> None:
        run, _ = await _run_of(tx, task)
        for key in ("sample", "classify"):
            await move_stage(tx, run, await stage_of(tx, run, key), RunState.RUNNING, agent_id=agent.id)

    async def apply(self, tx: Tx, task: AgentTask, entries: Sequence[Entry]) -> None:
        run, source = await _run_of(tx, task)
        if run.state in ENDED:
            return
        if task.agent_id is not None:
            await values.take_in(tx, source, entries, agent_id=task.agent_id)
        profiled = await ingest.profiles(
            tx, source, run, [e for e in entries if isinstance(e, Profile)], agent_id=task.agent_id
        )
        predictions = [entry for entry in entries if isinstance(entry, Prediction)]
        labelled = await classification.suggest(tx, source, run, predictions) if predictions else 0
        await note_issues(tx, run, source, entries)
        summary = run.summary
        run.summary = {
            **summary,
            "profiled": summary.get("profiled", 0) + profiled,
            "classified": summary.get("classified", 0) + labelled,
        }
        sample = await stage_of(tx, run, "sample")
        show_progress(
            tx,
            run,
            sample,
            run.summary["profiled"],
            len(task.instructions.get("datasets", [])),
            unit="datasets",
        )

    async def progressed(self, tx: Tx, task: AgentTask, done: int, total: int | None) -> None:
        run, _ = await _run_of(tx, task)
        show_progress(tx, run, await stage_of(tx, run, "sample"), done, total, unit="datasets")

    async def finished(self, tx: Tx, task: AgentTask) -> None:
        run, source = await _run_of(tx, task)
        await classification.settle(tx, source, run)
        for key in ("sample", "classify"):
            await move_stage(tx, run, await stage_of(tx, run, key), RunState.SUCCEEDED)
        await super().finished(tx, task)

    async def failed(self, tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
        await run_failed(tx, task, failure)


def show_progress(
    tx: Tx, run: Run, stage: StageRun | None, done: int, total: int | None, *, unit: str
) -> None:
    """How far, how fast, how long still: from the stage's own clock."""
    began = stage.started_at if stage else None
    seconds = (tx.now - began).total_seconds() if began else 0.0
    rate = done / seconds if seconds > 0.2 else None
    left = round((total - done) / rate) if rate and total and total > done else None
    run.progress = {"done": done, "total": total, "unit": unit, "rate": rate, "eta": left}
    if stage is not None:
        stage.progress = run.progress
    tell_progress(tx, run, stage)


async def note_issues(tx: Tx, run: Run, source: DataSource, entries: Sequence[Entry]) -> None:
    """What the reading could not do: kept, up to a bound, and counted beyond it."""
    issues = [entry for entry in entries if isinstance(entry, Issue)]
    if not issues:
        return
    seen = run.summary.get("errors", 0)
    room = max(0, MOST_ISSUES - seen)
    tx.session.add_all(
        ValidationIssue(
            id=new_id(),
            run_id=run.id,
            source_id=source.id,
            severity=issue.severity,
            code=issue.code,
            message=issue.message,
            qualified_name=qualified(source.key, issue.path) if issue.path else None,
        )
        for issue in issues[:room]
    )
    run.summary = {**run.summary, "errors": seen + len(issues)}


async def run_failed(tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
    """The agent gave up: the run fails, or is partial where something was written; nothing is removed."""
    run, source = await _run_of(tx, task)
    if failure["code"] not in OURS_TO_FIX | {"NO_AGENT"}:
        breaker = await breakers.of(tx.session, breaker_name(source), subject=("source", source.id))
        for event in breakers.failed(breaker, tx.now, failure):
            tx.emit(event)
    if run.state not in ENDED:
        await move(tx, run, RunState.PARTIAL if wrote(run) else RunState.FAILED, failure=failure)
    if task.job_id is not None:
        await agents.fail_job(tx, task.job_id, failure, letter=False)
