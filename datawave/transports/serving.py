"""The ends that uvicorn leaves open: bounds on what comes before the body, and ends for readers that stall.

`uvicorn_options` belongs to every `uvicorn.Config` that serves the transports. Its two protocol classes hand
each connection's `Wire` to the application in the scope; under another server the transports do without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from datawave.transports.limits import Limits

WIRE = "datawave.wire"
SHUTDOWN_SECONDS = 5

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Wire(Protocol):
    """What a transport may do with its connection beyond ASGI."""

    on_leaving: Callable[[], None] | None

    def pending(self) -> int:
        """Bytes written that the reader has not taken."""
        ...

    def abort(self) -> None:
        """Ends the connection without waiting for the reader."""
        ...


class SocketWire(Wire, Protocol):
    def finish(self, code: int, reason: str) -> None:
        """Closes a WebSocket: the close frame goes behind what is pending, and has a while to be taken."""
        ...


def wire_of(scope: Scope) -> Wire | None:
    return cast("Wire | None", scope.get("extensions", {}).get(WIRE))


def socket_wire_of(scope: Scope) -> SocketWire | None:
    return cast("SocketWire | None", wire_of(scope))


def uvicorn_options(limits: Limits | None = None) -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`; the limits are those given to `routes`."""
    bounds = limits or Limits()
    head = {"header_bytes": bounds.header_bytes, "header_seconds": bounds.header_seconds}
    return {
        "http": type("HttpProtocol", (HttpProtocol,), head),  # uvicorn makes its protocols without arguments
        "ws": SocketProtocol,
        "ws_max_size": bounds.frame_bytes,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "server_header": False,
    }


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose header block is bounded in bytes and time."""

    header_bytes = Limits.header_bytes
    header_seconds = Limits.header_seconds
    on_leaving: Callable[[], None] | None = None
    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head = 0
    _oversized = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = cast("Any", {WIRE: self})
        self.on_leaving = None
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head and self._deadline is not None:
            # The parser gathers a header line whole before it tells of it: count what went in.
            self._head += len(data)
            if self._head > self.header_bytes:
                self._refuse_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        lines = sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) + lines > self.header_bytes:
            self._oversized = True
            raise ValueError("the header block is too large")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if self._oversized:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    def shutdown(self) -> None:
        super().shutdown()
        if self.on_leaving is not None:
            self.on_leaving()

    def _await_head(self) -> None:
        self._head_is_here()
        self._in_head, self._head = True, 0
        self._deadline = self.loop.call_later(self.header_seconds, self.transport.close)

    def _head_is_here(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_head(self) -> None:
        self._head_is_here()
        if not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def pending(self) -> int:
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        self.transport.abort()


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that can be closed while its reader stalls, and whose end is certain."""

    on_leaving: Callable[[], None] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = SHUTDOWN_SECONDS / 2

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # absent where the handshake was refused
            # The application's task starts after this.
            cast("dict[str, Any]", self.scope)["extensions"][WIRE] = self

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # A peer that is gone takes no close frame either, and closing waits for what is pending.
        self.transport.abort()

    def shutdown(self) -> None:
        if self.on_leaving is not None and not self.close_sent:
            self.stop_keepalive()
            self.on_leaving()
        else:
            super().shutdown()

    def pending(self) -> int:
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        self.transport.abort()

    def finish(self, code: int, reason: str) -> None:
        if self.close_sent or self.transport.is_closing() or self.conn.state is not State.OPEN:
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)
