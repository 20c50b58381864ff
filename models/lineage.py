"""Edges between assets: where one is made from another, how we know, how sure we are."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.history import TWINS
from models.base import INTERNAL, Access, Base, Historic, historic


class LineageOrigin(StrEnum):
    VIEW_DEFINITION = "VIEW_DEFINITION"
    QUERY_LOG = "QUERY_LOG"
    FOREIGN_KEY = "FOREIGN_KEY"
    DBT = "DBT"
    OPENLINEAGE = "OPENLINEAGE"
    PIPELINE = "PIPELINE"
    MANUAL = "MANUAL"
    INFERRED = "INFERRED"


class ReviewState(StrEnum):
    SUGGESTED = "SUGGESTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"


@historic
class LineageEdge(Historic, Base):
    """From one dataset to another. A foreign key is a relation (origin FOREIGN_KEY), shown but not
    counted as flow."""

    __tablename__ = "lineage_edge"
    __word__ = "edge"
    __access__ = Access(
        read="lineage:read",
        source="source_id",
        workspace="source_id.workspace_id",
        between=("from_id", "to_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), index=True)
    """The data source that told of it (the target's)."""
    from_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    to_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    origin: Mapped[LineageOrigin]
    confidence: Mapped[float]
    state: Mapped[ReviewState] = mapped_column(default=ReviewState.ACCEPTED)
    evidence: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    transformation: Mapped[str | None]
    columns: Mapped[list[Any]] = mapped_column(server_default=text("'[]'::jsonb"))
    """[{"sources": [column id], "target": column id, "transformation": …, "confidence": …}]"""
    first_seen_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]

    __table_args__ = (
        Index("uq_lineage_edge", "from_id", "to_id", "origin", unique=True),
        Index("ix_lineage_edge_to", "to_id"),
    )


class ViewReading(Base):
    """What was made of a view's statement: read again when the statement changes, or when a name that it
    could not place has appeared."""

    __tablename__ = "view_reading"
    __word__, __access__ = "view_reading", INTERNAL

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), index=True)
    digest: Mapped[str]
    """Of the statement."""
    unplaced: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    """Names in the statement that no asset has."""
    problem: Mapped[str | None]
    """Why no lineage could be read from it, in words."""
    read_at: Mapped[datetime]


for _column in ("from_id", "to_id"):
    Index(f"ix_lineage_edge_history_{_column}", TWINS["lineage_edge"].c[_column])
