"""A GraphQL client as a partner would write one: HTTP for operations, a WebSocket for streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2
import orjson
import websockets

from tests.statements import HEADER

Answer = dict[str, Any]


class Refused(AssertionError):
    """The answer has errors that the test did not ask for."""


class Client:
    """Speaks to `/graphql` at an address, as whoever the token is."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url
        self.token = token
        self.http = httpx2.AsyncClient(base_url=url, timeout=30)
        self.statements = 0
        """How many the last answer took, where the API counts them (the `house` does)."""

    def as_(self, token: str | None) -> Client:
        return Client(self.url, token)

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"} if self.token else {}

    async def close(self) -> None:
        await self.http.aclose()

    async def ask(self, document: str, **variables: Any) -> Answer:
        """The whole answer, errors and all."""
        response = await self.http.post(
            "/graphql", json={"query": document, "variables": variables}, headers=self.headers
        )
        self.statements = int(response.headers.get(HEADER, 0))
        return response.json()

    async def data(self, document: str, **variables: Any) -> Answer:
        answer = await self.ask(document, **variables)
        if answer.get("errors"):
            raise Refused(answer["errors"])
        return answer["data"]

    async def run(self, document: str, **variables: Any) -> Answer:
        """The payload of the one mutation in the document."""
        [payload] = (await self.data(document, **variables)).values()
        return payload

    async def done(self, document: str, **variables: Any) -> Answer:
        """The payload of a mutation that must succeed."""
        payload = await self.run(document, **variables)
        if payload.get("errors"):
            raise Refused(payload["errors"])
        return payload

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Socket]:
        address = self.url.replace("http", "ws", 1) + "/graphql"
        async with websockets.connect(address, subprotocols=["graphql-transport-ws"], max_size=None) as raw:  # type: ignore[list-item]  # a plain string is a subprotocol
            socket = Socket(raw)
            await socket.begin(f"Bearer {self.token}" if self.token else None)
            try:
                yield socket
            finally:
                await socket.end()

    @asynccontextmanager
    async def follow(self, document: str, **variables: Any) -> AsyncIterator[AsyncIterator[Answer]]:
        """One stream on a socket of its own; leaving ends it."""
        async with self.socket() as socket:
            yield socket.subscribe(document, **variables)


class Socket:
    """One `graphql-transport-ws` connection with any number of operations."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self.cursors: dict[str, str] = {}
        self._waiting: dict[str, asyncio.Queue[Answer]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._count = 0

    async def begin(self, authorization: str | None) -> None:
        payload = {"authorization": authorization} if authorization else {}
        await self._send({"type": "connection_init", "payload": payload})
        answer = orjson.loads(await self.raw.recv())
        assert answer["type"] == "connection_ack", answer
        self._reader = asyncio.create_task(self._read())

    async def end(self) -> None:
        if self._reader:
            self._reader.cancel()
        await self.raw.close()

    async def subscribe(self, document: str, **variables: Any) -> AsyncIterator[Answer]:
        self._count += 1
        name = str(self._count)
        self._waiting[name] = asyncio.Queue()
        await self._send(
            {"id": name, "type": "subscribe", "payload": {"query": document, "variables": variables}}
        )
        while True:
            message = await self._waiting[name].get()
            match message["type"]:
                case "next":
                    yield message["payload"]
                case "error":
                    raise Refused(message["payload"])
                case _:
                    return

    async def _send(self, message: Answer) -> None:
        await self.raw.send(json.dumps(message))

    async def _read(self) -> None:
        with suppress(websockets.ConnectionClosed):
            async for frame in self.raw:  # which just ends after 1000 and 1001
                message = orjson.loads(frame)
                if message["type"] == "ping":
                    self.cursors.update((message.get("payload") or {}).get("upTo") or {})
                    await self._send({"type": "pong"})
                elif "id" in message:
                    self._waiting[message["id"]].put_nowait(message)
        for queue in self._waiting.values():
            queue.put_nowait({"type": "error", "payload": [{"message": f"closed {self.raw.close_code}"}]})
