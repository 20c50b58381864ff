"""What people prove themselves with beside a password, and the devices that they need not do it on again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Access, Base


class MfaKind(StrEnum):
    TOTP = "TOTP"
    RECOVERY_CODES = "RECOVERY_CODES"


class MfaFactor(Base):
    """A second factor. The secret of a TOTP is in the vault."""

    __tablename__ = "mfa_factor"
    __word__, __access__ = "factor", Access(read="user:read", own="user_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    kind: Mapped[MfaKind]
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    confirmed_at: Mapped[datetime | None]
    """Until then nobody is asked for it."""
    last_used_at: Mapped[datetime | None]
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    """Of a TOTP: the time step of the last code taken; none up to it is taken again."""
    codes_left: Mapped[int | None]
    """Of recovery codes: how many still work."""


class RecoveryCode(Base):
    """Works once in place of a code. Kept as a hash."""

    __tablename__ = "recovery_code"
    __word__, __access__ = "recovery_code", INTERNAL

    code_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    factor_id: Mapped[UUID] = mapped_column(ForeignKey("mfa_factor.id", ondelete="CASCADE"), index=True)
    used_at: Mapped[datetime | None]


class SignInChallenge(Base):
    """A sign-in that has come as far as the second factor; kept as a hash, good for whoever it was given
    to."""

    __tablename__ = "sign_in_challenge"
    __word__, __access__ = "sign_in_challenge", INTERNAL

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    against: Mapped[bytes] = mapped_column(LargeBinary)
    """The digest of the password's hash: with another password the sign-in begins anew."""
    address: Mapped[str | None]
    client: Mapped[str | None]
    tries: Mapped[int]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


class RememberedDevice(Base):
    """A device on which somebody has shown a second factor, and need not for a while."""

    __tablename__ = "remembered_device"
    __word__, __access__ = "device", Access(read="user:update", own="user_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    address: Mapped[str | None]
    client: Mapped[str | None]
    remembered_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
