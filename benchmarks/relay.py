"""How many committed events a second the relay gives their place and publishes, in batches."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from arq.connections import ArqRedis
from redis import asyncio as redis

from benchmarks.figures import Figure, measured
from benchmarks.sql import connected
from datawave import migrations
from datawave.embedded import postgres, valkey
from datawave.kit.database import Database
from datawave.kit.live import Live
from datawave.kit.relay import Relay

EVENTS = 100_000
GOAL = 20_000

APPEND = """
insert into event (id, at, type, topics, data)
select uuidv7(), datawave_now(), 'BenchEvent', array['bench:' || number % 50, 'catalog'],
       jsonb_build_object('number', number)
from generate_series(1, $1) as number
"""


async def measure(folder: Path, *, product: bool = True) -> list[Figure]:
    if not product:
        return []
    database = postgres.start_postgres(folder / "log", password=secrets.token_urlsafe(16))
    try:
        bus = valkey.start_valkey(folder / "bus", password=secrets.token_urlsafe(16))
        try:
            return [await _numbered(database.address.url(), bus.address.url())]
        finally:
            bus.stop()
    finally:
        database.stop()


async def _numbered(database_url: str, valkey_url: str) -> Figure:
    await migrations.upgrade(database_url)
    await _append(database_url)
    library: Any = redis
    database, client = Database(database_url), library.from_url(valkey_url)
    queue = ArqRedis(connection_pool=client.connection_pool)
    relay = Relay(database, Live(client, prefix="bench:"), queue)
    try:
        with measured() as watch:
            while await relay.steps():
                pass
    finally:
        await database.close()
        await client.aclose(close_connection_pool=True)
    rate = relay.placed / watch.seconds
    return Figure(
        name="relay: events placed and published",
        value=rate,
        unit="/s",
        goal=GOAL,
        at_least=True,
        note=f"{relay.placed:,} events",
    )


async def _append(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(APPEND, EVENTS)
