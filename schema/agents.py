"""Edge agents, their tasks, policies and bundles in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import ID

from datawave.kit.pages import Asked, Key
from domain import agents
from domain.catalog import ingest
from models import agents as rows
from models import discovery as run_rows
from models import sources as source_rows
from resolvers.loaders import agents as loaders
from schema.context import Info
from schema.fields import one
from schema.rows import FromRow
from schema.scalars import JSON, Cursor
from schema.shapes import (
    Actor,
    Connection,
    Failure,
    Node,
    Payload,
    Progress,
    Timestamped,
    Versioned,
    connection,
    given,
    id_of,
)
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.discovery import Run, StageRun
    from schema.sources import DataSource

strawberry.enum(rows.AgentKind, name="AgentKind", description="Profiles of the agent program.")
strawberry.enum(rows.AgentState, name="AgentState", description="Whether an agent is at work.")
strawberry.enum(
    rows.AgentCapability, name="AgentCapability", description="What an agent can do where it stands."
)
strawberry.enum(rows.TaskState, name="TaskState", description="The life of a task.")
strawberry.enum(rows.ValuesLeave, name="ValuesLeave", description="What an agent may send home.")
strawberry.enum(rows.MaskMethod, name="MaskMethod", description="How values are hidden.")


def surroundings_of(info: Info) -> agents.Surroundings:
    return info.context.platform.extras.get("surroundings") or agents.Surroundings()


@strawberry.type(description="A daily span in which something stays silent.")
class QuietHours:
    from_: str = strawberry.field(name="from")
    to: str
    time_zone: str
    days: list[int]


@strawberry.type(description="What may be read and what may leave, decided where the data lives.")
class EdgePolicy(FromRow, Node, Timestamped, Versioned, shows=rows.EdgePolicy):
    name: str
    sample_rows: int
    sample_patterns: list[str]
    never_sample: list[str]
    values_leave: rows.ValuesLeave
    mask_with: rows.MaskMethod
    max_query_seconds: int

    @strawberry.field
    def quiet_hours(self) -> list[QuietHours]:
        return [
            QuietHours(from_=span["from"], to=span["to"], time_zone=span["timeZone"], days=span["days"])
            for span in self.row.quiet_hours
        ]


@strawberry.type(description="A client certificate from the platform's authority.")
class Certificate(FromRow, Node, shows=rows.Certificate):
    serial: str
    subject: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    pem: str

    @strawberry.field
    async def actor(self, info: Info) -> Actor | None:
        return await info.context.node(self.row.actor_word, self.row.actor_id)


@strawberry.type(description="What went up from an agent and came down to it.")
class AgentSync:
    last_up_at: datetime | None
    last_down_at: datetime | None
    bundle_version: str | None
    current_bundle_version: str
    behind: bool


@strawberry.type(description="Work given to an agent, held by a lease that has to be renewed.")
class AgentTask(FromRow, Node, Timestamped, shows=rows.AgentTask):
    kind: rows.AgentCapability
    state: rows.TaskState
    last_batch: int
    attempt: int
    data_source: DataSource | None = one(
        "source_id", source_rows.DataSource, description="Null for a connection that is not saved."
    )
    run: Run | None = one("run_id", run_rows.Run)
    stage: StageRun | None = one("stage_id", run_rows.StageRun)
    agent: EdgeAgent | None = one("agent_id", rows.EdgeAgent)

    @strawberry.field
    def lease_expires_at(self) -> datetime | None:
        return self.row.lease_until

    @strawberry.field
    def instructions(self) -> JSON:
        return JSON(self.row.instructions)

    @strawberry.field(
        description="Of a discovery, for the agent that holds it: `[path, digest]` of everything that the"
        " catalog has of the source, to compare with."
    )
    async def known(self, info: Info) -> JSON | None:
        if self.row.source_id is None or info.context.viewer.actor_id != self.row.agent_id:
            return None
        if self.row.kind is not rows.AgentCapability.DISCOVER or self.row.state not in agents.HELD:
            return None
        async with info.context.platform.database.session() as session:
            digests = await ingest.known(session, self.row.source_id)
        return JSON([[list(path), digest] for path, digest in digests.items()])

    @strawberry.field(
        description="How to sign in at the source, sealed to the agent's certificate; only in the answer of"
        " claimTask to the agent that holds it."
    )
    async def sealed_credentials(self, info: Info) -> str | None:
        viewer = info.context.viewer
        if not getattr(self, "claimed", False) or viewer.actor_id != self.row.agent_id:
            return None
        async with info.context.platform.database.session() as session:
            return await agents.sealed_credentials(session, info.context.platform.commands.vault, self.row)

    @strawberry.field
    def progress(self) -> Progress | None:
        return Progress.of(self.row.progress)

    @strawberry.field
    def failure(self) -> Failure | None:
        return Failure.of(self.row.failure)


def _name(self: Any) -> str:
    return self.row.name


@strawberry.type(
    description="A program near the data: an API client with the rights of its certificate and no inbound"
    " port."
)
class EdgeAgent(FromRow, Node, Actor, Timestamped, Versioned, shows=rows.EdgeAgent):
    display_name: str = strawberry.field(resolver=_name)
    name: str
    kind: rows.AgentKind
    state: rows.AgentState
    software_version: str
    host: str | None
    last_heartbeat_at: datetime | None
    load: float | None
    spooled_batches: int

    @strawberry.field
    def capabilities(self) -> list[rows.AgentCapability]:
        return [rows.AgentCapability(name) for name in self.row.capabilities]

    @strawberry.field
    def labels(self) -> JSON:
        return JSON(self.row.labels)

    @strawberry.field
    async def certificate(self, info: Info) -> Certificate | None:
        return Certificate.of_maybe(await info.context.loaders.batch(loaders.certificates).load(self.row.id))

    @strawberry.field
    async def data_sources(self, info: Info) -> list[DataSource]:
        from schema.sources import DataSource

        return [
            DataSource.of(row)
            for row in await info.context.loaders.batch(loaders.sources, []).load(self.row.id)
        ]

    @strawberry.field
    async def policy(self, info: Info) -> EdgePolicy | None:
        return EdgePolicy.of_maybe(await info.context.loaders.batch(loaders.policies).load(self.row.id))

    @strawberry.field(description="Its tasks, newest first.")
    async def tasks(
        self,
        info: Info,
        state: rows.TaskState | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[AgentTask]:
        task, wanted = rows.AgentTask, given(state)
        order = [Key(task.created_at, descending=True), Key(task.id, descending=True)]
        asked = Asked(first=first, after=given(after)).checked()
        where = [task.state == wanted] if wanted is not None else []
        page = await info.context.loaders.page_of(task.agent_id, order, asked, where).load(self.row.id)
        return connection(page, AgentTask.of)

    @strawberry.field
    async def sync(self, info: Info) -> AgentSync:
        policy = await info.context.loaders.batch(loaders.policies).load(self.row.id)
        current = agents.version_of(policy, surroundings_of(info))
        row: rows.EdgeAgent = self.row
        return AgentSync(
            last_up_at=row.last_up_at,
            last_down_at=row.last_down_at,
            bundle_version=row.bundle_version,
            current_bundle_version=current,
            behind=row.bundle_version != current,
        )


@strawberry.type(
    description="What an agent needs to work alone: taxonomy, policy, and where it may never connect to."
)
class AgentBundle:
    version: str
    taxonomy: JSON
    policy: EdgePolicy
    own_ports: list[int] = strawberry.field(
        description="The platform's own ports on this machine and on `ownAddresses`: no connector goes there."
    )
    own_addresses: list[str] = strawberry.field(description="Where the platform listens beside this machine.")

    @classmethod
    def of(cls, bundle: agents.Bundle) -> AgentBundle:
        return cls(
            version=bundle.version,
            taxonomy=JSON(bundle.taxonomy),
            policy=EdgePolicy.of(bundle.policy),
            own_ports=sorted(bundle.surroundings.own_ports),
            own_addresses=sorted(bundle.surroundings.own_addresses),
        )


@strawberry.input(description="A task the agent holds.")
class LeaseInput:
    task_id: ID
    attempt: int


@strawberry.input(description="How the agent is.")
class HeartbeatInput:
    load: float | None = strawberry.UNSET
    spooled_batches: int | None = strawberry.UNSET
    bundle_version: str | None = strawberry.UNSET
    leases: list[LeaseInput] | None = strawberry.UNSET


@strawberry.input(description="A named task, or any the agent can do.")
class ClaimTaskInput:
    task_id: ID | None = strawberry.UNSET
    capabilities: list[rows.AgentCapability] | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="Why a task failed.")
class TaskFailureInput:
    code: str
    message: str
    retryable: bool
    hint: str | None = strawberry.UNSET


@strawberry.input(
    description="One batch of a task; `entries` follow the agent protocol's JSON Schema for the task's kind."
)
class ReportTaskInput:
    task_id: ID
    attempt: int
    batch: int
    entries: list[JSON] | None = strawberry.UNSET
    progress: int | None = strawberry.UNSET
    total: int | None = strawberry.UNSET
    finished: bool | None = False
    failure: TaskFailureInput | None = strawberry.UNSET


@strawberry.type(description="The agent as it now is.")
class EdgeAgentPayload(Payload):
    agent: EdgeAgent | None = None


@strawberry.type(
    description="The task as it now stands; null when there is none to claim. `expectedBatch` says from where"
    " to send again, `stop` that this attempt is over."
)
class AgentTaskPayload(Payload):
    task: AgentTask | None = None
    expected_batch: int | None = None
    stop: bool = False


class _WithTask(FromLogged):
    task_row: rows.AgentTask | None


@strawberry.type(
    description="A task is there for the agent, or one it holds was cancelled, or there is a new bundle."
)
class AgentAssigned(_WithTask, StreamEvent):
    @strawberry.field
    def task(self) -> AgentTask | None:
        return AgentTask.of_maybe(self.task_row)

    @strawberry.field
    def cancelled_task_id(self) -> ID | None:
        return id_of("task", self.logged.key("task_id")) if self.logged.type == "TaskCancelled" else None

    @strawberry.field
    def bundle_version(self) -> str | None:
        return None


class _WithAgent(FromLogged):
    agent_row: rows.EdgeAgent


@strawberry.type(description="An agent joined, changed state, or was revoked.")
class AgentChanged(_WithAgent, StreamEvent):
    @strawberry.field
    def agent(self) -> EdgeAgent:
        return EdgeAgent.of(self.agent_row)
