"""Runs and discoveries: read, started, controlled, followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.errors import invalid
from datawave.kit.events import Logged
from datawave.kit.given import among
from datawave.kit.ids import key_of, taken_apart
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from datawave.kit.tables import Job as JobRow
from domain import discovery
from models import discovery as rows
from models.sources import DataSource
from models.workspaces import Workspace
from schema.context import Context, Info
from schema.directives import DeliveryMode
from schema.discovery import (
    ControlRunInput,
    Discovery,
    DiscoveryPayload,
    Run,
    RunAction,
    RunEvent,
    RunPayload,
    StartDiscoveryInput,
    run_event,
)
from schema.fields import mutation, read, subscription
from schema.keys import key_in
from schema.rows import shown
from schema.scalars import Cursor
from schema.shapes import Connection, TimeRangeInput, given, within

NEWEST = [Key(rows.Run.created_at, descending=True), Key(rows.Run.id, descending=True)]


def discoveries(
    of: Of,
    data_source_id: ID | None = strawberry.UNSET,
    states: list[rows.RunState] | None = strawberry.UNSET,
) -> Rows:
    where = [rows.Run.kind == "discovery"]
    if source := given(data_source_id):
        where.append(rows.Run.source_id == key_in("source", source, "dataSourceId"))
    return _runs(of, states, where)


def runs(
    of: Of,
    states: list[rows.RunState] | None = strawberry.UNSET,
    subject_id: ID | None = strawberry.UNSET,
    range: TimeRangeInput | None = strawberry.UNSET,
) -> Rows:
    where = within(rows.Run.created_at, range)
    if subject := given(subject_id):
        where.append(rows.Run.source_id == key_in("source", subject, "subjectId"))
    return _runs(of, states, where)


def _runs(of: Of, states: list[rows.RunState] | None, where: list[ColumnElement[bool]]) -> Rows:
    run = rows.Run
    if wanted := given(states):
        where.append(among(run.state, wanted))
    return Rows(query=select(run).where(visible(run, of.viewer), *where), row=run, order=NEWEST)


@strawberry.type
class Queries:
    discoveries: Connection[Discovery] = read(
        Shape.PAGE, discoveries, needs=Permission.DATASOURCE_READ, description="Discoveries, newest first."
    )
    runs: Connection[Run] = read(
        Shape.PAGE, runs, needs=Permission.RUN_READ, description="Runs of all kinds, newest first."
    )


@strawberry.type
class Mutations:
    @mutation(
        runs=discovery.start_discovery,
        description="Start a discovery; answers at once with the id to follow.",
    )
    async def start_discovery(self, info: Info, input: StartDiscoveryInput) -> DiscoveryPayload:
        started = await info.context.run(
            discovery.start_discovery,
            idempotency_key=input.idempotency_key,
            source_id=key_of("source", input.data_source_id, path=["dataSourceId"]),
            mode=input.mode,
            include=given(input.include) or [],
            sample=input.sample is not False,
            classify=input.classify is not False,
            agent_id=key_of("agent", input.agent_id, path=["agentId"]) if input.agent_id else None,
        )
        return DiscoveryPayload(
            discovery=Discovery.of(started.run),
            job=await _job_of(info, started.run.id),
            joined=started.joined,
        )

    @mutation(runs=discovery.cancel_run, description="Cancel a run of any kind, or try it again.")
    async def control_run(self, info: Info, input: ControlRunInput) -> RunPayload:
        run_id = key_of("run", input.id)
        if input.action is RunAction.CANCEL:
            run = await info.context.run(
                discovery.cancel_run,
                idempotency_key=input.idempotency_key,
                run_id=run_id,
                reason=given(input.reason),
            )
        else:
            run = await info.context.run(
                discovery.retry_run, idempotency_key=input.idempotency_key, run_id=run_id
            )
        return RunPayload(run=Discovery.of(run), job=await _job_of(info, run.id))


async def _job_of(info: Info, run_id: UUID) -> Any:
    """The newest job that carries a run; null where it is somebody else's and the viewer may not see it."""
    seen = select(JobRow).where(JobRow.subject_id == run_id, visible(JobRow, info.context.viewer))
    found = await info.context.db.scalar(seen.order_by(JobRow.created_at.desc()).limit(1))
    return shown(found) if found is not None else None


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.RUN_READ,
        delivery=DeliveryMode.LATEST,
        description="One run of any kind, from its first stage to its last; ends when it does.",
    )
    async def run_advanced(
        self, info: Info, id: ID, after: Cursor | None = strawberry.UNSET
    ) -> AsyncIterator[RunEvent]:
        context = info.context
        run = await context.see(rows.Run, id)

        def sees(logged: Logged) -> bool:
            """Still: the source may have moved, and the viewer's rights too."""
            return context.may_see_event(logged, Permission.RUN_READ)

        def progressed(value: dict[str, Any]) -> Logged | None:
            logged = _progressed(value)
            return logged if sees(logged) else None

        async for logged in context.follow(f"run:{run.id}", given(after), wanted=sees, progress=progressed):
            event = run_event(logged)
            if event is not None:
                yield event
            if logged.type == "RunStateChanged" and rows.RunState(logged.value("after")) in discovery.ENDED:
                return

    @subscription(
        needs=Permission.RUN_READ,
        delivery=DeliveryMode.LATEST,
        description="All runs on a source, in a workspace, or everywhere.",
    )
    async def runs_advanced(
        self,
        info: Info,
        subject_id: ID | None = strawberry.UNSET,
        workspace_id: ID | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[RunEvent]:
        context = info.context
        topic = await _topic(context, given(subject_id), given(workspace_id))

        def sees(logged: Logged) -> bool:
            return context.may_see_event(logged, Permission.RUN_READ)

        def progressed(value: dict[str, Any]) -> Logged | None:
            logged = _progressed(value)
            return logged if sees(logged) else None

        async for logged in context.follow(topic, given(after), wanted=sees, progress=progressed):
            event = run_event(logged)
            if event is not None:
                yield event


async def _topic(context: Context, subject_id: str | None, workspace_id: str | None) -> str:
    if subject_id:
        parts = taken_apart(subject_id)
        if parts is None or parts[0] != "source":
            raise invalid(
                "Give the id of a data source.", path=["subjectId"], expected="an id that begins with source_"
            )
        return f"source:{(await context.see(DataSource, subject_id, path=['subjectId'])).id}"
    if workspace_id:
        return f"workspace:{(await context.see(Workspace, workspace_id, path=['workspaceId'])).id}"
    return "runs"


def _progressed(value: dict[str, Any]) -> Logged:
    """Progress in the shape of an event; it has no place of its own in the log."""
    run_id = UUID(value["run"])
    return Logged(
        id=run_id,
        position=0,
        type="RunProgressed",
        schema_version=1,
        at=datetime.fromisoformat(value["at"]),
        actor_id=None,
        actor_word=None,
        command_id=None,
        subject_word="run",
        subject_id=run_id,
        workspace_id=UUID(value["workspace"]),
        source_id=UUID(value["source"]),
        correlation_id=None,
        data={"run_id": value["run"], "stage": value["stage"], "progress": value["progress"]},
        cursor=value.get("cursor", ""),
    )
