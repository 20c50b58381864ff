"""Whether events are on their way through this process just now. Who has time lets them pass."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]

SECONDS = 0.025
"""From one sign of an event to the next, or to the last frame that tells of it, it takes no longer."""


class Passing:
    """Noticed where an event is first heard of, and again at each stage that it comes to."""

    __slots__ = ("_clock", "_until")

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock, self._until = clock, 0.0

    def noticed(self) -> None:
        self._until = self._clock() + SECONDS

    def __bool__(self) -> bool:
        return self._clock() < self._until


events = Passing()
"""Those of this process."""
