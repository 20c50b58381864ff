"""Who says the events of the fan-out, and how: through Valkey to the peers, into the log for DataWave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from redis import asyncio as redis

from benchmarks.ground import Ground
from benchmarks.sql import connected
from datawave.app.core import own_prefix
from datawave.kit.live import Live

library: Any = redis

KIND = "BenchMoved"
SMALL, LARGE = 60, 4_000
"""Letters in the message of an event: some 210 bytes of frame, or enough to fill a reader's buffers."""

APPEND = f"""
insert into event (id, at, type, topics, data)
select uuidv7(), datawave_now(), '{KIND}', array['bench'], value from jsonb_array_elements($1::jsonb) as value
"""


class Writer(Protocol):
    """Says events; gives the moment at which it has spoken, by the monotonic clock in nanoseconds."""

    async def say(self, events: Sequence[dict[str, Any]]) -> int: ...


@dataclass(frozen=True)
class OverValkey:
    client: Any

    async def say(self, events: Sequence[dict[str, Any]]) -> int:
        pipeline = self.client.pipeline(transaction=False)
        for event in events:
            pipeline.publish("bench", orjson.dumps(event))
        spoken = time.monotonic_ns()
        await pipeline.execute()
        return spoken


@dataclass(frozen=True)
class OverLog:
    """As another process of the platform does it: the rows in one transaction, then a word to the relay."""

    connection: Any
    live: Live

    async def say(self, events: Sequence[dict[str, Any]]) -> int:
        await self.connection.execute(APPEND, orjson.dumps(list(events)).decode())
        spoken = time.monotonic_ns()
        await self.live.publish("wake", b"{}")
        return spoken


@asynccontextmanager
async def writing(place: Ground, *, to_log: bool) -> AsyncGenerator[Writer]:
    client = library.from_url(place.redis_url)
    try:
        if not to_log:
            yield OverValkey(client)
            return
        async with connected(place.database_url) as connection:
            epoch = await connection.fetchval("select epoch from event_log")
            yield OverLog(connection, Live(client, prefix=own_prefix(epoch)))
    finally:
        await client.aclose()


@dataclass
class Speaker:
    """Counts what it says: the number of each event is how the subscribers know what they miss."""

    writer: Writer
    said: int = 0
    spoken: dict[int, int] = field(default_factory=dict[int, int])

    async def say(self, count: int, *, letters: int = SMALL) -> None:
        numbers = range(self.said + 1, self.said + count + 1)
        self.said += count
        at = await self.writer.say([_event(number, letters) for number in numbers])
        self.spoken.update(dict.fromkeys(numbers, at))

    async def say_steadily(self, count: int, *, rate: float, letters: int = SMALL) -> None:
        """Each at its own time, however long the one before took."""
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            await self.say(1, letters=letters)


def _event(number: int, letters: int) -> dict[str, Any]:
    actor = {"id": "user_" + "0" * 32, "displayName": "Somebody"}
    return {"seq": number, "pct": number % 100, "message": "m" * letters, "actor": actor}
