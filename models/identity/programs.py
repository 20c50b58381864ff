"""Programs of partners."""

from __future__ import annotations

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Entity


class ServiceAccount(Entity):
    __tablename__ = "service_account"
    __word__, __access__ = "service", Access(read="user:read", own="id")

    display_name: Mapped[str]
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(server_default="true", default=True)
