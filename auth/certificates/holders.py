"""Who holds a certificate: an agent or a partner's program, by short tokens of their own.

The holder has one EC key. Its certificate binds the key to the actor; `kid` of its tokens is the
certificate's fingerprint.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cryptography import x509
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact
from sqlalchemy import and_, or_, select

from auth.certificates.authority import CURVES, SIGNED_WITH, public_pem
from datawave.kit.database import Database
from datawave.kit.errors import AccessError, unauthenticated
from datawave.kit.ids import global_id
from models.agents import AgentState, Certificate, EdgeAgent
from models.identity import ServiceAccount

AUDIENCE = "datawave"
LONGEST_TOKEN = 60
CLOCK_MAY_DIFFER = 30
"""Seconds by which a holder's clock may be wrong."""

LOOKED_AT_AGAIN = 0.5
"""Seconds for which a certificate is believed not to have been revoked."""

MOST_REMEMBERED = 10_000
ALGORITHM_OF = {CURVES[curve]: algorithm for curve, algorithm in SIGNED_WITH.items()}
ALGORITHMS = frozenset(SIGNED_WITH.values())


@dataclass(frozen=True, kw_only=True)
class HolderEntered:
    """The actor behind a token, until when."""

    actor_id: UUID
    actor_word: str
    name: str
    expires_at: datetime
    fingerprint: str
    certificate_id: UUID


class Bearers:
    """Those who came in with one certificate, for as long as they are here: told when it is revoked."""

    def __init__(self, certificate_id: UUID) -> None:
        self.certificate_id = certificate_id
        self.watching: weakref.WeakSet[Any] = weakref.WeakSet()


def is_holders(token: str) -> bool:
    """Whether a Bearer claims to be of a certificate's holder: its `kid` is a fingerprint."""
    try:
        header = _header_of(token)
    except (JoseError, ValueError):
        return False
    return header.get("alg") in ALGORITHMS and _is_fingerprint(header.get("kid"))


@dataclass(frozen=True)
class _Known:
    """A certificate that may enter, as it was when it was last looked at."""

    id: UUID
    actor_id: UUID
    actor_word: str
    name: str
    key: ECKey
    algorithm: str
    not_after: datetime
    looked_at: float


@dataclass(frozen=True)
class _Remembered:
    fingerprint: str
    entered: HolderEntered


class Holders:
    """Tells whose a token is. What verified is remembered by its digest until it expires; its
    certificate is looked at again twice a second, so that a revoked one is out within one."""

    def __init__(
        self, database: Database, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._now = now
        self._certificates: OrderedDict[str, _Known] = OrderedDict()
        self._tokens: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._looking: dict[str, asyncio.Lock] = {}
        self._bearers: weakref.WeakValueDictionary[str, Bearers] = weakref.WeakValueDictionary()

    async def holder_of(self, token: str) -> HolderEntered:
        """UNAUTHENTICATED for whatever is not the unexpired token of somebody whose certificate is good."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        remembered = self._tokens.get(digest)
        if remembered is not None and remembered.entered.expires_at > datetime.now(UTC):
            await self._certificate(remembered.fingerprint)
            return remembered.entered
        fingerprint, entered = await self._verified(token, digest)
        _keep(self._tokens, digest, _Remembered(fingerprint, entered))
        return entered

    def bearers(self, entered: HolderEntered) -> Bearers:
        """Whoever keeps it hears of the certificate's end, by its `session_ended()`."""
        return self._bearers.setdefault(entered.fingerprint, Bearers(entered.certificate_id))

    async def refuse_revoked(self, fingerprint: str) -> None:
        """UNAUTHENTICATED where it was revoked meanwhile."""
        await self._certificate(fingerprint)

    def revoked(self, fingerprints: Iterable[str]) -> None:
        """These certificates are good for nothing from now on."""
        for fingerprint in fingerprints:
            self._certificates.pop(fingerprint, None)
            if (bearers := self._bearers.get(fingerprint)) is not None:
                for bearer in list(bearers.watching):
                    bearer.session_ended()

    async def look(self) -> None:
        """What was not told: the certificates of all who are here, in one statement."""
        here = list(self._bearers)
        if not here:
            return
        gone = or_(
            Certificate.revoked_at.is_not(None),
            EdgeAgent.state == AgentState.REVOKED,
            ServiceAccount.enabled.is_(False),
        )
        query = _with_actors(select(Certificate.fingerprint)).where(Certificate.fingerprint.in_(here), gone)
        async with self._database.session() as session:
            self.revoked((await session.scalars(query)).all())

    async def _verified(self, token: str, digest: bytes) -> tuple[str, HolderEntered]:
        try:
            kid = _header_of(token).get("kid")
        except (JoseError, ValueError):
            raise _refused() from None
        if not isinstance(kid, str) or not _is_fingerprint(kid):
            raise _refused()
        known = await self._certificate(kid)
        try:
            claims = jwt.decode(token, known.key, algorithms=[known.algorithm]).claims
        except (JoseError, ValueError):
            raise _refused() from None
        expires = _checked_claims(claims, global_id(known.actor_word, known.actor_id))
        self._check_not_replayed(kid, claims.get("jti"), digest)
        return kid, HolderEntered(
            actor_id=known.actor_id,
            actor_word=known.actor_word,
            name=known.name,
            expires_at=expires,
            fingerprint=kid,
            certificate_id=known.id,
        )

    def _check_not_replayed(self, kid: str, jti: object, digest: bytes) -> None:
        """A number names one token: another token with it is refused."""
        if not isinstance(jti, str) or not 8 <= len(jti) <= 100:
            raise _refused("it needs a `jti` of 8 to 100 characters")
        if self._ids.get((kid, jti), digest) != digest:
            raise _refused("its `jti` was used before")
        _keep(self._ids, (kid, jti), digest)

    async def _certificate(self, fingerprint: str) -> _Known:
        known = self._certificates.get(fingerprint)
        if known is None or time.monotonic() - known.looked_at > LOOKED_AT_AGAIN:
            known = await self._looked_at(fingerprint)
        if known.not_after < self._now():
            raise _refused("its certificate has expired")
        return known

    async def _looked_at(self, fingerprint: str) -> _Known:
        """One look for all who wait for it."""
        lock = self._looking.setdefault(fingerprint, asyncio.Lock())
        try:
            async with lock:
                known = self._certificates.get(fingerprint)
                if known is not None and time.monotonic() - known.looked_at <= LOOKED_AT_AGAIN:
                    return known
                known = await self._read(fingerprint)
                _keep(self._certificates, fingerprint, known)
                return known
        finally:
            if not lock.locked():
                self._looking.pop(fingerprint, None)

    async def _read(self, fingerprint: str) -> _Known:
        looked_at = time.monotonic()
        query = _with_actors(select(Certificate, EdgeAgent, ServiceAccount))
        async with self._database.session() as session:
            found = await session.execute(query.where(Certificate.fingerprint == fingerprint))
            row = found.one_or_none()
        if row is None or (row.EdgeAgent or row.ServiceAccount) is None:
            raise _refused("its certificate is not one of this platform's")
        certificate: Certificate = row.Certificate
        if certificate.revoked_at is not None or not _may_come(row.EdgeAgent, row.ServiceAccount):
            self._certificates.pop(fingerprint, None)
            raise _refused("its certificate was revoked")
        key = ECKey.import_key(public_pem(x509.load_pem_x509_certificate(certificate.pem.encode())))
        return _Known(
            id=certificate.id,
            actor_id=certificate.actor_id,
            actor_word=certificate.actor_word,
            name=row.EdgeAgent.name if row.EdgeAgent else row.ServiceAccount.display_name,
            key=key,
            algorithm=ALGORITHM_OF[key.curve_name],
            not_after=certificate.not_after,
            looked_at=looked_at,
        )


def _with_actors(query: Any) -> Any:
    """The certificates with whom they are about."""
    return query.outerjoin(
        EdgeAgent, and_(Certificate.actor_word == "agent", EdgeAgent.id == Certificate.actor_id)
    ).outerjoin(
        ServiceAccount, and_(Certificate.actor_word == "service", ServiceAccount.id == Certificate.actor_id)
    )


def _may_come(agent: EdgeAgent | None, program: ServiceAccount | None) -> bool:
    if agent is not None:
        return agent.state is not AgentState.REVOKED
    return program is not None and program.enabled


def _checked_claims(claims: Mapping[str, Any], own: str) -> datetime:
    """When the token ends, if it says all it has to and says it of this actor."""
    issued, expires = _instant(claims.get("iat")), _instant(claims.get("exp"))
    if claims.get("sub") != own or claims.get("iss") != own or claims.get("aud") != AUDIENCE:
        raise _refused("it is of another actor or for somebody else")
    now = time.time()
    if not 0 < expires - issued <= LONGEST_TOKEN:
        raise _refused(f"it may last {LONGEST_TOKEN} s at most")
    if issued > now + CLOCK_MAY_DIFFER or expires < now - CLOCK_MAY_DIFFER:
        raise _refused("it has expired, or the clock that made it is wrong")
    return datetime.fromtimestamp(min(expires, now + LONGEST_TOKEN) + CLOCK_MAY_DIFFER, UTC)


def _instant(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11:
        return float(value)
    raise _refused("it needs `iat` and `exp`, in seconds")


def _refused(why: str = "it was not made by a certificate's key") -> AccessError:
    return unauthenticated(f"This token is not accepted: {why}. Make a new one with the certificate's key.")


def _header_of(token: str) -> Mapping[str, Any]:
    if len(token) > 4_096:
        raise ValueError("too long")
    return extract_compact(token.encode("ascii", "strict")).headers()


def _is_fingerprint(kid: object) -> bool:
    return isinstance(kid, str) and len(kid) == 64 and all(digit in "0123456789abcdef" for digit in kid)


def _keep(memory: OrderedDict[Any, Any], key: object, value: object) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MOST_REMEMBERED:
        memory.popitem(last=False)
