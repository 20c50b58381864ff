"""The log and its relay: one order without gaps, whoever dies or pauses at whatever moment."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from datawave.kit import duties, log, passing
from datawave.kit.cursors import log_cursor
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.events import ALL
from datawave.kit.passing import Passing
from datawave.kit.relay import MOST_MESSAGE, messages_of
from tests.fixtures.clock import Clock
from tests.kit.ground import Kit
from tests.kit.things import count

APPEND = """
INSERT INTO event (id, at, type, topics, data)
SELECT datawave_uuid(), datawave_now(), 'Counted', ARRAY['count:' || n % 50, 'everything'],
  jsonb_build_object('number', n, 'stream', n % 50, 'filling', repeat('x', :filling))
FROM generate_series(1, :many) AS n
"""


async def append(kit: Kit, many: int, *, filling: int = 0) -> None:
    async with kit.database.engine.begin() as connection:
        await connection.execute(text(APPEND), {"many": many, "filling": filling})


async def drained(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        while await relay.step():
            pass


async def the_log_is_whole(kit: Kit, *, events: int) -> None:
    """Positions from one on without gap; in each topic every place knows the one before it."""
    assert await kit.one("SELECT head FROM event_log") == events
    [row] = await kit.rows(
        "SELECT count(*) AS many, max(position) AS last, count(DISTINCT position) AS places FROM event"
    )
    assert (row.many, row.last, row.places) == (events, events or None, events)
    wrong = await kit.rows(
        "SELECT * FROM (SELECT topic, position, previous,"
        "  coalesce(lag(position) OVER (PARTITION BY topic ORDER BY position), 0) AS right_one"
        " FROM event_topic) t WHERE previous <> right_one"
    )
    assert wrong == []
    behind = await kit.rows(
        "SELECT h.topic FROM topic_head h JOIN (SELECT topic, max(position) AS last FROM event_topic"
        " GROUP BY topic) t ON t.topic = h.topic WHERE h.position <> t.last"
    )
    assert behind == []
    counted = await kit.one("SELECT count(*) FROM event_topic")
    assert counted == await kit.one("SELECT coalesce(sum(cardinality(topics)), 0) FROM event")


async def test_newcomers_are_told_to_let_pass_what_the_relay_carries(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        monkeypatch.setattr(passing, "events", Passing(lambda: 0.0))
        await relay.step()
        assert not passing.events
        await append(kit, 1)
        await relay.step()
        assert passing.events


async def test_what_nobody_told_the_relay_of_is_found_by_its_looks(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        running = asyncio.create_task(relay.run())
        await append(kit, 2)
        async with asyncio.timeout(10):
            while await kit.one("SELECT head FROM event_log") < 2:
                assert not running.done()
        running.cancel()
        await asyncio.wait([running])
    await the_log_is_whole(kit, events=2)


async def test_events_stand_in_the_order_of_their_commits_and_know_their_forerunners(kit: Kit) -> None:
    for number in range(5):
        await kit.run(count, stream="a" if number % 2 else "b", numbers=[number, number + 100])
        await drained(kit)
    await the_log_is_whole(kit, events=10)
    found = await log.page(kit.database, ALL, after=0)
    assert [event.data["number"] for event in found if event.data] == [0, 100, 1, 101, 2, 102, 3, 103, 4, 104]
    of_a = await log.page(kit.database, "count:a", after=3)
    assert [event.position for event in of_a] == [4, 7, 8]
    assert await log.heads(kit.database, ["count:a", "count:b", "count:none", ALL]) == {
        "count:a": 8,
        "count:b": 10,
        ALL: 10,
    }


async def test_a_transaction_that_began_first_and_commits_last_comes_last(kit: Kit) -> None:
    written, go_on = asyncio.Event(), asyncio.Event()

    async def late() -> None:
        async with kit.database.engine.begin() as connection:
            await connection.execute(text(APPEND), {"many": 1, "filling": 0})
            written.set()
            await go_on.wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(late())
        await written.wait()
        await kit.run(count, stream="quick", numbers=[1, 2])
        await drained(kit)
        assert await kit.one("SELECT head FROM event_log") == 2
        go_on.set()
    await drained(kit)
    await the_log_is_whole(kit, events=3)
    rows = await kit.rows("SELECT number, position FROM event ORDER BY position")
    assert rows[2].number < rows[0].number


async def test_of_many_relays_one_numbers_at_a_time(kit: Kit) -> None:
    await append(kit, 9_500)
    async with (
        kit.hub() as live,
        kit.relay(live) as relay,
        kit.relay(live) as other,
        kit.relay(live) as third,
    ):

        async def work(one: Any) -> None:
            while await one.step():
                pass

        await asyncio.gather(*(work(one) for one in (relay, other, third)), append(kit, 500))
        await work(relay)
        assert relay.placed + other.placed + third.placed == 10_000
    await the_log_is_whole(kit, events=10_000)
    in_batches = await kit.one(
        "SELECT count(*) FROM event a JOIN event b ON b.position = a.position + 1 WHERE b.number < a.number"
    )
    assert in_batches <= 1  # only where those that were appended meanwhile begin or end


async def test_twenty_thousand_events_are_placed_in_batches(kit: Kit, record_property: Any) -> None:
    await append(kit, 20_000)
    began = time.perf_counter()
    await drained(kit)
    record_property("events_a_second", round(20_000 / (time.perf_counter() - began)))
    await the_log_is_whole(kit, events=20_000)


async def test_a_relay_killed_between_numbering_and_publishing_loses_nothing(
    kit: Kit, processes: Any
) -> None:
    process = await processes("numbers_and_halts")
    assert await process.says() == "ready"
    async with kit.hub(beat=0.05) as live:
        begun = asyncio.Event()
        stream = log.follow(kit.database, live, "count:a", after=None, moved=lambda *_: begun.set())
        first = asyncio.ensure_future(anext(stream))
        await begun.wait()
        await kit.run(count, stream="a", numbers=[1])
        await process.told("number")
        assert await process.says() == "numbered"
        await process.kill()
        step = await first  # nothing after it shows the hole: the beat does
        assert step.event and step.event.data == {"stream": "a", "number": 1}
        await kit.run(count, stream="a", numbers=[2])
        await drained(kit)
        step = await anext(stream)
        assert step.event and step.event.position == 2
        await stream.aclose()
    await the_log_is_whole(kit, events=2)


async def test_a_process_killed_between_commit_and_numbering_loses_nothing(kit: Kit, processes: Any) -> None:
    process = await processes("counts", "a", "0", "100000")
    said = [await process.says() for _ in range(20)]
    await process.kill()
    await drained(kit)
    many = await kit.one("SELECT head FROM event_log")
    assert many in (len(said), len(said) + 1) or many > len(said)  # it may have got further than it said
    await the_log_is_whole(kit, events=many)
    numbers = [
        event.data["number"] for event in await log.page(kit.database, "count:a", after=0) if event.data
    ]
    assert numbers == list(range(many))


async def test_a_relay_that_is_paused_holds_nobody_up(kit: Kit, processes: Any) -> None:
    """Its answer may be longer than what a socket holds: nothing may be locked while it is not taken."""
    process = await processes("numbers_on_and_on")
    assert await process.says() == "ready"
    async with kit.hub() as live, kit.relay(live) as relay:
        for _ in range(5):
            await append(kit, 1_500, filling=3_000)
            process.pause()
            async with asyncio.timeout(10):
                while await kit.unplaced():
                    await relay.step()
            process.wake()
    await the_log_is_whole(kit, events=7_500)


async def test_as_of_answers_settle_behind_the_oldest_writer(kit: Kit) -> None:
    [settle] = [standing for standing in duties.DUTIES if standing.step is duties.settle]

    async def settled() -> Any:
        await duties.do(settle, kit.database, kit.commands)
        return await kit.one("SELECT settled_at FROM event_log")

    before = await kit.one("SELECT datawave_now()")
    assert await settled() > before
    async with kit.database.engine.begin() as writer:
        began = (
            await writer.execute(text("SELECT pg_current_xact_id()::text, now()".replace("::", "\\:\\:")))
        ).one()[1]
        async with kit.database.engine.begin() as reader:
            await reader.execute(text("SELECT 1"))
            assert await settled() <= began
        assert await settled() <= began
    assert await settled() > began


async def test_settled_times_never_go_back(kit: Kit, clock: Clock) -> None:
    [settle] = [standing for standing in duties.DUTIES if standing.step is duties.settle]
    last = None
    for hours in (1, 0, 2):
        await clock.advance(hours=hours)
        async with kit.database.engine.begin() as writer:
            await writer.execute(text("SELECT pg_current_xact_id()"))
            await duties.do(settle, kit.database, kit.commands)
        now = await kit.one("SELECT settled_at FROM event_log")
        assert last is None or now >= last
        last = now


async def test_a_shortened_log_says_which_cursors_are_too_old(kit: Kit, clock: Clock) -> None:
    await kit.run(count, stream="a", numbers=[1, 2])
    await drained(kit)
    late = text(
        "INSERT INTO event (id, at, type, topics, data)"
        " VALUES (datawave_uuid(), datawave_now() - interval '1 day', 'Counted',"
        " ARRAY['count:a'], '{\"number\": 4}')"
    )
    await clock.advance(days=100)
    await kit.run(count, stream="a", numbers=[3])
    await drained(kit)
    await clock.advance(days=-100)
    async with kit.database.engine.begin() as connection:  # committed late: it stands behind a younger one
        await connection.execute(late)
    await clock.advance(days=100)
    await kit.run(count, stream="a", numbers=[5])
    await drained(kit)
    epoch = (await log.standing(kit.database)).epoch
    [keep] = [standing for standing in duties.DUTIES if standing.step is duties.keep_partitions]
    await duties.do(keep, kit.database, kit.commands, event_retention=timedelta(days=30))
    standing = await log.standing(kit.database)
    assert (standing.oldest, standing.head) == (5, 5)
    for position, good in ((0, False), (3, False), (4, True), (5, True)):
        try:
            await log.begin_after(kit.database, log_cursor(epoch, position))
            assert good, position
        except InputError as error:
            assert (error.code, good) == (ErrorCode.CURSOR_EXPIRED, False)
    assert [event.position for event in await log.page(kit.database, "count:a", after=4)] == [5]
    await duties.do(keep, kit.database, kit.commands, event_retention=timedelta(days=30))
    assert (await log.standing(kit.database)).oldest == 5


async def test_a_cursor_of_another_life_or_beyond_the_end_has_expired(kit: Kit) -> None:
    await kit.run(count, stream="a", numbers=[1])
    await drained(kit)
    epoch = (await log.standing(kit.database)).epoch
    for cursor in (log_cursor(epoch, 2), log_cursor("another life", 1)):
        with pytest.raises(InputError) as caught:
            await log.begin_after(kit.database, cursor)
        assert caught.value.code is ErrorCode.CURSOR_EXPIRED
    for malformed in (
        "",
        "x",
        "ünï",
        "\ud800",
        "bDE",
        log_cursor(epoch, 1)[:-2],
        log_cursor(epoch, -1),
        log_cursor(epoch, 2**63),
        "A" * 10_000,
    ):
        with pytest.raises(InputError) as caught:
            await log.begin_after(kit.database, malformed)
        assert (caught.value.code, caught.value.path) == (ErrorCode.INVALID, ["after"])


def test_messages_are_bounded_and_keep_the_order() -> None:
    events = [
        (at, b"%d" % at + b"0" * (size - 1)) for at, size in enumerate([1, 100_000, 200_000, 300_000, 5, 5])
    ]
    messages = list(messages_of(events))
    assert all(len(message) < MOST_MESSAGE + 1_000 for message in messages)
    assert [message[:12] for message in messages].count(b'{"look":true') == 1
    assert len(messages) == 4


async def test_a_word_between_processes_is_heard_though_it_says_nothing_more(kit: Kit) -> None:
    async with kit.hub() as here, kit.hub() as there:
        heard = asyncio.Event()
        here.listen("wake", lambda _message: heard.set())
        waiting = asyncio.create_task(heard.wait())
        async with asyncio.timeout(20):
            while not waiting.done():  # what is said before the channel is subscribed is lost
                await there.publish("wake", b"{}")
                await asyncio.wait([waiting], timeout=0.05)
