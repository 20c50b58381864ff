"""One operation on a socket, and, where it is a subscription, the member of a group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from datawave.transports.door import Position
from datawave.transports.errors import Rejected
from datawave.transports.execution import Operation
from datawave.transports.fanout import Batch
from datawave.transports.groups import Meet, Turn
from datawave.transports.json import encoded
from datawave.transports.subscribing import Flow, meeting_of

if TYPE_CHECKING:
    from datawave.transports.operations import Operations


class Running:
    """An operation from its `subscribe` to its last frame."""

    __slots__ = ("_among", "_flow", "id", "is_stream", "meet", "position", "quoted_id", "task")

    def __init__(self, id: str, among: Operations) -> None:
        self._among = among
        self.id, self.quoted_id = id, b"%b" % encoded(id)  # a copy: orjson's own keeps 4 KiB for itself
        self.position = Position()
        self.is_stream = False
        """Known once it is read what is asked."""
        self.task: asyncio.Task[None] | None = None
        """While it is answered alone."""
        self.meet: Meet | None = None
        self._flow: Flow | None = None

    def meets(self, operation: Operation, turn: Turn) -> Meet | None:
        self.meet = meeting_of(operation, self, turn)
        return self.meet

    @property
    def in_group(self) -> bool:
        return self.meet is not None and self.meet.entered

    def take(self, batch: Batch) -> None:
        if self._flow is None:
            wire = self._among.wire
            assert wire is not None
            self._flow = Flow(wire, self._clothed, self._among.too_slow)
        self._flow.take(batch)

    def _clothed(self, batch: Batch) -> bytes:
        return batch.frames(self.quoted_id)

    def drained(self) -> None:
        if self._flow is not None:
            self._flow.drained()

    def source_ended(self, rejected: Rejected | None) -> None:
        self._among.source_ended(self, rejected)

    @property
    def up_to(self) -> str | None:
        """Everything of this operation up to here has been sent."""
        meet = self.meet
        told = meet.group.up_to(self) if meet and meet.entered and meet.group else None
        return told or self.position.up_to

    def leave(self) -> str | None:
        """No more comes; what came, came up to this cursor."""
        meet, self.meet = self.meet, None
        told = meet.leave() if meet else None
        return told or self.position.up_to
