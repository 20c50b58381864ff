"""Sampled values that the policies let leave, and the rules of who sees them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.masking import MaskMethod
from models.base import INTERNAL, Access, Base, Entity
from models.classification import Severity


class WithoutPermission(StrEnum):
    """What a rule does to values for whoever has not its permission."""

    MASK = "MASK"
    HIDE = "HIDE"


class AccessRule(Entity):
    """Values of columns with certain labels are told as they are only to who holds a permission there.

    `label_ids` count with all that is beneath them in the taxonomy; none are all labels. Neither workspace
    nor source is everywhere; a rule of a source names its workspace too, so that whoever manages the
    workspace sees it."""

    __tablename__ = "access_rule"
    __word__ = "accessrule"
    __access__ = Access(read="policy:manage", source="source_id", workspace="workspace_id")

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    built_in: Mapped[str | None] = mapped_column(unique=True)
    """The name under which a rule came with the product: it can be changed and switched off, not deleted."""
    enabled: Mapped[bool] = mapped_column(default=True, server_default="true")
    label_ids: Mapped[list[UUID]] = mapped_column(server_default=text("'{}'"))
    min_sensitivity: Mapped[Severity | None]
    states: Mapped[list[str]]
    """Of classifications: those that count."""
    permission: Mapped[str]
    without: Mapped[WithoutPermission]
    mask_with: Mapped[MaskMethod | None]
    workspace_id: Mapped[UUID | None] = mapped_column(ForeignKey("workspace.id"), index=True)
    source_id: Mapped[UUID | None] = mapped_column(ForeignKey("data_source.id"), index=True)


class ColumnValues(Base):
    """The most frequent values of a column, sealed: the latest reading. Told by one function alone
    (`domain.policies.values`), which asks the rules."""

    __tablename__ = "column_values"
    __word__, __access__ = "column_values", INTERNAL

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"))
    agent_id: Mapped[UUID | None]
    """Who brought them: its policy counts as long as they are kept."""
    masked_with: Mapped[MaskMethod | None]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    taken_at: Mapped[datetime]

    __table_args__ = (
        Index("ix_column_values_source_id", "source_id"),
        Index("ix_column_values_taken_at", "taken_at"),
    )
