"""One subscriber's way: alone to where its group stands, then with it, or another when rights change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing

from datawave.kit import metrics
from datawave.transports.door import Asked, Session
from datawave.transports.execution import Operation
from datawave.transports.fanout import SLOW, TOO_SLOW, Batch, Sparing, Told
from datawave.transports.groups import Meet, Member, Turn
from datawave.transports.serving import Wire

Deliver = Callable[[bytes], Awaitable[None]]


async def tell_alone(operation: Operation, meet: Meet | None, deliver: Deliver) -> None:
    """Everything of a stream, or, where others have the same, until it has met them.

    It is pulled only when the last answer was delivered, and only in its turn: catching up is work, and the
    live streams go before it."""
    operation.context.meeting = meet
    async with aclosing(operation.stream()) as answers:
        while True:
            if meet:
                await meet.turn.take()
            try:
                answer = await anext(answers, None)
            finally:
                if meet:
                    meet.turn.give()
            if answer is None:
                return
            metrics.STREAM_EXECUTIONS.labels("alone").inc()
            await deliver(answer)
            operation.context.position.sent()


def meeting_of(operation: Operation, member: Member, turn: Turn) -> Meet | None:
    """None where nobody else has the same stream: then it takes no turns."""
    if operation.key is None:
        turn.give()
        return None
    return Meet(operation.engine.groups, operation, member, turn)


def elsewhere(meet: Meet, session: Session) -> bool:
    """Whether whoever asks belongs to another group by now."""
    group = meet.group
    if not meet.entered or group is None:
        return False  # on its way it sees for itself
    shape = group.operation.shape
    assert shape is not None
    return session.context(group.operation.asked).among(shape.touched) != group.key.among


def resumed(meet: Meet, cursor: str | None) -> Asked:
    """What a member asks for when it goes on elsewhere from a cursor."""
    assert meet.group is not None
    asked = meet.group.operation.asked
    return Asked(
        query=asked.query,
        operation_name=asked.operation_name,
        variables=asked.variables,
        extensions=asked.extensions,
        last_event_id=cursor,
    )


class Flow:
    """What is put on one reader's wire, by how far the reader is behind."""

    __slots__ = ("_clothe", "_sparing", "_too_slow", "_wire")

    def __init__(self, wire: Wire, clothe: Callable[[Batch], bytes], too_slow: Callable[[], None]) -> None:
        self._wire, self._clothe, self._too_slow = wire, clothe, too_slow
        self._sparing: Sparing | None = None

    def take(self, batch: Batch) -> None:
        pending = self._wire.pending()
        if self._sparing is None and pending <= SLOW:
            self._wire.put(self._clothe(batch))
        else:
            self._spare(batch.told, pending)

    def _spare(self, told: Sequence[Told], pending: int) -> None:
        sparing = self._sparing = self._sparing or Sparing()
        if pending <= SLOW:
            left = [*sparing.all(), *told]
            self._sparing = None
        else:
            left = sparing.left(told)
        if not left:
            return
        if pending > TOO_SLOW:
            self._too_slow()
        else:
            self._wire.put(self._clothe(Batch(left)))

    def drained(self) -> None:
        if self._sparing is not None:
            self._spare([], 0)
