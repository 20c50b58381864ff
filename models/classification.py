"""The taxonomy, and which assets carry which of its labels."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.history import TWINS
from models.base import Access, Entity, Historic, historic
from models.lineage import ReviewState


class Severity(StrEnum):
    INFO = "INFO"
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class ClassifierLayer(StrEnum):
    PATTERN = "PATTERN"
    NAME = "NAME"
    STATISTICS = "STATISTICS"
    MODEL = "MODEL"
    RULE = "RULE"
    PROPAGATION = "PROPAGATION"
    PERSON = "PERSON"


class Label(Entity):
    __tablename__ = "label"
    __word__, __access__ = "label", Access(read="asset:read")

    name: Mapped[str] = mapped_column(unique=True)
    title: Mapped[str]
    description: Mapped[str | None]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("label.id"))
    sensitivity: Mapped[Severity]
    regulations: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))


@historic
class Classification(Historic, Entity):
    __tablename__ = "classification"
    __word__ = "classification"
    __access__ = Access(read="classification:read", source="source_id", workspace="source_id.workspace_id")

    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), index=True)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    label_id: Mapped[UUID] = mapped_column(ForeignKey("label.id"), index=True)
    confidence: Mapped[float]
    state: Mapped[ReviewState] = mapped_column(default=ReviewState.SUGGESTED)
    layer: Mapped[ClassifierLayer]
    evidence: Mapped[list[Any]]
    fallback: Mapped[bool] = mapped_column(server_default="false", default=False)
    made_by: Mapped[UUID | None]
    made_by_word: Mapped[str | None]
    reviewed_by: Mapped[UUID | None]
    reviewed_by_word: Mapped[str | None]
    reviewed_at: Mapped[datetime | None]
    review_reason: Mapped[str | None]

    __table_args__ = (Index("uq_classification", "asset_id", "label_id", unique=True),)


Index("ix_classification_history_asset_id", TWINS["classification"].c.asset_id)
