"""Programs of partners."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Access, Entity


class ServiceAccount(Entity):
    """A program's account. After a rotation the former secret is good for a while beside the new one."""

    __tablename__ = "service_account"
    __word__, __access__ = "service", Access(read="user:read", own="id")

    display_name: Mapped[str]
    client_id: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret_made_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    former_secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    former_secret_made_at: Mapped[datetime | None]
    former_secret_until: Mapped[datetime | None]
    enabled: Mapped[bool] = mapped_column(server_default="true", default=True)
