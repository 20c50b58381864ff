"""A subscriber of the whole log, cut off at moments of chance during discoveries, receives exactly the log's
events."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from tests import servers
from tests.client import Client
from tests.factories import documents
from tests.factories.sources import Make
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House

LOG = text("SELECT id, position FROM event WHERE position > :after AND position <= :upto ORDER BY position")


class Subscriber:
    """Keeps what it got and the cursor it left off at, whatever happens to its connection."""

    def __init__(self, api: Client, cursor: str, chance: random.Random, cuts: int) -> None:
        self._api, self._chance, self.cuts = api, chance, cuts
        self.cursor = cursor
        self.got: list[str] = []
        self.enough = asyncio.Event()
        """There is nothing more to cut."""

        self.heard = asyncio.Event()

    async def listen(self) -> None:
        while True:
            async with self._api.socket() as socket:
                await self._read(socket, self._chance.randint(0, 15) if self.cuts else None)
                self.cuts -= 1
                if self.cuts <= 0:
                    self.enough.set()

    async def _read(self, socket: Any, most: int | None) -> None:
        """Up to so many events, and then the line is dead: no close frame, nothing."""
        left = most
        async for payload in socket.subscribe(documents.RECORDED, after=self.cursor):
            if left == 0:
                socket.raw.transport.abort()
                return
            event = payload["data"]["eventRecorded"]
            self.got.append(event["id"])
            self.cursor = event["cursor"]
            self.heard.set()
            left = None if left is None else left - 1


@pytest.mark.parametrize(
    "cuts", [10, pytest.param(50, marks=pytest.mark.long)], ids=["short form", "long form"]
)
async def test_a_subscriber_that_is_cut_off_again_and_again_misses_nothing_and_hears_nothing_twice(
    api: Client, house: House, make: Make, agent: Agent, worker: Worker, cuts: int
) -> None:
    chance = random.Random(seed := random.randrange(10**6))
    print(f"seed {seed}")  # noqa: T201  # to repeat a failing run
    at = await make.postgresql()
    made = await make.source(at, key="shop")
    subscriber = Subscriber(api, made["cursor"], chance, cuts)
    listening = asyncio.create_task(subscriber.listen())
    try:
        round_ = 0
        async with asyncio.timeout(60 + cuts * 5):
            while not subscriber.enough.is_set():
                round_ += 1
                async with servers.connected(at.url) as connection:
                    await connection.execute(f"alter table customer add column extra{round_} text")
                run = await make.discovery(made["id"])
                assert run["state"] == "SUCCEEDED"
            await worker.drained()
            await caught_up(house, subscriber)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    assert subscriber.cuts <= 0


async def caught_up(house: House, subscriber: Subscriber) -> None:
    """Everything that the log held at this moment was received, in its order, and nothing else before it."""
    async with house.core.database.connection() as connection:
        head = await connection.scalar(text("SELECT head FROM event_log"))
        first = await connection.scalar(
            text("SELECT position FROM event WHERE id = :id"),
            {"id": UUID(subscriber.got[0].rpartition("_")[2])},
        )
        rows = (await connection.execute(LOG, {"after": first - 1, "upto": head})).all()
    wanted = [row.id.hex for row in rows]
    while len(subscriber.got) < len(wanted):
        subscriber.heard.clear()
        await subscriber.heard.wait()
    assert [each.rpartition("_")[2] for each in subscriber.got[: len(wanted)]] == wanted
