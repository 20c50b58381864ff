"""GraphQL over WebSocket, `graphql-transport-ws`, with resumable streams and sessions renewed in place."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from graphql import OperationType
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from datawave.transports import messages
from datawave.transports.credentials import Cookies, bearer, bearer_token
from datawave.transports.door import UNAUTHENTICATED, Asked, Door, Position, Refused, Session, entered
from datawave.transports.errors import Rejected, failure, rejection
from datawave.transports.execution import Engine, Operation
from datawave.transports.json import encoded
from datawave.transports.lifetime import Clock, Lifetime
from datawave.transports.limits import Bucket, Limits
from datawave.transports.messages import Closed, Code, Said
from datawave.transports.outflow import Gone, Outflow, Stalled
from datawave.transports.serving import socket_wire_of


@dataclass(frozen=True, kw_only=True)
class SocketEndpoint:
    """The ASGI application behind `/graphql` for WebSockets."""

    engine: Engine
    door: Door
    cookies: Cookies
    now: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if messages.SUBPROTOCOL not in scope.get("subprotocols", []):
            await _deny(scope, receive, send)
            return
        await Socket(self, scope=scope, receive=receive, send=send).serve()


async def _deny(scope: Scope, receive: Receive, send: Send) -> None:
    if "websocket.http.response" in scope.get("extensions", {}):
        refusal = PlainTextResponse(f"Offer the subprotocol {messages.SUBPROTOCOL}.", status_code=400)
        await refusal(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": 4406, "reason": "Subprotocol not acceptable"})


_AT_THE_DOOR = {
    "INTERNAL": Code.FAILED,
    "UNAVAILABLE": Code.TRY_LATER,
    "CIRCUIT_OPEN": Code.TRY_LATER,
    "RATE_LIMITED": Code.TRY_LATER,
}


@dataclass(eq=False, slots=True)
class Running:
    """One operation on a socket."""

    id: str
    quoted_id: bytes
    position: Position = field(default_factory=Position)
    task: asyncio.Task[None] | None = None


class Socket:
    """One connection. Its own task reads; each operation has a task, and timers wake it for beats and ends.

    Whoever finds a reason to close calls `_close`, which makes the reading end; only then are the operations
    wound up, so nothing outlives the connection save a change that is being carried through.
    """

    def __init__(self, endpoint: SocketEndpoint, *, scope: Scope, receive: Receive, send: Send) -> None:
        self._endpoint, self._engine = endpoint, endpoint.engine
        self._scope, self._receive, self._asgi_send = scope, receive, send
        self._wire = socket_wire_of(scope)
        self._out = Outflow(send, wire=self._wire, stall_seconds=self._limits.stall_seconds)
        self._bucket = Bucket(rate=self._limits.messages_per_second, burst=self._limits.message_burst)
        self._running: dict[str, Running] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._carried_through: set[asyncio.Task[None]] = set()
        self._session: Session | None = None
        self._lifetime: Lifetime | None = None
        self._told_end = False
        self._initialised = self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._next_beat = 0.0

    @property
    def _limits(self) -> Limits:
        return self._engine.limits

    # --- from the first frame to the last

    async def serve(self) -> None:
        if self._wire:
            self._wire.on_leaving = lambda: self._close(
                Code.GOING_AWAY, "The server is going away: reconnect."
            )
        try:
            await self._asgi_send({"type": "websocket.accept", "subprotocol": messages.SUBPROTOCOL})
            self._wake_in(self._limits.init_seconds)
            await self._read()
        except Gone:
            return
        finally:
            await self._wind_up()

    async def _read(self) -> None:
        while (message := await self._receive())["type"] == "websocket.receive":
            if self._closing:
                continue
            try:
                if not self._bucket.take():
                    raise Closed(Code.TOO_MANY, "Too many messages: slow down.")
                await self._hear(messages.read(message.get("text"), self._limits))
            except Closed as closed:
                self._close(closed.code, closed.reason)
            except Stalled:
                self._stalled()

    def _close(self, code: Code, reason: str) -> None:
        if self._closing:
            return
        self._closing = True
        if self._wire:
            self._wire.finish(code, reason)
        else:
            self._carried_through.add(self._spawn(self._send_close(code, reason)))

    async def _send_close(self, code: Code, reason: str) -> None:
        await self._asgi_send({"type": "websocket.close", "code": int(code), "reason": reason})

    def _stalled(self) -> None:
        self._close(Code.RESUME, "resume")

    async def _wind_up(self) -> None:
        self._closing = True
        if self._timer:
            self._timer.cancel()
        for task in self._tasks - self._carried_through:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._carried_through.discard(task)

    async def _say(self, frame: bytes) -> None:
        if not self._closing:
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
                await self._subscribe(said)
            case "complete":
                self._completed(said.id)
            case _:
                raise Closed(Code.BAD_REQUEST, "A message has an unknown `type`.")

    async def _initialise(self, said: Said) -> None:
        if self._initialised:
            raise Closed(Code.TOO_MANY, "Too many initialisation requests.")
        self._initialised = True
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
        self._session = session
        self._lifetime = Lifetime(session, now=self._endpoint.now, notice_seconds=self._limits.notice_seconds)
        self._spawn(self._until_ended(session))
        await self._say(messages.ACK)
        self._next_beat = asyncio.get_running_loop().time() + self._limits.beat_seconds
        self._schedule()

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
        await self._say(messages.PONG)

    async def _renew(self, authorization: Any) -> None:
        if self._session is None or self._lifetime is None:
            raise Closed(Code.UNAUTHORIZED, "Unauthorized")
        try:
            bearer_token(authorization if isinstance(authorization, str) else "")
            async with asyncio.timeout(self._limits.enter_seconds):
                await self._session.renew(authorization)
        except Exception as error:
            raise self._shut_out(error) from error
        self._lifetime.began_anew()
        self._told_end = False
        self._schedule()

    async def _subscribe(self, said: Said) -> None:
        if self._session is None:
            raise Closed(Code.UNAUTHORIZED, "Unauthorized")
        if said.id in self._running:
            raise Closed(Code.SUBSCRIBER_EXISTS, f"Subscriber for {said.id} already exists")
        running = Running(said.id, encoded(said.id))
        try:
            asked = messages.subscription_of(said, self._limits)
            if len(self._running) >= self._limits.operations:
                raise Refused("RATE_LIMITED", f"At most {self._limits.operations} operations a connection.")
        except Refused as refused:
            await self._say_error(running, rejection(refused.code, refused.message))
            return
        self._running[running.id] = running
        running.task = self._spawn(self._run(running, asked, self._session))

    def _completed(self, id: str) -> None:
        running = self._running.get(id)
        if running is None:
            return
        del self._running[id]
        if running.task and running.task not in self._carried_through:
            running.task.cancel()

    # --- operations

    async def _run(self, running: Running, asked: Asked, session: Session) -> None:
        try:
            await self._answer(running, await self._engine.prepare(asked, session))
            await self._finish(running, messages.complete_frame(running.quoted_id))
        except Rejected as rejected:
            await self._reject(running, rejected)
        except Stalled:
            self._stalled()
        except Gone:
            return
        except Exception as error:
            await self._reject(running, failure(error))
        finally:
            if self._running.get(running.id) is running:
                del self._running[running.id]

    async def _answer(self, running: Running, operation: Operation) -> None:
        running.position = operation.context.position
        if operation.kind is not OperationType.SUBSCRIPTION:
            if operation.kind is OperationType.MUTATION and running.task:
                # The client cannot know how far a change had come: it is not broken off when the client goes.
                self._carried_through.add(running.task)
            await self._next(running, await operation.once())
            return
        async with aclosing(operation.stream()) as answers:
            async for answer in answers:
                await self._next(running, answer)
                running.position.sent()

    async def _next(self, running: Running, answer: bytes) -> None:
        if self._running.get(running.id) is running:
            await self._say(messages.next_frame(running.quoted_id, answer))

    async def _finish(self, running: Running, frame: bytes) -> None:
        """The last frame of an operation; its id is free from then on."""
        if self._running.get(running.id) is running:
            del self._running[running.id]
            await self._say(frame)

    async def _reject(self, running: Running, rejected: Rejected) -> None:
        try:
            await self._finish(running, self._error(running, rejected))
        except Stalled:
            self._stalled()
        except Gone:
            return

    async def _say_error(self, running: Running, rejected: Rejected) -> None:
        await self._say(self._error(running, rejected))

    def _error(self, running: Running, rejected: Rejected) -> bytes:
        return messages.error_frame(running.quoted_id, self._engine.told(rejected.errors))

    # --- beats and ends

    def _schedule(self) -> None:
        """Wakes at the next beat, or when the session's end is to be told or has come."""
        wait = max(0.0, self._next_beat - asyncio.get_running_loop().time())
        left = self._lifetime.seconds_to_next() if self._lifetime else None
        self._wake_in(wait if left is None else min(wait, left))

    def _wake_in(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        if not self._closing:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._woken)

    def _woken(self) -> None:
        if self._lifetime is None:
            if not self._initialised:
                self._close(Code.INIT_TIMEOUT, "Connection initialisation timeout")
        elif self._lifetime.over:
            self._spawn(self._expel())
        else:
            self._beat(self._lifetime)
            self._schedule()

    def _beat(self, lifetime: Lifetime) -> None:
        due = asyncio.get_running_loop().time() >= self._next_beat
        notice = lifetime.notice
        if not due and (notice is None or self._told_end):
            return
        self._told_end = notice is not None
        self._next_beat = asyncio.get_running_loop().time() + self._limits.beat_seconds
        if self._out.busy:
            return
        payload: dict[str, Any] = {"upTo": self._up_to()}
        if notice:
            payload["expiresAt"] = notice.isoformat().replace("+00:00", "Z")
        self._spawn(self._ping(messages.ping(payload)))

    def _up_to(self) -> dict[str, str]:
        return {
            id: cursor
            for id, running in self._running.items()
            if (cursor := running.position.up_to) is not None
        }

    async def _ping(self, frame: bytes) -> None:
        try:
            await self._say(frame)
        except Stalled:
            self._stalled()
        except Gone:
            return

    async def _until_ended(self, session: Session) -> None:
        await session.ended.wait()
        await self._expel()

    async def _expel(self) -> None:
        """The session is over: each operation is told, if the reader takes it; then the socket closes."""
        assert self._lifetime is not None
        farewell = self._lifetime.farewell()
        try:
            async with asyncio.timeout(self._limits.farewell_seconds):
                for running in list(self._running.values()):
                    self._completed(running.id)
                    await self._say_error(running, farewell)
        except (TimeoutError, Stalled, Gone):
            pass
        self._close(Code.FORBIDDEN, farewell.errors[0].message)
