"""The limit of fan-out on this server: Starlette's WebSocket on uvicorn, and one text shared by all readers.

It speaks just enough of `graphql-transport-ws` for the client: no GraphQL is executed.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import Any

import orjson
from redis import asyncio as redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

library: Any = redis


class Room:
    """Everybody who follows, and the task that listens for all of them."""

    def __init__(self) -> None:
        self.readers: set[WebSocket] = set()
        self._listening: asyncio.Task[None] | None = None

    async def enter(self, socket: WebSocket) -> None:
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen())
        await socket.accept(subprotocol="graphql-transport-ws")
        try:
            while True:
                match orjson.loads(await socket.receive_text())["type"]:
                    case "connection_init":
                        await socket.send_text('{"type":"connection_ack"}')
                    case "subscribe":
                        self.readers.add(socket)
                    case _:
                        continue
        except WebSocketDisconnect:
            self.readers.discard(socket)

    async def _listen(self) -> None:
        client = library.from_url(os.environ["REDIS_URL"])
        async with client.pubsub() as heard:
            await heard.subscribe("bench")
            while True:
                message = await heard.get_message(ignore_subscribe_messages=True, timeout=None)
                if message is not None:
                    await self._tell(message["data"])

    async def _tell(self, event: bytes) -> None:
        frame = b'{"id":"1","type":"next","payload":{"data":{"progress":' + event + b"}}}"
        text = frame.decode()
        for reader in list(self.readers):
            with suppress(WebSocketDisconnect, RuntimeError):  # it has left meanwhile
                await reader.send_text(text)


app = Starlette(routes=[WebSocketRoute("/graphql", Room().enter)])
