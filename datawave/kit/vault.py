"""Where secrets are kept: envelope encryption in PostgreSQL. The master key never leaves the process's
settings.

A data key seals entries (AES-256-GCM, the reference as associated data); the master key wraps data keys.
Rotating the master key re-wraps them and touches no entry.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from datetime import datetime
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from datawave.kit.tables import VaultEntry, VaultKey


class VaultError(Exception):
    """The vault cannot open something: the wrong master key, or rows that were tampered with. Says no
    value."""


def derived(master: Secret, purpose: str) -> bytes:
    """A key for one purpose from the installation's secret key."""
    return HKDF(algorithm=SHA256(), length=32, salt=b"datawave", info=purpose.encode()).derive(
        master.reveal().encode()
    )


class Keyring:
    """The master key and the keys made from it: wrapping, keyed hashes, short seals outside the tables."""

    def __init__(self, master: Secret, *, former: Secret | None = None) -> None:
        self._wrap = derived(master, "vault.wrap")
        self._former = derived(former, "vault.wrap") if former else None
        self._mac = derived(master, "mac")
        self._former_mac = derived(former, "mac") if former else None
        self._seal = AESGCM(derived(master, "seal"))
        self.master_id = hashlib.sha256(self._wrap).hexdigest()[:16]

    def mac(self, data: bytes) -> bytes:
        return hmac.digest(self._mac, data, "sha256")

    def made(self, mac: bytes, data: bytes) -> bool:
        """Whether this key made it, or the one before."""
        keys = [self._mac, *([self._former_mac] if self._former_mac else [])]
        return any(hmac.compare_digest(hmac.digest(key, data, "sha256"), mac) for key in keys)

    def seal(self, value: bytes, about: str) -> bytes:
        nonce = os.urandom(12)
        return nonce + self._seal.encrypt(nonce, value, about.encode())

    def open(self, sealed: bytes, about: str) -> bytes:
        try:
            return self._seal.decrypt(sealed[:12], sealed[12:], about.encode())
        except InvalidTag:
            raise VaultError(f"{about} cannot be opened with this secret key") from None

    def wrap(self, key: bytes, key_id: UUID) -> bytes:
        nonce = os.urandom(12)
        return nonce + AESGCM(self._wrap).encrypt(nonce, key, key_id.bytes)

    def unwrap(self, wrapped: bytes, key_id: UUID) -> bytes:
        for master in (self._wrap, self._former):
            if master is None:
                continue
            try:
                return AESGCM(master).decrypt(wrapped[:12], wrapped[12:], key_id.bytes)
            except InvalidTag:
                continue
        raise VaultError(
            "A key of the vault cannot be unwrapped: DATAWAVE_SECRET_KEY is not the one this database was"
            " made with."
        )


class Vault:
    """Seals within the caller's transaction, so that a reference and its secret commit together."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self._opened: dict[UUID, bytes] = {}

    async def put(
        self,
        session: AsyncSession,
        reference: str,
        value: dict[str, object],
        *,
        expires_at: datetime | None = None,
    ) -> None:
        key_id, key = await self._active(session)
        nonce = os.urandom(12)
        sealed = AESGCM(key).encrypt(nonce, orjson.dumps(value), reference.encode())
        await session.merge(
            VaultEntry(reference=reference, key_id=key_id, nonce=nonce, sealed=sealed, expires_at=expires_at)
        )
        await session.flush()

    async def get(self, session: AsyncSession, reference: str) -> dict[str, object] | None:
        entry = (
            await session.scalars(
                select(VaultEntry).where(
                    VaultEntry.reference == reference,
                    text("(expires_at IS NULL OR expires_at > datawave_now())"),
                )
            )
        ).one_or_none()
        if entry is None:
            return None
        key = await self._key(session, entry.key_id)
        try:
            return orjson.loads(AESGCM(key).decrypt(entry.nonce, entry.sealed, reference.encode()))
        except InvalidTag:
            raise VaultError(
                f"The vault's entry {reference} was altered or moved; it cannot be opened."
            ) from None

    async def destroy(self, session: AsyncSession, *references: str) -> None:
        await session.execute(delete(VaultEntry).where(VaultEntry.reference.in_(references)))

    async def new_data_key(self, session: AsyncSession) -> UUID:
        """Future entries are sealed with a fresh key; entries of the former stay readable."""
        await session.execute(update(VaultKey).where(VaultKey.active).values(active=False))
        return (await self._make(session))[0]

    async def rewrap(self, session: AsyncSession) -> int:
        """Wraps every data key with the present master key; returns how many."""
        keys = (await session.scalars(select(VaultKey).with_for_update())).all()
        for row in keys:
            row.wrapped = self.keyring.wrap(self.keyring.unwrap(row.wrapped, row.id), row.id)
            row.master_id = self.keyring.master_id
        await session.flush()
        return len(keys)

    async def _active(self, session: AsyncSession) -> tuple[UUID, bytes]:
        row = (await session.scalars(select(VaultKey).where(VaultKey.active).limit(1))).one_or_none()
        if row is None:
            await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('datawave.vault'))"))
            row = (await session.scalars(select(VaultKey).where(VaultKey.active).limit(1))).one_or_none()
        if row is None:
            return await self._make(session)
        return row.id, await self._key(session, row.id, row)

    async def _make(self, session: AsyncSession) -> tuple[UUID, bytes]:
        key_id, key = new_id(), AESGCM.generate_key(256)
        session.add(
            VaultKey(
                id=key_id,
                master_id=self.keyring.master_id,
                wrapped=self.keyring.wrap(key, key_id),
                active=True,
            )
        )
        await session.flush()
        return key_id, key

    async def _key(self, session: AsyncSession, key_id: UUID, row: VaultKey | None = None) -> bytes:
        if key_id not in self._opened:
            row = row or await session.get_one(VaultKey, key_id)
            self._opened[key_id] = self.keyring.unwrap(row.wrapped, key_id)
        return self._opened[key_id]
