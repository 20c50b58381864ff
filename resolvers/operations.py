"""Jobs in people's hands, how the platform is, what it is set to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from importlib.metadata import version
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import or_, select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.commands import PUBLIC, SIGNED_IN
from datawave.kit.errors import ErrorCode, InputError, not_found
from datawave.kit.events import Logged
from datawave.kit.given import among, later
from datawave.kit.ids import key_of, keys_of, taken_apart
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import operations
from schema.context import Context, Info
from schema.directives import DeliveryMode
from schema.fields import mutation, query, read, subscription
from schema.keys import any_key_in
from schema.operations import (
    CircuitBreaker,
    Configuration,
    DeadLetter,
    DeadLettersPayload,
    Job,
    JobPayload,
    JobProgressed,
    PlatformHealth,
    ResolveDeadLettersInput,
)
from schema.scalars import Cursor
from schema.shapes import Connection, NodeInput, ReasonInput, given

NEWEST_JOBS = [Key(tables.Job.id, descending=True)]
NEWEST_LETTERS = [Key(tables.DeadLetter.id, descending=True)]
BREAKERS_BY_NAME = [Key(tables.CircuitBreaker.name), Key(tables.CircuitBreaker.id)]


def examiner_of(context: Context) -> operations.Examiner:
    """One a process: the program's."""
    return context.platform.extras["examiner"]


def jobs(
    of: Of,
    states: list[tables.JobState] | None = strawberry.UNSET,
    kinds: list[str] | None = strawberry.UNSET,
    tracking_id: ID | None = strawberry.UNSET,
    subject_id: ID | None = strawberry.UNSET,
) -> Rows:
    row = tables.Job
    query = select(row).where(visible(row, of.viewer))
    if wanted := given(states):
        query = query.where(among(row.state, wanted))
    if named := given(kinds):
        query = query.where(among(row.kind, named))
    if tracking := given(tracking_id):
        own, commands = (later(partial(_keys_tracked, word), tracking) for word in ("job", "command"))
        query = query.where(among(row.id, own) | among(row.command_id, commands))
    if subject := given(subject_id):
        query = query.where(row.subject_id == any_key_in(subject, "subjectId"))
    return Rows(query=query, row=row, order=NEWEST_JOBS)


def _keys_tracked(word: str, text: str) -> list[UUID]:
    """The key of what is tracked, where it is named by this word."""
    tracked, key = _tracked(text)
    return [key] if tracked == word else []


def dead_letters(of: Of, unresolved_only: bool = True) -> Rows:
    row = tables.DeadLetter
    query = select(row).where(visible(row, of.viewer))
    if unresolved_only:
        query = query.where(row.resolution.is_(None))
    return Rows(query=query, row=row, order=NEWEST_LETTERS)


def circuit_breakers(of: Of, states: list[tables.BreakerState] | None = strawberry.UNSET) -> Rows:
    row = tables.CircuitBreaker
    query = select(row).where(visible(row, of.viewer))
    if wanted := given(states):
        query = query.where(among(row.state, wanted))
    return Rows(query=query, row=row, order=BREAKERS_BY_NAME)


@strawberry.type
class Queries:
    jobs: Connection[Job] = read(
        Shape.PAGE, jobs, needs=Permission.JOB_READ, description="Jobs, newest first."
    )
    dead_letters: Connection[DeadLetter] = read(
        Shape.PAGE,
        dead_letters,
        needs=Permission.JOB_READ,
        description="Jobs that have used their tries, newest first.",
    )
    circuit_breakers: Connection[CircuitBreaker] = read(
        Shape.PAGE,
        circuit_breakers,
        needs=Permission.MONITORING_READ,
        description="Guards before everything outside, by name.",
    )

    @query(
        needs=PUBLIC,
        description="How the platform is; without signing in only `state` and `version` answer.",
    )
    async def health(self, info: Info) -> PlatformHealth:
        examiner = examiner_of(info.context)
        found = await examiner.health()
        began = info.context.platform.extras.get("started_at") or examiner.started_at
        return PlatformHealth(state=found.state, version=version("datawave"), found=found, began=began)

    @query(needs=Permission.SETTINGS_READ, description="Settings in force.")
    async def configuration(self, info: Info) -> Configuration:
        extras = info.context.platform.extras
        return Configuration(
            profile=extras.get("profile", "test"),
            rows=list(extras.get("settings", ())),
            found=examiner_of(info.context),
        )


def _tracked(text: str) -> tuple[str, UUID]:
    parts = taken_apart(text)
    if parts is None or parts[0] not in ("command", "job"):
        raise InputError(
            ErrorCode.INVALID,
            "There is nothing to follow: give the `trackingId` of a mutation that was carried out,"
            " or a job's id.",
            path=["trackingId"],
            expected="command_… or job_…",
        )
    return parts


@strawberry.type
class Mutations:
    @mutation(runs=operations.cancel_job, description="Cancel a job.")
    async def cancel_job(self, info: Info, input: NodeInput) -> JobPayload:
        job = await info.context.run(
            operations.cancel_job,
            idempotency_key=input.idempotency_key,
            job_id=key_of("job", input.id),
            reason=given(input.reason),
        )
        return JobPayload(job=Job.of(job))

    @mutation(
        runs=operations.resolve_dead_letters,
        description="Put dead letters back in their queue, or throw them away.",
    )
    async def resolve_dead_letters(self, info: Info, input: ResolveDeadLettersInput) -> DeadLettersPayload:
        done = await info.context.run(
            operations.resolve_dead_letters,
            idempotency_key=input.idempotency_key,
            letter_ids=keys_of("letter", input.ids),
            resolution=input.resolution,
            reason=given(input.reason),
        )
        return DeadLettersPayload(
            dead_letters=[DeadLetter.of(each) for each in done.letters],
            jobs=[Job.of(each) for each in done.jobs],
        )

    @mutation(
        runs=operations.rotate_vault_key,
        description="Make a new data key and seal everything in the vault anew with it.",
    )
    async def rotate_vault_key(self, info: Info, input: ReasonInput) -> JobPayload:
        job = await info.context.run(
            operations.rotate_vault_key, idempotency_key=input.idempotency_key, reason=given(input.reason)
        )
        return JobPayload(job=Job.of(job))


@strawberry.type
class Subscriptions:
    @subscription(
        needs=SIGNED_IN,
        delivery=DeliveryMode.LATEST,
        description="One job, or all jobs of one mutation.",
        own=[tables.Job, tables.Command],
    )
    async def job_progressed(
        self, info: Info, tracking_id: ID, after: Cursor | None = strawberry.UNSET
    ) -> AsyncIterator[JobProgressed]:
        context = info.context
        word, key = _tracked(tracking_id)
        await _see(context, word, key)
        topic = f"job:{key}" if word == "job" else f"tracking:{key}"

        def wanted(event: Logged) -> bool:
            return event.type == "JobChanged" and _may_see(context, event)

        async for event in context.follow(topic, given(after), wanted=wanted, progress=_further):
            job = await context.node_of(Job, event.subject_id)
            if job is not None:
                yield JobProgressed.of(event, job=job)


async def _see(context: Context, word: str, key: UUID) -> None:
    """NOT_FOUND unless the viewer may see the job, or the command or one of its jobs."""
    job, command = tables.Job, tables.Command
    may_job = select(job.id).where(
        (job.id if word == "job" else job.command_id) == key, visible(job, context.viewer)
    )
    may_command = select(command.id).where(command.id == key, visible(command, context.viewer))
    found = await context.db.scalar(select(or_(may_job.exists(), may_command.exists())))
    if not found:
        raise not_found(word, path=["trackingId"])


def _may_see(context: Context, event: Logged) -> bool:
    return event.actor_id == context.viewer.actor_id or context.may_see_event(event, Permission.JOB_READ)


def _further(progress: dict[str, Any]) -> Logged | None:
    """Progress of a job, which is told and not kept, in the shape of an event without a place."""
    from datetime import datetime

    if "job_id" not in progress:
        return None
    return Logged(
        id=UUID(progress["job_id"]),
        position=0,
        type="JobProgress",
        schema_version=1,
        at=datetime.fromisoformat(progress["at"]),
        actor_id=None,
        actor_word=None,
        command_id=None,
        subject_word="job",
        subject_id=UUID(progress["job_id"]),
        workspace_id=None,
        source_id=None,
        correlation_id=None,
        data=progress,
    )
