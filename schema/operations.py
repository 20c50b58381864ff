"""Jobs, dead letters, breakers, health and settings in the API."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from datawave.kit import tables
from datawave.kit.errors import unauthenticated
from datawave.kit.ids import global_id
from domain import operations
from models.sources import HealthState
from schema.context import Info
from schema.directives import SignedIn
from schema.reads import actor as acting
from schema.reads import column, computed, one, pointed
from schema.rows import FromRow
from schema.scalars import JSON
from schema.shapes import (
    Actor,
    Attempt,
    Failure,
    Node,
    Payload,
    Progress,
    Timestamped,
)
from schema.streams import FromLogged, StreamEvent

Kept = dict[str, Any] | None
"""What a row keeps as JSON."""

strawberry.enum(tables.JobState, name="JobState", description="The life of a job.")
strawberry.enum(
    tables.DeadLetterResolution, name="DeadLetterResolution", description="What became of a dead letter."
)
strawberry.enum(tables.BreakerState, name="BreakerState", description="Whether calls go through.")


@strawberry.type(description="Work outside the request, with all its attempts.")
class Job(FromRow, Node, Timestamped, shows=tables.Job):
    kind: str
    state: tables.JobState
    queue: str
    tries: int = strawberry.field(description="Failures so far, of `maxTries`.")
    max_tries: int
    attempt: int = strawberry.field(
        description="Rises with every taking up, whether or not the last one failed."
    )
    heartbeat_at: datetime | None
    next_attempt_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    actor: Actor | None = acting("actor")

    @computed(description="The mutation that asked for it.")
    @staticmethod
    def tracking_id(command_id: UUID) -> ID:
        return ID(global_id("command", command_id))

    subject: Node | None = pointed("subject_word", "subject_id")

    @computed
    @staticmethod
    def progress(progress: Kept) -> Progress | None:
        return Progress.of(progress)

    @computed
    @staticmethod
    def attempts(attempts: list[Any]) -> list[Attempt]:
        return [Attempt.of(each) for each in attempts]

    @computed
    @staticmethod
    def failure(failure: Kept) -> Failure | None:
        return Failure.of(failure)

    result: JSON | None = column("result")


@strawberry.type(description="A job that has used its tries, kept for a person to look at.")
class DeadLetter(FromRow, Node, shows=tables.DeadLetter):
    trace: str | None
    died_at: datetime
    resolution: tables.DeadLetterResolution | None
    resolved_at: datetime | None
    job: Job = one("job_id", tables.Job)
    resolved_by: Actor | None = acting("resolved_by")

    arguments: JSON = column("arguments")

    @computed
    @staticmethod
    def failure(failure: Kept) -> Failure:
        said = Failure.of(failure)
        assert said is not None, "a letter says why"
        return said


@strawberry.type(
    description="The guard before something outside: source, agent, vault, mail, Kafka, Spark, model."
)
class CircuitBreaker(FromRow, Node, shows=tables.CircuitBreaker):
    name: str
    state: tables.BreakerState
    failures: int
    threshold: int
    opened_at: datetime | None
    next_try_at: datetime | None
    degraded: str | None = strawberry.field(description="What does not work while it is open.")

    subject: Node | None = pointed("subject_word", "subject_id")

    @computed
    @staticmethod
    def last_failure(last_failure: Kept) -> Failure | None:
        return Failure.of(last_failure)


@strawberry.input(description="Dead letters to put back or throw away.")
class ResolveDeadLettersInput:
    ids: list[ID]
    resolution: tables.DeadLetterResolution
    reason: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The job as it now is.")
class JobPayload(Payload):
    job: Job | None = None


@strawberry.type(description="The dead letters as they now are.")
class DeadLettersPayload(Payload):
    dead_letters: list[DeadLetter] = strawberry.field(default_factory=list[DeadLetter])
    jobs: list[Job] = strawberry.field(default_factory=list[Job])


@strawberry.type(description="A job got further, or changed its state.")
class JobProgressed(FromLogged, StreamEvent):
    job: Job


@strawberry.type(
    description="How one part is: api, worker, database, cache, queue, vault, mail, Kafka, Spark,"
    " model, blob store."
)
class ComponentHealth:
    name: str
    kind: str
    state: HealthState
    latency_ms: float | None
    message: str | None
    checked_at: datetime
    row: strawberry.Private[operations.Component]
    circuit_breaker: CircuitBreaker | None = one(
        "breaker_id", tables.CircuitBreaker, description="Null for who may not read the monitoring."
    )

    @classmethod
    def of(cls, part: operations.Component) -> ComponentHealth:
        return cls(
            name=part.name,
            kind=part.kind,
            state=part.state,
            latency_ms=part.latency_ms,
            message=part.message,
            checked_at=part.checked_at,
            row=part,
        )


def _refuse_strangers(info: Info) -> None:
    if not info.context.viewer.signed_in:
        raise unauthenticated()


@strawberry.type(description="How the platform and its parts are.")
class PlatformHealth:
    state: HealthState
    version: str
    found: strawberry.Private[operations.Health]
    began: strawberry.Private[datetime]

    @strawberry.field(directives=[SignedIn()])
    def components(self, info: Info) -> list[ComponentHealth] | None:
        _refuse_strangers(info)
        return [ComponentHealth.of(each) for each in self.found.components]

    @strawberry.field(directives=[SignedIn()])
    def started_at(self, info: Info) -> datetime | None:
        _refuse_strangers(info)
        return self.began

    @strawberry.field(directives=[SignedIn()], description="What does not work at the moment.")
    def degraded(self, info: Info) -> list[str] | None:
        _refuse_strangers(info)
        return list(self.found.degraded)


@strawberry.enum(description="Where a setting comes from, weakest first.")
class SettingSource(StrEnum):
    DEFAULT = "DEFAULT"
    PROFILE = "PROFILE"
    ENVIRONMENT = "ENVIRONMENT"


@strawberry.type(description="A setting in force: its value (never a secret's), and where it comes from.")
class Setting:
    key: str
    value: JSON | None
    default: JSON | None
    source: SettingSource
    description: str
    secret: bool
    mutable: bool
    restart_needed: bool
    problem: str | None = strawberry.field(description="What is doubtful about it as it is set.")

    @classmethod
    def of(cls, row: Any) -> Setting:
        """From a row that the program hands in; this room reads no settings."""
        return cls(
            key=row.key,
            value=JSON(row.value) if row.value is not None else None,
            default=JSON(row.default) if row.default is not None else None,
            source=SettingSource(str(row.source)),
            description=row.description,
            secret=row.secret,
            mutable=row.mutable,
            restart_needed=row.restart_needed,
            problem=row.problem,
        )


@strawberry.type(description="A part of the platform that is on, off, or degraded, and why.")
class Feature:
    name: str
    state: HealthState = strawberry.field(description="UNKNOWN where it is off: nothing is measured then.")
    reason: str | None

    @classmethod
    def of(cls, found: operations.Feature) -> Feature:
        return cls(name=found.name, state=found.state, reason=found.reason)


@strawberry.type(description="The profile in force (development, test, production) and its settings.")
class Configuration:
    profile: str
    rows: strawberry.Private[list[Any]]
    found: strawberry.Private[operations.Examiner]

    @strawberry.field(description="By name; `prefix` narrows it.")
    def settings(self, prefix: str | None = strawberry.UNSET) -> list[Setting]:
        beginning = prefix or ""
        return [Setting.of(row) for row in self.rows if row.key.startswith(beginning)]

    @strawberry.field(description="Settings that are doubtful as they are set, by name.")
    def problems(self) -> list[Setting]:
        return [Setting.of(row) for row in self.rows if row.problem is not None]

    @strawberry.field(description="By name.")
    async def features(self) -> list[Feature]:
        values = {row.key: row.value for row in self.rows}
        return [Feature.of(each) for each in operations.features(await self.found.health(), values)]
