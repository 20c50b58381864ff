"""Edge agents, their tasks, policies and bundles in the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.kept import kept
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import agents
from domain.catalog import ingest
from models import agents as rows
from models import discovery as run_rows
from models import sources as source_rows
from resolvers.loaders import agents as loaders
from schema.context import Info
from schema.fields import field
from schema.reads import column, computed, loaded, one, related
from schema.rows import FromRow
from schema.scalars import JSON
from schema.shapes import (
    Actor,
    Connection,
    Failure,
    Node,
    Payload,
    Progress,
    Timestamped,
    Versioned,
    given,
    id_of,
)
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.discovery import Run, StageRun
    from schema.identity.certificates import Certificate
    from schema.sources import DataSource

strawberry.enum(rows.AgentKind, name="AgentKind", description="Profiles of the agent program.")
strawberry.enum(rows.AgentState, name="AgentState", description="Whether an agent is at work.")
strawberry.enum(
    rows.AgentCapability, name="AgentCapability", description="What an agent can do where it stands."
)
strawberry.enum(rows.TaskState, name="TaskState", description="The life of a task.")
strawberry.enum(rows.ValuesLeave, name="ValuesLeave", description="What an agent may send home.")
strawberry.enum(rows.MaskMethod, name="MaskMethod", description="How values are hidden.")


def surroundings_of(extras: Mapping[str, Any]) -> agents.Surroundings:
    return extras.get("surroundings") or agents.Surroundings()


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

    @computed
    @staticmethod
    def quiet_hours(quiet_hours: list[Any]) -> list[QuietHours]:
        return [
            QuietHours(from_=span["from"], to=span["to"], time_zone=span["timeZone"], days=span["days"])
            for span in quiet_hours
        ]


@strawberry.type(description="What went up from an agent and came down to it.")
class AgentSync:
    last_up_at: datetime | None
    last_down_at: datetime | None
    bundle_version: str | None
    current_bundle_version: str
    behind: bool


Synced = tuple[UUID, datetime | None, datetime | None, str | None]
"""An agent, when something last went up and came down, and the bundle that it has."""


async def syncs(db: Db, agents_synced: Sequence[Synced], _at: Any) -> Mapping[Synced, AgentSync]:
    """An agent's current bundle goes by its policy."""
    ids = [id for id, *_ in agents_synced]
    policies, _ = await kept(loaders.policies, of_parents=True).grouped(db, ids, None, {})
    surroundings = surroundings_of(db.extras)
    return {
        synced: _sync(synced, agents.version_of(policies[synced[0]][0], surroundings))
        for synced in agents_synced
        if policies.get(synced[0])
    }


def _sync(synced: Synced, current: str) -> AgentSync:
    _, up, down, bundle = synced
    return AgentSync(
        last_up_at=up,
        last_down_at=down,
        bundle_version=bundle,
        current_bundle_version=current,
        behind=bundle != current,
    )


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

    lease_expires_at: datetime | None = column("lease_until")
    instructions: JSON = column("instructions")

    @field(
        description="Of a discovery, for the agent that holds it: `[path, digest]` of everything that the"
        " catalog has of the source, to compare with.",
        own=True,
    )
    async def known(self, info: Info) -> JSON | None:
        if self.row.source_id is None or info.context.viewer.actor_id != self.row.agent_id:
            return None
        if self.row.kind is not rows.AgentCapability.DISCOVER or self.row.state not in agents.HELD:
            return None
        async with info.context.platform.database.session() as session:
            digests = await ingest.known(session, self.row.source_id)
        return JSON([[list(path), digest] for path, digest in digests.items()])

    @field(
        description="How to sign in at the source, sealed to the agent's certificate; only in the answer of"
        " claimTask to the agent that holds it.",
        own=True,
    )
    async def sealed_credentials(self, info: Info) -> str | None:
        viewer = info.context.viewer
        if not getattr(self, "claimed", False) or viewer.actor_id != self.row.agent_id:
            return None
        async with info.context.platform.database.session() as session:
            return await agents.sealed_credentials(session, info.context.platform.commands.vault, self.row)

    @computed
    @staticmethod
    def progress(progress: dict[str, Any] | None) -> Progress | None:
        return Progress.of(progress)

    @computed
    @staticmethod
    def failure(failure: dict[str, Any] | None) -> Failure | None:
        return Failure.of(failure)


def tasks(of: Of, state: rows.TaskState | None = strawberry.UNSET) -> Rows:
    """The newest first."""
    task, wanted = rows.AgentTask, given(state)
    query = select(task).where(visible(task, of.viewer))
    if wanted is not None:
        query = query.where(task.state == wanted)
    order = [Key(task.created_at, descending=True), Key(task.id, descending=True)]
    return Rows(query=query, row=task, by=task.agent_id, order=order)


@strawberry.type(
    description="A program near the data: an API client with the rights of its certificate and no inbound"
    " port."
)
class EdgeAgent(FromRow, Node, Actor, Timestamped, Versioned, shows=rows.EdgeAgent):
    display_name: str = column("name")
    name: str
    kind: rows.AgentKind
    state: rows.AgentState
    software_version: str
    host: str | None
    last_heartbeat_at: datetime | None
    load: float | None
    spooled_batches: int

    @computed
    @staticmethod
    def capabilities(capabilities: list[str]) -> list[rows.AgentCapability]:
        return [rows.AgentCapability(name) for name in capabilities]

    labels: JSON = column("labels")
    certificate: Certificate | None = related(Shape.ONE, loaders.certificates)
    data_sources: list[DataSource] = related(Shape.MANY, loaders.sources)
    policy: EdgePolicy | None = related(Shape.ONE, loaders.policies)
    tasks: Connection[AgentTask] = related(Shape.PAGE, tasks, description="Its tasks, newest first.")

    sync: AgentSync = loaded(syncs, keys=("id", "last_up_at", "last_down_at", "bundle_version"))


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
