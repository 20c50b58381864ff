"""People, and how they come to a password."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.emails import skeleton
from models.base import INTERNAL, Access, Base, Entity


class UserState(StrEnum):
    INVITED = "INVITED"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    DELETED = "DELETED"


class TokenKind(StrEnum):
    INVITATION = "INVITATION"
    RESET = "RESET"


def _looks(context: Any) -> str:
    return skeleton(context.get_current_parameters()["email"])


class User(Entity):
    __tablename__ = "person"
    __word__, __access__ = "user", Access(read="user:read", own="id")

    email: Mapped[str] = mapped_column(unique=True)
    """In its one spelling (`datawave.kit.emails`)."""
    email_skeleton: Mapped[str] = mapped_column(index=True, default=_looks)
    """What the address looks like: nobody else's may look the same."""
    display_name: Mapped[str]
    state: Mapped[UserState] = mapped_column(default=UserState.ACTIVE)
    locale: Mapped[str | None]
    time_zone: Mapped[str | None]
    password_hash: Mapped[str | None]
    last_seen_at: Mapped[datetime | None]


class PasswordToken(Base):
    """A one-time way to set a password, from an invitation or a reset; only its hash is kept."""

    __tablename__ = "password_token"
    __word__, __access__ = "password_token", INTERNAL

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    kind: Mapped[TokenKind]
    made_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    """When it was used, or a newer one or another password took its place."""
