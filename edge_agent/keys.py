"""The agent's key and certificate: in its folder, readable by nobody else, held by one process at a time."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import orjson
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

AUDIENCE = "datawave"
TOKEN_SECONDS = 60
TOKEN_USED_FOR = 20
"""A token is used again for so long, so that the platform need not verify each anew."""

RENEWED_BEFORE = timedelta(days=30)
SEALING = ["ECDH-ES", "A256GCM"]
KEY, CERTIFICATE, AUTHORITY, IDENTITY, LOCK = "key.pem", "agent.pem", "authority.pem", "identity.json", "lock"
MASKING = "masking.key"


class AgentRuns(RuntimeError):
    """Another process is this agent."""


class SealBroken(ValueError):
    """What was sealed is not for this agent, or not for this task; says nothing of what is inside."""


class Keys:
    """One agent's key, and what the platform certified of it."""

    def __init__(self, folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
        self._folder = folder
        self._key = key
        self._signing = ECKey.import_key(_private_pem(key))
        self._lock: int | None = None
        self._token: tuple[float, str] | None = None
        self.agent_id: str | None = None
        self.certificate: x509.Certificate | None = None
        self.clock_ahead = 0.0
        """Seconds by which the platform's clock is ahead of ours."""

    @classmethod
    def locked(cls, folder: Path) -> Keys:
        """The key in the folder, made if there is none, for this process alone."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise AgentRuns(
                f"Another process runs the agent of {folder}; one process is one agent."
            ) from None
        keys = cls._kept(folder) or cls.make(folder)
        keys._lock = lock
        return keys

    @classmethod
    def make(cls, folder: Path) -> Keys:
        """A fresh key; whatever was certified before is no longer ours."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in (CERTIFICATE, AUTHORITY, IDENTITY):
            (folder / name).unlink(missing_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        _write(folder / KEY, _private_pem(key))
        return cls(folder, key)

    @classmethod
    def _kept(cls, folder: Path) -> Keys | None:
        try:
            key = serialization.load_pem_private_key((folder / KEY).read_bytes(), None)
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            return None
        keys = cls(folder, key)
        keys._read_certificate()
        return keys

    def _read_certificate(self) -> None:
        try:
            certificate = x509.load_pem_x509_certificate((self._folder / CERTIFICATE).read_bytes())
            identity = orjson.loads((self._folder / IDENTITY).read_bytes())
        except (FileNotFoundError, ValueError):
            return
        match identity:
            case {"agentId": str(agent_id)} if certificate.public_key() == self._key.public_key():
                self.certificate, self.agent_id = certificate, agent_id
            case _:
                return

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def signing_request(self, name: str) -> str:
        """What the platform certifies: the key, and that we hold it."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
        made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def keep_certificate(self, *, agent_id: str, certificate: str, authority: str) -> None:
        _write(self._folder / AUTHORITY, authority.encode())
        _write(self._folder / IDENTITY, orjson.dumps({"agentId": agent_id}))
        _write(self._folder / CERTIFICATE, certificate.encode())
        self._token = None
        self._read_certificate()

    @property
    def is_certified(self) -> bool:
        """Whether the certificate is there and good for a while."""
        return (
            self.certificate is not None
            and self.certificate.not_valid_after_utc - RENEWED_BEFORE > datetime.now(UTC)
        )

    def token(self, *, fresh: bool = False) -> str:
        """A short token of our own; streams take a fresh one, because they end with it."""
        now = time.time()
        if not fresh and self._token is not None and self._token[0] > now:
            return self._token[1]
        made = self._made_token(now)
        self._token = (now + TOKEN_USED_FOR, made)
        return made

    def _made_token(self, now: float) -> str:
        assert self.certificate is not None and self.agent_id is not None, "certified first"
        issued = int(now + self.clock_ahead)
        header = {"alg": "ES256", "kid": self.certificate.fingerprint(hashes.SHA256()).hex()}
        claims = {
            "iss": self.agent_id,
            "sub": self.agent_id,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + TOKEN_SECONDS,
            "jti": secrets.token_urlsafe(12),
        }
        return jwt.encode(header, claims, self._signing, algorithms=["ES256"])

    def masking(self) -> bytes:
        """What values are hidden with before they leave. It outlives the key that certificates are of, and
        nobody but this agent has it: who could mask could also try out guesses."""
        try:
            return (self._folder / MASKING).read_bytes()
        except FileNotFoundError:
            key = secrets.token_bytes(32)
            _write(self._folder / MASKING, key)
            return key

    def corrected(self, platform_time: float) -> None:
        """Tokens go by the platform's clock where ours is wrong."""
        ahead = platform_time - time.time()
        self.clock_ahead = ahead if abs(ahead) > 5 else 0.0
        self._token = None

    def opened(self, sealed: str, *, task_id: str, attempt: int) -> dict[str, Any]:
        """The credentials sealed for this attempt of this task."""
        try:
            plain = jwe.decrypt_compact(sealed, self._signing, algorithms=SEALING).plaintext
            inside = orjson.loads(plain or b"null")
        except (JoseError, ValueError):
            raise SealBroken("The credentials were not sealed for this agent's key.") from None
        if not isinstance(inside, dict):
            raise SealBroken("What was sealed is no credentials.")
        found = cast("dict[str, Any]", inside)
        if (found.get("taskId"), found.get("attempt")) != (task_id, attempt):
            raise SealBroken("The credentials were sealed for another task.")
        return cast("dict[str, Any]", found.get("credentials") or {})


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, and readable by us alone from the first byte."""
    making = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    making.replace(path)
