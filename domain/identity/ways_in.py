"""What a person who is deleted came in with: none of it lets anybody in any more, and what it says of them
goes."""

from __future__ import annotations

from sqlalchemy import delete, update

from datawave.kit.commands import Tx
from domain.identity.apikeys import ApiKeyRevoked
from domain.identity.devices import forget_devices
from domain.identity.erasure import erases
from domain.identity.factors import take_away_factors
from domain.identity.provider_events import IdentityUnlinked
from models.identity import ApiKey, ExternalIdentity, RememberedDevice, SignInChallenge, User

NAMELESS = "Key of a deleted person"


@erases
async def take_second_factors(tx: Tx, user: User) -> None:
    """With their secrets and recovery codes, the devices that stood in for them, and sign-ins that wait."""
    await take_away_factors(tx, user.id)
    await forget_devices(tx, RememberedDevice.user_id == user.id, reason="deleted")
    await tx.session.execute(delete(SignInChallenge).where(SignInChallenge.user_id == user.id))


@erases
async def unlink_identities(tx: Tx, user: User) -> None:
    """Those of deleted services too, which the undoing of that would bring back."""
    row = ExternalIdentity
    gone = await tx.session.scalars(delete(row).where(row.user_id == user.id).returning(row.provider_id))
    for provider_id in gone.all():
        tx.emit(IdentityUnlinked(actor_id=user.id, provider_id=provider_id))


@erases
async def revoke_keys(tx: Tx, user: User) -> None:
    """The rows stay, as everything does that says when something was good; what they were called goes."""
    of_theirs = ApiKey.actor_id == user.id
    ended = await tx.session.scalars(
        update(ApiKey)
        .where(of_theirs, ApiKey.revoked_at.is_(None))
        .values(revoked_at=tx.now)
        .returning(ApiKey.id)
    )
    if key_ids := list(ended):
        tx.emit(ApiKeyRevoked(key_ids=key_ids, owner_id=user.id))
    await tx.session.execute(update(ApiKey).where(of_theirs).values(name=NAMELESS))
