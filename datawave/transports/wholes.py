"""Whole answers, each with one write. uvicorn writes head and body apart, and looks at every line of a head
with two expressions: for a small answer that is a twentieth of all the time it takes."""

from __future__ import annotations

import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
OF_THE_CONNECTION = frozenset({b"connection", b"transfer-encoding"})


class Cycle(RequestResponseCycle):
    """Holds a head whose first line is the length of the body back until the body comes, and takes the other
    way for all that is not that simple."""

    _held: Any = None

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start" and self._may_hold(message):
            self._held = message
            return
        start, self._held = self._held, None
        if start is None:
            await super().send(message)
            return
        head = self._head(start, message)
        if head is None or self.flow.write_paused or self.disconnected:
            await super().send(start)
            await super().send(message)
        else:
            self._written(head, message["body"])

    def _may_hold(self, start: Any) -> bool:
        headers = start["headers"]
        has_length = bool(headers) and headers[0][0] == b"content-length"
        return (
            has_length
            and not self.response_started
            and not self.access_log
            and self.scope["method"] != "HEAD"
        )

    def _head(self, start: Any, body: Any) -> bytes | None:
        """None where the body is not whole, or a line is of the connection or holds what no line may: uvicorn
        knows what to do then."""
        headers = [*start["headers"], *self.default_headers]
        if body.get("more_body") or int(headers[0][1]) != len(body["body"]):
            return None
        parts = [STATUS_LINE[start["status"]]]
        for name, value in headers:
            if name in OF_THE_CONNECTION:
                return None
            parts += (name, b": ", value, b"\r\n")
        if not self.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        head = b"".join(parts)
        lines = len(headers) + (2 if self.keep_alive else 3)
        is_sound = head.count(b"\n") == head.count(b"\r") == lines and not CONTROL.search(head)
        return head if is_sound else None

    def _written(self, head: bytes, body: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head + body)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
