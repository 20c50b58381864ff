"""What a connection may be recognised by, and when a cookie counts.

A browser sends cookies wherever a page of anybody makes it ask, so a cookie counts only where the request
shows that a page of this very origin asked: `Origin` on a POST with a JSON body and on a WebSocket's
handshake, `Sec-Fetch-Site` on a GET. Pages of origins that are named beside it count as its own.
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
        self._origins = frozenset(filter(None, map(origin_of, origins)))

    def counted(self, connection: HTTPConnection) -> str | None:
        cookie = self.carried(connection)
        return cookie if cookie and self._from_here(connection) else None

    def carried(self, connection: HTTPConnection) -> str | None:
        """The cookie, whoever's page asks: for what changes nothing and no other page can read."""
        return next((connection.cookies[name] for name in self._names if name in connection.cookies), None)

    def is_of_a_stranger(self, connection: HTTPConnection) -> bool:
        """Whether a page of another origin asks. Programs send no `Origin`."""
        return "origin" in connection.headers and not self._from_origin_of_ours(connection)

    def _from_here(self, connection: HTTPConnection) -> bool:
        if connection.scope["type"] == "http" and connection.scope["method"] == "GET":
            return connection.headers.get("sec-fetch-site") == "same-origin"
        return self._from_origin_of_ours(connection)

    def _from_origin_of_ours(self, connection: HTTPConnection) -> bool:
        asking = origin_of(connection.headers.get("origin", ""))
        return asking is not None and (asking == _own_origin(connection) or asking in self._origins)


def _own_origin(connection: HTTPConnection) -> tuple[str, str, int] | None:
    scheme = connection.scope["scheme"]
    return origin_of(f"{_HTTP.get(scheme, scheme)}://{connection.headers.get('host', '')}")


def origin_of(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for `null`, which every sandboxed page sends, and for nonsense."""
    try:
        parts = urlsplit(text)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname else None
