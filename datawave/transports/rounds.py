"""What newcomers cost is done piece by piece, so that a herd of them is not felt by those who are here.

One rule: one piece in each round of the loop, and while events are on their way a piece is followed by a rest
of three times as long as it took. So newcomers have a quarter of the time then, and else all that is left
over. They go in the order in which they came, and one who comes alone hardly waits.

A piece is a handshake, an introduction, a subscription, or one answer that somebody is behind.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary

from datawave.kit import passing
from datawave.kit.passing import Clock, Passing

REST = 3
"""Times as long as the piece before it. An event passes the loop some twenty times on its way to its
subscribers: what is done in each of its rounds is felt twenty times."""

YOUNG, LOOKED_THROUGH = 1_000, 4
"""So many new objects, while a herd comes, are looked through for garbage; and after so many times those with
them that were new before."""

Work = Callable[[], None]


class Rounds:
    """A piece is the call, and what the task that it wakes or makes does until that waits for something."""

    def __init__(
        self,
        events: Passing = passing.events,
        *,
        clock: Clock = time.monotonic,
        computed: Clock = time.thread_time,
    ) -> None:
        self._events, self._clock, self._computed = events, clock, computed
        self._waiting: deque[Work] = deque()
        self._scheduled = False
        self._began = self._took = self._rested = 0.0

    def do(self, work: Work) -> None:
        self._waiting.append(work)
        self._schedule()

    async def turn(self) -> None:
        """Comes back in a round of its own."""
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.do(lambda: None if mine.done() else mine.set_result(None))
        await mine

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._round)

    def _round(self) -> None:
        loop = asyncio.get_running_loop()
        rest = self._rested - self._clock() if self._events else 0.0
        if rest > 0:
            loop.call_later(rest, self._round)
            return
        # What the work wakes or makes comes between these two: a loop keeps the order.
        loop.call_soon(self._begin)
        began = self._computed()
        try:
            self._waiting.popleft()()
        finally:
            self._took = self._computed() - began
            loop.call_soon(self._end)

    def _begin(self) -> None:
        self._began = self._computed()

    def _end(self) -> None:
        if self._waiting:
            _collect()
        took = self._took + self._computed() - self._began
        self._rested = self._clock() + REST * took
        self._scheduled = False
        self._schedule()


def _collect() -> None:
    """It is a part of what newcomers cost. Python itself looks at once through what a hundred of them are
    made of, and then through what a thousand are: for a tenth of a second nobody is told anything."""
    young, looked_through, _ = gc.get_count()
    if young > YOUNG:
        gc.collect(1 if looked_through >= LOOKED_THROUGH else 0)


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Rounds] = WeakKeyDictionary()


def newcomers() -> Rounds:
    """Those of the running loop: by whatever way they come, they wait in one line."""
    loop = asyncio.get_running_loop()
    rounds = _of_loops.get(loop)
    if rounds is None:
        rounds = _of_loops[loop] = Rounds()
    return rounds
