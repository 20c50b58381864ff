"""GraphQL over WebSocket, `graphql-transport-ws`, with resumable streams and sessions renewed in place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from datawave.transports import messages
from datawave.transports.beats import Beats
from datawave.transports.credentials import Cookies, bearer, bearer_token
from datawave.transports.door import UNAUTHENTICATED, Door, Refused, Session, entered
from datawave.transports.errors import failure
from datawave.transports.execution import Engine
from datawave.transports.fanout import SLOW, frame
from datawave.transports.lifetime import Clock, Lifetime
from datawave.transports.limits import Bucket, Limits
from datawave.transports.messages import Closed, Code, Said
from datawave.transports.operations import Operations
from datawave.transports.outflow import Gone, Outflow, Stalled
from datawave.transports.rounds import newcomers
from datawave.transports.serving import socket_wire_of
from datawave.transports.tasks import Tasks


@dataclass(frozen=True, kw_only=True)
class SocketEndpoint:
    """The ASGI application behind `/graphql` for WebSockets."""

    engine: Engine
    door: Door
    cookies: Cookies
    now: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if self.cookies.is_of_a_stranger(HTTPConnection(scope)):
            await _deny(scope, receive, send, 403, "Pages of this origin are not let in.")
            return
        if messages.SUBPROTOCOL not in scope.get("subprotocols", []):
            await _deny(scope, receive, send, 400, f"Offer the subprotocol {messages.SUBPROTOCOL}.")
            return
        await Socket(self, scope=scope, receive=receive, send=send).serve()


async def _deny(scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
    """A server that cannot answer a handshake closes it, which clients are told as 403."""
    if "websocket.http.response" in scope.get("extensions", {}):
        await PlainTextResponse(words, status_code=status)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4406, "reason": words})


_AT_THE_DOOR = {
    "INTERNAL": Code.FAILED,
    "UNAVAILABLE": Code.TRY_LATER,
    "CIRCUIT_OPEN": Code.TRY_LATER,
    "RATE_LIMITED": Code.TRY_LATER,
}


class Socket:
    """One connection. Its own task reads, a timer wakes for beats and ends.

    Whoever finds a reason to close calls `_close`, which makes the reading end; only then are the operations
    wound up, so nothing outlives the connection save a change that is being carried through.
    """

    def __init__(self, endpoint: SocketEndpoint, *, scope: Scope, receive: Receive, send: Send) -> None:
        self._endpoint, self._engine = endpoint, endpoint.engine
        self._scope, self._receive, self._asgi_send = scope, receive, send
        self.wire = socket_wire_of(scope)
        self._out = Outflow(send, wire=self.wire, stall_seconds=self._limits.stall_seconds)
        self._bucket = Bucket(rate=self._limits.messages_per_second, burst=self._limits.message_burst)
        self.tasks = Tasks()
        self._operations = Operations(self._engine, self)
        self._beats = Beats(self, seconds=self._limits.beat_seconds)
        self._session: Session | None = None
        self._initialised = self.closing = False

    @property
    def _limits(self) -> Limits:
        return self._engine.limits

    # --- from the first frame to the last

    async def serve(self) -> None:
        if self.wire:
            self.wire.listen(self)
        try:
            await self._asgi_send({"type": "websocket.accept", "subprotocol": messages.SUBPROTOCOL})
            self._beats.wake_in(self._limits.init_seconds)
            await self._read()
        except Gone:
            return
        finally:
            await self._wind_up()

    async def _read(self) -> None:
        while (message := await self._receive())["type"] == "websocket.receive":
            if not self.closing:
                await self._take(message.get("text"))
            del message  # it may be long, and the next is long in coming

    async def _take(self, text: str | None) -> None:
        try:
            if not self._bucket.take():
                raise Closed(Code.TOO_MANY, "Too many messages: slow down.")
            await self._hear(messages.read(text, self._limits))
        except Closed as closed:
            self._close(closed.code, closed.reason)
        except Stalled:
            self.too_slow()

    def _close(self, code: Code, reason: str) -> None:
        if self.closing:
            return
        self.closing = True
        if self.wire:
            self.wire.finish(code, reason)
        else:
            self.tasks.carry_through(self.tasks.spawn(self._send_close(code, reason)))

    async def _send_close(self, code: Code, reason: str) -> None:
        await self._asgi_send({"type": "websocket.close", "code": int(code), "reason": reason})

    def too_slow(self) -> None:
        """The reader takes too little: it resumes where it is."""
        self._close(Code.RESUME, "resume")

    def leaving(self, *, at_once: bool) -> None:
        if at_once or self._operations.are_streams:
            self._close(Code.GOING_AWAY, "The server is going away: reconnect.")

    def drained(self) -> None:
        self._operations.drained()

    def gone(self) -> None:
        """Reading ends by itself."""

    async def _wind_up(self) -> None:
        self.closing = True
        self._beats.stop()
        if self.wire:
            self.wire.listen(None)
        if self._session:
            self._session.listen(None)
        self._operations.leave()
        await self.tasks.end()
        # Both know this connection: in a circle all of it would wait for the garbage collector.
        del self._operations, self._beats

    async def say(self, frame: bytes) -> None:
        if not self.closing:
            await self._out.write({"type": "websocket.send", "text": frame.decode()})

    # --- what the client says

    async def _hear(self, said: Said) -> None:
        match said.type:
            case "connection_init":
                await self._initialise(said)
            case "ping":
                await self._pinged(said)
            case "pong":
                return
            case "subscribe":
                if self._session is None:
                    raise Closed(Code.UNAUTHORIZED, "Unauthorized")
                await self._operations.begin(said, self._session)
            case "complete":
                self._operations.complete(said.id)
            case _:
                raise Closed(Code.BAD_REQUEST, "A message has an unknown `type`.")

    async def _initialise(self, said: Said) -> None:
        if self._initialised:
            raise Closed(Code.TOO_MANY, "Too many initialisation requests.")
        self._initialised = True
        await newcomers().turn()
        payload = said.payload
        connection = HTTPConnection(self._scope)
        try:
            token = self._token(payload) or bearer(connection)
            cookie = self._endpoint.cookies.counted(connection)
            seconds = self._limits.enter_seconds
            session = await entered(
                self._endpoint.door, connection, token=token, cookie=cookie, seconds=seconds
            )
        except Exception as error:
            raise self._shut_out(error) from error
        self._scope["headers"] = ()  # they have been read; a browser's take more than an idle connection
        self._session = session
        self._beats.lifetime = Lifetime(
            session, now=self._endpoint.now, notice_seconds=self._limits.notice_seconds
        )
        session.listen(self._session_changed)
        await self.say(messages.ACK)
        self._beats.begin()

    def _token(self, payload: dict[str, Any]) -> str | None:
        given = payload.get("authorization", payload.get("Authorization"))
        if given is None:
            return None
        if not isinstance(given, str):
            raise Refused(UNAUTHENTICATED, "`authorization` must be a string.")
        return bearer_token(given)

    def _shut_out(self, error: Exception) -> Closed:
        """An error at the door closes the socket: 4403, 1013 where it may be tried again, 4500 for a bug."""
        told = self._engine.told(failure(error).errors)[0]
        code = told.get("extensions", {}).get("code")
        return Closed(_AT_THE_DOOR.get(code, Code.FORBIDDEN), str(told["message"]))

    async def _pinged(self, said: Said) -> None:
        authorization = said.payload.get("authorization")
        if authorization is not None:
            await self._renew(authorization)
        await self.say(messages.PONG)

    async def _renew(self, authorization: Any) -> None:
        if self._session is None:
            raise Closed(Code.UNAUTHORIZED, "Unauthorized")
        try:
            bearer_token(authorization if isinstance(authorization, str) else "")
            async with asyncio.timeout(self._limits.enter_seconds):
                await self._session.renew(authorization)
        except Exception as error:
            raise self._shut_out(error) from error
        self._beats.renewed()

    def _session_changed(self) -> None:
        if self._session is None or self.closing:
            return
        if self._session.ended:
            self.over()
        else:
            self._operations.resettle(self._session)

    # --- beats and ends

    def late(self) -> None:
        if not self._initialised:
            self._close(Code.INIT_TIMEOUT, "Connection initialisation timeout")

    def over(self) -> None:
        self.tasks.spawn(self._expel())

    def beat(self, notice: datetime | None) -> None:
        if self._out.busy or (self.wire and self.wire.pending() > SLOW):
            return
        if self.wire:
            self.wire.put(frame(self._ping_of(notice)))
        else:
            self.tasks.spawn(self._ping(notice))

    def _ping_of(self, notice: datetime | None) -> bytes:
        payload: dict[str, Any] = {"upTo": self._operations.up_to}
        if notice:
            payload["expiresAt"] = notice.isoformat().replace("+00:00", "Z")
        return messages.ping(payload)

    async def _ping(self, notice: datetime | None) -> None:
        # What it tells is read when it is written: an event written in between would be ahead of it.
        try:
            await self.say(self._ping_of(notice))
        except Stalled:
            self.too_slow()
        except Gone:
            return

    async def _expel(self) -> None:
        """The session is over: each operation is told, if the reader takes it; then the socket closes."""
        assert self._beats.lifetime is not None
        farewell = self._beats.lifetime.farewell()
        try:
            async with asyncio.timeout(self._limits.farewell_seconds):
                await self._operations.dismiss(farewell)
        except (TimeoutError, Stalled, Gone):
            pass
        self._close(Code.FORBIDDEN, farewell.errors[0].message)
