"""The rows of the machinery itself: the log, commands, audit, jobs, breakers, the vault, schedules of duties.

The features' tables are in `models/`; these stand here because the kit may not know the rooms above it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, LargeBinary, func, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.access import INTERNAL, Access
from datawave.kit.database import Base
from datawave.kit.ids import new_id


class Outcome(StrEnum):
    DONE = "DONE"
    REFUSED = "REFUSED"
    FAILED = "FAILED"


class JobState(StrEnum):
    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    RETRYING = "RETRYING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    DEAD = "DEAD"


class DeadLetterResolution(StrEnum):
    REQUEUED = "REQUEUED"
    DISCARDED = "DISCARDED"


class BreakerState(StrEnum):
    CLOSED = "CLOSED"
    HALF_OPEN = "HALF_OPEN"
    OPEN = "OPEN"


class EventLog(Base):
    """One row: where the log stands. `head` is the last position given, `oldest` the first one still kept."""

    __tablename__ = "event_log"
    __word__, __access__ = "event_log", INTERNAL

    single: Mapped[bool] = mapped_column(primary_key=True, default=True)
    epoch: Mapped[str]
    head: Mapped[int] = mapped_column(BigInteger, server_default="0")
    oldest: Mapped[int] = mapped_column(BigInteger, server_default="1")
    settled_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())


class Event(Base):
    """One entry of the log. `number` is the order of insertion, `position` the place that the relay gives
    after commit."""

    __tablename__ = "event"
    __word__ = "event"
    __access__ = Access(read="event:read", source="source_id", workspace="workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    position: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str]
    schema_version: Mapped[int] = mapped_column(server_default="1")
    topics: Mapped[list[str]]
    actor_id: Mapped[UUID | None]
    actor_word: Mapped[str | None]
    command_id: Mapped[UUID | None]
    subject_word: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    workspace_id: Mapped[UUID | None]
    source_id: Mapped[UUID | None]
    correlation_id: Mapped[str | None]
    data: Mapped[dict[str, Any] | None]
    erased_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_event_unplaced", "number", postgresql_where=text("position IS NULL")),
        Index("ix_event_position", "position", postgresql_where=text("position IS NOT NULL")),
        Index("ix_event_command", "command_id"),
        Index("ix_event_subject", "subject_id", "position"),
        {"postgresql_partition_by": "RANGE (at)"},
    )


class EventTopic(Base):
    """Where an event stands in a topic, and where the one before it stood: how a reader sees a hole."""

    __tablename__ = "event_topic"
    __word__, __access__ = "event_topic", INTERNAL

    topic: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    previous: Mapped[int] = mapped_column(BigInteger)


class TopicHead(Base):
    __tablename__ = "topic_head"
    __word__, __access__ = "topic_head", INTERNAL

    topic: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


class Command(Base):
    """One mutation as it was carried out; its id is the `trackingId`."""

    __tablename__ = "command"
    __word__ = "command"
    __access__ = Access(read="event:read", source="source_id", workspace="workspace_id", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str]
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None] = mapped_column(index=True)
    actor_word: Mapped[str | None]
    input: Mapped[dict[str, Any] | None]
    changes: Mapped[list[Any]]
    subjects: Mapped[list[Any]]
    """[[word, id, version left], …]"""
    subject_ids: Mapped[list[UUID]]
    workspace_id: Mapped[UUID | None]
    source_id: Mapped[UUID | None]
    inverse: Mapped[dict[str, Any] | None]
    """{"command": name, "arguments": {…}}: what takes this command back."""
    undoes: Mapped[UUID | None]
    undone_by: Mapped[UUID | None]
    correlation_id: Mapped[str | None]
    erased_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_command_subject_ids", "subject_ids", postgresql_using="gin"),)


class Idempotency(Base):
    """What a key was used for, kept a day; `input_hash` is keyed, so that it tells nothing of secrets in
    it."""

    __tablename__ = "idempotency"
    __word__, __access__ = "idempotency", INTERNAL

    actor_id: Mapped[UUID] = mapped_column(primary_key=True)
    mutation: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    input_hash: Mapped[bytes] = mapped_column(LargeBinary)
    command_id: Mapped[UUID]
    result: Mapped[dict[str, Any]]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What was shown once, kept ten minutes for a repetition."""
    at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """One link of the chain: unsealed (no sequence) until the sealing duty has given it its place and
    hash."""

    __tablename__ = "audit_entry"
    __word__ = "audit"
    __access__ = Access(read="audit:read")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    sequence: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    at: Mapped[datetime]
    actor_id: Mapped[UUID | None]
    actor_word: Mapped[str | None]
    action: Mapped[str]
    permission: Mapped[str | None]
    subject_word: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    outcome: Mapped[Outcome]
    code: Mapped[str | None]
    address: Mapped[str | None]
    client: Mapped[str | None]
    session_id: Mapped[UUID | None]
    command_id: Mapped[UUID | None]
    count: Mapped[int] = mapped_column(server_default="1")
    detail: Mapped[dict[str, Any] | None]
    """Words and data of people; the chain holds only its salted digest, so it can be erased."""
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    detail_digest: Mapped[bytes] = mapped_column(LargeBinary)
    erased_at: Mapped[datetime | None]
    previous_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    hash: Mapped[bytes | None] = mapped_column(LargeBinary)

    __table_args__ = (
        Index("ix_audit_entry_unsealed", "number", postgresql_where=text("sequence IS NULL")),
        Index("ix_audit_entry_actor", "actor_id", "sequence"),
        Index("ix_audit_entry_subject", "subject_id", "sequence"),
        Index("ix_audit_entry_action", "action", "sequence"),
        Index("ix_audit_entry_command", "command_id"),
        Index(
            "ix_audit_entry_session",
            "session_id",
            "sequence",
            postgresql_where=text("session_id IS NOT NULL"),
        ),
        Index("ix_audit_entry_address", "address", "sequence", postgresql_where=text("address IS NOT NULL")),
        # Entries are written nearly in the order of their times.
        Index("ix_audit_entry_at", "at", postgresql_using="brin", postgresql_with={"pages_per_range": 16}),
    )


class Job(Base):
    """Work outside the request. `attempt` is the fence and rises without end; `tries` counts failures."""

    __tablename__ = "job"
    __word__ = "job"
    __access__ = Access(read="job:read", source="source_id", workspace="workspace_id", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    created_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    state: Mapped[JobState] = mapped_column(server_default=JobState.QUEUED.value)
    queue: Mapped[str] = mapped_column(server_default="default")
    command_id: Mapped[UUID] = mapped_column(index=True)
    subject_word: Mapped[str | None]
    subject_id: Mapped[UUID | None]
    workspace_id: Mapped[UUID | None]
    source_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    actor_word: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(server_default="0")
    tries: Mapped[int] = mapped_column(server_default="0")
    max_tries: Mapped[int]
    attempts: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    progressed: Mapped[bool] = mapped_column(server_default="false")
    """Something was finished since the attempt began: a silent death then costs no try."""
    progress: Mapped[dict[str, Any] | None]
    failure: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    heartbeat_at: Mapped[datetime | None]
    signalled_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    cancel_asked: Mapped[bool] = mapped_column(server_default="false")
    traceparent: Mapped[str | None]
    """The trace of the command that asked for it, in which its attempts go on."""

    __table_args__ = (
        Index("ix_job_due", "next_attempt_at", postgresql_where=text("state IN ('QUEUED', 'RETRYING')")),
        Index("ix_job_running", "heartbeat_at", postgresql_where=text("state = 'RUNNING'")),
        Index("ix_job_subject", "subject_id"),
    )


class DeadLetter(Base):
    """A job that has used its tries, kept for a person to look at."""

    __tablename__ = "dead_letter"
    __word__ = "letter"
    __access__ = Access(read="job:read")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    job_id: Mapped[UUID] = mapped_column(ForeignKey("job.id"), index=True)
    arguments: Mapped[dict[str, Any]]
    failure: Mapped[dict[str, Any]]
    trace: Mapped[str | None]
    died_at: Mapped[datetime]
    resolution: Mapped[DeadLetterResolution | None]
    resolved_by: Mapped[UUID | None]
    resolved_by_word: Mapped[str | None]
    resolved_at: Mapped[datetime | None]


class CircuitBreaker(Base):
    """The guard before something outside: shared by all processes, seen by people."""

    __tablename__ = "circuit_breaker"
    __word__ = "breaker"
    __access__ = Access(read="monitoring:read")

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(unique=True)
    subject_word: Mapped[str | None]
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    state: Mapped[BreakerState] = mapped_column(server_default=BreakerState.CLOSED.value)
    failures: Mapped[int] = mapped_column(server_default="0")
    threshold: Mapped[int] = mapped_column(server_default="5")
    opened_at: Mapped[datetime | None]
    next_try_at: Mapped[datetime | None]
    last_failure: Mapped[dict[str, Any] | None]
    degraded: Mapped[str | None]


class VaultKey(Base):
    """A data key, wrapped by the master key."""

    __tablename__ = "vault_key"
    __word__, __access__ = "vault_key", INTERNAL

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    master_id: Mapped[str]
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    active: Mapped[bool] = mapped_column(server_default="true")
    created_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())


class VaultEntry(Base):
    """One sealed value. The reference is the associated data, so that an entry cannot be put in another's
    place."""

    __tablename__ = "vault_entry"
    __word__, __access__ = "vault_entry", INTERNAL

    reference: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("vault_key.id"))
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.datawave_now())
    expires_at: Mapped[datetime | None] = mapped_column(index=True)


class Clock(Base):
    """The offset of `datawave_now()`; only test databases ever hold a row."""

    __tablename__ = "clock"
    __word__, __access__ = "clock", INTERNAL

    single: Mapped[bool] = mapped_column(primary_key=True, default=True)
    shift_seconds: Mapped[float]
