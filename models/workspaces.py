"""Workspaces: the scope of members, roles and sources."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Entity


class Workspace(Entity):
    __tablename__ = "workspace"
    __word__, __access__ = "workspace", Access(read="workspace:read", workspace="id")

    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    archived_at: Mapped[datetime | None]
