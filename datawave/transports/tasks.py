"""The tasks of one connection: nothing outlives it save what is being carried through."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    __slots__ = ("_all", "_carried_through")

    def __init__(self) -> None:
        self._all: set[asyncio.Task[None]] = set()
        self._carried_through: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._all.add(task)
        task.add_done_callback(self._done)
        return task

    def carry_through(self, task: asyncio.Task[None]) -> None:
        """It is waited for at the end, not broken off."""
        self._carried_through.add(task)

    def break_off(self, task: asyncio.Task[None]) -> None:
        if task not in self._carried_through:
            task.cancel()

    async def end(self) -> None:
        for task in self._all:
            self.break_off(task)
        if self._all:
            await asyncio.wait(self._all)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._all.discard(task)
        self._carried_through.discard(task)
