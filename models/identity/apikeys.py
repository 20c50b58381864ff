"""Keys for programs."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Base


class ApiKey(Base):
    """A key that lets a program in as its actor, with some of their permissions. Kept as a hash only."""

    __tablename__ = "api_key"
    __word__, __access__ = "apikey", Access(read="apikey:create", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    actor_id: Mapped[UUID] = mapped_column(index=True)
    actor_word: Mapped[str]
    name: Mapped[str]
    prefix: Mapped[str]
    """What may be shown: enough to know a key by."""
    key_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    permission_names: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
