"""Jobs: a row that some worker carries to an end, once with effect, whatever dies, pauses or forgets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from datawave.kit import duties, work
from datawave.kit.access import Viewer
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.work import DEATHS, HANDLERS, Failure, Fenced, Handler, Waiting, Work
from tests.fixtures.clock import Clock
from tests.kit.ground import Kit, until, valkey_at
from tests.kit.test_follow import OwnValkey, own_valkey
from tests.kit.things import (
    WRITE,
    DoThing,
    Thing,
    append_to_thing,
    make_thing,
    order_thing,
    viewer_of,
)
from workers.main import Hands, worker

__all__ = ["own_valkey"]

Does = Callable[[Work, DoThing], Awaitable[None]]
[TAKE_UP] = [standing for standing in duties.DUTIES if standing.step is duties.take_up_silent_jobs]


@dataclass
class Shop:
    """A worker and a relay at work, and what the worker's handler does."""

    kit: Kit
    thing_id: UUID
    url: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def order(self, note: str = "") -> UUID:
        return await self.kit.run(order_thing, thing_id=self.thing_id, note=note)

    async def job(self, job_id: UUID) -> Any:
        [row] = await self.kit.rows("SELECT * FROM job WHERE id = :id", id=job_id)
        return row

    async def reaches(self, job_id: UUID, state: str, **fields: Any) -> Any:
        async def reached() -> bool:
            row = await self.job(job_id)
            return row.state == state and all(getattr(row, name) == value for name, value in fields.items())

        await until(reached)
        return await self.job(job_id)

    async def states(self, job_id: UUID) -> list[tuple[str, int]]:
        """As the log tells of them."""
        rows = await self.kit.rows(
            "SELECT data FROM event WHERE type = 'JobChanged' AND subject_id = :id ORDER BY number", id=job_id
        )
        return [(row.data["state"], row.data["attempt"]) for row in rows]

    async def name(self) -> str:
        return await self.kit.one("SELECT name FROM thing WHERE id = :id", id=self.thing_id)


async def rights(actor_id: UUID | None, _word: str | None) -> Viewer:
    return viewer_of(actor_id)


@asynccontextmanager
async def at_work(
    kit: Kit, does: Does | None, *, url: str | None = None, max_jobs: int = 10
) -> AsyncGenerator[Shop]:
    url = url or kit.valkey.url
    thing = await kit.run(make_thing, name="thing")
    shop = Shop(kit, thing.id, url)
    async with kit.hub(url=url) as live, kit.relaying(live, url=url):
        if does is None:
            yield shop
            return
        async with handling(does), working(kit, shop, max_jobs=max_jobs):
            yield shop


@asynccontextmanager
async def handling(does: Does) -> AsyncGenerator[None]:
    HANDLERS[DoThing.__name__] = Handler(does)
    try:
        yield
    finally:
        del HANDLERS[DoThing.__name__]


@asynccontextmanager
async def working(kit: Kit, shop: Shop, *, max_jobs: int = 10) -> AsyncGenerator[asyncio.Task[None]]:
    stop = asyncio.Event()
    task = asyncio.create_task(
        worker(
            database=kit.database,
            commands=kit.commands,
            valkey_url=shop.url,
            prefix=kit.valkey.prefix,
            viewer_of=rights,
            extras={"found": "here"},
            max_jobs=max_jobs,
            stop=stop,
        )
    )
    try:
        yield task
    finally:
        stop.set()
        await task


async def write(work: Work, job: DoThing) -> None:
    await work.run(append_to_thing, thing_id=job.thing_id, word=f" {job.note}{work.attempt}")


async def test_a_job_runs_once_as_its_actor_and_every_change_is_told_once(kit: Kit) -> None:
    seen: list[Any] = []

    async def does(work: Work, job: DoThing) -> None:
        seen.append((work.viewer.actor_id, work.extras["found"], job.note))
        await work.progress(1, 2, unit="things")
        await write(work, job)

    async with at_work(kit, does) as shop:
        job_id = await shop.order("n")
        row = await shop.reaches(job_id, "SUCCEEDED")
        assert seen == [(row.actor_id, "here", "n")]
        assert (row.attempt, row.tries, row.progress["done"], row.failure) == (0, 0, 1, None)
        assert row.attempts[0]["number"] == 0 and row.attempts[0]["finishedAt"]
        assert await shop.states(job_id) == [("QUEUED", 0), ("RUNNING", 0), ("SUCCEEDED", 0)]
        assert await shop.name() == "thing n0"
        commands = await kit.rows("SELECT correlation_id FROM command WHERE name = 'append_to_thing'")
        assert [each.correlation_id for each in commands] == [row.command_id.hex]


async def test_many_jobs_run_side_by_side_but_never_more_than_may(kit: Kit) -> None:
    running, most, full = 0, 0, asyncio.Event()

    async def does(work: Work, job: DoThing) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 3:
            full.set()
        await full.wait()  # as many as may are at it at once before the first ends
        await work.progress(1)
        running -= 1

    async with at_work(kit, does, max_jobs=3) as shop:
        jobs = await asyncio.gather(*(shop.order() for _ in range(30)))
        for job_id in jobs:
            await shop.reaches(job_id, "SUCCEEDED", attempt=0)
    assert most == 3
    assert await kit.one("SELECT count(*) FROM event WHERE type = 'JobChanged'") == 90


async def test_a_failure_costs_a_try_and_the_last_makes_a_dead_letter(kit: Kit, clock: Clock) -> None:
    async def does(work: Work, job: DoThing) -> None:
        if work.attempt == 1:
            raise RuntimeError("a planted-bug with detail")
        raise UnavailableError(ErrorCode.UNAVAILABLE, f"away at {work.attempt}")

    deaths: list[Any] = []

    async def died(tx: Tx, job: DoThing, failure: dict[str, Any]) -> None:
        thing = await tx.get(Thing, job.thing_id)
        thing.name = f"died of {failure['code']}"
        deaths.append(failure["message"])

    DEATHS[DoThing.__name__] = died
    async with at_work(kit, does) as shop:
        job_id = await shop.order()
        row = await shop.reaches(job_id, "RETRYING", attempt=1)
        assert (row.tries, row.failure["code"]) == (1, "UNAVAILABLE")
        await clock.advance(seconds=2)
        row = await shop.reaches(job_id, "RETRYING", attempt=2)
        assert row.failure["code"] == "INTERNAL"
        assert "planted-bug" not in str(row.failure)
        await clock.advance(seconds=4)
        row = await shop.reaches(job_id, "DEAD", attempt=2)
    del DEATHS[DoThing.__name__]
    assert (row.tries, row.failure["message"]) == (3, "away at 2")
    assert [each["failure"]["code"] for each in row.attempts[:2]] == ["UNAVAILABLE", "INTERNAL"]
    [letter] = await kit.rows("SELECT * FROM dead_letter")
    assert (letter.job_id, letter.failure["message"], deaths) == (job_id, "away at 2", ["away at 2"])
    assert "away at 2" in letter.trace
    assert await shop.name() == "died of UNAVAILABLE"
    assert await kit.one("SELECT count(*) FROM event WHERE type = 'DeadLetterAdded'") == 1
    assert [state for state, _ in await shop.states(job_id)] == [
        "QUEUED", "RUNNING", "RETRYING", "RUNNING", "RETRYING", "RUNNING", "DEAD",
    ]  # fmt: skip


async def test_what_is_not_retryable_dies_at_once_and_with_it_what_its_death_asks_for(kit: Kit) -> None:
    async def does(work: Work, job: DoThing) -> None:
        raise Failure("HOPELESS", "There is no such thing.", retryable=False)

    async def cannot(tx: Tx, job: DoThing, failure: dict[str, Any]) -> None:
        (await tx.get(Thing, job.thing_id)).name = "half of it"
        await tx.session.flush()
        raise RuntimeError("the hook broke")

    DEATHS[DoThing.__name__] = cannot
    async with at_work(kit, does) as shop:
        broken = await shop.order()
        await shop.reaches(broken, "RUNNING")
        await until(lambda: rolled_back(kit))
        del DEATHS[DoThing.__name__]
        job_id = await shop.order()
        row = await shop.reaches(job_id, "DEAD")
    assert (row.attempt, row.tries) == (0, 1)
    assert (await shop.name(), await kit.one("SELECT count(*) FROM dead_letter")) == ("thing", 1)
    assert (await shop.job(broken)).state == "RUNNING"  # it falls silent and is taken up


async def rolled_back(kit: Kit) -> bool:
    return not any(task.get_name().startswith("job.DoThing") for task in asyncio.all_tasks())


async def test_a_kind_that_no_worker_knows_dies_with_words(kit: Kit) -> None:
    async with at_work(kit, write) as shop:
        del HANDLERS[DoThing.__name__]
        row = await shop.reaches(await shop.order(), "DEAD")
        HANDLERS[DoThing.__name__] = Handler(write)
    assert row.failure["code"] == "UNKNOWN_KIND"


async def test_a_job_that_waits_for_an_agent_rests_until_its_next_attempt(kit: Kit, clock: Clock) -> None:
    @command(needs=WRITE)
    async def offer_work(tx: Tx, *, job_id: UUID) -> None:
        await tx.session.execute(
            text("UPDATE job SET state = 'WAITING', heartbeat_at = NULL WHERE id = :id"), {"id": job_id}
        )

    async def does(work: Work, job: DoThing) -> None:
        if work.attempt == 0:
            await work.run(offer_work, job_id=work.job_id)
            raise Waiting
        await write(work, job)

    async with at_work(kit, does) as shop:
        job_id = await shop.order()
        await shop.reaches(job_id, "WAITING")
        await clock.advance(hours=1)
        await duties.do(TAKE_UP, kit.database, kit.commands)
        assert (await shop.job(job_id)).state == "WAITING"
        await kit.rows(
            "UPDATE job SET state = 'QUEUED', attempt = attempt + 1, signalled_at = NULL,"
            " next_attempt_at = datawave_now() WHERE id = :id",
            id=job_id,
        )
        row = await shop.reaches(job_id, "SUCCEEDED")
    assert (row.attempt, row.tries, await shop.name()) == (1, 0, "thing 1")


async def test_a_cancelled_job_is_fenced_and_its_handler_ended(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "HEARTBEAT", 0.02)
    began, told, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def does(work: Work, job: DoThing) -> None:
        began.set()
        try:
            await work.cancelled.wait()
            told.set()
            with pytest.raises(Fenced):
                await write(work, job)
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with at_work(kit, does) as shop:
        job_id = await shop.order()
        await began.wait()
        await kit.rows("UPDATE job SET state = 'CANCELLED', cancel_asked = true WHERE id = :id", id=job_id)
        async with asyncio.timeout(10):
            await told.wait()
            await ended.wait()
        assert (await shop.job(job_id)).state == "CANCELLED"
        assert await shop.states(job_id) == [("QUEUED", 0), ("RUNNING", 0), ("CANCELLED", 0)]
    assert await shop.name() == "thing"


async def test_a_worker_that_stops_gives_its_jobs_back_at_no_cost(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.main.STOPPING", 0.01)
    began = asyncio.Event()

    async def does(work: Work, job: DoThing) -> None:
        if work.attempt == 0:
            began.set()
            await asyncio.Event().wait()
        await write(work, job)

    async with at_work(kit, None) as shop, handling(does):
        async with working(kit, shop):
            job_id = await shop.order()
            await began.wait()
        row = await shop.job(job_id)
        assert (row.state, row.attempt, row.tries) == ("RETRYING", 1, 0)
        async with working(kit, shop):
            row = await shop.reaches(job_id, "SUCCEEDED")
    assert (row.attempt, row.tries, await shop.name()) == (1, 0, "thing 1")


async def test_a_running_job_may_end_before_the_worker_does(kit: Kit) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def does(work: Work, job: DoThing) -> None:
        began.set()
        await go_on.wait()
        await write(work, job)

    async with at_work(kit, None) as shop, handling(does):
        async with working(kit, shop):
            job_id = await shop.order()
            await began.wait()
            asyncio.get_running_loop().call_later(0.1, go_on.set)
        assert (await shop.job(job_id)).state == "SUCCEEDED"


async def test_valkey_losing_everything_loses_no_job(kit: Kit, own_valkey: OwnValkey, clock: Clock) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()

    async def does(work: Work, job: DoThing) -> None:
        if job.note == "long":
            began.set()
            await go_on.wait()
        await write(work, job)

    async with at_work(kit, None, url=own_valkey.url) as shop:
        queued = await shop.order("q")
        await until(lambda: signalled(kit, queued))
        client: Any = valkey_at(own_valkey.url)
        await client.flushall()
        await client.aclose()
        async with handling(does), working(kit, shop):
            await clock.advance(seconds=6)
            await shop.reaches(queued, "SUCCEEDED", attempt=0)
            running = await shop.order("long")
            await began.wait()
            own_valkey.kill()
            go_on.set()
            row = await shop.reaches(running, "SUCCEEDED")
            assert (row.attempt, row.tries) == (0, 0)
            meanwhile = await shop.order("meanwhile")
            own_valkey.start()
            await clock.advance(seconds=6)
            await shop.reaches(meanwhile, "SUCCEEDED", attempt=0)


async def signalled(kit: Kit, job_id: UUID) -> bool:
    return await kit.one("SELECT signalled_at FROM job WHERE id = :id", id=job_id) is not None


async def test_signals_of_one_installation_do_not_meet_another(kit: Kit) -> None:
    async with at_work(kit, write) as shop:
        await shop.reaches(await shop.order(), "SUCCEEDED")
        client: Any = valkey_at(kit.valkey.url)
        keys = [key.decode() for key in await client.keys("arq:*")]
        queues = [key for key in keys if kit.valkey.prefix not in key]
        await client.aclose()
    assert not [key for key in queues if key.startswith("arq:queue")]


async def test_hands_that_are_full_leave_the_signal_to_others(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.main.FREE_HAND", 0.01)
    thing = await kit.run(make_thing, name="thing")
    first = await kit.run(order_thing, thing_id=thing.id)
    second = await kit.run(order_thing, thing_id=thing.id)
    go_on = asyncio.Event()

    async def does(work: Work, job: DoThing) -> None:
        await go_on.wait()

    async with handling(does):
        hands = Hands(work.Runner(kit.database, kit.commands, rights, {}), most=1)
        await hands.take(first, 0)
        await hands.take(second, 0)
        assert [row.state for row in await kit.rows("SELECT state FROM job WHERE id = :id", id=second)] == [
            "QUEUED"
        ]
        go_on.set()
        await hands.rest()
        await hands.take(second, 0)
        await hands.rest()
    assert {row.state for row in await kit.rows("SELECT state FROM job")} == {"SUCCEEDED"}
