"""The key that signs access tokens gives way to another now and then; nobody is signed out by it."""

from __future__ import annotations

from sqlalchemy import select

from auth.permissions import Permission
from auth.sessions import lifetimes
from auth.tokens import renew_signing_key
from datawave.kit.access import SYSTEM
from datawave.kit.commands import Tx, command
from datawave.kit.duties import Duty, duty
from domain.identity.events import SigningKeyRotated
from models.identity import SigningKey


@command(needs=Permission.SETTINGS_MANAGE)
async def rotate_signing_key(tx: Tx) -> str:
    """Signs with a new key at once, and says its id; the former verifies until the last token it signed has
    run out. The private half of the former is destroyed."""
    made = await renew_signing_key(tx.session, tx.vault.keyring, now=tx.now)
    tx.counts(kid=made.kid)
    tx.emit(SigningKeyRotated(kid=made.kid))
    return made.kid


@duty(every=600.0)
async def rotate_old_signing_key(standing: Duty) -> None:
    """A key signs for no longer than the setting says."""
    since = standing.now - lifetimes().signing_key
    young = select(SigningKey.kid).where(SigningKey.retired_at.is_(None), SigningKey.created_at > since)
    if await standing.session.scalar(young.limit(1)) is None:
        await standing.commands.run(rotate_signing_key, SYSTEM, {})
