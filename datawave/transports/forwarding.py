"""Whose request it is where a proxy brought it: what `X-Forwarded-For` and `-Proto` say counts if the one who
says it is trusted, and is nobody's word otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

MOST_HOPS = 20
"""More proxies in a row are nobody's; the rest of the line is not read."""
_SCHEMES = {"http": {"http": "http", "https": "https"}, "websocket": {"http": "ws", "https": "wss"}}


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks; `ValueError` for what is neither."""
    return tuple(ip_network(text) for text in texts)


class Forwarded:
    """Puts the client's address and scheme in place of the proxy's.

    The line of addresses is read from its end, where our own proxies wrote: the first that is none of them is
    the client. What stands before it anybody may have sent.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[Network]) -> None:
        self._app = app
        self._proxies = tuple(proxies)
        self._is_proxy = lru_cache(maxsize=1_000)(self._is_among)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope.get("client")
        if scope["type"] in _SCHEMES and peer and self._is_proxy(peer[0]):
            scope.update(self._told(scope, peer))
        await self._app(scope, receive, send)

    def _told(self, scope: Scope, peer: tuple[str, int]) -> dict[str, object]:
        named: dict[bytes, list[bytes]] = {b"x-forwarded-for": [], b"x-forwarded-proto": []}
        for name, value in scope["headers"]:
            if name in named:
                named[name].append(value)
        hops = b",".join(named[b"x-forwarded-for"]).decode("latin-1")
        proto = b",".join(named[b"x-forwarded-proto"]).decode("latin-1").strip().lower()
        client = self._client(hops)
        return {
            "client": (client, 0) if client is not None else peer,
            "scheme": _SCHEMES[scope["type"]].get(proto, scope["scheme"]),
        }

    def _client(self, hops: str) -> str | None:
        """None where the line breaks off before it comes to one: then the proxy itself is all that is
        known."""
        for hop in reversed(hops.split(",")[-MOST_HOPS:]):
            address = address_of(hop)
            if address is None:
                return None
            if not self._is_proxy(str(address)):
                return str(address)
        return None

    def _is_among(self, text: str) -> bool:
        address = address_of(text)
        return address is not None and any(address in network for network in self._proxies)


def address_of(text: str) -> Address | None:
    """An address as proxies write it, with a port or without."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
