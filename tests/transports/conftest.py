"""The transports on a free port, behind uvicorn's own protocols, and clients for them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from datawave.transports import Limits, routes, uvicorn_options
from tests.transports.world import TestDoor, World, schema

PATIENCE = 10.0
COOKIE = "datawave_8000"


@dataclass
class Gql:
    """A WebSocket client that speaks frames."""

    socket: ClientConnection

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def subscribe(self, id: str, query: str, **more: Any) -> None:
        await self.send(type="subscribe", id=id, payload={"query": query, **more})

    async def recv(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return orjson.loads(await self.socket.recv())

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of a kind, whatever comes before it."""
        while (message := await self.recv())["type"] != kind:
            pass
        return message

    async def init(self, **payload: Any) -> None:
        await self.send(type="connection_init", payload=payload)
        assert (await self.recv())["type"] == "connection_ack"

    async def alive(self) -> None:
        """Everything sent so far has been heard, and the socket stands."""
        await self.send(type="ping")
        await self.until("pong")

    async def closed(self) -> tuple[int, str]:
        """The code and reason of the close, whatever comes before it."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    await self.socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, "closed without a close frame"
            return closed.rcvd.code, closed.rcvd.reason


@dataclass
class Served:
    world: World
    port: int
    state: ServerState
    stack: AsyncExitStack
    http: httpx2.AsyncClient = field(init=False)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def post(self, query: str, accept: str = "application/json", **more: Any) -> httpx2.Response:
        headers = {"accept": accept, **more.pop("headers", {})}
        return await self.http.post("/graphql", json={"query": query, **more}, headers=headers)

    async def raw_socket(self, **more: Any) -> Gql:
        connection = connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=more.pop("subprotocols", ["graphql-transport-ws"]),
            compression=None,
            proxy=None,
            max_queue=None,  # what is not read yet must not hold up the end of a close
            **more,
        )
        return Gql(await self.stack.enter_async_context(connection))

    async def socket(self, **payload: Any) -> Gql:
        gql = await self.raw_socket()
        await gql.init(**payload)
        return gql

    async def plain(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection whose receive buffer is small, to stall or to misbehave on."""
        bare = socket.socket()
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        bare.setblocking(False)
        await asyncio.get_running_loop().sock_connect(bare, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=bare, limit=4096)
        self.stack.callback(writer.transport.abort)
        return reader, writer

    async def idle(self) -> None:
        """No request and no socket has a task left."""
        async with asyncio.timeout(PATIENCE):
            while self.state.tasks:
                await asyncio.wait(set(self.state.tasks))

    def leave(self) -> None:
        """What uvicorn does first when it shuts down."""
        for connection in list(self.state.connections):
            connection.shutdown()


async def turns(count: int) -> None:
    """Lets the loop go round: everything that can move has moved."""
    for _ in range(count):
        await asyncio.sleep(0)


async def turns_until(so: Callable[[], bool]) -> None:
    """For what nothing announces."""
    async with asyncio.timeout(PATIENCE):
        while not so():
            await turns(10)


Serve = Callable[..., Awaitable[Served]]


@asynccontextmanager
async def served_app(world: World, limits: Limits, **more: Any) -> AsyncGenerator[Served]:
    door, told = more.pop("door", TestDoor(world)), more.pop("schema", schema)
    settings: dict[str, Any] = {"now": lambda: world.now, **more}
    around = settings.pop("around", None)
    app = Starlette(routes=routes(told, door, limits=limits, cookie_names=[COOKIE], **settings))
    whole = around(app) if around else app
    config = uvicorn.Config(whole, lifespan="off", log_config=None, **uvicorn_options(limits))
    config.load()
    kind: Any = config.http_protocol_class
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    async with AsyncExitStack() as stack:
        stack.callback(server.close)
        served = Served(world, server.sockets[0].getsockname()[1], state, stack)
        served.http = await stack.enter_async_context(
            httpx2.AsyncClient(base_url=served.origin, timeout=PATIENCE, trust_env=False)
        )
        yield served
        served.leave()
    await served.idle()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def serve(world: World) -> AsyncIterator[Serve]:
    """Serves with other limits: `await serve(beat_seconds=0.05)`."""
    async with AsyncExitStack() as stack:

        async def started(*, options: dict[str, Any] | None = None, **limits: Any) -> Served:
            return await stack.enter_async_context(served_app(world, Limits(**limits), **(options or {})))

        yield started


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve()
