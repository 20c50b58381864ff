"""Anchors of the audit trail. Its entries are the kit's own (`datawave.kit.tables`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Base


class AuditAnchor(Base):
    """A stretch of the trail that was closed: where the chain stood then, signed. Whoever writes the chain
    anew, hashes and all, cannot sign it anew."""

    __tablename__ = "audit_anchor"
    __word__, __access__ = "anchor", Access(read="audit:read")

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, unique=True)
    at: Mapped[datetime]
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    last_sequence: Mapped[int] = mapped_column(BigInteger, unique=True)
    head_hash: Mapped[bytes] = mapped_column(LargeBinary)
    previous_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """Of the statement; the next anchor names it."""
    statement: Mapped[str]
    kid: Mapped[str]
    public_key: Mapped[dict[str, Any]]
    """Kept beside, so that the statement can be checked where nothing else of the platform is."""
    removed_at: Mapped[datetime | None]
    """Its entries were older than the trail is kept."""
    removal: Mapped[str | None]
    """A signed statement of that."""
