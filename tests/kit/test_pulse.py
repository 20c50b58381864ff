"""A server that falls silent is told from one that is slow, or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from datawave.kit.database import asyncpg_url
from datawave.kit.pulse import Pulse, Silent
from datawave.kit.readers import Readers, connected
from tests import servers
from tests.clients.cuttable import cuttable
from tests.kit.ground import until

SOON = 30.0


class Watched:
    """Readers, and what watches over them; `greeted` tells of each time that the server was doubted."""

    def __init__(self, url: str, *, patience: float) -> None:
        self.pulse = Pulse(look=0.02, patience=patience)
        self.readers = Readers(asyncpg_url(url), most=2, waiting=2, settings={}, pulse=self.pulse)
        self.greeted: asyncio.Queue[None] = asyncio.Queue()
        self._url = asyncpg_url(url)

    async def greet(self) -> None:
        connection = await connected(self._url)
        await connection.close()
        self.greeted.put_nowait(None)


@asynccontextmanager
async def watched(
    url: str, *, patience: float = SOON, greet: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[Watched]:
    made = Watched(url, patience=patience)
    watching = asyncio.create_task(
        made.pulse.watch(is_awaited=lambda: made.readers.is_busy, greet=greet or made.greet)
    )
    try:
        yield made
    finally:
        watching.cancel()
        await made.readers.close()


async def test_a_slow_statement_is_waited_for(database: str) -> None:
    async with watched(database) as there, servers.connected(database) as other, asyncio.timeout(SOON):
        await other.execute("select pg_advisory_lock(1)")
        slow = asyncio.create_task(there.readers.fetch("select pg_advisory_lock(1), 7 as n", []))
        for _ in range(3):
            await there.greeted.get()
        await other.execute("select pg_advisory_unlock(1)")
        assert [row["n"] for row in await slow] == [7]
        assert not there.pulse.silent


async def test_nobody_waits_for_a_silent_server_and_all_goes_on_when_it_speaks(database: str) -> None:
    async with (
        cuttable(database) as wire,
        watched(wire.url, patience=0.2) as there,
        asyncio.timeout(SOON),
    ):
        await there.readers.fetch("select 1", [])
        wire.hush()
        with pytest.raises(Silent):
            await there.readers.fetch("select 2", [])
        assert there.pulse.silent
        wire.speak()
        await until(lambda: not there.pulse.silent)
        assert [row["n"] for row in await there.readers.fetch("select 3 as n", [])] == [3]


async def test_a_server_that_refuses_is_not_silent(database: str) -> None:
    doubted: asyncio.Queue[None] = asyncio.Queue()

    async def refused() -> None:
        doubted.put_nowait(None)
        raise ConnectionRefusedError

    async with (
        watched(database, greet=refused) as there,
        there.readers.connection(),
        asyncio.timeout(SOON),
    ):
        for _ in range(3):
            await doubted.get()
        assert not there.pulse.silent
