"""The platform's authority: its certificates bind a key to an actor, an agent or a partner's program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from joserfc import jwe
from joserfc.jwk import ECKey
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.errors import invalid
from datawave.kit.ids import global_id, taken_apart
from datawave.kit.vault import Keyring
from models.agents import Authority, Certificate

AUTHORITY_YEARS = 20
CERTIFICATE_DAYS = 90
LONGEST_REQUEST = 16_384
SEALING = ["ECDH-ES", "A256GCM"]
SIGNED_WITH = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
"""The curves that certificates are given for, with what their keys sign."""

CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
AGENTS = ("secp256r1",)
"""What is sealed to an agent is sealed to a key of this curve."""


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
    session: AsyncSession,
    keyring: Keyring,
    *,
    request: str,
    actor: tuple[str, UUID],
    name: str,
    now: datetime,
    days: int = CERTIFICATE_DAYS,
    curves: Sequence[str] = AGENTS,
) -> Certificate:
    """A certificate for the key of a signing request; only the key counts, and that whoever asks holds it."""
    key = _requested_key(request, curves)
    authority = await make_authority(session, keyring, now=now)
    issued = _certificate(authority, keyring, key=key, actor=actor, name=name, now=now, days=days)
    row = Certificate(
        serial=f"{issued.serial_number:x}",
        subject=issued.subject.rfc4514_string(),
        fingerprint=fingerprint_of(issued),
        actor_id=actor[1],
        actor_word=actor[0],
        not_before=issued.not_valid_before_utc,
        not_after=issued.not_valid_after_utc,
        pem=_pem(issued),
    )
    session.add(row)
    await session.flush()
    return row


def seal_to(certificate_pem: str, payload: Mapping[str, Any]) -> str:
    """A compact JWE that only the holder of the certificate's key opens."""
    key = ECKey.import_key(public_pem(x509.load_pem_x509_certificate(certificate_pem.encode())))
    header = {"alg": "ECDH-ES", "enc": "A256GCM"}
    return jwe.encrypt_compact(header, orjson.dumps(dict(payload)), key, algorithms=SEALING)


def fingerprint_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _requested_key(request: str, curves: Sequence[str]) -> ec.EllipticCurvePublicKey:
    try:
        signing_request = x509.load_pem_x509_csr(request[:LONGEST_REQUEST].encode())
        key = signing_request.public_key()
        signed = signing_request.is_signature_valid
    except (ValueError, InvalidSignature, UnsupportedAlgorithm, UnicodeEncodeError):
        raise invalid(
            "This is not a certificate signing request (PEM).",
            path=["signingRequest"],
            expected="PKCS#10 as PEM",
        ) from None
    if not signed or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in curves:
        wanted = " or ".join(CURVES[name] for name in curves)
        raise invalid(
            f"The signing request is to be signed with the EC key that it asks for, of curve {wanted}.",
            path=["signingRequest"],
            expected=f"an EC key of curve {wanted}",
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


def _certificate(
    authority: Authority,
    keyring: Keyring,
    *,
    key: ec.EllipticCurvePublicKey,
    actor: tuple[str, UUID],
    name: str,
    now: datetime,
    days: int,
) -> x509.Certificate:
    issuer = x509.load_pem_x509_certificate(authority.pem.encode())
    signer = serialization.load_der_private_key(keyring.open(authority.sealed, "authority"), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    who = x509.UniformResourceIdentifier(f"urn:datawave:{global_id(*actor)}")
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([who]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )


def actor_named_by(certificate: x509.Certificate) -> tuple[str, UUID] | None:
    """The word and id of the actor that a certificate of ours is about."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    for uri in names.get_values_for_type(x509.UniformResourceIdentifier):
        parts = taken_apart(uri.removeprefix("urn:datawave:"))
        if parts is not None:
            return parts
    return None


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
