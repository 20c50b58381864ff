"""What a connection may be recognised by, and when a cookie counts.

A browser sends cookies wherever a page of anybody makes it ask, so a cookie counts only where the request
shows that a page of this very origin asked: `Origin` on a POST with a JSON body and on a WebSocket's
handshake, `Sec-Fetch-Site` on a GET.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from datawave.transports.door import UNAUTHENTICATED, Refused

_HTTP = {"ws": "http", "wss": "https"}
_PORTS = {"http": 80, "https": 443}


def bearer(connection: HTTPConnection) -> str | None:
    """The token of the header; another scheme, or two headers, are refused rather than overlooked."""
    given = connection.headers.getlist("authorization")
    if not given:
        return None
    if len(given) > 1:
        raise Refused(UNAUTHENTICATED, "Send one `Authorization` header.")
    return bearer_token(given[0])


def bearer_token(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(UNAUTHENTICATED, "Authorize with `Bearer` and an access token or API key.")
    return token.strip()


class Cookies:
    """Reads the session's cookie where it counts. `origins` are the addresses this program is known by beside
    the one that was asked."""

    def __init__(self, names: Collection[str], origins: Collection[str]) -> None:
        self._names = tuple(names)
        self._origins = frozenset(filter(None, map(_origin, origins)))

    def counted(self, connection: HTTPConnection) -> str | None:
        cookie = next((connection.cookies[name] for name in self._names if name in connection.cookies), None)
        return cookie if cookie and self._from_here(connection) else None

    def _from_here(self, connection: HTTPConnection) -> bool:
        if connection.scope["type"] == "http" and connection.scope["method"] == "GET":
            return connection.headers.get("sec-fetch-site") == "same-origin"
        asking = _origin(connection.headers.get("origin", ""))
        return asking is not None and (asking == _own_origin(connection) or asking in self._origins)


def _own_origin(connection: HTTPConnection) -> tuple[str, str, int] | None:
    scheme = connection.scope["scheme"]
    return _origin(f"{_HTTP.get(scheme, scheme)}://{connection.headers.get('host', '')}")


def _origin(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for `null`, which every sandboxed page sends, and for nonsense."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
