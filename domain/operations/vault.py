"""Rotation of the vault's keys.

`rotateVaultKey` makes a new data key, seals every entry anew with it, and forgets the former keys: a job, in
batches, each a transaction of its own, so that it may be killed at any point and goes on.

The master key, which wraps the data keys, is the installation's secret and no command changes it: set the new
one as `DATAWAVE_SECRET_KEY` and the present one as `DATAWAVE_FORMER_SECRET_KEY`, and start. The migration
wraps every key anew; afterwards the former one is no longer needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from sqlalchemy import delete, func, select

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from datawave.kit.events import Event
from datawave.kit.jobs import Job
from datawave.kit.tables import Job as JobRow
from datawave.kit.tables import VaultEntry, VaultKey

AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class RotateVaultKey(Job):
    tries: ClassVar[int] = 5


@dataclass(frozen=True, kw_only=True)
class VaultKeyRotated(Event):
    """The vault has a new data key, and its keys are wrapped with the present master key."""

    topics = ("platform",)
    entries: int


@command(needs=Permission.VAULT_MANAGE)
async def rotate_vault_key(tx: Tx, *, reason: str | None = None) -> JobRow:
    """Starts the rotation: from here on new entries get the new key."""
    await tx.vault.new_data_key(tx.session)
    return tx.enqueue(RotateVaultKey())


@command(needs=Permission.VAULT_MANAGE, recorded=False)
async def seal_some_anew(tx: Tx) -> tuple[int, int]:
    """Some entries of former keys, sealed with the present one; how many, and how many are left."""
    present = await tx.session.scalar(select(VaultKey).where(VaultKey.active).limit(1))
    if present is None:
        return 0, 0
    former = select(VaultEntry).where(VaultEntry.key_id != present.id).order_by(VaultEntry.reference)
    entries = (await tx.session.scalars(former.limit(AT_ONCE).with_for_update(skip_locked=True))).all()
    for entry in entries:
        value = await tx.vault.get(tx.session, entry.reference)
        if value is None:
            await tx.session.delete(entry)
            continue
        await tx.vault.put(tx.session, entry.reference, value, expires_at=entry.expires_at)
    left = await tx.session.scalar(
        select(func.count()).select_from(VaultEntry).where(VaultEntry.key_id != present.id)
    )
    return len(entries), left or 0


@command(needs=Permission.VAULT_MANAGE)
async def forget_former_keys(tx: Tx, *, entries: int) -> None:
    """Data keys that seal nothing any more are gone for good."""
    await tx.session.execute(
        delete(VaultKey).where(
            VaultKey.active.is_(False), VaultKey.id.not_in(select(VaultEntry.key_id).distinct())
        )
    )
    await tx.vault.rewrap(tx.session)
    tx.counts(entries=entries)
    tx.emit(VaultKeyRotated(entries=entries))
