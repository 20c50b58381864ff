"""Taking connections from a socket on which other processes listen, too.

asyncio's servers take all that wait at once: of forty who came together one process had forty and the other
none. Here each takes one a turn, and who is busier has fewer turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_NODELAY, socket

import structlog

log = structlog.get_logger(__name__)

PAUSE = 0.5
"""Seconds in which a process that has too many files open takes nobody in."""


class Acceptor:
    """What uvicorn expects of a server, as far as it asks for it."""

    def __init__(self, shared: socket, protocol_of: Callable[[], asyncio.Protocol]) -> None:
        self._loop = asyncio.get_running_loop()
        self._shared, self._protocol_of = shared, protocol_of
        self._coming: set[asyncio.Task[object]] = set()
        self._pause: asyncio.TimerHandle | None = None
        self._is_open = True
        shared.setblocking(False)
        self._listen()

    def is_serving(self) -> bool:
        return self._is_open

    def close(self) -> None:
        """Whoever waits is left to the others."""
        if not self._is_open:
            return
        self._is_open = False
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._shared)
        self._shared.close()

    async def wait_closed(self) -> None:
        if self._coming:
            await asyncio.wait(self._coming)

    def _listen(self) -> None:
        self._loop.add_reader(self._shared, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._shared.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was first, or the client has gone
        except OSError as error:
            log.error("connections.not_taken", error=str(error))
            self._loop.remove_reader(self._shared)
            self._pause = self._loop.call_later(PAUSE, self._listen)
            return
        connection.setblocking(False)
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        coming = self._loop.create_task(self._come_in(connection))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)

    async def _come_in(self, connection: socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol_of, connection)
        except OSError:  # it has gone already
            connection.close()
