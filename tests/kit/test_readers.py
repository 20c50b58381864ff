"""The connections of planned reads: few, bounded in their queue, and good again after whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from datawave.kit.database import asyncpg_url
from datawave.kit.errors import UnavailableError
from datawave.kit.readers import Readers
from tests import servers


@asynccontextmanager
async def readers(url: str, *, most: int = 2, waiting: int = 2) -> AsyncIterator[Readers]:
    made = Readers(asyncpg_url(url), most=most, waiting=waiting, settings={"application_name": "readers"})
    try:
        yield made
    finally:
        await made.close()


BUSY = "select 1 from pg_stat_activity where application_name = 'readers' and state = 'active'"


async def _until(true: Callable[[], bool]) -> None:
    """Lets the others go on until it is: they have nothing to wait for but each other."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_who_waits_gets_what_is_given_back_and_who_would_wait_too_long_is_told(database: str) -> None:
    async with readers(database) as some, some.connection(), some.connection() as second:
        waiting = [asyncio.create_task(some.fetch("select 1 as n", [])) for _ in range(2)]
        await _until(lambda: some.waiting == 2)
        with pytest.raises(UnavailableError) as refused:
            await some.fetch("select 2", [])
        assert refused.value.retry_after_seconds
        some._give_back(second)  # pyright: ignore[reportPrivateUsage]
        assert [[row["n"] for row in rows] for rows in await asyncio.gather(*waiting)] == [[1], [1]]
        some._idle.clear()  # pyright: ignore[reportPrivateUsage]  # the block gives it back once more


async def test_who_gives_up_waiting_takes_nothing_with_them(database: str) -> None:
    async with readers(database, most=1) as some:
        async with some.connection():
            task = asyncio.create_task(some.fetch("select 1", []))
            await _until(lambda: some.waiting == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert not some.waiting
        assert len(await some.fetch("select 1", [])) == 1


async def test_a_cancelled_read_leaves_its_connection_good(database: str) -> None:
    async with readers(database, most=1) as some:
        task = asyncio.create_task(some.fetch("select pg_sleep(60)", []))
        async with servers.connected(database) as other:
            while not await other.fetchval(BUSY):
                pass
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [row["n"] for row in await some.fetch("select 3 as n", [])] == [3]


async def test_connections_that_died_with_their_server_are_replaced(database: str) -> None:
    async with readers(database) as some:
        await some.fetch("select 1", [])
        async with servers.connected(database) as other:
            await other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'readers'"
            )
        assert [row["n"] for row in await some.fetch("select 4 as n", [])] == [4]


async def test_a_statement_whose_table_has_changed_is_made_anew(database: str) -> None:
    async with readers(database, most=1) as some, servers.connected(database) as other:
        await other.execute("create table changing (n integer); insert into changing values (1)")
        text = "select * from changing where n = $1"
        assert [tuple(row) for row in await some.fetch(text, [1])] == [(1,)]
        await other.execute("alter table changing add column word text default 'new'")
        assert [tuple(row) for row in await some.fetch(text, [1])] == [(1, "new")]
