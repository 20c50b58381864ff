"""Edge agents, their certificates and policies, the tasks they hold."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.masking import MaskMethod, ValuesLeave
from models.base import INTERNAL, Access, Base, Entity


class AgentKind(StrEnum):
    LIGHTWEIGHT = "LIGHTWEIGHT"
    FULL = "FULL"
    MONITORING = "MONITORING"
    SYNC = "SYNC"


class AgentState(StrEnum):
    ENROLLED = "ENROLLED"
    ONLINE = "ONLINE"
    OFFLINE = "OFFLINE"
    DRAINING = "DRAINING"
    REVOKED = "REVOKED"


class AgentCapability(StrEnum):
    TEST = "TEST"
    DISCOVER = "DISCOVER"
    SAMPLE = "SAMPLE"
    PROFILE = "PROFILE"
    CLASSIFY = "CLASSIFY"
    MONITOR = "MONITOR"
    SYNC = "SYNC"
    SPARK = "SPARK"


class TaskState(StrEnum):
    OFFERED = "OFFERED"
    CLAIMED = "CLAIMED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class EdgePolicy(Entity):
    """What may be read and what may leave, decided where the data lives."""

    __tablename__ = "edge_policy"
    __word__, __access__ = "policy", Access(read="agent:read")

    name: Mapped[str] = mapped_column(unique=True)
    sample_rows: Mapped[int] = mapped_column(default=200, server_default="200")
    sample_patterns: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    never_sample: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    values_leave: Mapped[ValuesLeave] = mapped_column(default=ValuesLeave.NEVER)
    mask_with: Mapped[MaskMethod] = mapped_column(default=MaskMethod.REDACT)
    max_query_seconds: Mapped[int] = mapped_column(default=60, server_default="60")
    quiet_hours: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))


class EdgeAgent(Entity):
    __tablename__ = "edge_agent"
    __word__, __access__ = "agent", Access(read="agent:read", own="id")

    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[AgentKind] = mapped_column(default=AgentKind.FULL)
    state: Mapped[AgentState] = mapped_column(default=AgentState.ENROLLED)
    capabilities: Mapped[list[str]]
    software_version: Mapped[str]
    host: Mapped[str | None]
    labels: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    policy_id: Mapped[UUID | None] = mapped_column(ForeignKey("edge_policy.id"))
    last_heartbeat_at: Mapped[datetime | None]
    load: Mapped[float | None]
    spooled_batches: Mapped[int] = mapped_column(default=0, server_default="0")
    last_up_at: Mapped[datetime | None]
    last_down_at: Mapped[datetime | None]
    bundle_version: Mapped[str | None]


class AgentSource(Base):
    """That an agent reads a source."""

    __tablename__ = "agent_source"
    __word__, __access__ = "agent_source", INTERNAL

    agent_id: Mapped[UUID] = mapped_column(ForeignKey("edge_agent.id"), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), primary_key=True, index=True)


class Authority(Base):
    """The platform's certificate authority; the private key is sealed with the secret key."""

    __tablename__ = "authority"
    __word__, __access__ = "authority", INTERNAL

    single: Mapped[bool] = mapped_column(primary_key=True, default=True)
    pem: Mapped[str]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))


class Certificate(Base):
    __tablename__ = "certificate"
    __word__, __access__ = "certificate", Access(read="agent:read", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    serial: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(unique=True)
    """SHA-256 of the DER form, in hex: the `kid` of an agent's tokens."""
    actor_id: Mapped[UUID] = mapped_column(index=True)
    actor_word: Mapped[str]
    not_before: Mapped[datetime]
    not_after: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    pem: Mapped[str]


OPEN = text("state IN ('OFFERED', 'CLAIMED', 'RUNNING')")
"""Said with the question, so that any plan finds the index that holds only these."""


class AgentTask(Base):
    """Work given to an agent, held by a lease. The attempt rises when somebody claims, not before."""

    __tablename__ = "agent_task"
    __word__ = "task"
    __access__ = Access(read="agent:read", source="source_id", workspace="workspace_id", own="agent_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    kind: Mapped[AgentCapability]
    state: Mapped[TaskState] = mapped_column(default=TaskState.OFFERED)
    source_id: Mapped[UUID | None] = mapped_column(ForeignKey("data_source.id"), index=True)
    workspace_id: Mapped[UUID | None]
    run_id: Mapped[UUID | None] = mapped_column(index=True)
    stage_id: Mapped[UUID | None]
    job_id: Mapped[UUID | None] = mapped_column(index=True)
    wanted_agent_id: Mapped[UUID | None]
    """Only this agent may claim it; none: any that has the source, or any for a draft."""
    agent_id: Mapped[UUID | None] = mapped_column(index=True)
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    lease_until: Mapped[datetime | None]
    claim_before: Mapped[datetime | None]
    """Unclaimed by then, the task ends with NO_AGENT; none for standing tasks."""
    offered_at: Mapped[datetime | None]
    """When agents were last told of it: one whose lease ran out is told of once more."""
    last_batch: Mapped[int] = mapped_column(default=-1, server_default="-1")
    instructions: Mapped[dict[str, Any]]
    secret_reference: Mapped[str | None]
    """The vault entry that is sealed to the claiming agent's certificate."""
    results: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    progress: Mapped[dict[str, Any] | None]
    failure: Mapped[dict[str, Any] | None]

    __table_args__ = (Index("ix_agent_task_open", "state", postgresql_where=OPEN),)


class ApiPresence(Base):
    """Since when the API is there without a break: agents cannot renew while it is away, so whatever they
    held is theirs for a while after."""

    __tablename__ = "api_presence"
    __word__, __access__ = "api_presence", INTERNAL

    single: Mapped[bool] = mapped_column(primary_key=True, default=True)
    seen_at: Mapped[datetime]
    back_at: Mapped[datetime]
