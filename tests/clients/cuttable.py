"""A way to a server that can be cut, as by a network that goes away, or fall silent, as where all packets are
lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Cuttable:
    """Carries bytes both ways; `opened` tells of each connection that comes."""

    def __init__(self, to: str) -> None:
        self._there = urlsplit(to)
        self._writers: set[asyncio.StreamWriter] = set()
        self.opened: asyncio.Queue[None] = asyncio.Queue()
        self.port = 0
        self._carries = asyncio.Event()
        self._carries.set()

    @property
    def url(self) -> str:
        who, at, _ = self._there.netloc.rpartition("@")
        return self._there._replace(netloc=f"{who}{at}127.0.0.1:{self.port}").geturl()

    def hush(self) -> None:
        """Takes what is sent, and calls too, and carries nothing until `speak`."""
        self._carries.clear()

    def speak(self) -> None:
        self._carries.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._there.hostname, self._there.port)
        both = {writer, far_writer}
        self._writers |= both
        self.opened.put_nowait(None)
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(self._carry(reader, far_writer))
                ways.create_task(self._carry(far_reader, writer))
        finally:
            self._writers -= both
            for each in both:
                each.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(65_536):
                await self._carries.wait()
                writer.write(chunk)
                await writer.drain()
        except ConnectionError:
            pass  # cut, from either side
        writer.close()


@asynccontextmanager
async def cuttable(to: str) -> AsyncIterator[Cuttable]:
    way = Cuttable(to)
    server = await asyncio.start_server(way._join, "127.0.0.1", 0)
    way.port = server.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        way.speak()
        way.cut()
        server.close()
        await server.wait_closed()
