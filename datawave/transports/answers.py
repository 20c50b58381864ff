"""One whole answer over HTTP, as an ASGI application with as little on the way as there can be."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from datawave.transports.door import RawHeaders
from datawave.transports.negotiation import Media

NO_STORE = (b"cache-control", b"no-store")
BY_ACCEPT = (b"vary", b"accept")
_CONTENT_TYPES = {media: (b"content-type", f"{media}; charset=utf-8".encode()) for media in Media}


class Answer:
    """A status, headers and a body."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, body: bytes, status: int, headers: RawHeaders) -> None:
        self.body, self.status, self.headers = body, status, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


def json_answer(
    body: bytes, media: Media, status: int, headers: Sequence[tuple[bytes, bytes]] = ()
) -> Answer:
    """An answer that nobody keeps."""
    return Answer(
        body,
        int(status),
        [
            (b"content-length", b"%d" % len(body)),
            _CONTENT_TYPES[media],
            NO_STORE,
            BY_ACCEPT,
            *headers,
        ],
    )
