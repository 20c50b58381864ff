"""What may stand at a source's address: a wire to a real PostgreSQL that hears what passes, and servers that
are none."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from tests.fixtures.api import free_port
from tests.servers import SourceDatabase

HELLO = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"


class Wire:
    """Stands before a PostgreSQL and hears each statement that is sent to it, by the protocol itself."""

    def __init__(self, to: SourceDatabase) -> None:
        self._to = to
        self._port = free_port()
        self.statements: list[str] = []
        self.before: Callable[[str], Awaitable[None]] | None = None
        """What a test does before a statement goes on."""

    @property
    def seen(self) -> SourceDatabase:
        """The same database, at the address of the wire."""
        return replace(self._to, host="127.0.0.1", port=self._port)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Outside of this the port refuses, and every connection through it is cut."""
        async with _listening(self.serve, self._port):
            yield

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._to.host, self._to.port)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._asked(reader, back))
                both.create_task(_carried(there, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one end hung up, as it may
        finally:
            for end in (writer, back):
                end.close()

    async def _asked(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The first message has no kind; each other has one of a letter."""
        with contextlib.suppress(asyncio.IncompleteReadError):
            writer.write(await _message(reader, b""))
            while True:
                kind = await reader.readexactly(1)
                whole = await _message(reader, kind)
                if kind in (b"P", b"Q"):
                    await self._heard(whole[5:].split(b"\x00")[1 if kind == b"P" else 0])
                writer.write(whole)
                await writer.drain()
        writer.close()

    async def _heard(self, sql: bytes) -> None:
        statement = sql.decode(errors="replace").strip()
        self.statements.append(statement)
        if self.before is not None:
            await self.before(statement)


async def _message(reader: asyncio.StreamReader, kind: bytes) -> bytes:
    length = await reader.readexactly(4)
    return kind + length + await reader.readexactly(struct.unpack("!I", length)[0] - 4)


async def _carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port where somebody takes the call and never says a word."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the caller gives up
        writer.close()

    async with _listening(hang) as port:
        yield port


@asynccontextmanager
async def speaking_http() -> AsyncIterator[int]:
    """A port where a server of another kind answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HELLO)
        await writer.drain()
        writer.close()

    async with _listening(answer) as port:
        yield port


@asynccontextmanager
async def _listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int = 0
) -> AsyncIterator[int]:
    calls: set[asyncio.Task[None]] = set()

    def called(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.ensure_future(serve(reader, writer))
        calls.add(call)
        call.add_done_callback(calls.discard)

    server = await asyncio.start_server(called, "127.0.0.1", port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
