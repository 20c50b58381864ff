"""Streams: exactly the log's events of a topic, in order, through cuts, restarts, late commits and lost
messages."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from datawave.embedded import valkey as embedded
from datawave.kit import log
from datawave.kit.cursors import log_cursor, log_position
from datawave.kit.errors import ErrorCode, InputError, UnavailableError
from datawave.kit.events import ALL
from datawave.kit.live import MOST_WAITING, Follower, Live
from datawave.kit.relay import Relay
from tests.kit.ground import Kit, until, valkey_at
from tests.kit.things import count

TOPIC = "count:a"


class LossyRelay(Relay):
    """Valkey takes what it publishes, and nobody gets it."""

    loses = False

    async def _publish(self, rows: Sequence[Any]) -> None:
        if not self.loses:
            await super()._publish(rows)


@dataclass
class Reader:
    """Follows a topic, is cut off, and resumes by the last place it knows: an event's, or one that was
    passed."""

    kit: Kit
    topic: str
    got: list[int] = field(default_factory=list[int])
    cursor: str | None = None
    passed: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """Places that were passed, with how many events had been got by then."""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def start(self, live: Live) -> None:
        self._task = asyncio.create_task(self._read(live))

    async def _read(self, live: Live) -> None:
        """A stream that cannot begin because its backend was just ended is asked for again, as clients do."""
        while True:
            try:
                return await self._follow(live)
            except UnavailableError:
                self._back_to_place()
                await asyncio.sleep(0)

    async def _follow(self, live: Live) -> None:
        async for step in log.follow(
            self.kit.database, live, self.topic, after=self.cursor, moved=self._moved
        ):
            assert step.event is not None
            self.got.append(step.event.position)
            async with self.changed:
                self.changed.notify_all()

    def _moved(self, cursor: str, _position: int) -> None:
        """What the server's ping would say: the client keeps it as its place."""
        self.cursor = cursor
        self.passed.append((cursor, len(self.got)))
        self.begun.set()

    async def ended(self) -> None:
        assert self._task is not None
        async with asyncio.timeout(20):
            await self._task

    async def cut(self) -> None:
        """As a lost connection does: at any moment, also between an event and what came after it."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._back_to_place()

    def _back_to_place(self) -> None:
        if self.cursor is not None:
            _, place = log_position(self.cursor)
            self.got = [position for position in self.got if position <= place]

    @property
    def place(self) -> int:
        return log_position(self.cursor)[1] if self.cursor else 0

    async def has(self, position: int) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: bool(self.got) and self.got[-1] >= position)


async def positions(kit: Kit, topic: str) -> list[int]:
    if topic == ALL:
        return [row.position for row in await kit.rows("SELECT position FROM event ORDER BY position")]
    rows = await kit.rows(
        "SELECT position FROM event_topic WHERE topic = :topic ORDER BY position", topic=topic
    )
    return [row.position for row in rows]


async def test_a_stream_begins_after_its_cursor_and_goes_over_to_live(kit: Kit) -> None:
    async with kit.hub() as live, kit.relaying(live):
        await kit.run(count, stream="a", numbers=[1, 2, 3])
        reader = Reader(kit, TOPIC, cursor=log_cursor((await log.standing(kit.database)).epoch, 0))
        reader.start(live)
        await reader.has(3)
        await kit.run(count, stream="b", numbers=[1])
        await kit.run(count, stream="a", numbers=[4])
        await reader.has(5)
        assert reader.got == [1, 2, 3, 5]
        await reader.cut()


async def test_a_lost_last_message_is_found_by_the_beat(kit: Kit) -> None:
    async with kit.hub(beat=0.05) as live, kit.relay(live, made=LossyRelay) as relay:
        relay.loses = True
        reader = Reader(kit, TOPIC)
        reader.start(live)
        await reader.begun.wait()
        await kit.run(count, stream="a", numbers=[1])
        await relay.step()
        await reader.has(1)
        await reader.cut()


async def test_a_hole_leads_back_to_the_log(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live, made=LossyRelay) as relay:
        reader = Reader(kit, TOPIC)
        reader.start(live)
        await reader.begun.wait()
        for number in range(6):
            await kit.run(count, stream="a", numbers=[number])
            relay.loses = number not in (2, 5)
            await relay.step()
        await reader.has(6)
        assert reader.got == [1, 2, 3, 4, 5, 6]
        await reader.cut()


async def test_a_slow_reader_is_sent_back_to_the_log_and_misses_nothing(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        begun = asyncio.Event()
        stream = log.follow(kit.database, live, ALL, after=None, moved=lambda *_: begun.set())
        first = asyncio.ensure_future(anext(stream))
        await begun.wait()
        await kit.run(count, stream="a", numbers=list(range(3 * MOST_WAITING)))
        while await relay.step():
            pass
        got = [(await first).event]
        while len(got) < 3 * MOST_WAITING:
            got.append((await anext(stream)).event)
        assert [event.position for event in got if event] == list(range(1, 3 * MOST_WAITING + 1))
        await stream.aclose()


def test_what_waits_for_a_reader_is_bounded() -> None:
    follower = Follower()
    for number in range(3 * MOST_WAITING):
        follower.tell_progress(str(number), {})
        follower.tell_heads(0, number)
    taken = follower.take()
    assert (taken.look, len(taken.progress), taken.head) == (False, MOST_WAITING, 3 * MOST_WAITING - 1)


async def test_a_quiet_stream_moves_on_with_the_log(kit: Kit) -> None:
    """Its place would else grow too old, though nothing was missed."""
    async with kit.hub(beat=0.02) as live, kit.relay(live) as relay:
        reader = Reader(kit, TOPIC)
        reader.start(live)
        await reader.begun.wait()
        await kit.run(count, stream="b", numbers=[1, 2, 3])
        await relay.step()
        await until(lambda: reader.place == 3)
        await kit.run(count, stream="a", numbers=[1])
        await relay.step()
        await reader.has(4)
        assert reader.got == [4]
        await reader.cut()


async def test_a_place_is_passed_only_when_the_reader_asks_for_more(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        places: list[int] = []
        stream = log.follow(
            kit.database, live, TOPIC, after=None, moved=lambda _, position: places.append(position)
        )
        first = asyncio.ensure_future(anext(stream))
        await until(lambda: bool(places))
        await kit.run(count, stream="a", numbers=[1, 2])
        await relay.step()
        assert (await first).cursor
        assert places == [0]
        await anext(stream)
        assert places == [0, 1]
        await stream.aclose()


async def test_progress_is_the_latest_and_is_never_in_the_way(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        begun = asyncio.Event()
        stream = log.follow(kit.database, live, TOPIC, after=None, moved=lambda *_: begun.set())
        first = asyncio.ensure_future(anext(stream))
        await begun.wait()
        await live.publish(TOPIC, b'{"key":"run","progress":{"done":1}}')
        assert (await first).progress == {"done": 1}
        await live.publish(TOPIC, b'{"key":"run","progress":{"done":2}}')
        await kit.run(count, stream="a", numbers=[1])
        await relay.step()
        steps = [await anext(stream), await anext(stream)]
        assert sorted(bool(step.event) for step in steps) == [False, True]
        await stream.aclose()


@pytest.mark.parametrize(
    "garbage", [b"\xff", b"[]", b'"x"', b'{"events":[[1]]}', b'{"events":{"a":1}}', b'{"events":[[0,[1,2]]]}']
)
async def test_what_anybody_else_publishes_does_no_harm(kit: Kit, garbage: bytes) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        reader = Reader(kit, TOPIC)
        reader.start(live)
        await reader.begun.wait()
        await live.publish(TOPIC, garbage)
        await kit.run(count, stream="a", numbers=[1])
        await relay.step()
        await reader.has(1)
        assert reader.got == [1]
        await reader.cut()


async def test_a_stream_of_a_restored_log_has_expired(kit: Kit) -> None:
    async with kit.hub(beat=0.02) as live, kit.relaying(live):
        await kit.run(count, stream="a", numbers=[1, 2, 3])
        reader = Reader(kit, TOPIC, cursor=log_cursor((await log.standing(kit.database)).epoch, 0))
        reader.start(live)
        await kit.run(count, stream="b", numbers=[1])
        await until(lambda: reader.place == 4)  # a beat has seen how far the topic was
        async with kit.database.engine.begin() as connection:
            for statement in (
                "UPDATE event_log SET epoch = 'another life', head = 1",
                "DELETE FROM event WHERE position > 1",
                "DELETE FROM event_topic WHERE position > 1",
                "UPDATE topic_head SET position = 1",
            ):
                await connection.execute(text(statement))
        with pytest.raises(InputError) as caught:
            await reader.ended()
        assert caught.value.code is ErrorCode.CURSOR_EXPIRED


async def test_readers_that_come_and_go_leave_nothing_behind(kit: Kit) -> None:
    """Whoever leaves while the channel is being subscribed, and whoever comes while it is being left."""
    async with kit.hub() as live, kit.relay(live) as relay:
        chance = random.Random(7)
        for _ in range(60):
            reader = Reader(kit, f"count:{chance.randrange(2)}")
            reader.start(live)
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            await reader.cut()
        last = Reader(kit, "count:1")
        last.start(live)
        await last.begun.wait()
        await kit.run(count, stream="1", numbers=[1])
        await relay.step()
        await last.has(1)
        await last.cut()
        await until(lambda: not live.topics)
        client: Any = valkey_at(kit.valkey.url)
        channels = await client.pubsub_channels(f"{kit.valkey.prefix}*")
        await client.aclose()
        assert [channel for channel in channels if b"count:" in channel] == []


class OwnValkey:
    """A Valkey of the test's own, to be killed, paused and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running = embedded.start_valkey(folder, password="own")
        self.url = self._running.address.url()
        self._port = self._running.address.port

    def kill(self) -> None:
        self._running.process.send_signal(signal.SIGKILL)
        self._running.stop()

    def start(self) -> None:
        self._running = embedded.start_valkey(self._folder, password="own", port=self._port)

    def pause(self) -> None:
        self._running.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._running.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._running.stop()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Generator[OwnValkey]:
    valkey = OwnValkey(tmp_path / "valkey")
    yield valkey
    valkey.stop()


async def test_a_valkey_that_is_paused_is_given_up_and_heard_again(kit: Kit, own_valkey: OwnValkey) -> None:
    async with kit.hub(url=own_valkey.url, quiet=0.1) as live, kit.relay(live, url=own_valkey.url) as relay:
        reader = Reader(kit, TOPIC)
        reader.start(live)
        await reader.begun.wait()
        own_valkey.pause()
        await until(lambda: not live.connected)
        await kit.run(count, stream="a", numbers=[1])
        await relay.step()  # placed, and not published
        own_valkey.wake()
        await reader.has(1)
        await kit.run(count, stream="a", numbers=[2])
        await relay.step()
        await reader.has(2)
        await reader.cut()


async def random_life(kit: Kit, own: OwnValkey, *, seed: int, steps: int) -> None:
    """Writers in parallel, late commits, cuts, restarts of Valkey, lost backends, two hubs and two relays: at
    the end every reader has exactly the log's events of its topic, in order."""
    chance = random.Random(seed)
    async with (
        kit.hub(url=own.url, beat=0.3, quiet=0.5) as one,
        kit.hub(url=own.url, beat=0.3, quiet=0.5) as other,
        kit.relaying(one, url=own.url),
        kit.relaying(other, url=own.url),
    ):
        hubs = [one, other]
        epoch = (await log.standing(kit.database)).epoch
        readers = [
            Reader(kit, topic, cursor=log_cursor(epoch, 0)) for topic in ("count:a", "count:b", ALL, ALL)
        ]
        for reader in readers:
            reader.start(chance.choice(hubs))
        late: list[asyncio.Task[None]] = []
        for _ in range(steps):
            await random_step(kit, own, chance, hubs, readers, late)
        await asyncio.gather(*late)
        for topic in ("a", "b"):
            await kit.run(count, stream=topic, numbers=[-1])
        await until(lambda: placed(kit))
        for reader in readers:
            expected = await positions(kit, reader.topic)
            await reader.has(expected[-1])
            assert reader.got == expected, f"seed {seed}, topic {reader.topic}"
            for cursor, many in reader.passed:
                place = log_position(cursor)[1]
                assert many >= len([position for position in expected if position <= place]), f"seed {seed}"
            await reader.cut()


async def placed(kit: Kit) -> bool:
    return await kit.unplaced() == 0


async def random_step(
    kit: Kit,
    own: OwnValkey,
    chance: random.Random,
    hubs: list[Live],
    readers: list[Reader],
    late: list[asyncio.Task[None]],
) -> None:
    async def write(stream: str, many: int, wait: float) -> None:
        with contextlib.suppress(DBAPIError):  # its backend may be ended: then nothing was written
            await in_one_transaction(stream, many, wait)

    async def in_one_transaction(stream: str, many: int, wait: float) -> None:
        async with kit.database.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO event (id, at, type, topics, data)"
                    " SELECT datawave_uuid(), datawave_now(), 'Counted',"
                    " ARRAY['count:' || CAST(:stream AS text)], '{}' FROM generate_series(1, :many)"
                ),
                {"stream": stream, "many": many},
            )
            await asyncio.sleep(wait)

    match chance.choices(("write", "together", "late", "cut", "valkey", "backends"), (6, 3, 3, 4, 0.4, 0.4))[
        0
    ]:
        case "write":
            await kit.run(count, stream=chance.choice("abc"), numbers=list(range(chance.randrange(1, 6))))
        case "backends":
            await kit.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        case "together":
            await asyncio.gather(
                *(kit.run(count, stream=chance.choice("abc"), numbers=[0]) for _ in range(4))
            )
        case "late":
            late.append(asyncio.create_task(write(chance.choice("abc"), 3, chance.random() / 5)))
        case "cut":
            reader = chance.choice(readers)
            await reader.cut()
            reader.start(chance.choice(hubs))
        case _:
            own.kill()
            await asyncio.sleep(chance.random() / 10)
            own.start()
    if chance.random() < 0.3:
        await asyncio.sleep(chance.random() / 50)


async def test_readers_have_exactly_the_log_whatever_happens(kit: Kit, own_valkey: OwnValkey) -> None:
    seed = random.randrange(10**6)
    await random_life(kit, own_valkey, seed=seed, steps=60)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
async def test_readers_have_exactly_the_log_in_a_long_life(
    kit: Kit, own_valkey: OwnValkey, seed: int
) -> None:
    await random_life(kit, own_valkey, seed=seed, steps=500)
