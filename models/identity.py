"""People, programs, roles, grants, sessions, keys that sign."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Access, Base, Entity, Historic, historic


class UserState(StrEnum):
    INVITED = "INVITED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


class AuthMethod(StrEnum):
    PASSWORD = "PASSWORD"
    OIDC = "OIDC"
    CLIENT_CREDENTIALS = "CLIENT_CREDENTIALS"
    API_KEY = "API_KEY"
    CERTIFICATE = "CERTIFICATE"
    REFRESH_TOKEN = "REFRESH_TOKEN"


class User(Entity):
    __tablename__ = "person"
    __word__, __access__ = "user", Access(read="user:read", own="id")

    email: Mapped[str] = mapped_column(unique=True)
    """In lower case."""
    display_name: Mapped[str]
    state: Mapped[UserState] = mapped_column(default=UserState.ACTIVE)
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    password_hash: Mapped[str | None]
    last_seen_at: Mapped[datetime | None]


class ServiceAccount(Entity):
    __tablename__ = "service_account"
    __word__, __access__ = "service", Access(read="user:read", own="id")

    display_name: Mapped[str]
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(server_default="true", default=True)


class Role(Entity):
    __tablename__ = "role"
    __word__, __access__ = "role", Access(read="role:read", public=True)

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    built_in: Mapped[bool] = mapped_column(server_default="false", default=False)
    permission_names: Mapped[list[str]]


@historic
class Grant(Historic, Base):
    """A role given to an actor: everywhere (no scope), on one workspace, or on one source."""

    __tablename__ = "access_grant"
    __word__, __access__ = "grant", Access(read="role:read", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    actor_id: Mapped[UUID] = mapped_column(index=True)
    actor_word: Mapped[str]
    role_id: Mapped[UUID] = mapped_column(ForeignKey("role.id"), index=True)
    scope_word: Mapped[str | None]
    scope_id: Mapped[UUID | None] = mapped_column(index=True)
    granted_by: Mapped[UUID | None]
    granted_by_word: Mapped[str | None]
    granted_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        Index(
            "uq_access_grant",
            "actor_id",
            "role_id",
            "scope_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
    )


class AuthSession(Base):
    """A signed-in client. Cookies and refresh tokens are kept as hashes only."""

    __tablename__ = "auth_session"
    __word__, __access__ = "session", Access(read="user:update", own="actor_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    actor_id: Mapped[UUID] = mapped_column(index=True)
    actor_word: Mapped[str]
    method: Mapped[AuthMethod]
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


class PasswordToken(Base):
    """A one-time way to set a password, from an invitation or a reset."""

    __tablename__ = "password_token"
    __word__, __access__ = "password_token", INTERNAL

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SigningKey(Base):
    """A key that signs access tokens; the private half is sealed with the secret key."""

    __tablename__ = "signing_key"
    __word__, __access__ = "signing_key", INTERNAL

    kid: Mapped[str] = mapped_column(primary_key=True)
    public: Mapped[dict[str, Any]]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    retired_at: Mapped[datetime | None]
