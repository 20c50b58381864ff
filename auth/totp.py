"""Codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost.

A code says its time step; whoever accepts one keeps the step, so that neither it nor an earlier one is
accepted again.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from uuid import UUID

from pyotp import random_base32
from pyotp.totp import TOTP

from auth.tokens import digest
from datawave.kit.secrets import Secret

STEP = 30
CLOCK_MAY_DIFFER = 1
"""Steps by which an app's clock may be wrong, either way."""

DIGITS = 6
ISSUER = "DataWave"
RECOVERY_CODES = 10


def new_secret() -> Secret:
    """160 bits, as RFC 4226 recommends."""
    return Secret(random_base32(32))


def provisioning_uri(secret: Secret, account: str) -> Secret:
    """What an app reads from a QR code."""
    return Secret(_totp(secret).provisioning_uri(name=account, issuer_name=ISSUER))


def step_of(secret: Secret, code: Secret, *, now: datetime, after: int | None) -> int | None:
    """The time step that the code is of; None for a wrong one, or one of a step that was used before."""
    given = plain(code)
    if len(given) != DIGITS or not given.isdecimal():
        return None
    totp, present = _totp(secret), int(now.timestamp()) // STEP
    found = None
    for step in range(present - CLOCK_MAY_DIFFER, present + CLOCK_MAY_DIFFER + 1):
        same = hmac.compare_digest(totp.generate_otp(step).encode(), given.encode("utf-8", "replace"))
        if same and (after is None or step > after):
            found = step
    return found


def _totp(secret: Secret) -> TOTP:
    return TOTP(secret.reveal(), digits=DIGITS, interval=STEP)


def new_recovery_codes() -> list[Secret]:
    """80 random bits each, in groups of four: a plain hash of them is not guessed back."""
    return [
        _grouped(base64.b32encode(secrets.token_bytes(10)).decode().lower()) for _ in range(RECOVERY_CODES)
    ]


def _grouped(code: str) -> Secret:
    return Secret("-".join(code[at : at + 4] for at in range(0, len(code), 4)))


def recovery_hash(factor_id: UUID, code: Secret) -> bytes:
    """Under which a recovery code is kept; the same code of another set has another hash."""
    return digest(Secret(f"{factor_id.hex}:{plain(code)}"))


def plain(code: Secret) -> str:
    """As people type it: with blanks and dashes, in any case."""
    return "".join(c for c in code.reveal()[:100] if not c.isspace() and c != "-").lower()
