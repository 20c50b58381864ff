"""The operations of one WebSocket, by the ids that its client gave them."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from graphql import OperationType

from datawave.transports import messages
from datawave.transports.door import Asked, Refused, Session
from datawave.transports.errors import Rejected, failure, rejection
from datawave.transports.execution import Engine, Operation
from datawave.transports.fanout import frame
from datawave.transports.groups import Turn
from datawave.transports.messages import Closed, Code, Said
from datawave.transports.outflow import Gone, Stalled
from datawave.transports.running import Running
from datawave.transports.serving import Wire
from datawave.transports.subscribing import elsewhere, resumed, tell_alone
from datawave.transports.tasks import Tasks


class Connection(Protocol):
    """What carries the operations."""

    tasks: Tasks
    closing: bool

    @property
    def wire(self) -> Wire | None: ...
    async def say(self, frame: bytes) -> None: ...
    def too_slow(self) -> None: ...


class Operations:
    """One has a task while it is answered alone; a subscription that is with its group has none."""

    __slots__ = ("_connection", "_engine", "_running")

    def __init__(self, engine: Engine, connection: Connection) -> None:
        self._engine, self._connection = engine, connection
        self._running: dict[str, Running] = {}

    @property
    def wire(self) -> Wire | None:
        return self._connection.wire

    def too_slow(self) -> None:
        self._connection.too_slow()

    @property
    def are_streams(self) -> bool:
        """None of them ends by itself."""
        return all(running.is_stream for running in self._running.values())

    @property
    def up_to(self) -> dict[str, str]:
        return {id: cursor for id, running in self._running.items() if (cursor := running.up_to) is not None}

    # --- from the first frame to the last

    async def begin(self, said: Said, session: Session) -> None:
        if said.id in self._running:
            raise Closed(Code.SUBSCRIBER_EXISTS, f"Subscriber for {said.id} already exists")
        running, limits = Running(said.id, self), self._engine.limits
        try:
            asked = messages.subscription_of(said, limits)
            if len(self._running) >= limits.operations:
                raise Refused("RATE_LIMITED", f"At most {limits.operations} operations a connection.")
        except Refused as refused:
            await self._say_error(running, rejection(refused.code, refused.message))
            return
        self._running[running.id] = running
        self._spawn(running, asked, session)

    def complete(self, id: str) -> None:
        running = self._running.pop(id, None)
        if running is None:
            return
        running.leave()
        if running.task:
            self._connection.tasks.break_off(running.task)

    def drained(self) -> None:
        for running in self._running.values():
            running.drained()

    def resettle(self, session: Session) -> None:
        """Whoever sees something else now goes on with another group."""
        for running in list(self._running.values()):
            if (meet := running.meet) is not None and elsewhere(meet, session):
                self._spawn(running, resumed(meet, running.leave()), session, again=True)

    def leave(self) -> None:
        for running in self._running.values():
            running.leave()

    async def dismiss(self, farewell: Rejected) -> None:
        """Each is told why it ends."""
        for running in list(self._running.values()):
            self.complete(running.id)
            await self._say_error(running, farewell)

    def _has(self, running: Running) -> bool:
        """Whether its client still waits for it: an id that is free again may be another's."""
        return self._running.get(running.id) is running

    def _spawn(self, running: Running, asked: Asked, session: Session, *, again: bool = False) -> None:
        running.task = self._connection.tasks.spawn(self._run(running, asked, session, again=again))

    # --- one of them

    async def _run(self, running: Running, asked: Asked, session: Session, *, again: bool = False) -> None:
        try:
            engine, turn = self._engine, None
            if self.wire and engine.is_shared(asked, session):
                turn = Turn(engine.groups.turns)
                running.is_stream = True
                await turn.take()
            try:
                operation = engine.again(asked, session) if again else await engine.prepare(asked, session)
                await self._answer(running, operation, turn)
            finally:
                if turn:
                    turn.give()
            if not running.in_group:
                await self._finish(running, messages.complete_frame(running.quoted_id))
        except Rejected as rejected:
            await self._reject(running, rejected)
        except Stalled:
            self.too_slow()
        except Gone:
            return
        except Exception as error:
            await self._reject(running, failure(error))
        finally:
            running.task = None
            if not running.in_group:
                running.leave()
                if self._has(running):
                    del self._running[running.id]

    async def _answer(self, running: Running, operation: Operation, turn: Turn | None) -> None:
        running.position = operation.context.position
        if operation.kind is not OperationType.SUBSCRIPTION:
            if operation.kind is OperationType.MUTATION and running.task:
                # The client cannot know how far a change had come: it is not broken off when the client goes.
                self._connection.tasks.carry_through(running.task)
            await self._next(running, await operation.once())
            return
        running.is_stream = True
        meet = running.meets(operation, turn) if turn else None
        await tell_alone(operation, meet, partial(self._next, running))

    async def _next(self, running: Running, answer: bytes) -> None:
        if self._has(running):
            await self._connection.say(messages.next_frame(running.quoted_id, answer))

    async def _finish(self, running: Running, frame: bytes) -> None:
        """The last frame of an operation; its id is free from then on."""
        if self._has(running):
            del self._running[running.id]
            await self._connection.say(frame)

    def source_ended(self, running: Running, rejected: Rejected | None) -> None:
        """The group of an operation is through, or broke: its last frame goes behind what the group told."""
        if self._has(running) and self.wire and not self._connection.closing:
            del self._running[running.id]
            last = self._error(running, rejected) if rejected else messages.complete_frame(running.quoted_id)
            self.wire.put(frame(last))

    async def _reject(self, running: Running, rejected: Rejected) -> None:
        try:
            await self._finish(running, self._error(running, rejected))
        except Stalled:
            self.too_slow()
        except Gone:
            return

    async def _say_error(self, running: Running, rejected: Rejected) -> None:
        await self._connection.say(self._error(running, rejected))

    def _error(self, running: Running, rejected: Rejected) -> bytes:
        return messages.error_frame(running.quoted_id, self._engine.told(rejected.errors))
