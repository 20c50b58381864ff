"""Who is signed in, and with what they go on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Access, Base


class AuthMethod(StrEnum):
    PASSWORD = "PASSWORD"
    OIDC = "OIDC"
    CLIENT_CREDENTIALS = "CLIENT_CREDENTIALS"
    API_KEY = "API_KEY"
    CERTIFICATE = "CERTIFICATE"
    REFRESH_TOKEN = "REFRESH_TOKEN"


class AuthSession(Base):
    """A signed-in client. Cookies and refresh tokens are kept as hashes only."""

    __tablename__ = "auth_session"
    __word__, __access__ = "session", Access(read="user:update", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    actor_id: Mapped[UUID] = mapped_column(index=True)
    actor_word: Mapped[str]
    method: Mapped[AuthMethod]
    provider_id: Mapped[UUID | None] = mapped_column(index=True)
    """The login service that they came by: without it they are out."""
    started_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str | None]
    client: Mapped[str | None]
    cookie_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    scopes: Mapped[list[str] | None]


class RefreshToken(Base):
    """Each works once; a second use ends the family, which is the session."""

    __tablename__ = "refresh_token"
    __word__, __access__ = "refresh_token", INTERNAL

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("auth_session.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
