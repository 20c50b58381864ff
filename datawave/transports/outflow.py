"""One reader's side of a connection: messages in turn, none kept, and a reader that stalls is noticed.

Nothing queues here: whoever writes waits until the server has taken the message, and a server takes none
while the reader leaves its buffer full. So a stream's source is pulled no faster than its reader reads.
"""

from __future__ import annotations

import asyncio
import time

from starlette.types import Message, Send

from datawave.transports.serving import Wire

SLICE_SECONDS = 0.002


class Stalled(Exception):
    """The reader has taken no byte for too long."""


class Gone(Exception):
    """There is no reader any more."""


class Outflow:
    """The one writer of a connection."""

    __slots__ = ("_gave_way", "_send", "_stall", "_turn", "_wire")

    def __init__(self, send: Send, *, wire: Wire | None, stall_seconds: float) -> None:
        self._send, self._wire, self._stall = send, wire, stall_seconds
        self._turn = asyncio.Lock()
        self._gave_way = 0.0

    @property
    def busy(self) -> bool:
        """Somebody is writing: a sign of life can be spared."""
        return self._turn.locked()

    async def write(self, message: Message) -> None:
        async with self._turn:
            while not await self._taken(message):
                pass
        # A source that has everything at hand and a reader that keeps up never wait, nor let others run.
        if time.monotonic() - self._gave_way > SLICE_SECONDS:
            await asyncio.sleep(0)
            self._gave_way = time.monotonic()

    async def _taken(self, message: Message) -> bool:
        """False when the reader is slow but moving; a server that waits has not begun: it is asked again."""
        before = self._wire.pending() if self._wire else 0
        try:
            async with asyncio.timeout(self._stall):
                await self._send(message)
        except TimeoutError:
            if self._wire is None or self._wire.pending() >= before:
                raise Stalled from None
            return False
        except OSError:
            raise Gone from None
        return True
