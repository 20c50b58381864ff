"""Connection tests: offered to an agent as a task, waited for by the mutation, kept as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import update

from auth.permissions import Permission
from connectors.entries import Entry, ServerFacts, TestStep, as_dict
from datawave.kit import breakers, tables
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import new_id
from datawave.kit.jobs import Job
from datawave.kit.tables import Job as JobRow
from datawave.kit.tables import JobState
from domain import agents
from domain.sources.checks import checked_options, opened, workspace_of
from domain.sources.events import ConnectionTested
from domain.sources.states import active_reference, refuse_ended, set_state
from models.agents import AgentCapability, AgentTask, EdgeAgent
from models.sources import ConnectionTest, DataSource, SourceState

DRAFT_KEPT = timedelta(minutes=5)
OURS_TO_FIX = frozenset({"AUTHENTICATION_FAILED", "FORBIDDEN_ADDRESS", "PERMISSION_DENIED", "FILE_FORBIDDEN"})
"""Failures that say nothing of the source's health: they do not count for its breaker."""


@dataclass(frozen=True, kw_only=True)
class TestConnection(Job):
    """Carried by an agent's task alone; no worker takes part."""

    __test__ = False
    tries: ClassVar[int] = 1
    source_id: UUID | None
    purpose: str


def breaker_name(source: DataSource) -> str:
    return f"source:{source.key}"


@command(needs=Permission.DATASOURCE_TEST)
async def test_connection(tx: Tx, *, source_id: UUID) -> JobRow:
    """Tries a source's connection as it is configured."""
    source = await tx.get(DataSource, source_id, path=["dataSourceId"], lock=False)
    refuse_ended(source)
    return await begin_test(
        tx,
        source=source,
        purpose="test",
        secret_reference=active_reference(source),
        credentials_version=source.credentials_version or None,
    )


@command(needs=Permission.DATASOURCE_UPDATE)
async def try_change(
    tx: Tx, *, source_id: UUID, version: int | None, kind: str, config: Mapping[str, Any]
) -> JobRow:
    """Tries a changed configuration with the credentials the source has. It takes the right to change the
    source, not only to test it: the credentials go to wherever the configuration says."""
    source = await tx.get(DataSource, source_id, version=version, lock=False)
    refuse_ended(source)
    if kind != source.kind:
        raise InputError(
            ErrorCode.INVALID,
            f"This source is of kind {source.kind}, and stays it; configure another source for {kind}.",
            path=["config", kind],
            expected=source.kind,
        )
    return await begin_test(
        tx,
        source=source,
        purpose="change",
        config=checked_options(source.kind, config),
        secret_reference=active_reference(source),
        credentials_version=source.credentials_version or None,
    )


@command(needs=Permission.DATASOURCE_TEST)
async def test_draft(
    tx: Tx,
    *,
    workspace_id: UUID | None,
    kind: str,
    config: Mapping[str, Any],
    credentials: Mapping[str, Any] | None = None,
    agent_id: UUID | None = None,
) -> JobRow:
    """Tries a connection that is not saved; its credentials live five minutes, sealed, for one use."""
    options = checked_options(kind, config, path=("draft", "config"))
    sealed = opened(credentials) if credentials is not None else None
    workspace = await workspace_of(tx, workspace_id)
    reference = None
    if sealed is not None:
        reference = f"draft/{new_id().hex}"
        await tx.vault.put(tx.session, reference, sealed, expires_at=tx.now + DRAFT_KEPT)
    return await begin_test(
        tx,
        source=None,
        purpose="draft",
        kind=kind,
        config=options,
        workspace_id=workspace.id,
        secret_reference=reference,
        wanted_agent_id=agent_id,
    )


async def begin_test(
    tx: Tx,
    *,
    source: DataSource | None,
    purpose: str,
    kind: str | None = None,
    config: Mapping[str, Any] | None = None,
    workspace_id: UUID | None = None,
    secret_reference: str | None = None,
    credentials_version: int | None = None,
    wanted_agent_id: UUID | None = None,
) -> JobRow:
    """The job and its task, in the caller's transaction: the job waits for the task from the start."""
    place = source.workspace_id if source else workspace_id
    job = tx.enqueue(
        TestConnection(source_id=source.id if source else None, purpose=purpose),
        subject=("source", source.id) if source else None,
        workspace_id=place,
        source_id=source.id if source else None,
    )
    job.state = JobState.WAITING
    await tx.session.flush()
    await agents.offer_task(
        tx,
        kind=AgentCapability.TEST,
        source=source,
        workspace_id=place,
        job_id=job.id,
        instructions={
            "connector": kind or (source.kind if source else ""),
            "config": dict(config) if config is not None else (source.config if source else {}),
            "purpose": purpose,
            "credentialsVersion": credentials_version,
            "testedBy": [tx.viewer.actor_word, tx.viewer.actor_id.hex if tx.viewer.actor_id else None],
        },
        secret_reference=secret_reference,
        wanted_agent_id=wanted_agent_id,
        claim_within=timedelta(seconds=10),
    )
    return job


@agents.consumes(AgentCapability.TEST)
class Tests(agents.Consumer):
    """What an agent reports of a test."""

    async def claimed(self, tx: Tx, task: AgentTask, agent: EdgeAgent) -> None:
        task.results = {"steps": [], "facts": None}

    async def apply(self, tx: Tx, task: AgentTask, entries: Sequence[Entry]) -> None:
        results = dict(task.results)
        results["steps"] = [
            *results.get("steps", []),
            *(as_dict(e) for e in entries if isinstance(e, TestStep)),
        ]
        for entry in entries:
            if isinstance(entry, ServerFacts):
                results["facts"] = as_dict(entry)
        task.results = results

    async def finished(self, tx: Tx, task: AgentTask) -> None:
        test = await self._kept(tx, task, None)
        source = await self._source(tx, task)
        if source is not None:
            for event in breakers.succeeded(
                await breakers.of(tx.session, breaker_name(source), subject=("source", source.id))
            ):
                tx.emit(event)
            if source.state is SourceState.CONFIGURED and task.instructions["purpose"] in ("test", "rotate"):
                await set_state(tx, source, SourceState.CONNECTED)
            if task.instructions["purpose"] == "rotate":
                from domain.sources.credentials import rotation_tested

                await rotation_tested(tx, source, task.instructions["credentialsVersion"], test.id)
        await _answer(tx, task, test)

    async def failed(self, tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
        """A failing test is an answer: the job has done its work."""
        source = await self._source(tx, task)
        test = None
        if failure["code"] != "NO_AGENT":
            test = await self._kept(tx, task, failure)
            if source is not None and failure["code"] not in OURS_TO_FIX:
                breaker = await breakers.of(tx.session, breaker_name(source), subject=("source", source.id))
                for event in breakers.failed(breaker, tx.now, failure):
                    tx.emit(event)
        if source is not None and task.instructions["purpose"] == "rotate":
            from domain.sources.credentials import rotation_refused

            number = task.instructions["credentialsVersion"]
            await rotation_refused(tx, source, number, test.id if test else None, failure)
        if test is not None:
            await _answer(tx, task, test)
        else:
            await agents.fail_job(tx, _job(task), failure, letter=False)

    async def _kept(self, tx: Tx, task: AgentTask, failure: dict[str, Any] | None) -> ConnectionTest:
        facts: dict[str, Any] = task.results.get("facts") or {}
        word, actor = task.instructions.get("testedBy", [None, None])
        test = ConnectionTest(
            source_id=task.source_id,
            ok=failure is None,
            latency_ms=facts.get("latency_ms"),
            server_version=facts.get("version"),
            server_info=facts.get("info"),
            read_only=facts.get("read_only"),
            steps=task.results.get("steps", []),
            failure=failure,
            tested_at=tx.now,
            tested_by=UUID(actor) if actor else None,
            tested_by_word=word,
            credentials_version=task.instructions.get("credentialsVersion"),
        )
        tx.session.add(test)
        await tx.session.flush()
        if task.source_id is not None and task.workspace_id is not None:
            tx.emit(
                ConnectionTested(
                    source_id=task.source_id, workspace_id=task.workspace_id, test_id=test.id, ok=test.ok
                )
            )
        return test

    async def _source(self, tx: Tx, task: AgentTask) -> DataSource | None:
        if task.source_id is None:
            return None
        return await tx.session.get(DataSource, task.source_id, with_for_update=True)


async def _answer(tx: Tx, task: AgentTask, test: ConnectionTest) -> None:
    """The job's result is the test, whether it went well or not."""
    job = tables.Job
    await tx.session.execute(update(job).where(job.id == _job(task)).values(result={"test": test.id.hex}))
    await agents.finish_job(tx, _job(task))


def _job(task: AgentTask) -> UUID:
    assert task.job_id is not None, "a test is always a job's"
    return task.job_id


async def forget_tests_of(tx: Tx, source_id: UUID) -> None:
    """Details that name the server's inside go with a destroyed source."""
    await tx.session.execute(
        update(ConnectionTest).where(ConnectionTest.source_id == source_id).values(server_info=None)
    )
