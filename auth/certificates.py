"""Who an agent is: the platform's authority, the agents' own short tokens, what is sealed to them.

An agent has one EC P-256 key. Its certificate binds the key to the agent; `kid` of its tokens is the
certificate's fingerprint. The same key opens what `seal_to` made for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import extract_compact
from sqlalchemy import or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.database import Database
from datawave.kit.errors import AccessError, invalid, unauthenticated
from datawave.kit.ids import global_id, taken_apart
from datawave.kit.vault import Keyring
from models.agents import AgentState, Authority, Certificate, EdgeAgent

AUDIENCE = "datawave"
LONGEST_TOKEN = 60
CLOCK_MAY_DIFFER = 30
"""Seconds by which an agent's clock may be wrong."""

AUTHORITY_YEARS = 20
CERTIFICATE_DAYS = 90
LOOKED_AT_AGAIN = 0.5
"""Seconds for which a certificate is believed not to have been revoked."""

MOST_REMEMBERED = 10_000
SEALING = ["ECDH-ES", "A256GCM"]


@dataclass(frozen=True, kw_only=True)
class AgentEntered:
    """The agent behind a token, until when."""

    agent_id: UUID
    name: str
    expires_at: datetime
    fingerprint: str


class Bearers:
    """Those who came in with one certificate, for as long as they are here: told when it is revoked."""

    def __init__(self) -> None:
        self.watching: weakref.WeakSet[Any] = weakref.WeakSet()


async def make_authority(session: AsyncSession, keyring: Keyring, *, now: datetime) -> Authority:
    """The platform's authority, made once; two that ask at once get the same."""
    found = await session.get(Authority, True)
    if found is not None:
        return found
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('datawave.authority', 0))"))
    found = (await session.scalars(select(Authority).execution_options(populate_existing=True))).one_or_none()
    if found is not None:
        return found
    key = ec.generate_private_key(ec.SECP256R1())
    made = Authority(
        single=True,
        pem=_pem(_authority_certificate(key, now)),
        sealed=keyring.seal(_private_der(key), "authority"),
        created_at=now,
    )
    session.add(made)
    await session.flush()
    return made


async def certify(
    session: AsyncSession, keyring: Keyring, *, request: str, agent_id: UUID, name: str, now: datetime
) -> Certificate:
    """A certificate for the key of a signing request; only the key counts, and that whoever asks holds it."""
    authority = await make_authority(session, keyring, now=now)
    key = _requested_key(request)
    issued = _agent_certificate(authority, keyring, key=key, agent_id=agent_id, name=name, now=now)
    row = Certificate(
        serial=f"{issued.serial_number:x}",
        subject=issued.subject.rfc4514_string(),
        fingerprint=fingerprint_of(issued),
        actor_id=agent_id,
        actor_word="agent",
        not_before=issued.not_valid_before_utc,
        not_after=issued.not_valid_after_utc,
        pem=_pem(issued),
    )
    session.add(row)
    await session.flush()
    return row


def seal_to(certificate_pem: str, payload: Mapping[str, Any]) -> str:
    """A compact JWE that only the holder of the certificate's key opens."""
    key = ECKey.import_key(_public_pem(x509.load_pem_x509_certificate(certificate_pem.encode())))
    header = {"alg": "ECDH-ES", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, orjson.dumps(dict(payload)), key, algorithms=SEALING)


def fingerprint_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def is_agents(token: str) -> bool:
    """Whether a Bearer claims to be an agent's: its `kid` is a fingerprint, signed with ES256."""
    try:
        header = _header_of(token)
    except (JoseError, ValueError):
        return False
    return header.get("alg") == "ES256" and _is_fingerprint(header.get("kid"))


@dataclass(frozen=True)
class _Known:
    """A certificate that may enter, as it was when it was last looked at."""

    agent_id: UUID
    name: str
    key: ECKey
    not_after: datetime
    looked_at: float


@dataclass(frozen=True)
class _Remembered:
    fingerprint: str
    entered: AgentEntered


class Agents:
    """Tells which agent a token is of. What verified is remembered by its digest until it expires; its
    certificate is looked at again twice a second, so that a revoked one is out within one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._certificates: OrderedDict[str, _Known] = OrderedDict()
        self._tokens: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._ids: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._looking: dict[str, asyncio.Lock] = {}
        self._bearers: weakref.WeakValueDictionary[str, Bearers] = weakref.WeakValueDictionary()

    async def agent_of(self, token: str) -> AgentEntered:
        """UNAUTHENTICATED for whatever is not the unexpired token of an agent that was not revoked."""
        digest = hashlib.sha256(token.encode("utf-8", "replace")).digest()
        remembered = self._tokens.get(digest)
        if remembered is not None and remembered.entered.expires_at > datetime.now(UTC):
            await self._certificate(remembered.fingerprint)
            return remembered.entered
        fingerprint, entered = await self._verified(token, digest)
        _keep(self._tokens, digest, _Remembered(fingerprint, entered))
        return entered

    def bearers(self, fingerprint: str) -> Bearers:
        """Whoever keeps it hears of the certificate's end, by its `session_ended()`."""
        return self._bearers.setdefault(fingerprint, Bearers())

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
        gone = or_(Certificate.revoked_at.is_not(None), EdgeAgent.state == AgentState.REVOKED)
        query = (
            select(Certificate.fingerprint)
            .join(EdgeAgent, EdgeAgent.id == Certificate.actor_id)
            .where(Certificate.fingerprint.in_(here), Certificate.actor_word == "agent", gone)
        )
        async with self._database.session() as session:
            self.revoked((await session.scalars(query)).all())

    async def _verified(self, token: str, digest: bytes) -> tuple[str, AgentEntered]:
        try:
            kid = _header_of(token).get("kid")
        except (JoseError, ValueError):
            raise _refused() from None
        if not isinstance(kid, str) or not _is_fingerprint(kid):
            raise _refused()
        known = await self._certificate(kid)
        try:
            claims = jwt.decode(token, known.key, algorithms=["ES256"]).claims
        except (JoseError, ValueError):
            raise _refused() from None
        expires = _checked_claims(claims, known.agent_id)
        self._check_not_replayed(kid, claims.get("jti"), digest)
        return kid, AgentEntered(
            agent_id=known.agent_id, name=known.name, expires_at=expires, fingerprint=kid
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
        if known.not_after < datetime.now(UTC):
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
        query = (
            select(Certificate, EdgeAgent)
            .join(EdgeAgent, EdgeAgent.id == Certificate.actor_id)
            .where(Certificate.fingerprint == fingerprint, Certificate.actor_word == "agent")
        )
        async with self._database.session() as session:
            row = (await session.execute(query)).one_or_none()
        if row is None:
            raise _refused("its certificate is not one of this platform's")
        certificate, agent = row
        if certificate.revoked_at is not None or agent.state is AgentState.REVOKED:
            self._certificates.pop(fingerprint, None)
            raise _refused("its certificate was revoked")
        public = _public_pem(x509.load_pem_x509_certificate(certificate.pem.encode()))
        return _Known(agent.id, agent.name, ECKey.import_key(public), certificate.not_after, looked_at)


def _checked_claims(claims: Mapping[str, Any], agent_id: UUID) -> datetime:
    """When the token ends, if it says all it has to and says it of this agent."""
    issued, expires = _instant(claims.get("iat")), _instant(claims.get("exp"))
    own = global_id("agent", agent_id)
    if claims.get("sub") != own or claims.get("iss") != own or claims.get("aud") != AUDIENCE:
        raise _refused("it is of another agent or for somebody else")
    now = time.time()
    if not 0 < expires - issued <= LONGEST_TOKEN:
        raise _refused(f"it may last {LONGEST_TOKEN} s at most")
    if issued > now + CLOCK_MAY_DIFFER or expires < now - CLOCK_MAY_DIFFER:
        raise _refused("it has expired, or the agent's clock is wrong")
    return datetime.fromtimestamp(min(expires, now + LONGEST_TOKEN) + CLOCK_MAY_DIFFER, UTC)


def _instant(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e11:
        return float(value)
    raise _refused("it needs `iat` and `exp`, in seconds")


def _refused(why: str = "it was not made by an agent's key") -> AccessError:
    return unauthenticated(f"The agent's token is not accepted: {why}. Make a new one with the agent's key.")


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


def _requested_key(request: str) -> ec.EllipticCurvePublicKey:
    try:
        signing_request = x509.load_pem_x509_csr(request.encode())
        key = signing_request.public_key()
        signed = signing_request.is_signature_valid
    except (ValueError, InvalidSignature, UnicodeEncodeError):
        raise invalid(
            "This is not a certificate signing request (PEM).",
            path=["signingRequest"],
            expected="PKCS#10 as PEM",
        ) from None
    if (
        not signed
        or not isinstance(key, ec.EllipticCurvePublicKey)
        or not isinstance(key.curve, ec.SECP256R1)
    ):
        raise invalid(
            "The signing request is to be signed with the EC P-256 key that it asks for.",
            path=["signingRequest"],
            expected="an EC P-256 key",
        )
    return key


def _authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "DataWave agents")])
    usage = x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365 * AUTHORITY_YEARS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _agent_certificate(
    authority: Authority,
    keyring: Keyring,
    *,
    key: ec.EllipticCurvePublicKey,
    agent_id: UUID,
    name: str,
    now: datetime,
) -> x509.Certificate:
    issuer = x509.load_pem_x509_certificate(authority.pem.encode())
    signer = serialization.load_der_private_key(keyring.open(authority.sealed, "authority"), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    who = x509.UniformResourceIdentifier(f"urn:datawave:{global_id('agent', agent_id)}")
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([who]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def agent_named_by(certificate: x509.Certificate) -> UUID | None:
    """The agent that a certificate of ours is about."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
        parts = taken_apart(uri.removeprefix("urn:datawave:"))
        if parts is not None and parts[0] == "agent":
            return parts[1]
    return None


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
