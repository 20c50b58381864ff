"""Workers that are killed, or paused and woken: another takes the job up, and what comes too late is
refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from datawave.kit import duties
from datawave.kit.work import DEATHS
from tests.fixtures.clock import Clock
from tests.kit.ground import Kit
from tests.kit.test_jobs import TAKE_UP, Shop, at_work
from tests.kit.things import DoThing


async def taken_up(kit: Kit, clock: Clock) -> None:
    """Time goes by without a heartbeat."""
    await clock.advance(seconds=16)
    await duties.do(TAKE_UP, kit.database, kit.commands)


async def begun(shop: Shop, processes: Any, note: str) -> tuple[Any, UUID]:
    process = await processes("works")
    assert await process.says() == "ready"
    job_id = await shop.order(note)
    assert await process.says() == "works at attempt 0"
    return process, job_id


async def test_a_worker_that_is_paused_too_long_is_fenced_when_it_wakes(
    kit: Kit, processes: Any, clock: Clock
) -> None:
    async with at_work(kit, None) as shop:
        slow, job_id = await begun(shop, processes, "it")
        slow.pause()
        await taken_up(kit, clock)
        other = await processes("works")
        assert await other.says() == "ready"
        assert await other.says() == "works at attempt 1"
        slow.wake()
        await slow.told("write")
        assert await slow.says() == "fenced"
        await other.told("write")
        assert await other.says() == "wrote thing by it 1"
        row = await shop.reaches(job_id, "SUCCEEDED")
        assert (row.attempt, row.tries) == (1, 1)
        assert await shop.states(job_id) == [
            ("QUEUED", 0),
            ("RUNNING", 0),
            ("RETRYING", 1),
            ("RUNNING", 1),
            ("SUCCEEDED", 1),
        ]
        assert await shop.name() == "thing by it 1"


async def test_a_killed_worker_costs_no_try_where_something_was_finished(
    kit: Kit, processes: Any, clock: Clock
) -> None:
    async with at_work(kit, None) as shop:
        process, job_id = await begun(shop, processes, "it")
        for attempt in range(2):
            await process.told("progress")
            assert await process.says() == "progressed"
            await process.kill()
            await taken_up(kit, clock)
            row = await shop.job(job_id)
            assert (row.state, row.attempt, row.tries) == ("RETRYING", attempt + 1, 0)
            process = await processes("works")
            assert await process.says() == "ready"
            assert await process.says() == f"works at attempt {attempt + 1}"
        await process.told("write")
        assert await process.says() == "wrote thing by it 2"
        await shop.reaches(job_id, "SUCCEEDED", tries=0)


async def test_a_job_that_kills_its_worker_dies_after_its_tries(
    kit: Kit, processes: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    async def died(tx: Any, job: DoThing, failure: dict[str, Any]) -> None:
        told.append((job.thing_id, failure["code"]))

    monkeypatch.setitem(DEATHS, DoThing.__name__, died)
    async with at_work(kit, None) as shop:
        process, job_id = await begun(shop, processes, "it")
        await kit.rows("UPDATE job SET max_tries = 2")
        await process.kill()
        await taken_up(kit, clock)
        process = await processes("works")
        assert await process.says() == "ready"
        assert await process.says() == "works at attempt 1"
        await process.kill()
        await taken_up(kit, clock)
        row = await shop.job(job_id)
        assert (row.state, row.attempt, row.tries, row.failure["code"]) == ("DEAD", 1, 2, "WORKER_DIED")
        assert await kit.one("SELECT count(*) FROM dead_letter") == 1
        assert told == [(shop.thing_id, "WORKER_DIED")]
        await taken_up(kit, clock)
        assert await kit.one("SELECT count(*) FROM dead_letter") == 1


async def test_a_job_whose_worker_writes_just_now_is_passed_over(kit: Kit, clock: Clock) -> None:
    async with at_work(kit, None) as shop:
        job_id = await shop.order()
        await kit.rows(
            "UPDATE job SET state = 'RUNNING', heartbeat_at = datawave_now() WHERE id = :id", id=job_id
        )
        async with kit.database.engine.begin() as writer:
            await writer.exec_driver_sql(f"SELECT 1 FROM job WHERE id = '{job_id}' FOR NO KEY UPDATE")
            await taken_up(kit, clock)
            assert (await shop.job(job_id)).state == "RUNNING"
        await duties.do(TAKE_UP, kit.database, kit.commands)
        assert (await shop.job(job_id)).state == "RETRYING"
