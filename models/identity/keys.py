"""Keys that sign."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Base


class SigningKey(Base):
    """A key that signs access tokens; the private half is sealed with the secret key."""

    __tablename__ = "signing_key"
    __word__, __access__ = "signing_key", INTERNAL

    kid: Mapped[str] = mapped_column(primary_key=True)
    public: Mapped[dict[str, Any]]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    retired_at: Mapped[datetime | None]
