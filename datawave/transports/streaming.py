"""Answers streamed over HTTP for as long as the client reads, the session lasts and the server stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from datawave.transports.door import Position, Session, raw
from datawave.transports.errors import Rejected, failure
from datawave.transports.execution import Engine, Operation
from datawave.transports.fanout import SLOW, Batch
from datawave.transports.framing import Framing
from datawave.transports.groups import Meet, Turn
from datawave.transports.lifetime import Lifetime
from datawave.transports.limits import Limits
from datawave.transports.outflow import Gone, Outflow, Stalled
from datawave.transports.serving import ResponseWire, response_wire_of
from datawave.transports.subscribing import Flow, elsewhere, meeting_of, resumed, tell_alone


@dataclass(kw_only=True)
class Streamed:
    """The response: an ASGI application for one request, telling a subscription or given answers. It is
    called once, and keeps its operation no longer than until others tell it.

    It completes when its source does, or breaks, or the session is ended. It merely stops, to be resumed,
    when the session expires, the server leaves or the reader stalls.
    """

    operation: Operation | None
    answers: AsyncGenerator[bytes, None] | None
    framing: Framing
    engine: Engine
    session: Session
    lifetime: Lifetime
    headers: Sequence[tuple[bytes, bytes]] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wire = response_wire_of(scope)
        if wire is not None:
            # They have been read, and the server keeps them: a browser's take more than an idle stream.
            cast("list[Any]", scope["headers"]).clear()
        await _Response(self, wire, send).serve(receive)

    def start(self) -> dict[str, object]:
        headers = [
            raw("content-type", self.framing.content_type),
            (b"cache-control", b"no-store, no-transform"),
            (b"x-accel-buffering", b"no"),
            *self.headers,
        ]
        return {"type": "http.response.start", "status": 200, "headers": headers}


class _End(Enum):
    """Why a response is over."""

    THROUGH = auto()
    STOPPED = auto()
    "The session expired, the server leaves, the reader is too slow: it resumes."
    GONE = auto()
    EXPELLED = auto()
    "The session was ended."


class _Response:
    """A streamed response under way. While it is told alone a task feeds it; with its group it has only the
    one that waits for its end."""

    def __init__(self, streamed: Streamed, wire: ResponseWire | None, send: Send) -> None:
        self._streamed, self._engine, self._framing = streamed, streamed.engine, streamed.framing
        self._wire = wire
        self._out = Outflow(send, wire=wire, stall_seconds=self._limits.stall_seconds)
        self._flow = Flow(wire, self._clothed, self._stop) if wire else None
        self._operation, streamed.operation = streamed.operation, None
        self._is_subscription = self._operation is not None
        self._position = self._operation.context.position if self._operation else Position()
        self._meet: Meet | None = None
        self._over: asyncio.Future[_End] = asyncio.get_running_loop().create_future()
        self._feeding: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stuck = 0

    @property
    def _limits(self) -> Limits:
        return self._engine.limits

    # --- from the head to the end

    async def serve(self, receive: Receive) -> None:
        going = None if self._wire else asyncio.create_task(self._until_gone(receive))
        if self._wire:
            self._wire.listen(self)
        self._streamed.session.listen(self._session_changed)
        try:
            await self._serve()
        except (Stalled, TimeoutError):
            if self._wire:
                self._wire.abort()
        except Gone:
            return
        finally:
            self._streamed.session.listen(None)
            if self._wire:
                self._wire.listen(None)
            await _cancelled([task for task in (going, self._feeding, self._beating) if task])
            if self._streamed.answers:
                await self._streamed.answers.aclose()

    async def _serve(self) -> None:
        await self._out.write(self._streamed.start())
        await self._out.write(_chunk(self._framing.opening))
        operation, self._operation = self._operation, None
        self._feed(self._told(operation))
        del operation
        self._schedule()
        try:
            end = await self._over
        finally:
            self._leave()
            if self._timer:
                self._timer.cancel()
            await _cancelled([task for task in (self._feeding, self._beating) if task])
        if end is _End.GONE:
            return
        # Whoever stopped early does not wait for a reader: it resumes anyway.
        async with asyncio.timeout(None if end is _End.THROUGH else self._limits.farewell_seconds):
            if end is _End.EXPELLED:
                await self._tell_last(self._streamed.lifetime.farewell())
            await self._out.write({"type": "http.response.body", "body": b"", "more_body": False})

    def _end(self, end: _End) -> None:
        if not self._over.done():
            self._over.set_result(end)

    def _stop(self) -> None:
        self._end(_End.STOPPED)

    async def _until_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._end(_End.GONE)

    def leaving(self, *, at_once: bool) -> None:
        if at_once or self._is_subscription:  # given answers end by themselves
            self._stop()

    def gone(self) -> None:
        self._end(_End.GONE)

    # --- telling

    def _feed(self, work: Coroutine[Any, Any, None]) -> None:
        self._feeding = asyncio.create_task(work)
        self._feeding.add_done_callback(self._fed)

    def _fed(self, feeding: asyncio.Task[None]) -> None:
        """A subscription that has met its group goes on without."""
        if feeding.cancelled() or self._over.done():
            return
        if error := feeding.exception():
            self._over.set_exception(error)
        elif self._meet is None or not self._meet.entered:
            self._end(_End.THROUGH)
        if feeding is self._feeding:
            self._feeding = None

    async def _told(self, operation: Operation | None) -> None:
        """All that there is, or until the group is met; then the last words, if it came to them."""
        try:
            if answers := self._streamed.answers:
                async with aclosing(answers):
                    async for answer in answers:
                        await self._event(answer)
            elif operation is not None:
                await self._subscription(operation)
        except Rejected as rejected:
            await self._tell_last(rejected)
        except (Stalled, Gone):
            raise
        except Exception as error:
            await self._tell_last(failure(error))
        else:
            if self._meet is None or not self._meet.entered:
                await self._out.write(_chunk(self._framing.completion))

    async def _subscription(self, operation: Operation) -> None:
        self._position = operation.context.position
        turn = Turn(self._engine.groups.turns)
        self._meet = meeting_of(operation, self, turn) if self._wire else None
        await tell_alone(operation, self._meet, self._event)

    async def _event(self, answer: bytes) -> None:
        await self._out.write(_chunk(self._framing.event(answer, self._position.of_event)))

    async def _tell_last(self, rejected: Rejected) -> None:
        await self._out.write(_chunk(self._last(rejected)))

    def _last(self, rejected: Rejected) -> bytes:
        answer = self._engine.failed(rejected.errors)
        return self._framing.event(answer, None) + self._framing.completion

    # --- with the group

    def take(self, batch: Batch) -> None:
        assert self._flow is not None
        self._flow.take(batch)

    def _clothed(self, batch: Batch) -> bytes:
        return batch.chunk(self._framing, chunked=self._wire is not None and self._wire.chunked)

    def drained(self) -> None:
        if self._flow is not None:
            self._flow.drained()

    def source_ended(self, rejected: Rejected | None) -> None:
        self._put(self._last(rejected) if rejected else self._framing.completion)
        self._end(_End.THROUGH)

    def _put(self, body: bytes) -> None:
        if self._wire:
            self._wire.put(b"%x\r\n%b\r\n" % (len(body), body) if self._wire.chunked else body)

    @property
    def _up_to(self) -> str | None:
        meet = self._meet
        told = meet.group.up_to(self) if meet and meet.entered and meet.group else None
        return told or self._position.up_to

    def _leave(self) -> str | None:
        meet, self._meet = self._meet, None
        told = meet.leave() if meet else None
        return told or self._position.up_to

    def _session_changed(self) -> None:
        session, meet = self._streamed.session, self._meet
        if session.ended:
            self._end(_End.EXPELLED)
        elif meet is not None and not self._over.done() and elsewhere(meet, session):
            asked = resumed(meet, self._leave())
            self._feed(self._goes_on(asked))

    async def _goes_on(self, asked: Any) -> None:
        try:
            operation = self._engine.again(asked, self._streamed.session)
        except Rejected as rejected:
            await self._tell_last(rejected)
        else:
            await self._told(operation)

    # --- beats and ends

    def _schedule(self) -> None:
        left = self._streamed.lifetime.seconds_to_next()
        beat = self._limits.beat_seconds
        self._timer = asyncio.get_running_loop().call_later(
            beat if left is None else min(beat, left), self._woken
        )

    def _woken(self) -> None:
        if self._streamed.lifetime.over:
            self._end(_End.EXPELLED if self._streamed.session.ended else _End.STOPPED)
            return
        self._beat()
        if not self._over.done():
            self._schedule()

    def _beat(self) -> None:
        if self._out.busy:
            return
        if self._wire is None:
            if self._beating is None or self._beating.done():
                self._beating = asyncio.create_task(self._beaten())
        elif self._moves(self._wire.pending()):
            self._put(self._framing.beat(self._up_to))

    async def _beaten(self) -> None:
        try:
            await self._out.write(_chunk(self._framing.beat(self._up_to)))
        except Stalled:
            self._stop()
        except Gone:
            self.gone()

    def _moves(self, pending: int) -> bool:
        """Whether the reader takes what it is given; one that has not taken anything for long is let go."""
        stuck, self._stuck = self._stuck, pending
        if pending <= SLOW:
            return True
        if pending >= stuck > 0:
            self._stop()
        return False


def _chunk(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


async def one(answer: bytes) -> AsyncGenerator[bytes, None]:
    """A stream of a single answer, for a query asked for as a stream."""
    yield answer


async def refused(rejected: Rejected) -> AsyncGenerator[bytes, None]:
    """A stream that only says why there is none."""
    raise rejected
    yield b""
