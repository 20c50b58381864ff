"""Slow readers, and servers that leave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.types import Message
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from datawave.transports import Limits, routes, uvicorn_options
from datawave.transports.outflow import Outflow
from tests.transports.conftest import PATIENCE, Gql, Serve, Served, turns, turns_until
from tests.transports.world import EVENT_BYTES, TestDoor, World, schema

HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"sec-websocket-protocol: graphql-transport-ws\r\n\r\n"
)


async def bare_socket(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose client decides byte by byte what it reads."""
    reader, writer = await served.plain()
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def said(**message: Any) -> bytes:
    return Frame(Opcode.TEXT, orjson.dumps(message)).serialize(mask=True)


FLOOD = said(type="connection_init") + said(
    type="subscribe", id="1", payload={"query": "subscription { flood }"}
)


async def frames_of(reader: asyncio.StreamReader) -> list[tuple[int, bytes]]:
    """Every frame up to the end of the connection."""
    frames: list[tuple[int, bytes]] = []
    try:
        while True:
            opcode, short = await reader.readexactly(2)
            size = short
            if short == 126:
                size = int.from_bytes(await reader.readexactly(2))
            elif short == 127:
                size = int.from_bytes(await reader.readexactly(8))
            frames.append((opcode & 15, await reader.readexactly(size)))
    except (asyncio.IncompleteReadError, ConnectionError):
        return frames


async def test_a_source_is_pulled_only_as_fast_as_its_reader_reads(served: Served) -> None:
    """However long it stalls, what is pulled is what the buffers of the machine hold, and one more."""
    _, writer = await bare_socket(served)
    writer.write(FLOOD)
    pulled = -1
    while pulled != served.world.pulled or pulled <= 0:
        pulled = served.world.pulled
        await turns(2_000)
    assert pulled * EVENT_BYTES < 10_000_000


async def test_a_reader_that_takes_nothing_is_told_to_resume(serve: Serve) -> None:
    served = await serve(stall_seconds=0.1)
    reader, writer = await bare_socket(served)
    writer.write(FLOOD)
    async with asyncio.timeout(PATIENCE):
        await served.world.closed.wait()
        frames = await frames_of(reader)
    opcode, content = frames[-1]
    assert (opcode, content) == (8, (4290).to_bytes(2) + b"resume")
    numbers = [
        int(orjson.loads(content)["payload"]["data"]["flood"][:8])
        for opcode, content in frames[1:]
        if opcode == 1 and b'"next"' in content
    ]
    assert numbers == list(range(1, len(numbers) + 1))
    await served.idle()


async def test_a_reader_that_never_comes_back_is_cut_off(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawave.transports.serving.SHUTDOWN_SECONDS", 0.1)
    served = await serve(stall_seconds=0.1)
    _, writer = await bare_socket(served)
    writer.write(FLOOD)
    async with asyncio.timeout(PATIENCE):
        await served.world.closed.wait()
        await turns_until(lambda: not served.state.connections)
    await served.idle()


async def test_a_slow_reader_that_moves_is_kept(serve: Serve) -> None:
    served = await serve(stall_seconds=1.0)
    reader, writer = await bare_socket(served)
    writer.write(FLOOD)
    taken = 0
    async with asyncio.timeout(PATIENCE):
        while taken < 12_000_000:
            chunk = await reader.read(65_536)
            assert chunk, "cut off while it was reading"
            taken += len(chunk)
    assert not served.world.closed.is_set()


@dataclass
class Draining:
    """A wire that is still full for two looks, and one step less so at each."""

    steps: int
    left: int = 100

    def listen(self, listener: Any) -> None:
        raise AssertionError("nobody listens here")

    def put(self, data: bytes) -> None:
        raise AssertionError("written past the turn")

    def pending(self) -> int:
        return self.left

    def abort(self) -> None:
        raise AssertionError("cut off")

    async def send(self, message: Message) -> None:
        if self.steps:
            self.steps -= 1
            self.left -= 1
            await asyncio.Event().wait()


async def test_a_reader_is_waited_for_as_long_as_it_takes_anything() -> None:
    wire = Draining(steps=3)
    await Outflow(wire.send, wire=wire, stall_seconds=0.01).write({"type": "websocket.send"})
    assert wire.steps == 0


async def test_a_source_that_never_waits_lets_others_run() -> None:
    async def taken_at_once(message: Message) -> None:
        assert message

    out = Outflow(taken_at_once, wire=None, stall_seconds=1.0)
    others = asyncio.create_task(turns(50))
    for _ in range(1_000_000):
        await out.write({"type": "websocket.send"})
        if others.done():
            return
    pytest.fail("nobody else came to run")


async def test_one_stalled_socket_does_not_hold_up_another(served: Served) -> None:
    _, writer = await bare_socket(served)
    writer.write(FLOOD)
    async with asyncio.timeout(PATIENCE):
        await served.world.entered.wait()
        gql = await served.socket()
        await gql.subscribe("1", "subscription { count(to: 100) }")
        await gql.until("complete")


async def test_an_ended_session_closes_a_stalled_socket_within_the_farewell(serve: Serve) -> None:
    served = await serve(farewell_seconds=0.1)
    _, writer = await bare_socket(served)
    writer.write(FLOOD)
    async with asyncio.timeout(PATIENCE):
        await served.world.entered.wait()
    served.world.sessions[0].end()
    async with asyncio.timeout(1):
        await served.world.closed.wait()
    await served.idle()


async def test_a_leaving_server_closes_sockets_1001(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "subscription { follow { text } }")
    await gql.alive()
    served.leave()
    assert (await gql.closed())[0] == 1001
    await served.idle()
    assert served.world.closed.is_set()


async def test_uvicorn_itself_leaves_in_time(world: World) -> None:
    """The whole server, with a quiet socket, a stalled socket and an open stream."""
    app = Starlette(routes=routes(schema, TestDoor(world), limits=Limits(farewell_seconds=0.1)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None, **uvicorn_options()))
    running = asyncio.create_task(server.serve())
    await turns_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"ws://127.0.0.1:{port}/graphql"
    async with connect(url, subprotocols=["graphql-transport-ws"], proxy=None) as socket:  # pyright: ignore[reportArgumentType] a NewType of str
        gql = Gql(socket)
        await gql.init()
        await gql.subscribe("1", "subscription { follow { text } }")
        _, stalled = await asyncio.open_connection("127.0.0.1", port)
        stalled.write(HANDSHAKE + FLOOD)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"GET /graphql?query=subscription{follow{text}} HTTP/1.1\r\nhost: x\r\n"
            b"accept: text/event-stream\r\n\r\n"
        )
        await reader.readuntil(b":\n\n")
        server.should_exit = True
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    await socket.recv()
            await running
        assert closed.value.rcvd and closed.value.rcvd.code == 1001
        for one in (writer, stalled):
            one.transport.abort()
