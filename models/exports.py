"""Copies of what is known, in files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Base


class ExportKind(StrEnum):
    AUDIT = "AUDIT"


class Export(Base):
    """A copy that was asked for; the file comes with the end of its job, and goes after some days. Who may
    not read what is in it does not see it either, whoever made it."""

    __tablename__ = "export"
    __word__, __access__ = "export", Access(read="audit:read")

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[ExportKind]
    as_of: Mapped[datetime]
    made_by: Mapped[UUID | None]
    made_by_word: Mapped[str | None]
    job_id: Mapped[UUID | None] = mapped_column(ForeignKey("job.id"))
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    written: Mapped[dict[str, Any] | None]
    """How far the job has come, for the attempt after a death."""
    file_name: Mapped[str | None]
    media_type: Mapped[str | None]
    size: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None]
    finished_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        Index("ix_export_expires_at", "expires_at", postgresql_where=text("removed_at IS NULL")),
    )
