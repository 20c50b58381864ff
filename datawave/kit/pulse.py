"""Whether the database still speaks.

A server that was cut off without a word closes no connection: whoever waits for it would wait as long as the
longest statement may take, and whoever comes would wait too. Where somebody waits and nobody is answered, a
connection of its own is tried; if that hears nothing either, all connections are ended, and none is made
until the server speaks again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakSet

import structlog

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 4.0
"""So long the server may take to greet: a busy one is not silent."""


class Silent(ConnectionError):
    """The server takes calls and says nothing."""


class Pulse:
    def __init__(self, *, look: float = LOOK_SECONDS, patience: float = PATIENCE_SECONDS) -> None:
        self._look, self._patience = look, patience
        self.answered = 0
        """Counted by those who are: nothing more is asked of them."""
        self.silent = False
        self._connections: WeakSet[Any] = WeakSet()

    def opening(self) -> None:
        """Before a connection is made."""
        if self.silent:
            raise Silent("the server does not answer")

    def opened(self, connection: Any) -> None:
        """A connection of the driver, which is ended when the server falls silent."""
        self.answered += 1
        self._connections.add(connection)

    async def watch(self, *, is_awaited: Callable[[], bool], greet: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled. `greet` makes a connection and gives it up; it fails where that is refused, and
        has no end where the server is silent."""
        heard = self.answered
        while True:
            if not self.silent:
                await asyncio.sleep(self._look)
            before, heard = heard, self.answered
            if self.silent or (before == heard and is_awaited()):
                self._tell(silent=not await self._speaks(greet))

    async def _speaks(self, greet: Callable[[], Awaitable[None]]) -> bool:
        heard = self.answered
        try:
            async with asyncio.timeout(self._patience):
                await greet()
        except TimeoutError:
            return self.answered > heard
        except Exception as error:  # a refusal is an answer, and told to whoever asks next
            log.debug("database.refuses", error=type(error).__name__)
            await asyncio.sleep(self._look)
        return True

    def _tell(self, *, silent: bool) -> None:
        if silent and not self.silent:
            log.error("database.silent", connections=len(self._connections))
        elif self.silent and not silent:
            log.info("database.speaks")
        self.silent = silent
        if silent:
            for each in list(self._connections):
                each.terminate()
            self._connections.clear()
