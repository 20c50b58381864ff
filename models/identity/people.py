"""People, and how they come to a password."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Access, Base, Entity


class UserState(StrEnum):
    INVITED = "INVITED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


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


class PasswordToken(Base):
    """A one-time way to set a password, from an invitation or a reset."""

    __tablename__ = "password_token"
    __word__, __access__ = "password_token", INTERNAL

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
