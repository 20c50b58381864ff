"""Taking connections from a socket on which other processes may listen, too.

asyncio's servers take all that wait at once: of forty who came together one process had forty and the other
none. Here each takes one a turn, and who is busier has fewer turns. And they take connections for as long as
there are files to be had: whoever was let in with the last one has none left to be answered with.
"""

from __future__ import annotations

import asyncio
import os
import resource
import ssl
import sys
from collections.abc import Callable
from socket import IPPROTO_TCP, TCP_NODELAY, socket

import structlog

log = structlog.get_logger(__name__)

PAUSE = 0.5
"""Seconds in which a process that has too many files open takes nobody in."""

KEPT = 64
"""Files that are not given to clients, where nobody says how many the process needs for itself."""


def open_as_many_files_as_allowed() -> None:
    """The least that is usual, 1,024, is for programs that use `select`."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Acceptor:
    """What uvicorn expects of a server, as far as it asks for it. `kept` files are for the process itself:
    its connections to the database and the like. With `tls` a client has `patience` seconds for its
    handshake."""

    def __init__(
        self,
        shared: socket,
        protocol_of: Callable[[], asyncio.Protocol],
        *,
        kept: int = KEPT,
        tls: ssl.SSLContext | None = None,
        patience: float | None = None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._tls, self._patience = tls, patience if tls is not None else None
        self._shared, self._protocol_of, self._kept = shared, protocol_of, kept
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
            self._rest(str(error))
            return
        if self._is_one_of_the_last(connection.fileno()):
            self._rest("the other files are kept for what is under way")
        connection.setblocking(False)
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        coming = self._loop.create_task(self._come_in(connection))
        self._coming.add(coming)
        coming.add_done_callback(self._coming.discard)

    def _rest(self, reason: str) -> None:
        log.error("connections.not_taken", reason=reason)
        self._loop.remove_reader(self._shared)
        self._pause = self._loop.call_later(PAUSE, self._go_on)

    def _go_on(self) -> None:
        if self._has_room():
            self._listen()
        else:
            self._pause = self._loop.call_later(PAUSE, self._go_on)

    def _has_room(self) -> bool:
        try:
            free = os.dup(self._shared.fileno())
        except OSError:
            return False
        os.close(free)
        return not self._is_one_of_the_last(free)

    def _is_one_of_the_last(self, descriptor: int) -> bool:
        """A file is given the least number that is free."""
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return descriptor >= (sys.maxsize if most == resource.RLIM_INFINITY else most) - self._kept

    async def _come_in(self, connection: socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._protocol_of, connection, ssl=self._tls, ssl_handshake_timeout=self._patience
            )
        except OSError:  # it has gone already, or spoke no TLS that will do
            connection.close()
