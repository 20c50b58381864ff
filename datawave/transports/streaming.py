"""Answers streamed over HTTP for as long as the client reads, the session lasts and the server stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from datawave.transports.door import Position
from datawave.transports.errors import Rejected
from datawave.transports.execution import Engine
from datawave.transports.framing import Framing
from datawave.transports.lifetime import Lifetime
from datawave.transports.limits import Limits
from datawave.transports.outflow import Gone, Outflow, Stalled
from datawave.transports.serving import wire_of


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """The response: an ASGI application for one request.

    It completes when its source does, or breaks, or the session is ended. It merely stops, to be resumed,
    when the session expires, the server leaves or the reader stalls.
    """

    answers: AsyncGenerator[bytes, None]
    framing: Framing
    engine: Engine
    lifetime: Lifetime
    ended: asyncio.Event
    position: Position
    headers: Sequence[tuple[str, str]] = ()

    @property
    def _limits(self) -> Limits:
        return self.engine.limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wire = wire_of(scope)
        leaving = asyncio.Event()
        if wire:
            wire.on_leaving = leaving.set
        outflow = Outflow(send, wire=wire, stall_seconds=self._limits.stall_seconds)
        try:
            async with aclosing(self.answers):
                await outflow.write(self._start())
                through = await self._serve(outflow, receive, leaving)
            # Whoever stopped early does not wait for a reader: it resumes anyway.
            async with asyncio.timeout(None if through else self._limits.farewell_seconds):
                await outflow.write({"type": "http.response.body", "body": b"", "more_body": False})
        except (Stalled, TimeoutError):
            if wire:
                wire.abort()
        except Gone:
            return

    def _start(self) -> dict[str, object]:
        headers = [
            ("content-type", self.framing.content_type),
            ("cache-control", "no-store, no-transform"),
            ("x-accel-buffering", "no"),
            *self.headers,
        ]
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        return {"type": "http.response.start", "status": 200, "headers": raw}

    async def _serve(self, outflow: Outflow, receive: Receive, leaving: asyncio.Event) -> bool:
        """Runs until the stream is through (then True), or either side goes, or the session ends."""
        feeding = asyncio.create_task(self._feed(outflow))
        ends: list[asyncio.Task[Any]] = [
            asyncio.create_task(one) for one in (_gone(receive), leaving.wait(), self.ended.wait())
        ]
        try:
            await self._attend(outflow, feeding, ends)
        finally:
            await _cancelled([feeding, *ends])
        if not feeding.cancelled():
            feeding.result()
            return True
        if self.ended.is_set():
            async with asyncio.timeout(self._limits.farewell_seconds):
                await self._tell(outflow, self.lifetime.farewell())
        return False

    async def _attend(
        self, outflow: Outflow, feeding: asyncio.Task[None], ends: Sequence[asyncio.Task[Any]]
    ) -> None:
        until = [feeding, *ends]
        while not self.lifetime.over:
            done, _ = await asyncio.wait(until, timeout=self._pause(), return_when=asyncio.FIRST_COMPLETED)
            if done:
                return
            if not outflow.busy:
                await outflow.write(_chunk(self.framing.beat(self.position.up_to)))

    def _pause(self) -> float:
        left = self.lifetime.seconds_to_next()
        return min(self._limits.beat_seconds, self._limits.beat_seconds if left is None else left)

    async def _feed(self, outflow: Outflow) -> None:
        await outflow.write(_chunk(self.framing.opening))
        try:
            async for answer in self.answers:
                await outflow.write(_chunk(self.framing.event(answer, self.position.of_event)))
                self.position.sent()
        except Rejected as rejected:
            await self._tell(outflow, rejected)
        else:
            await outflow.write(_chunk(self.framing.completion))

    async def _tell(self, outflow: Outflow, rejected: Rejected) -> None:
        answer = self.engine.failed(rejected.errors)
        await outflow.write(_chunk(self.framing.event(answer, None) + self.framing.completion))


def _chunk(body: bytes) -> dict[str, object]:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def one(answer: bytes) -> AsyncGenerator[bytes, None]:
    """A stream of a single answer, for a query asked for as a stream."""
    yield answer


async def refused(rejected: Rejected) -> AsyncGenerator[bytes, None]:
    """A stream that only says why there is none."""
    raise rejected
    yield b""
