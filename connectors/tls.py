"""How connections are secured: the context that a driver gets, checking the name although the driver knows an
address."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from connectors.base import SourceError
from connectors.configs import TlsConfig, TlsMode


class NamedContext(ssl.SSLContext):
    """Checks one given name: drivers are handed a checked address and would check the certificate against
    that."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name or server_hostname, session)


@dataclass(frozen=True, kw_only=True)
class Security:
    """What is asked of a connection: no context means in clear; `optional` takes what the server offers."""

    context: NamedContext | None
    optional: bool = False


def security(tls: TlsConfig | None, *, host: str, loopback: bool) -> Security:
    """What the options ask for; without `tls` loopback is optional and everything else VERIFY_FULL."""
    if tls is None:
        if loopback:
            return Security(context=_context(TlsConfig(mode=TlsMode.REQUIRED), host), optional=True)
        tls = TlsConfig()
    if tls.mode is TlsMode.DISABLED:
        return Security(context=None)
    return Security(context=_context(tls, host))


def _context(tls: TlsConfig, host: str) -> NamedContext:
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = tls.server_name or host.rstrip(".")
    context.check_hostname = tls.mode is TlsMode.VERIFY_FULL
    if tls.mode is TlsMode.REQUIRED:
        context.verify_mode = ssl.CERT_NONE
        return context
    if tls.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cadata=tls.ca)
    except (ssl.SSLError, ValueError):
        raise SourceError("TLS_FAILED", "The certificates given in tls.ca cannot be read.") from None
    return context


def not_offered(host: str) -> SourceError:
    return SourceError(
        "TLS_FAILED",
        f"{host} does not offer TLS, and the options ask for it.",
        hint="Switch TLS on at the server, or set tls.mode to DISABLED if the network is trusted.",
    )


def not_trusted(host: str, error: Exception) -> SourceError:
    """Why a handshake failed, in words; the peer's own words are left out."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in (62, 63, 64):
            return SourceError(
                "TLS_FAILED",
                f"The certificate of {host} is for another name.",
                hint="Set tls.serverName to the name in the certificate, or the host to it.",
            )
        return SourceError(
            "TLS_FAILED",
            f"The certificate of {host} is not trusted: {error.verify_message}.",
            hint="Give the certificate of its authority in tls.ca.",
        )
    return SourceError(
        "TLS_FAILED",
        f"No secure connection could be agreed with {host}.",
        hint="The server may speak only old versions of TLS, or ask for a client certificate.",
    )
