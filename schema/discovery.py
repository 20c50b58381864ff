"""Runs and discoveries in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.ids import global_id
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from models import agents as agent_rows
from models import discovery as rows
from models import sources as source_rows
from models.classification import Severity
from resolvers.loaders import catalog as catalog_loaders
from schema.context import Info
from schema.reads import actor, column, computed, many, one, related
from schema.rows import FromRow
from schema.scalars import JSON, BigInt, Cursor
from schema.shapes import (
    Actor,
    Attempt,
    Connection,
    Failure,
    Measure,
    Node,
    Payload,
    Progress,
    Timestamped,
    given,
)
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.agents import EdgeAgent
    from schema.catalog import Asset, SchemaDiff
    from schema.events import Event
    from schema.operations import Job
    from schema.sources import DataSource

strawberry.enum(rows.RunState, name="RunState", description="The life of a run.")
strawberry.enum(rows.StageKind, name="StageKind", description="What stages are made of.")
strawberry.enum(rows.StagePlace, name="StagePlace", description="Where a stage runs.")
strawberry.enum(rows.DiscoveryMode, name="DiscoveryMode", description="How much is read again.")
strawberry.enum(rows.SchemaChangeKind, name="SchemaChangeKind", description="Kinds of difference.")


@strawberry.enum(description="What can be done with a run.")
class RunAction(source_rows.StrEnum):
    CANCEL = "CANCEL"
    RETRY = "RETRY"


Kept = dict[str, Any] | None
"""What a row keeps as JSON."""

ENDED = frozenset(
    {rows.RunState.SUCCEEDED, rows.RunState.PARTIAL, rows.RunState.FAILED, rows.RunState.CANCELLED}
)


@strawberry.type(
    description="One stage of a run: what went in, what came out, what it cost, and how it went."
)
class StageRun(FromRow, Node, shows=rows.StageRun):
    key: str
    kind: rows.StageKind
    state: rows.RunState
    where: rows.StagePlace
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    agent: EdgeAgent | None = one("agent_id", agent_rows.EdgeAgent)
    job: Job | None = one("job_id", tables.Job)

    @computed
    @staticmethod
    def attempts(attempts: list[Any]) -> list[Attempt]:
        return [Attempt.of(kept) for kept in attempts]

    inputs: JSON = column("inputs")
    results: JSON = column("results")

    @computed
    @staticmethod
    def metrics(metrics: list[Any]) -> list[Measure]:
        return [Measure(name=m["name"], value=m["value"], unit=m["unit"]) for m in metrics]

    @computed
    @staticmethod
    def progress(progress: Kept) -> Progress | None:
        return Progress.of(progress)

    @computed
    @staticmethod
    def failure(failure: Kept) -> Failure | None:
        return Failure.of(failure)


@strawberry.interface(
    description="Work in stages under the orchestrator: cancelled and retried alike, whatever its kind."
)
class Run(Node, Timestamped):
    state: rows.RunState
    started_at: datetime | None
    finished_at: datetime | None
    attempt: int

    @computed
    @staticmethod
    def tracking_id(command_id: UUID) -> ID:
        return ID(global_id("command", command_id))

    started_by: Actor | None = actor("started_by")

    @computed
    @staticmethod
    def progress(progress: Kept) -> Progress:
        return Progress.of(progress) or Progress(done=BigInt(0))

    @computed
    @staticmethod
    def failure(failure: Kept) -> Failure | None:
        return Failure.of(failure)

    stages: list[StageRun] = many(rows.StageRun.run_id, order_by=[Key(rows.StageRun.ordinal)])
    retry_of: Run | None = one("retry_of", rows.Run)

    @computed
    @staticmethod
    def allowed_actions(state: rows.RunState) -> list[RunAction]:
        if state not in ENDED:
            return [RunAction.CANCEL]
        return [] if state is rows.RunState.SUCCEEDED else [RunAction.RETRY]

    @strawberry.field
    async def events(
        self, info: Info, first: int | None = 50, after: Cursor | None = strawberry.UNSET
    ) -> Connection[Event]:
        from schema.events import page_of_topic

        return await page_of_topic(info, f"run:{_row(self).id}", first, given(after))


def _row(self: Any) -> rows.Run:
    return self.row


@strawberry.type(description="What a discovery found.")
class DiscoverySummary:
    assets: int
    columns: int
    added: int
    changed: int
    removed: int
    classified: int
    findings: int
    columns_per_second: float | None
    errors: int


@strawberry.type(description="Metadata that looks wrong.")
class ValidationIssue(FromRow, shows=rows.ValidationIssue):
    code: str
    message: str
    qualified_name: str | None

    @computed
    @staticmethod
    def severity(severity: str) -> Severity:
        return Severity(severity)

    asset: Asset | None = related(Shape.ONE, catalog_loaders.assets_now, key="asset_id")


def validation(of: Of, min_severity: Severity | None = Severity.INFO) -> Rows:
    issue = rows.ValidationIssue
    levels = [s.value for s in Severity]
    wanted = levels[levels.index((min_severity or Severity.INFO).value) :]
    query = select(issue).where(issue.severity.in_(wanted), visible(issue, of.viewer))
    return Rows(query=query, row=issue, by=issue.run_id, order=[Key(issue.id)])


@strawberry.type(description="One reading of a source's schema, from connecting to the report.")
class Discovery(FromRow, Run, shows=rows.Run):
    mode: rows.DiscoveryMode
    data_source: DataSource | None = one("source_id", source_rows.DataSource)

    @computed
    @staticmethod
    def summary(
        summary: Kept, started_at: datetime | None, finished_at: datetime | None, updated_at: datetime
    ) -> DiscoverySummary:
        return summary_of(summary, started_at, finished_at or updated_at)

    validation: Connection[ValidationIssue] = related(
        Shape.PAGE, validation, description="What looked wrong, the worst first."
    )

    @strawberry.field(description="What differs from the reading before; null where nothing does.")
    async def drift(self, info: Info) -> SchemaDiff | None:
        from schema.catalog import drift_of_run

        return await drift_of_run(info, self.row)


def summary_of(kept: Kept, started_at: datetime | None, ended_at: datetime) -> DiscoverySummary:
    kept = kept or {}
    read: dict[str, Any] = kept.get("read") or {}
    seconds = (ended_at - started_at).total_seconds() if started_at else 0.0
    columns = read.get("columns", 0)
    return DiscoverySummary(
        assets=read.get("datasets", 0),
        columns=columns,
        added=kept.get("added", 0),
        changed=kept.get("changed", 0),
        removed=kept.get("removed", 0),
        classified=kept.get("classified", 0),
        findings=0,
        columns_per_second=columns / seconds if columns and seconds > 0 else None,
        errors=kept.get("errors", 0),
    )


@strawberry.input(description="What to discover, and how.")
class StartDiscoveryInput:
    data_source_id: ID
    mode: rows.DiscoveryMode = rows.DiscoveryMode.INCREMENTAL
    include: list[str] | None = strawberry.UNSET
    sample: bool | None = True
    classify: bool | None = True
    agent_id: ID | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="What to do with a run.")
class ControlRunInput:
    id: ID
    action: RunAction
    reason: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The discovery that was started; follow it by `runAdvanced`.")
class DiscoveryPayload(Payload):
    discovery: Discovery | None = None
    job: Job | None = None
    joined: bool = strawberry.field(
        default=False,
        description="True where one was under way already: this is that one, and no second was begun.",
    )


@strawberry.type(description="The run as it now is; follow it by `runAdvanced`.")
class RunPayload(Payload):
    run: Run | None = None
    job: Job | None = None


@strawberry.interface(description="What happens in a run.")
class RunEvent(StreamEvent):
    @strawberry.field
    async def run(self, info: Info) -> Run | None:
        return await info.context.node_of(Run, _run_id(self))


def _run_id(self: Any) -> Any:
    return self.logged.key("run_id")


@strawberry.type(description="A run went from one state to another.")
class RunStateChanged(FromLogged, RunEvent):
    @strawberry.field(name="from")
    def before(self) -> rows.RunState | None:
        state = self.logged.value("before")
        return rows.RunState(state) if state else None

    @strawberry.field
    def to(self) -> rows.RunState:
        return rows.RunState(self.logged.value("after"))


@strawberry.type(description="A stage started, failed and will be tried again, fell back, or finished.")
class StageChanged(FromLogged, RunEvent):
    @strawberry.field
    async def stage(self, info: Info) -> StageRun | None:
        return await info.context.node_of(StageRun, self.logged.key("stage_id"))


@strawberry.type(description="A run got further.")
class RunProgressed(FromLogged, RunEvent):
    @strawberry.field
    async def stage(self, info: Info) -> StageRun | None:
        return await info.context.node_of(StageRun, self.logged.key("stage"))

    @strawberry.field
    def progress(self) -> Progress:
        return Progress.of(self.logged.value("progress")) or Progress(done=BigInt(0))


def run_event(logged: Any) -> RunEvent | None:
    """The type that shows an event of a run; None for events of other things that share the topic."""
    match logged.type:
        case "RunStateChanged":
            return RunStateChanged.of(logged)
        case "StageChanged":
            return StageChanged.of(logged)
        case "RunProgressed":
            return RunProgressed.of(logged)
        case _:
            return None
