"""How streamed answers look on HTTP: server-sent events (graphql-sse, distinct connections) and multipart."""

from __future__ import annotations

from typing import Protocol

from datawave.transports.negotiation import Media


class Framing(Protocol):
    """The bytes around each answer; `beat` is the sign of life between answers."""

    content_type: str
    opening: bytes
    completion: bytes

    def event(self, answer: bytes, cursor: str | None) -> bytes: ...

    def beat(self, cursor: str | None) -> bytes: ...


class EventStream:
    """A block `id: …` alone moves a reader's `Last-Event-ID` and is no event to it."""

    content_type = "text/event-stream; charset=utf-8"
    opening = b":\n\n"
    completion = b"event: complete\ndata:\n\n"

    def event(self, answer: bytes, cursor: str | None) -> bytes:
        return self._id(cursor) + b"event: next\ndata: " + answer + b"\n\n"

    def beat(self, cursor: str | None) -> bytes:
        return self._id(cursor) + b"\n" if cursor else self.opening

    def _id(self, cursor: str | None) -> bytes:
        return b"id: " + cursor.encode() + b"\n" if cursor else b""


class Multipart:
    """The multipart subscription protocol 1.0: each part wraps its answer, an empty object is the heartbeat.

    The boundary follows each part at once, or a reader would learn of it only with the next.
    """

    content_type = 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
    completion = b"--\r\n"

    def __init__(self) -> None:
        self.opening = _BOUNDARY + self.beat(None)

    def event(self, answer: bytes, cursor: str | None) -> bytes:
        return _PART + b'{"payload":' + answer + b"}" + _BOUNDARY

    def beat(self, cursor: str | None) -> bytes:
        return _PART + b"{}" + _BOUNDARY


_BOUNDARY = b"\r\n--graphql"
_PART = b"\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"

FRAMINGS: dict[Media, Framing] = {Media.EVENTS: EventStream(), Media.MULTIPART: Multipart()}
