"""Access tokens: short JWTs (Ed25519) that name an actor and their session; keys are rows, found by `kid`.

A token says who somebody is, never what they may do: rights are looked up (see `auth.access`), so that a
grant that is taken away counts at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.database import Database
from datawave.kit.errors import AccessError, unauthenticated
from datawave.kit.ids import global_id, taken_apart
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from models.identity import SigningKey

ALGORITHM = "Ed25519"
AUDIENCE = "datawave"
TYPE = "at+jwt"
ACCESS = timedelta(minutes=10)
LONGEST_TOKEN = 2_048
MAY_BE_AHEAD = timedelta(seconds=60)
"""By so much the clock of another process of ours may be ahead."""
GOOD_AFTER = 2 * ACCESS
"""A key that signs no more verifies for so long: by then every token it signed has run out, those too that a
process signed before it heard."""
LOOKED_AGAIN = 5.0
"""Seconds between two looks for a key that is not known: a forged `kid` costs no statement each time."""

ACTORS = frozenset({"user", "service"})


def new_opaque() -> Secret:
    """256 random bits: refresh tokens, cookies, client secrets. Only their hash is kept."""
    return Secret(secrets.token_urlsafe(32))


def digest(value: Secret) -> bytes:
    """The hash under which an opaque value is kept; plain SHA-256 will do for 256 random bits."""
    return hashlib.sha256(value.reveal().encode("utf-8", "replace")).digest()


LINE = text("SELECT pg_advisory_xact_lock(hashtextextended('datawave.signing', 0))")
KEPT = timedelta(days=365)
"""How long the public half of a key stays for whoever looks back."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token that verified says."""

    actor_id: UUID
    actor_word: str
    session_id: UUID
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Minted:
    token: Secret
    expires_at: datetime


async def make_signing_key(session: AsyncSession, keyring: Keyring) -> SigningKey:
    """The platform's signing key, made once; two that ask at once get the same."""
    await session.execute(LINE)
    found = (
        await session.scalars(select(SigningKey).where(SigningKey.retired_at.is_(None)).limit(1))
    ).one_or_none()
    return found or await _made(session, keyring)


async def renew_signing_key(session: AsyncSession, keyring: Keyring, *, now: datetime) -> SigningKey:
    """Another key from now on. The former ones verify for a while; what they signed with is destroyed."""
    await session.execute(LINE)
    retired = update(SigningKey).where(SigningKey.retired_at.is_(None))
    await session.execute(retired.values(retired_at=now, sealed=b""))
    await session.execute(delete(SigningKey).where(SigningKey.retired_at < now - KEPT))
    return await _made(session, keyring)


async def _made(session: AsyncSession, keyring: Keyring) -> SigningKey:
    key = OKPKey.generate_key("Ed25519")
    kid = key.thumbprint()
    made = SigningKey(
        kid=kid,
        public=dict(key.as_dict(private=False)) | {"kid": kid, "alg": ALGORITHM, "use": "sig"},
        sealed=keyring.seal(orjson.dumps(key.as_dict(private=True)), f"signing:{kid}"),
    )
    session.add(made)
    await session.flush()
    return made


@dataclass(frozen=True)
class Verifying:
    """A public key, and until when it verifies; None for the one that signs."""

    key: OKPKey
    until: datetime | None

    def is_good(self, now: datetime) -> bool:
        return self.until is None or now < self.until


class Tokens:
    """Signs and verifies. `now` is the platform's clock (see `auth.gate`)."""

    def __init__(
        self, database: Database, keyring: Keyring, *, issuer: str, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._issuer = issuer
        self._now = now
        self._public: dict[str, Verifying] = {}
        self._signing: tuple[str, OKPKey] | None = None
        self._looked = -LOOKED_AGAIN
        self._stale = False
        self._looking = asyncio.Lock()

    async def mint(self, *, actor_word: str, actor_id: UUID, session_id: UUID, until: datetime) -> Minted:
        """A token for this session; it never outlives it."""
        kid, key = await self._key_to_sign()
        now = self._now()
        expires = min(now + ACCESS, until).replace(microsecond=0)
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": global_id(actor_word, actor_id),
            "sid": session_id.hex,
            "iat": int(now.timestamp()),
            "exp": int(expires.timestamp()),
        }
        header = {"alg": ALGORITHM, "kid": kid, "typ": TYPE}
        return Minted(
            token=Secret(jwt.encode(header, claims, key, algorithms=[ALGORITHM])), expires_at=expires
        )

    async def claims_of(self, token: str) -> Claims:
        """UNAUTHENTICATED for whatever is not an unexpired token of ours."""
        if len(token) > LONGEST_TOKEN:
            raise _refused("it is too long")
        key = await self._key_to_verify(_kid_of(token))
        try:
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError):
            raise _refused("its signature is wrong") from None
        return self._checked(claims)

    def _checked(self, claims: Mapping[str, Any]) -> Claims:
        match claims:
            case {
                "iss": self._issuer,
                "aud": "datawave",
                "sub": str(sub),
                "sid": str(sid),
                "exp": int(exp),
                "iat": int(iat),
            }:
                pass
            case _:
                raise _refused("it was made for another service")
        actor = taken_apart(sub)
        try:
            session_id, expires = UUID(hex=sid), datetime.fromtimestamp(exp, UTC)
            issued = datetime.fromtimestamp(iat, UTC)
        except (ValueError, OverflowError, OSError):
            raise _refused("it says nothing that is known here") from None
        if actor is None or actor[0] not in ACTORS:
            raise _refused("it names nobody known here")
        if issued > self._now() + MAY_BE_AHEAD:
            raise _refused("it was made in the future")
        if expires <= self._now():
            raise unauthenticated("This token has expired; refresh the session, or sign in again.")
        return Claims(actor_id=actor[1], actor_word=actor[0], session_id=session_id, expires_at=expires)

    async def jwks(self) -> dict[str, Any]:
        """The public keys, as others verify with them: that of now, and those whose tokens still run."""
        if self._stale or time.monotonic() - self._looked >= LOOKED_AGAIN:
            await self._load()
        now = self._now()
        good = [each.key for each in self._public.values() if each.is_good(now)]
        return {"keys": [key.as_dict(private=False) for key in good]}

    def changed(self) -> None:
        """Told by an event: there is a new key. It is looked for when the next token is signed or shown."""
        self._stale = True

    async def _key_to_sign(self) -> tuple[str, OKPKey]:
        if self._signing is None or self._stale:
            await self._load()
        if self._signing is None:
            raise RuntimeError("There is no signing key: run `datawave migrate`.")
        return self._signing

    async def _key_to_verify(self, kid: str) -> OKPKey:
        if self._stale or kid not in self._public:
            async with self._looking:  # whoever comes while somebody looks has the keys from them
                looked_lately = time.monotonic() - self._looked < LOOKED_AGAIN
                if self._stale or (kid not in self._public and not looked_lately):
                    await self._load()
        found = self._public.get(kid)
        if found is None or not found.is_good(self._now()):
            raise _refused("it is signed with a key that is not known here, or no longer")
        return found.key

    async def _load(self) -> None:
        self._looked, self._stale = time.monotonic(), False
        try:
            async with self._database.session() as session:
                rows = (await session.scalars(select(SigningKey).order_by(SigningKey.created_at))).all()
        except BaseException:
            self._stale = True
            raise
        self._public = {
            row.kid: Verifying(
                OKPKey.import_key(row.public), row.retired_at + GOOD_AFTER if row.retired_at else None
            )
            for row in rows
        }
        for row in rows:
            if row.retired_at is None:
                opened = orjson.loads(self._keyring.open(row.sealed, f"signing:{row.kid}"))
                self._signing = (row.kid, OKPKey.import_key(opened))


def _kid_of(token: str) -> str:
    try:
        header = jws.extract_compact(token.encode()).headers()
    except (JoseError, ValueError):
        raise _refused("it is none of ours") from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or header.get("typ") != TYPE or not isinstance(kid, str):
        raise _refused("it is none of ours")
    return kid


def _refused(why: str) -> AccessError:
    return unauthenticated(f"This token is not accepted: {why}. Sign in again.")
