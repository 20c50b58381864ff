"""The ends that uvicorn leaves open: bounds on what comes before the body, and ends for readers that stall.

`uvicorn_options` belongs to every `uvicorn.Config` that serves the transports. Its two protocol classes hand
each connection's `Wire` to the application in the scope; under another server the transports do without.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol, cast
from weakref import ref

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.datastructures import Headers
from websockets.protocol import State

from datawave.transports.limits import Limits
from datawave.transports.rounds import newcomers
from datawave.transports.wholes import Cycle

WIRE = "datawave.wire"
NOTHING = Headers()
SHUTDOWN_SECONDS = 5
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection: one that we end as its client writes costs it a
request."""

_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Listener(Protocol):
    """Who is told what happens to a connection. None of it may wait."""

    def leaving(self, *, at_once: bool) -> None:
        """The server is about to stop: streams resume elsewhere. Unless it is at once, answers under way are
        finished first, and this is said again and again until the connection ends."""
        ...

    def drained(self) -> None:
        """The reader was behind, and has caught up."""
        ...

    def gone(self) -> None:
        """There is no connection any more. (A WebSocket's application learns it from ASGI alone.)"""
        ...


class Wire(Protocol):
    """What a transport may do with its connection beyond ASGI."""

    def listen(self, listener: Listener | None) -> None: ...

    def pending(self) -> int:
        """Bytes written that the reader has not taken."""
        ...

    def put(self, data: bytes) -> None:
        """Writes at once, past ASGI, whatever is pending: whole frames, or whole chunks of a body that has
        begun. Nothing where the connection is closing."""
        ...

    def abort(self) -> None:
        """Ends the connection without waiting for the reader."""
        ...


class SocketWire(Wire, Protocol):
    def finish(self, code: int, reason: str) -> None:
        """Closes a WebSocket: the close frame goes behind what is pending, and has a while to be taken."""
        ...


class ResponseWire(Wire, Protocol):
    @property
    def chunked(self) -> bool:
        """Whether what is put has to be a chunk, with its length before it."""
        ...

    def body(self, most: int) -> bytes | None:
        """Takes what was sent, where all of it is here already and it is no more than that: nobody has to
        wait for it then."""
        ...


def response_wire_of(scope: Scope) -> ResponseWire | None:
    return cast("ResponseWire | None", scope.get("extensions", {}).get(WIRE))


def socket_wire_of(scope: Scope) -> SocketWire | None:
    return cast("SocketWire | None", scope.get("extensions", {}).get(WIRE))


def uvicorn_options(limits: Limits | None = None) -> dict[str, Any]:
    """Keyword arguments for `uvicorn.Config`; the limits are those given to `routes`."""
    bounds = limits or Limits()
    head = {
        "header_bytes": bounds.header_bytes,
        "header_seconds": bounds.header_seconds,
    }
    return {
        "http": type("HttpProtocol", (HttpProtocol,), head),  # uvicorn makes its protocols without arguments
        "ws": SocketProtocol,
        "ws_max_size": bounds.frame_bytes,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": SHUTDOWN_SECONDS,
        "timeout_keep_alive": KEEP_ALIVE_SECONDS,
        "server_header": False,
        # uvicorn's own would take everybody's word who asks from this machine; ours is `forwarding`.
        "proxy_headers": False,
    }


class HttpProtocol(HttpToolsProtocol):
    """HTTP/1.1 whose header block is bounded in bytes and time."""

    header_bytes = Limits.header_bytes
    header_seconds = Limits.header_seconds
    listener: Listener | None = None
    "Of the response that is being streamed: there is one at a time, whatever was sent behind it."
    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head = 0
    _came = 0
    "Bytes that are being parsed."
    _oversized = False
    _leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_rest_of_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)
        if self.listener is not None:
            self.listener.gone()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_is_here()
        self._in_head, self._head = True, 0

    def data_received(self, data: bytes) -> None:
        self._came = len(data)
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            # The parser gathers a header line whole before it tells of it: count what went in.
            self._head += len(data)
            if self._head > self.header_bytes:
                self._refuse_head()
            elif self._deadline is None:
                self._await_rest_of_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        if self._head + self._came > self.header_bytes and self._is_oversized():
            self._oversized = True
            raise ValueError("the header block is too large")
        super().on_headers_complete()
        # Absent where the connection becomes a WebSocket; the application's task starts after this.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and cycle.scope is self.scope:
            cycle.__class__ = Cycle  # uvicorn lets nobody say which it makes
            cast("dict[str, Any]", self.scope)["extensions"] = {WIRE: HttpWire(self, cycle)}
            if self._leaving:
                cycle.keep_alive = False

    def handle_websocket_upgrade(self) -> None:
        # What comes behind the request is the WebSocket's already.
        self.transport.pause_reading()
        newcomers().do(self._upgrade)

    def _upgrade(self) -> None:
        if not self.transport.is_closing():
            super().handle_websocket_upgrade()
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.listener is not None:
            self.listener.drained()

    def send_400_response(self, msg: str) -> None:
        if self._oversized:
            self._refuse_head()
        else:
            super().send_400_response(msg)

    @property
    def is_idle(self) -> bool:
        """Nothing is being answered, and no request has come in part."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return (cycle is None or cycle.response_complete) and not (self._in_head and self._head)

    def leave(self) -> None:
        """The next answer says that it is the last. Where its head is sent already, the connection stays for
        one more, as the client was promised."""
        self._leaving = True
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False
        if self.listener is not None:
            self.listener.leaving(at_once=False)

    def shutdown(self) -> None:
        super().shutdown()
        if self.listener is not None:
            self.listener.leaving(at_once=True)

    def _is_oversized(self) -> bool:
        lines = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.url) + lines > self.header_bytes

    def _await_rest_of_head(self) -> None:
        """Most heads come whole: nothing has to be set up for them."""
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


class HttpWire:
    """One response's side of a connection. It stands in the scope, which the cycle holds: held by it in turn,
    each request would be left to the garbage collector."""

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: HttpProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol, self._cycle = protocol, ref(cycle)

    def listen(self, listener: Listener | None) -> None:
        self._protocol.listener = listener
        # Nobody asks for what comes any more, and only who reads learns that the client has gone.
        self._protocol.flow.resume_reading()

    @property
    def chunked(self) -> bool:
        cycle = self._cycle()
        return cycle is not None and bool(cycle.chunked_encoding)

    def body(self, most: int) -> bytes | None:
        cycle = self._cycle()
        if cycle is None or cycle.more_body or len(cycle.body) > most:
            return None
        taken, cycle.body = cycle.body, bytearray()  # a stream would keep it for as long as it stays open
        return bytes(taken)

    def pending(self) -> int:
        return self._protocol.transport.get_write_buffer_size()

    def put(self, data: bytes) -> None:
        cycle = self._cycle()
        if cycle is None or cycle.response_complete or cycle.disconnected:
            return
        if not self._protocol.transport.is_closing():
            self._protocol.transport.write(data)

    def abort(self) -> None:
        self._protocol.transport.abort()


class _Inbox:
    """What a client said and the application has not asked for yet: an `asyncio.Queue` for one reader. Empty,
    that one takes more memory than all else of a quiet connection."""

    __slots__ = ("_messages", "_waiting")

    def __init__(self) -> None:
        self._messages: deque[Any] | None = None
        self._waiting: asyncio.Future[None] | None = None

    def put_nowait(self, message: Any) -> None:
        if self._messages is None:
            self._messages = deque()
        self._messages.append(message)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def get(self) -> Any:
        while self._messages is None:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        message = self._messages.popleft()
        if not self._messages:
            self._messages = None
        return message

    def empty(self) -> bool:
        return self._messages is None


class _Gate:
    """An `asyncio.Event` that is nearly always set, and small then."""

    __slots__ = ("_opened",)

    def __init__(self) -> None:
        self._opened: asyncio.Event | None = None

    def set(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.set()

    def clear(self) -> None:
        self._opened = self._opened or asyncio.Event()

    async def wait(self) -> None:
        while self._opened is not None:
            await self._opened.wait()


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that can be closed while its reader stalls, whose end is certain, and that holds little."""

    listener: Listener | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.close_timeout = SHUTDOWN_SECONDS / 2
        self.queue, self.writable = cast("Any", _Inbox()), cast("Any", _Gate())

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if hasattr(self, "scope"):  # absent where the handshake was refused
            # The application's task starts after this.
            cast("dict[str, Any]", self.scope)["extensions"][WIRE] = self

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.close_sent:
            # The parser refused it (a header line too long, or too many), and uvicorn does not look at that.
            self.close_sent = self.handshake_complete = True
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.accept":
            # The handshake is over: what it was made of weighs more than all the rest of a quiet connection.
            self.request.headers = NOTHING  # the parser keeps the request
            self.request = self.response = cast("Any", None)

    def handle_text(self, event: Any) -> None:
        super().handle_text(event)
        event.data = b""  # the parser keeps the last frame, which may be a long one

    def handle_cont(self, event: Any) -> None:
        super().handle_cont(event)
        event.data = b""

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        # A peer that is gone takes no close frame either, and closing waits for what is pending.
        self.transport.abort()

    def leave(self) -> None:
        if self.listener is not None and not self.close_sent:
            self.listener.leaving(at_once=False)

    def shutdown(self) -> None:
        if self.listener is not None and not self.close_sent:
            self.stop_keepalive()
            self.listener.leaving(at_once=True)
        else:
            super().shutdown()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.listener is not None:
            self.listener.drained()

    def listen(self, listener: Listener | None) -> None:
        self.listener = listener

    def pending(self) -> int:
        return self.transport.get_write_buffer_size()

    def put(self, data: bytes) -> None:
        if not (self.close_sent or self.disconnected or self.transport.is_closing()):
            self.transport.write(data)

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
