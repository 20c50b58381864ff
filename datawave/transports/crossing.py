"""What pages of other origins may ask (CORS): nothing, or, for those that are named, what our own may.

A page of another origin has its question asked beforehand (a preflight); it is answered here, before anything
is paid for. Origins are compared whole: no wildcard, no suffix, no `null`.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datawave.transports.credentials import origin_of

ALLOWED = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"accept, authorization, content-encoding, content-type, if-none-match, last-event-id, traceparent,"
        b" x-datawave-cookie, x-request-id",
    ),
    (b"access-control-max-age", b"600"),
)
EXPOSED = (
    b"access-control-expose-headers",
    b"etag, ratelimit, ratelimit-policy, retry-after, x-query-cost, x-request-id",
)
WITH_CREDENTIALS = (b"access-control-allow-credentials", b"true")
VARY = (b"vary", b"Origin")


class CrossOrigin:
    """Lets the pages of these origins read our answers, their cookies among it."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = frozenset(filter(None, map(origin_of, origins)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asking, is_preflight = _asking(scope)
        is_known = asking is not None and origin_of(asking.decode("latin-1")) in self._origins
        granted = [(b"access-control-allow-origin", asking), WITH_CREDENTIALS] if is_known else []

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                exposed = [EXPOSED] if is_known else []
                message["headers"] = [*message.get("headers", ()), *granted, *exposed, VARY]
            await send(message)

        if is_preflight and is_known:
            await send({"type": "http.response.start", "status": 204, "headers": [*granted, *ALLOWED, VARY]})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, told)


def _asking(scope: Scope) -> tuple[bytes | None, bool]:
    """Whose page it is, and whether it only asks whether it may ask."""
    origin, wanted = None, False
    for name, value in scope["headers"]:
        if name == b"origin":
            origin = value
        elif name == b"access-control-request-method":
            wanted = True
    return origin, wanted and scope["method"] == "OPTIONS"
