"""Subscribers of one type of event, who keep what they got and resume by their cursors, as clients do."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx2
import orjson
import websockets

from tests.client import Client, Refused

RECORDED = """subscription ($after: Cursor, $types: [String!]) {
  eventRecorded(filter: {types: $types}, after: $after) { id cursor } }"""
GONE = (OSError, websockets.WebSocketException, httpx2.HTTPError, Refused, AssertionError)


class Subscriber:
    """Keeps what it got, and the cursor of the last, whatever happens to its connection."""

    def __init__(self, api: Client, type: str, cursor: str, cuts: Cuts) -> None:
        self._api, self._types, self._cursor, self._cuts = api, [type], cursor, cuts
        self.got: list[str] = []
        self.ends: list[str] = []
        """How its connections ended that did not just end."""
        self.heard = asyncio.Event()

    async def listen(self, over: str) -> None:
        read = self._over_events if over == "events" else self._over_socket
        while True:
            try:
                await read(self._cuts.next())
            except GONE as gone:
                self.ends.append(f"{type(gone).__name__} {gone}")
                await asyncio.sleep(0.05)  # as clients do: the API may be away

    async def _over_socket(self, most: int | None) -> None:
        async with self._api.socket() as socket:
            async for payload in socket.subscribe(RECORDED, after=self._cursor, types=self._types):
                if most == 0:
                    socket.raw.transport.abort()
                    self._cuts.made()
                    return
                self._keep(payload["data"]["eventRecorded"])
                most = None if most is None else most - 1

    async def _over_events(self, most: int | None) -> None:
        headers = {**self._api.headers, "accept": "text/event-stream", "last-event-id": self._cursor}
        body = {"query": RECORDED, "variables": {"types": self._types}}
        async with (
            httpx2.AsyncClient(base_url=self._api.url, timeout=60) as http,
            http.stream("POST", "/graphql", json=body, headers=headers) as response,
        ):
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                if most == 0:
                    self._cuts.made()
                    return
                self._keep(orjson.loads(line[6:])["data"]["eventRecorded"])
                most = None if most is None else most - 1

    def _keep(self, event: dict[str, Any]) -> None:
        self.got.append(event["id"].rpartition("_")[2])
        self._cursor = event["cursor"]
        self.heard.set()


class Cuts:
    """How often everybody together is still to be cut off, and after how much."""

    def __init__(self, wanted: int, chance: random.Random) -> None:
        self._left, self._chance = wanted, chance
        self.done = 0
        self._changed = asyncio.Event()

    def next(self) -> int | None:
        return self._chance.randint(0, 20) if self._left > self.done else None

    def made(self) -> None:
        self.done += 1
        self._changed.set()

    async def come_to(self, number: int) -> None:
        while self.done < min(number, self._left):
            self._changed.clear()
            await self._changed.wait()
