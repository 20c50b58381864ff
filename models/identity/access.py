"""Roles, and who holds them where."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Base, Entity, Historic, historic


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
