"""https, spoken by the API itself: TLS 1.2 and newer, forward secrecy and authenticated ciphers alone."""

from __future__ import annotations

import ssl
from pathlib import Path

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all good."""


class CannotSpeakTls(ValueError):
    """The certificate or its key will not do; the words name the file."""


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    for file in (certificate, key):
        _refuse_unreadable(file)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers(CIPHERS)
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(certificate, key, password=_no_passphrase)
    except (ssl.SSLError, _HasPassphrase) as refused:
        why = "has a passphrase" if isinstance(refused, _HasPassphrase) else "does not fit, or is not PEM"
        raise CannotSpeakTls(f"DATAWAVE_TLS_KEY: {key} with {certificate} {why}.") from None
    return made


def trusting(certificate: Path) -> ssl.SSLContext:
    """For a client on this machine: it takes this very certificate, by whatever name it is reached."""
    made = ssl.create_default_context(cafile=str(certificate))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    made.check_hostname = False
    return made


class _HasPassphrase(Exception):
    """Nobody is there to be asked for it."""


def _no_passphrase() -> str:
    raise _HasPassphrase


def _refuse_unreadable(file: Path) -> None:
    try:
        file.open("rb").close()
    except OSError as refused:
        raise CannotSpeakTls(f"{file} cannot be read: {refused.strerror}.") from None
