"""The server, and the two ways in which it ends.

Told by SIGTERM it *leaves*: others serve beside it or after it, and no client notices more than that its
connection is another one. Told by SIGINT it ends soon, as somebody waits for it.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from socket import socket
from typing import Any, cast

import uvicorn

from datawave.transports.accepting import KEPT, Acceptor
from datawave.transports.serving import HttpProtocol, SocketProtocol

LOOK_SECONDS = 0.05


class Server(uvicorn.Server):
    """For the main thread: it listens to the signals. When it leaves, connections that nobody uses are kept
    for `drain_seconds`, and answers under way get `leave_seconds`; what is left then ends as by SIGINT.
    `kept_files` are not given to clients."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        drain_seconds: float,
        leave_seconds: float,
        kept_files: int = KEPT,
        on_started: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config)
        self._drain_seconds, self._leave_seconds = drain_seconds, leave_seconds
        self._kept_files, self._on_started = kept_files, on_started
        self._leaving = False

    def leave(self) -> None:
        self._leaving = self.should_exit = True

    def end(self) -> None:
        self.force_exit = self.should_exit and not self._leaving
        self._leaving, self.should_exit = False, True

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """uvicorn's own raises the signal again in the end, and nothing would be put away."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.leave)
        loop.add_signal_handler(signal.SIGINT, self.end)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await self.lifespan.startup()
        loop = asyncio.get_running_loop()
        made: Any = self.config.http_protocol_class

        def protocol() -> asyncio.Protocol:
            return made(
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                _loop=loop,
            )

        acceptors = [
            Acceptor(
                each,
                protocol,
                kept=self._kept_files,
                tls=self.config.ssl,
                patience=getattr(made, "header_seconds", None),
            )
            for each in sockets or ()
        ]
        self.servers = cast("Any", acceptors)
        self.started = True
        self._on_started()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        if self._leaving:
            await self._drained()
        await super().shutdown(sockets)

    async def _drained(self) -> None:
        """Until every client has gone over to others, or has had its time."""
        for server in self.servers:
            server.close()
        clock = asyncio.get_running_loop().time
        began = clock()
        self._holds(drained=False)
        while self._leaving and (waited := clock() - began) < self._leave_seconds:
            await asyncio.sleep(
                LOOK_SECONDS
            )  # some may be on their way in: nobody goes before the second look
            if not self._holds(drained=waited >= self._drain_seconds):
                return

    def _holds(self, *, drained: bool) -> bool:
        """Tells all connections, those too that came in at the last moment; whether anybody is left."""
        state = self.server_state
        for connection in cast("set[HttpProtocol | SocketProtocol]", state.connections).copy():
            connection.leave()
            if drained and isinstance(connection, HttpProtocol) and connection.is_idle:
                connection.transport.close()
        return bool(state.connections or state.tasks)
