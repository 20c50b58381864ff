"""How a server must prove itself: a small server answers as PostgreSQL does and shakes hands with a
certificate of ours."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.base import Guard, SourceError
from connectors.configs import DatabaseConfig
from connectors.postgresql.session import Knock, resolve
from connectors.tls import security

SSL_REQUEST_LENGTH = 8


@dataclass(frozen=True, kw_only=True)
class TlsServer:
    port: int
    certificate: str


@pytest.fixture
async def tls_server(tmp_path: Path) -> AsyncIterator[TlsServer]:
    certificate, key = _certificate("db.test")
    (tmp_path / "server.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(SSL_REQUEST_LENGTH)
        writer.write(b"S")
        with suppress(ssl.SSLError, OSError):
            await writer.start_tls(context)
            await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield TlsServer(port=server.sockets[0].getsockname()[1], certificate=certificate.decode())


def _certificate(name: str) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            subject, subject, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return (
        made.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )


async def shake_hands(server: TlsServer, tls: Mapping[str, object] | None) -> str:
    config = DatabaseConfig.model_validate({"host": "127.0.0.1", "port": server.port, "tls": tls})
    target = await resolve(config, Guard(private=True), seconds=5)
    knock = Knock(config, target, seconds=5)
    try:
        await knock.connect()
        return await knock.secure()
    finally:
        knock.close()


async def test_a_certificate_is_checked_as_the_options_ask(tls_server: TlsServer) -> None:
    ca = tls_server.certificate
    for tls in (
        {"ca": ca, "serverName": "db.test"},
        {"ca": ca, "mode": "VERIFY_CA"},
        {"mode": "REQUIRED"},
        None,
    ):
        assert (await shake_hands(tls_server, tls)).startswith("TLSv1")
    assert "clear" in await shake_hands(tls_server, {"mode": "DISABLED"})


async def test_a_certificate_that_proves_nothing_is_refused(tls_server: TlsServer) -> None:
    for tls, words in (
        ({"ca": tls_server.certificate}, "another name"),
        ({"ca": tls_server.certificate, "serverName": "other.test"}, "another name"),
        ({}, "not trusted"),
        ({"mode": "VERIFY_CA"}, "not trusted"),
        ({"ca": _certificate("db.test")[0].decode(), "serverName": "db.test"}, "not trusted"),
    ):
        with pytest.raises(SourceError, match=words) as error:
            await shake_hands(tls_server, tls)
        assert error.value.code == "TLS_FAILED"


def test_without_options_only_loopback_may_be_spoken_to_in_clear() -> None:
    here = security(None, host="localhost", loopback=True)
    away = security(None, host="db.example", loopback=False)
    assert here.optional and here.context is not None and here.context.verify_mode is ssl.CERT_NONE
    assert not away.optional and away.context is not None
    assert away.context.verify_mode is ssl.CERT_REQUIRED and away.context.check_hostname
    assert away.context.server_name == "db.example"
