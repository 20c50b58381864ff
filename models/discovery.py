"""Runs and their stages (all kinds of run share the table), what validation and drift found."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Base


class RunState(StrEnum):
    QUEUED = "QUEUED"
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    PARTIAL = "PARTIAL"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ROLLING_BACK = "ROLLING_BACK"
    ROLLED_BACK = "ROLLED_BACK"


class DiscoveryMode(StrEnum):
    FULL = "FULL"
    INCREMENTAL = "INCREMENTAL"
    SCHEMA_ONLY = "SCHEMA_ONLY"


class StageKind(StrEnum):
    CONNECT = "CONNECT"
    DISCOVER = "DISCOVER"
    VALIDATE = "VALIDATE"
    SAMPLE = "SAMPLE"
    PROFILE = "PROFILE"
    CLASSIFY = "CLASSIFY"
    APPLY_RULES = "APPLY_RULES"
    CHECK_COMPLIANCE = "CHECK_COMPLIANCE"
    UPDATE_CATALOG = "UPDATE_CATALOG"
    REPORT = "REPORT"
    NOTIFY = "NOTIFY"
    TRANSFORM = "TRANSFORM"
    CUSTOM = "CUSTOM"


class StagePlace(StrEnum):
    WORKER = "WORKER"
    AGENT = "AGENT"
    SPARK = "SPARK"


class SchemaChangeKind(StrEnum):
    ASSET_ADDED = "ASSET_ADDED"
    ASSET_REMOVED = "ASSET_REMOVED"
    ASSET_RENAMED = "ASSET_RENAMED"
    TYPE_CHANGED = "TYPE_CHANGED"
    NULLABILITY_CHANGED = "NULLABILITY_CHANGED"
    KEY_CHANGED = "KEY_CHANGED"
    DEFINITION_CHANGED = "DEFINITION_CHANGED"


OPEN = (RunState.QUEUED, RunState.WAITING, RunState.RUNNING, RunState.PAUSING, RunState.PAUSED)


class Run(Base):
    __tablename__ = "run"
    __word__ = "run"
    __access__ = Access(read="datasource:read", source="source_id", workspace="workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    kind: Mapped[str]
    """discovery; scan and pipeline come later."""
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), index=True)
    workspace_id: Mapped[UUID]
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED)
    mode: Mapped[DiscoveryMode] = mapped_column(default=DiscoveryMode.INCREMENTAL)
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    command_id: Mapped[UUID]
    started_by: Mapped[UUID | None]
    started_by_word: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(default=1, server_default="1")
    retry_of: Mapped[UUID | None]
    progress: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    failure: Mapped[dict[str, Any] | None]
    summary: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_run_open_discovery",
            "source_id",
            unique=True,
            postgresql_where=text(
                "kind = 'discovery' AND state IN ('QUEUED', 'WAITING', 'RUNNING', 'PAUSING', 'PAUSED')"
            ),
        ),
    )


class StageRun(Base):
    __tablename__ = "stage_run"
    __word__ = "stage"
    __access__ = Access(read="datasource:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id"), index=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"))
    ordinal: Mapped[int]
    key: Mapped[str]
    kind: Mapped[StageKind]
    where: Mapped[StagePlace]
    state: Mapped[RunState] = mapped_column(default=RunState.QUEUED)
    attempt: Mapped[int] = mapped_column(default=0, server_default="0")
    attempts: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    inputs: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    results: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    metrics: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    progress: Mapped[dict[str, Any] | None]
    failure: Mapped[dict[str, Any] | None]
    agent_id: Mapped[UUID | None]
    job_id: Mapped[UUID | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (Index("uq_stage_run_key", "run_id", "key", unique=True),)


class ValidationIssue(Base):
    """Metadata that looks wrong."""

    __tablename__ = "validation_issue"
    __word__ = "issue"
    __access__ = Access(read="datasource:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id"), index=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"))
    severity: Mapped[str]
    code: Mapped[str]
    message: Mapped[str]
    qualified_name: Mapped[str | None]
    asset_id: Mapped[UUID | None]


class SchemaChange(Base):
    """One difference between two readings of a source; a first reading has none."""

    __tablename__ = "schema_change"
    __word__ = "change"
    __access__ = Access(read="asset:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id"), index=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"))
    asset_id: Mapped[UUID] = mapped_column(index=True)
    kind: Mapped[SchemaChangeKind]
    changes: Mapped[list[Any]]
    breaking: Mapped[bool]
    at: Mapped[datetime]

    __table_args__ = (Index("ix_schema_change_source", "source_id", "at"),)
