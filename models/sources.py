"""Data sources, their credentials' versions, connection tests, health, schedules."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Base, Entity


class SourceState(StrEnum):
    CONFIGURED = "CONFIGURED"
    CONNECTED = "CONNECTED"
    DISCOVERING = "DISCOVERING"
    GOVERNED = "GOVERNED"
    DEGRADED = "DEGRADED"
    UNREACHABLE = "UNREACHABLE"
    DECOMMISSIONED = "DECOMMISSIONED"


class HealthState(StrEnum):
    UNKNOWN = "UNKNOWN"
    HEALTHY = "HEALTHY"
    DEGRADED = "DEGRADED"
    DOWN = "DOWN"


class SecretVersionState(StrEnum):
    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    PREVIOUS = "PREVIOUS"
    RETIRED = "RETIRED"


class DataSource(Entity):
    __tablename__ = "data_source"
    __word__, __access__ = "source", Access(read="datasource:read", source="id", workspace="workspace_id")

    workspace_id: Mapped[UUID] = mapped_column(ForeignKey("workspace.id"), index=True)
    key: Mapped[str] = mapped_column(unique=True)
    """In qualified names; fixed."""
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str]
    """The connector's kind, as `postgresql`."""
    config: Mapped[dict[str, Any]]
    state: Mapped[SourceState] = mapped_column(default=SourceState.CONFIGURED)
    state_before: Mapped[SourceState | None]
    """What an undone decommission, a finished discovery or a healed source returns to."""
    policy_id: Mapped[UUID | None] = mapped_column(ForeignKey("edge_policy.id"))
    credentials_version: Mapped[int] = mapped_column(default=0, server_default="0")
    """The ACTIVE version; 0 where the source needs none."""
    rotate_after_days: Mapped[int | None]
    health_state: Mapped[HealthState] = mapped_column(default=HealthState.UNKNOWN)
    health_since: Mapped[datetime | None]
    health_checked_at: Mapped[datetime | None]
    health_latency_ms: Mapped[float | None]
    health_statistics: Mapped[dict[str, Any] | None]
    health_failure: Mapped[dict[str, Any] | None]
    health_misses: Mapped[int] = mapped_column(default=0, server_default="0")
    decommissioned_at: Mapped[datetime | None]
    destroy_after: Mapped[datetime | None]
    destroyed_at: Mapped[datetime | None]
    keep_catalog: Mapped[bool] = mapped_column(default=True, server_default="true")

    __table_args__ = (
        Index(
            "uq_data_source_name",
            "workspace_id",
            "name",
            unique=True,
            postgresql_where=text("state <> 'DECOMMISSIONED'"),
        ),
    )


class SecretVersion(Base):
    """One version of a source's credentials; the value is in the vault under `reference`."""

    __tablename__ = "secret_version"
    __word__ = "secret"
    __access__ = Access(read="datasource:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), index=True)
    number: Mapped[int]
    state: Mapped[SecretVersionState]
    reference: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    created_by: Mapped[UUID | None]
    created_by_word: Mapped[str | None]
    test_id: Mapped[UUID | None]

    __table_args__ = (Index("uq_secret_version", "source_id", "number", unique=True),)


class ConnectionTest(Base):
    """What trying a connection found; of a draft there is no source."""

    __tablename__ = "connection_test"
    __word__ = "test"
    __access__ = Access(
        read="datasource:read", source="source_id", workspace="source_id.workspace_id", own="tested_by"
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    source_id: Mapped[UUID | None] = mapped_column(ForeignKey("data_source.id"), index=True)
    ok: Mapped[bool]
    latency_ms: Mapped[float | None]
    server_version: Mapped[str | None]
    server_info: Mapped[dict[str, Any] | None]
    read_only: Mapped[bool | None]
    steps: Mapped[list[Any]]
    failure: Mapped[dict[str, Any] | None]
    tested_at: Mapped[datetime]
    tested_by: Mapped[UUID | None]
    tested_by_word: Mapped[str | None]
    credentials_version: Mapped[int | None]


class HealthSnapshot(Base):
    """What one ping found."""

    __tablename__ = "health_snapshot"
    __word__ = "snapshot"
    __access__ = Access(read="datasource:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"))
    at: Mapped[datetime]
    state: Mapped[HealthState]
    latency_ms: Mapped[float | None]
    statistics: Mapped[dict[str, Any] | None]

    __table_args__ = (Index("ix_health_snapshot_source", "source_id", "at"),)


class Schedule(Base):
    """When something runs; a duty turns a due one into a job once."""

    __tablename__ = "schedule"
    __word__ = "schedule"
    __access__ = Access(read="datasource:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), unique=True)
    cron: Mapped[str | None]
    time_zone: Mapped[str] = mapped_column(server_default="UTC", default="UTC")
    enabled: Mapped[bool] = mapped_column(server_default="true", default=True)
    next_at: Mapped[datetime | None] = mapped_column(index=True)
    last_run_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    actor_word: Mapped[str | None]
