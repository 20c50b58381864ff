"""Groups: people and programs who hold together what the group is given."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Access, Base, Entity


class Group(Entity):
    __tablename__ = "user_group"
    __word__, __access__ = "group", Access(read="user:read")

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]


class GroupMember(Base):
    """Somebody in a group. `provider_id`: a login service said so, and may take it back."""

    __tablename__ = "group_member"
    __word__, __access__ = "group_member", INTERNAL

    group_id: Mapped[UUID] = mapped_column(ForeignKey("user_group.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_word: Mapped[str]
    provider_id: Mapped[UUID | None]
    joined_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))

    __table_args__ = (Index("ix_group_member_member_id", "member_id"),)
