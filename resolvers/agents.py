"""The roots of edge agents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.errors import ConflictError, ErrorCode, InputError, UserError, forbidden
from datawave.kit.events import Logged
from datawave.kit.given import among
from datawave.kit.ids import global_id, key_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import agents as domain
from models import agents as rows
from schema.agents import (
    AgentAssigned,
    AgentBundle,
    AgentChanged,
    AgentTask,
    AgentTaskPayload,
    ClaimTaskInput,
    EdgeAgent,
    EdgeAgentPayload,
    HeartbeatInput,
    ReportTaskInput,
    surroundings_of,
)
from schema.context import Context, Info
from schema.directives import Cost, DeliveryMode
from schema.errors import shown
from schema.fields import mutation, query, read, subscription
from schema.scalars import Cursor
from schema.shapes import Connection, given

BY_NAME = [Key(rows.EdgeAgent.name), Key(rows.EdgeAgent.id)]
ASSIGNING = frozenset({"TaskOffered", "TaskCancelled"})
CHANGING = frozenset({"AgentEnrolled", "AgentStateChanged", "SourceAssigned"})


def agents(
    of: Of,
    kinds: list[rows.AgentKind] | None = strawberry.UNSET,
    states: list[rows.AgentState] | None = strawberry.UNSET,
) -> Rows:
    agent = rows.EdgeAgent
    query = select(agent).where(visible(agent, of.viewer))
    if (wanted := given(kinds)) is not None:
        query = query.where(among(agent.kind, wanted))
    if (wanted := given(states)) is not None:
        query = query.where(among(agent.state, wanted))
    return Rows(query=query, row=agent, order=BY_NAME)


@strawberry.type
class Queries:
    agents: Connection[EdgeAgent] = read(
        Shape.PAGE, agents, needs=Permission.AGENT_READ, description="Edge agents."
    )

    @query(
        needs=Permission.AGENT_ACT,
        description="What an agent asks for to work alone; null when it has the current version.",
    )
    async def agent_bundle(self, info: Info, have: str | None = strawberry.UNSET) -> AgentBundle | None:
        db = info.context.db
        bundle = await domain.bundle_of(db, own_id(info.context), surroundings_of(db.extras))
        return AgentBundle.of(bundle) if bundle is not None and bundle.version != given(have) else None


@strawberry.type
class Mutations:
    @mutation(
        runs=domain.send_heartbeat,
        description="Say that the agent lives; renews the leases of the named tasks.",
    )
    async def send_heartbeat(self, info: Info, input: HeartbeatInput) -> EdgeAgentPayload:
        leases = [
            domain.Lease(
                task_id=key_of("task", lease.task_id, path=["leases", str(at), "taskId"]),
                attempt=lease.attempt,
            )
            for at, lease in enumerate(given(input.leases) or [])
        ]
        agent = await info.context.run(
            domain.send_heartbeat,
            load=given(input.load),
            spooled_batches=given(input.spooled_batches),
            bundle_version=given(input.bundle_version),
            leases=leases,
        )
        return EdgeAgentPayload(agent=EdgeAgent.of(agent))

    @mutation(runs=domain.claim_task, description="Take a task, under a lease.")
    async def claim_task(self, info: Info, input: ClaimTaskInput) -> AgentTaskPayload:
        task = await info.context.run(
            domain.claim_task,
            idempotency_key=input.idempotency_key,
            task_id=key_of("task", input.task_id, path=["taskId"]) if input.task_id else None,
            capabilities=given(input.capabilities),
        )
        taken = AgentTask.of_maybe(task)
        if taken is not None:
            taken.__dict__["claimed"] = True
        return AgentTaskPayload(task=taken)

    @mutation(
        runs=domain.report_task,
        description="Report a numbered batch of a task's results, its progress, its end, or its failure; a"
        " batch sent twice counts once.",
        cost=Cost(weight=10),
    )
    async def report_task(self, info: Info, input: ReportTaskInput) -> AgentTaskPayload:
        failure = given(input.failure)
        try:
            task = await info.context.run(
                domain.report_task,
                task_id=key_of("task", input.task_id, path=["taskId"]),
                attempt=input.attempt,
                batch=input.batch,
                entries=domain.Batch(given(input.entries) or []),
                progress=given(input.progress),
                total=given(input.total),
                finished=bool(input.finished),
                failure=domain.TaskFailure(
                    code=failure.code,
                    message=failure.message,
                    hint=given(failure.hint),
                    retryable=failure.retryable,
                )
                if failure is not None
                else None,
            )
        except (ConflictError, InputError) as error:
            return refused(error)
        return AgentTaskPayload(task=AgentTask.of(task), expected_batch=task.last_batch + 1)


def refused(error: UserError) -> AgentTaskPayload:
    """A refusal that says what to do: stop, or from where to send again."""
    tracking: UUID | None = getattr(error, "tracking_id", None)
    expected = error.expected if isinstance(error, InputError) and error.path == ["batch"] else None
    return AgentTaskPayload(
        errors=[shown(error)],
        tracking_id=ID(global_id("audit", tracking) if tracking else ""),
        expected_batch=int(expected) if expected and expected.isdecimal() else None,
        stop=error.code is ErrorCode.WRONG_STATE,
    )


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.AGENT_ACT,
        delivery=DeliveryMode.EVERY,
        description="Work for the agent that asks.",
        own=True,
    )
    async def agent_assigned(
        self, info: Info, after: Cursor | None = strawberry.UNSET
    ) -> AsyncIterator[AgentAssigned]:
        context = info.context
        topic = f"agent:{own_id(context)}"
        async for logged in context.follow(topic, given(after), wanted=lambda event: event.type in ASSIGNING):
            task = await context.db.scalar(
                select(rows.AgentTask).where(rows.AgentTask.id == logged.key("task_id"))
            )
            yield AgentAssigned.of(logged, task_row=task if logged.type == "TaskOffered" else None)

    @subscription(
        needs=Permission.AGENT_READ,
        delivery=DeliveryMode.LATEST,
        description="One agent, or all.",
        own=[rows.EdgeAgent],
    )
    async def agent_changed(
        self,
        info: Info,
        id: ID | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[AgentChanged]:
        context, topic = info.context, "agents"
        if given(id):
            topic = f"agent:{(await context.see(rows.EdgeAgent, given(id))).id}"
        async for logged in context.follow(topic, given(after), wanted=_is_change):
            key = logged.key("agent_id")
            agent = await context.loaders.row(rows.EdgeAgent).load(key) if key else None
            if agent is not None:
                yield AgentChanged.of(logged, agent_row=agent)


def _is_change(event: Logged) -> bool:
    return event.type in CHANGING


def own_id(context: Context) -> UUID:
    """The agent that asks; a person who holds the permission is none."""
    viewer = context.viewer
    if viewer.actor_word != "agent" or viewer.actor_id is None:
        raise forbidden(Permission.AGENT_ACT)
    return viewer.actor_id
