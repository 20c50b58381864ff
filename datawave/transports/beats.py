"""The timer of one connection: it wakes for signs of life and for the ends of its session."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Protocol

from datawave.transports.lifetime import Lifetime


class Beating(Protocol):
    """A connection, as its timer knows it."""

    @property
    def closing(self) -> bool: ...
    def late(self) -> None:
        """Nobody has come in for as long as one may take."""
        ...

    def beat(self, notice: datetime | None) -> None:
        """A sign of life is due, or the end of the session is to be told."""
        ...

    def over(self) -> None:
        """The session has ended."""
        ...


class Beats:
    __slots__ = ("_next", "_of", "_seconds", "_timer", "_told_end", "lifetime")

    def __init__(self, of: Beating, *, seconds: float) -> None:
        self._of, self._seconds = of, seconds
        self.lifetime: Lifetime | None = None
        """Of the session, once somebody has come in."""
        self._next = 0.0
        self._told_end = False
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._put_off()
        self._schedule()

    def renewed(self) -> None:
        """The session lasts longer."""
        assert self.lifetime is not None
        self.lifetime.began_anew()
        self._told_end = False
        self._schedule()

    def stop(self) -> None:
        if self._timer:
            self._timer.cancel()

    def wake_in(self, seconds: float) -> None:
        self.stop()
        if not self._of.closing:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._woken)

    def _schedule(self) -> None:
        """Wakes at the next beat, or when the session's end is to be told or has come."""
        wait = max(0.0, self._next - asyncio.get_running_loop().time())
        left = self.lifetime.seconds_to_next() if self.lifetime else None
        self.wake_in(wait if left is None else min(wait, left))

    def _woken(self) -> None:
        if self.lifetime is None:
            self._of.late()
        elif self.lifetime.over:
            self._of.over()
        else:
            self._beat(self.lifetime.notice)
            self._schedule()

    def _beat(self, notice: datetime | None) -> None:
        due = asyncio.get_running_loop().time() >= self._next
        if not due and (notice is None or self._told_end):
            return
        self._told_end = notice is not None
        self._put_off()
        self._of.beat(notice)

    def _put_off(self) -> None:
        self._next = asyncio.get_running_loop().time() + self._seconds
