"""Statements that the platform signs, for whoever wants to know years later that it was the platform.

They are compact JWS (Ed25519) over canonical JSON, signed by the key that signs tokens. Keys that have
retired stay as rows: a statement is believed when its key is one of ours, that is, when its private half
opens with the master key. Whoever can write to the database alone makes no such row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.tokens import ALGORITHM, make_signing_key
from datawave.kit.vault import Keyring, VaultError
from models.identity import SigningKey

PublicKey = Mapping[str, Any]
"""As a JSON Web Key."""


class NotSigned(ValueError):
    """This was not signed by the key it names, or by no key of ours."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    statement: str
    kid: str
    public: dict[str, Any]

    @property
    def digest(self) -> bytes:
        return digest_of(self.statement)


def digest_of(statement: str) -> bytes:
    return hashlib.sha256(statement.encode()).digest()


class Signer:
    """The key that signs now."""

    def __init__(self, key: OKPKey) -> None:
        self._key = key
        self.kid = key.thumbprint()
        self.public: dict[str, Any] = dict(key.as_dict(private=False)) | {
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
        }

    def sign(self, kind: str, said: Mapping[str, Any]) -> Signed:
        payload = orjson.dumps({**said, "kind": kind}, option=orjson.OPT_SORT_KEYS)
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": f"{kind}+jws"}
        statement = jws.serialize_compact(header, payload, self._key, algorithms=[ALGORITHM])
        return Signed(statement=statement, kid=self.kid, public=self.public)


async def signer(session: AsyncSession, keyring: Keyring) -> Signer:
    """With the newest key that has not retired; made where there is none."""
    living = select(SigningKey).where(SigningKey.retired_at.is_(None))
    row = await session.scalar(living.order_by(SigningKey.created_at.desc()).limit(1))
    if row is None:
        row = await make_signing_key(session, keyring)
    return Signer(OKPKey.import_key(orjson.loads(keyring.open(row.sealed, f"signing:{row.kid}"))))


async def own_keys(session: AsyncSession, keyring: Keyring) -> dict[str, PublicKey]:
    """The public keys of all that ever signed here, by their ids."""
    return {
        row.kid: row.public for row in await session.scalars(select(SigningKey)) if _is_ours(row, keyring)
    }


def _is_ours(row: SigningKey, keyring: Keyring) -> bool:
    try:
        private = OKPKey.import_key(orjson.loads(keyring.open(row.sealed, f"signing:{row.kid}")))
        return private.thumbprint() == row.kid == _thumbprint(row.public)
    except (VaultError, JoseError, ValueError):
        return False


def _thumbprint(public: PublicKey) -> str:
    return OKPKey.import_key(dict(public)).thumbprint()


def said(kind: str, statement: str, public: PublicKey) -> dict[str, Any]:
    """What a statement of this kind says, if this key signed it."""
    try:
        key = OKPKey.import_key(dict(public))
        found = jws.deserialize_compact(statement, key, algorithms=[ALGORITHM])
        payload: Any = orjson.loads(found.payload)
    except (JoseError, ValueError, TypeError, KeyError):
        raise NotSigned("The signature is not that of the key.") from None
    header = found.headers()
    if header.get("kid") != key.thumbprint() or header.get("typ") != f"{kind}+jws":
        raise NotSigned("The statement is of another kind, or names another key.")
    told = cast("dict[str, Any]", payload) if isinstance(payload, dict) else {}
    if told.get("kind") != kind:
        raise NotSigned("The statement is of another kind.")
    return told


def said_by_us(kind: str, statement: str, kid: str, known: Mapping[str, PublicKey]) -> dict[str, Any]:
    """The same, if it is one of our own keys."""
    if kid not in known:
        raise NotSigned("The key is none of this installation.")
    return said(kind, statement, known[kid])
