"""What proxies say of the client counts from those that are trusted, and from nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from datawave.transports.forwarding import Forwarded, address_of, networks

PROXIES = networks(["10.0.0.0/8", "fd00::/8", "192.0.2.7"])
LINES: dict[str, tuple[str, str | None, str | None, tuple[str, str]]] = {
    "a proxy names the client": ("10.1.1.1", "203.0.113.9", "https", ("203.0.113.9", "https")),
    "with a port": ("10.1.1.1", "203.0.113.9:4711", None, ("203.0.113.9", "http")),
    "by IPv6": ("10.1.1.1", "[2001:db8::1]:4711", "https", ("2001:db8::1", "https")),
    "a proxy with an address of IPv6": ("fd00::1", "203.0.113.9", "https", ("203.0.113.9", "https")),
    "a proxy of IPv4 in IPv6": ("::ffff:10.1.1.1", "203.0.113.9", "https", ("203.0.113.9", "https")),
    "two proxies": ("10.1.1.1", "203.0.113.9, 10.2.2.2", "https", ("203.0.113.9", "https")),
    "what the client itself put before": (
        "10.1.1.1", "127.0.0.1, 8.8.8.8, 203.0.113.9", "https", ("203.0.113.9", "https")
    ),
    "nobody but proxies": ("10.1.1.1", "10.2.2.2", "https", ("10.1.1.1", "https")),
    "nothing": ("10.1.1.1", None, None, ("10.1.1.1", "http")),
    "nonsense": ("10.1.1.1", "<script>", "https", ("10.1.1.1", "https")),
    "nonsense behind the client": ("10.1.1.1", "203.0.113.9, unknown", "https", ("10.1.1.1", "https")),
    "another scheme": ("10.1.1.1", "203.0.113.9", "javascript", ("203.0.113.9", "http")),
    "somebody else": ("203.0.113.66", "127.0.0.1", "https", ("203.0.113.66", "http")),
    "somebody on this machine": ("127.0.0.1", "203.0.113.9", "https", ("127.0.0.1", "http")),
    "somebody next to a proxy": ("192.0.2.8", "203.0.113.9", "https", ("192.0.2.8", "http")),
}  # fmt: skip


async def seen(peer: str, hops: str | None, proto: str | None, kind: str = "http") -> tuple[str, str]:
    found: dict[str, Any] = {}

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        found.update(scope)

    async def nothing(*_: Any) -> Any:
        raise AssertionError("nobody asked for it")

    lines = [(b"x-forwarded-for", hops), (b"x-forwarded-proto", proto)]
    headers = [(name, value.encode()) for name, value in lines if value is not None]
    scope: dict[str, Any] = {
        "type": kind,
        "client": (peer, 50_000),
        "scheme": "http" if kind == "http" else "ws",
        "headers": headers,
    }
    await Forwarded(app, PROXIES)(scope, nothing, nothing)
    return found["client"][0], found["scheme"]


@pytest.mark.parametrize("what", LINES)
async def test_the_client_is_the_last_who_is_no_proxy(what: str) -> None:
    peer, hops, proto, told = LINES[what]
    assert await seen(peer, hops, proto) == told


async def test_a_handshake_is_forwarded_like_a_request() -> None:
    assert await seen("10.1.1.1", "203.0.113.9", "https", "websocket") == ("203.0.113.9", "wss")


async def test_a_long_line_is_read_from_its_end_alone() -> None:
    assert (await seen("10.1.1.1", "1.1.1.1, " + "10.0.0.1, " * 5_000 + "10.0.0.2", None))[0] == "10.1.1.1"


@pytest.mark.parametrize(
    "text", ["", " ", "[", "[]", ":", "1.2.3", "1.2.3.4.5", "::1::", "a" * 10_000, "٣.1.1.1"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None
