"""A server that leaves: clients go over to others, and none of them asks in vain."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, cast

import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.frames import Opcode

from datawave.transports import Limits, routes, uvicorn_options
from datawave.transports.leaving import Server
from tests.transports.conftest import PATIENCE, Gql, turns_until
from tests.transports.test_flow import HANDSHAKE
from tests.transports.world import TestDoor, World, schema

Start = Callable[..., Awaitable["Leaver"]]
SUBPROTOCOLS: Any = ["graphql-transport-ws"]
HELLO = b'{"query":"{ hello }"}'
FOLLOW = "subscription { follow { text } }"


class Leaver:
    """A server in this loop, on a socket that outlives it, as others would serve on it too."""

    def __init__(self, world: World, *, listening: socket.socket | None = None, **more: Any) -> None:
        self.listening = listening or socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        app = Starlette(routes=routes(schema, TestDoor(world), limits=Limits(farewell_seconds=0.1)))
        config = uvicorn.Config(app, lifespan="off", log_config=None, **uvicorn_options())
        seconds = {"drain_seconds": PATIENCE, "leave_seconds": 3 * PATIENCE} | more
        self._started = asyncio.Event()
        self.server = Server(config, on_started=self._started.set, **seconds)
        self.stack = AsyncExitStack()

    async def start(self) -> None:
        given = self.listening.dup()
        self.running = asyncio.create_task(self.server.serve([given]))
        await self._started.wait()

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.running

    async def plain(self) -> Plain:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.stack.callback(writer.transport.abort)
        await turns_until(lambda: self._knows(writer))
        return Plain(reader, writer)

    def _knows(self, writer: asyncio.StreamWriter) -> bool:
        name = writer.get_extra_info("sockname")
        return any(each.transport.get_extra_info("peername") == name for each in self.connections)

    @property
    def connections(self) -> set[Any]:
        return cast("set[Any]", self.server.server_state.connections)

    async def socket(self) -> Gql:
        connection = connect(f"ws://127.0.0.1:{self.port}/graphql", subprotocols=SUBPROTOCOLS, proxy=None)
        gql = Gql(await self.stack.enter_async_context(connection))
        await gql.init()
        return gql

    async def has_begun_to_leave(self) -> None:
        """Nobody is let in any more."""
        await turns_until(lambda: not any(each.is_serving() for each in self.server.servers))


class Plain:
    """A kept connection, read by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self, body: bytes = HELLO, *, accept: str = "application/json") -> None:
        head = f"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\ncontent-type: application/json\r\n"
        self.writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)

    async def head(self) -> str:
        async with asyncio.timeout(PATIENCE):
            return (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()

    async def answer(self) -> tuple[str, Any]:
        head = await self.head()
        length = int(head.partition("content-length: ")[2].split()[0])
        return head, orjson.loads(await self.reader.readexactly(length))

    async def closed(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read() == b""


@pytest.fixture
async def start(world: World) -> AsyncIterator[Start]:
    """`await start(drain_seconds=0)` serves; told to leave, it waits for whom the test forgets no longer."""
    started: list[Leaver] = []

    async def make(**more: Any) -> Leaver:
        started.append(Leaver(world, **more))
        await started[-1].start()
        return started[-1]

    yield make
    for each in started:
        world.gate.set()
        each.server.end()
        await each.stack.aclose()
        await each.ended()
        each.listening.close()


async def test_a_kept_connection_is_answered_once_more_and_told_to_go(start: Start) -> None:
    leaver = await start()
    kept = await leaver.plain()
    kept.ask()
    head, answer = await kept.answer()
    assert "connection: close" not in head
    leaver.server.leave()
    await leaver.has_begun_to_leave()
    kept.ask()
    head, again = await kept.answer()
    assert "connection: close" in head
    assert again == answer
    assert await kept.closed()
    await leaver.ended()


async def test_a_connection_that_nobody_uses_is_closed_in_the_end(start: Start) -> None:
    leaver = await start(drain_seconds=0)
    kept = await leaver.plain()
    kept.ask()
    await kept.answer()
    fresh = await leaver.plain()
    leaver.server.leave()
    assert await kept.closed()
    assert await fresh.closed()
    await leaver.ended()


async def test_a_request_that_has_come_in_part_is_waited_for(start: Start) -> None:
    leaver = await start(drain_seconds=0)
    half, idle = await leaver.plain(), await leaver.plain()
    half.writer.write(b"POST /graphql HTTP/1.1\r\nhost: x\r\n")
    await turns_until(lambda: sum(each.is_idle for each in leaver.connections) == 1)
    leaver.server.leave()
    assert await idle.closed()
    half.writer.write(b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(HELLO) + HELLO)
    head, answer = await half.answer()
    assert "connection: close" in head
    assert answer["data"]
    await leaver.ended()


async def test_what_is_being_answered_is_finished(start: Start, world: World) -> None:
    leaver = await start(drain_seconds=0)
    busy = await leaver.plain()
    busy.ask(b'{"query":"{ waits }"}')
    await world.entered.wait()
    leaver.server.leave()
    await leaver.has_begun_to_leave()
    world.gate.set()
    head, answer = await busy.answer()
    assert "connection: close" in head
    assert answer["data"]["waits"]
    await leaver.ended()


async def test_a_stream_ends_and_its_connection_takes_the_next_request(start: Start) -> None:
    """The head of its answer promised that; a client resumes on it at once."""
    leaver = await start()
    stream = await leaver.plain()
    follow = orjson.dumps({"query": FOLLOW})
    stream.ask(follow, accept="text/event-stream")
    assert "connection: close" not in await stream.head()
    leaver.server.leave()
    async with asyncio.timeout(PATIENCE):
        await stream.reader.readuntil(b"0\r\n\r\n")
    stream.ask(follow, accept="text/event-stream")
    assert "connection: close" in await stream.head()
    async with asyncio.timeout(PATIENCE):
        await stream.reader.read()
    await leaver.ended()


async def test_a_socket_has_its_answers_before_it_is_told_to_go(start: Start, world: World) -> None:
    leaver = await start(drain_seconds=0)
    gql = await leaver.socket()
    await gql.subscribe("stream", FOLLOW)
    await gql.subscribe("query", "{ waits }")
    await world.entered.wait()
    leaver.server.leave()
    await leaver.has_begun_to_leave()
    await gql.alive()
    world.gate.set()
    assert (await gql.until("next"))["id"] == "query"
    assert (await gql.closed())[0] == 1001
    await leaver.ended()


async def test_a_kept_connection_that_becomes_a_socket_is_told_to_go(start: Start) -> None:
    leaver = await start()
    kept = await leaver.plain()
    kept.ask()
    await kept.answer()
    leaver.server.leave()
    await leaver.has_begun_to_leave()
    kept.writer.write(HANDSHAKE)
    assert "101 switching" in await kept.head()
    async with asyncio.timeout(PATIENCE):
        opcode, _, *code = await kept.reader.readexactly(4)
    assert (opcode & 15, int.from_bytes(code)) == (Opcode.CLOSE, 1001)
    kept.writer.transport.abort()
    await leaver.ended()


async def test_whoever_comes_meanwhile_waits_for_the_next(start: Start, world: World) -> None:
    leaver = await start()
    kept = await leaver.plain()
    kept.ask(b'{"query":"{ waits }"}')
    await world.entered.wait()
    leaver.server.leave()
    await leaver.has_begun_to_leave()
    reader, writer = await asyncio.open_connection("127.0.0.1", leaver.port)
    waiting = Plain(reader, writer)
    waiting.ask()
    await start(listening=leaver.listening.dup())
    assert (await waiting.answer())[1]["data"]
    waiting.writer.transport.abort()


async def test_who_never_ends_is_ended(start: Start, world: World) -> None:
    leaver = await start(drain_seconds=0, leave_seconds=0.1)
    leaver.server.config.timeout_graceful_shutdown = 0
    busy = await leaver.plain()
    busy.ask(b'{"query":"{ waits }"}')
    await world.entered.wait()
    leaver.server.leave()
    await leaver.ended()


async def test_nobody_is_waited_for_where_there_is_nobody(start: Start) -> None:
    leaver = await start()
    leaver.server.leave()
    await leaver.ended()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_and_nothing_else(start: Start, number: signal.Signals) -> None:
    leaver = await start()
    os.kill(os.getpid(), number)
    await leaver.ended()


async def test_who_waits_at_a_console_does_not_wait_for_idle_connections(start: Start) -> None:
    leaver = await start()
    kept = await leaver.plain()
    kept.ask()
    await kept.answer()
    leaver.server.leave()
    await leaver.has_begun_to_leave()
    os.kill(os.getpid(), signal.SIGINT)
    assert await kept.closed()
    await leaver.ended()


async def test_those_who_come_together_are_shared_among_all_who_listen(start: Start) -> None:
    first = await start()
    second = await start(listening=first.listening.dup())
    coming = [asyncio.open_connection("127.0.0.1", first.port) for _ in range(20)]
    came = await asyncio.gather(*coming)
    await turns_until(lambda: len(first.connections) + len(second.connections) == 20)
    assert len(first.connections) >= 5
    assert len(second.connections) >= 5
    for _, writer in came:
        writer.transport.abort()
