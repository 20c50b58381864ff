"""`kill -9` of the worker and its agent in mid-discovery, at moments of chance: it ends complete, each event
once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests import servers
from tests.client import Answer
from tests.crash.programs import Program, log_of, program
from tests.factories import documents
from tests.factories.sources import Make
from tests.sources_at_fault import Wire

COLUMNS = 12
WIDE = ", ".join(f"c{n} text" for n in range(COLUMNS - 1))
PEOPLE = (
    "insert into t0 (id, c0) select n, 'ada' || n || '@example.com' from generate_series(1, 50) n;"
    "create view v as select id, c0 from t0;"
)
PATIENCE = 180.0


def shop(tables: int) -> str:
    return "".join(f"create table t{n} (id integer primary key, {WIDE});" for n in range(tables)) + PEOPLE


class Moments:
    """Moments of chance in a discovery: so many statements on their way to the source from now.

    A few more may pass before the kill, and the source then holds still: a discovery that had ended by then
    would have been killed in the middle of nothing."""

    def __init__(self, wire: Wire, chance: random.Random) -> None:
        self._chance = chance
        self._left = self._after = 0
        self._is_coming = False
        self._came = asyncio.Event()
        wire.before = self._passes

    async def _passes(self, statement: str) -> None:
        if not self._is_coming:
            return
        self._left -= 1
        if self._left <= 0:
            self._came.set()
        if self._left <= -self._after:
            await asyncio.Event().wait()  # it never goes on: whoever sent it is killed while waiting

    @asynccontextmanager
    async def next(self) -> AsyncGenerator[None]:
        self._came.clear()
        self._left, self._after = self._chance.randint(1, 25), self._chance.randint(0, 5)
        self._is_coming = True
        await self._came.wait()
        await asyncio.sleep(self._chance.uniform(0, 0.4))  # a moment that nothing tells of
        yield
        self._is_coming = False


@pytest.mark.parametrize(
    ("kills", "tables"),
    [(2, 100), pytest.param(10, 1_500, marks=pytest.mark.long)],
    ids=["short form", "long form"],
)
async def test_a_discovery_survives_the_deaths_of_its_worker(
    tmp_path: Path, source_server: servers.SourceServer, kills: int, tables: int
) -> None:
    chance = random.Random(seed := random.randrange(10**6))
    print(f"seed {seed}")  # noqa: T201  # to repeat a failing run
    wire = Wire(await source_server.database(shop(tables)))
    async with program(tmp_path) as running, wire.open(), asyncio.timeout(PATIENCE + kills * 30):
        api = await running.ready()
        make = Make(api, source_server, tmp_path)
        made = await make.source(wire.seen, key="shop")
        moments = Moments(wire, chance)
        started = await api.done(documents.DISCOVER, input={"dataSourceId": made["id"]})
        for _ in range(kills):
            async with moments.next():
                assert await state_of_the_run(running) == "RUNNING"
                await running.kill("worker")
            await running.start_worker()
        run = await make.ended(started["discovery"]["id"])
        await complete(running, run, tables)
        await api.close()


async def state_of_the_run(running: Program) -> str:
    async with servers.connected(running.database_url) as connection:
        return str(await connection.fetchval("SELECT state FROM run"))


async def complete(running: Program, run: Answer, tables: int) -> None:
    assert run["state"] == "SUCCEEDED", run
    async with servers.connected(running.database_url) as connection:
        kinds = dict(await connection.fetch("SELECT kind, count(*) FROM asset GROUP BY kind"))
        assert (kinds["TABLE"], kinds["VIEW"]) == (tables, 1)
        assert kinds["COLUMN"] == tables * COLUMNS + 2
        assert await connection.fetchval("SELECT count(*) FROM asset WHERE state <> 'ACTIVE'") == 0
        added = await connection.fetchval(
            "SELECT sum((data ->> 'added')::int) FROM event WHERE type = 'AssetsIngested'"
        )
        assert added == sum(kinds.values())
        changes = await connection.fetch(
            "SELECT data ->> 'before' AS before, data ->> 'after' AS after FROM event"
            " WHERE type = 'RunStateChanged' ORDER BY position"
        )
        assert [tuple(row) for row in changes] == [
            (None, "QUEUED"), ("QUEUED", "RUNNING"), ("RUNNING", "SUCCEEDED"),
        ]  # fmt: skip
    positions = [position for position, _, _ in await log_of(running.database_url)]
    assert positions == list(range(positions[0], positions[0] + len(positions)))
