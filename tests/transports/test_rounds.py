"""Arrivals in turns, so that a herd does not hold up those who are here."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from datawave.kit.passing import SECONDS, Passing
from datawave.transports.rounds import LOOKED_THROUGH, REST, YOUNG, Rounds
from tests.transports.conftest import Served, turns, turns_until
from tests.transports.test_flow import HANDSHAKE


async def test_one_is_let_in_a_round_of_the_loop_in_the_order_they_came() -> None:
    rounds, done = Rounds(), list[int]()

    async def comes(number: int) -> None:
        await rounds.turn()
        done.append(number)

    coming = [asyncio.create_task(comes(number)) for number in range(5)]
    while len(done) < len(coming):
        before = len(done)
        await asyncio.sleep(0)
        assert len(done) <= before + 1
    assert done == list(range(5))


@dataclass
class Herd:
    """Three newcomers that compute for a millisecond each, by clocks that move only when they are told to."""

    now: float = 0.0
    looked: int = 0
    computed: float = 0.0
    done: list[int] = field(default_factory=list[int])

    def __post_init__(self) -> None:
        self.events = Passing(lambda: self.now)
        self.rounds = Rounds(self.events, clock=self.look, computed=lambda: self.computed)

    def look(self) -> float:
        self.looked += 1
        return self.now

    def come(self) -> None:
        for number in range(3):
            self.rounds.do(lambda number=number: self.compute(number))

    def compute(self, number: int) -> None:
        self.computed += 0.001
        self.done.append(number)

    async def look_again(self) -> None:
        """Until the next one has been kept waiting once more, or has had its turn."""
        before = self.looked
        await turns_until(lambda: self.looked > before)
        await turns(10)


async def test_while_an_event_is_on_its_way_newcomers_have_a_quarter_of_the_time() -> None:
    herd = Herd()
    herd.events.noticed()
    herd.come()
    await turns_until(lambda: bool(herd.done))
    await herd.look_again()
    assert herd.done == [0]
    herd.now += REST * 0.001 - 0.0001
    await herd.look_again()
    assert herd.done == [0]
    herd.now += 0.0002
    await herd.look_again()
    assert herd.done == [0, 1]


async def test_newcomers_do_not_rest_when_no_event_is_on_its_way() -> None:
    herd = Herd()
    herd.come()
    await turns_until(lambda: len(herd.done) == 3)
    herd.events.noticed()
    herd.come()
    await herd.look_again()
    assert len(herd.done) == 3
    herd.now += SECONDS
    await turns_until(lambda: len(herd.done) == 6)


async def test_what_a_newcomer_s_task_computes_is_its_own_piece_and_nobody_else_s() -> None:
    herd = Herd()
    herd.events.noticed()

    async def comes() -> None:
        await herd.rounds.turn()
        herd.compute(0)

    def others() -> None:
        herd.computed += 5.0

    coming = asyncio.create_task(comes())
    await turns(1)
    for _ in range(5):
        asyncio.get_running_loop().call_soon(others)
        await turns(1)
    await coming
    herd.come()
    await herd.look_again()
    assert herd.done == [0]
    herd.now += REST * 0.001 + 0.0001
    await herd.look_again()
    assert herd.done == [0, 0]


@pytest.fixture
def not_collected_by_itself() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("not_collected_by_itself")
async def test_what_a_herd_leaves_to_the_collector_is_never_much() -> None:
    rounds, kept, most = Rounds(), list[list[object]](), 0

    def come() -> None:
        nonlocal most
        most = max(most, gc.get_count()[0])
        kept.append([[] for _ in range(YOUNG // 2)])

    gc.collect()
    for _ in range(40):
        rounds.do(come)
    await turns_until(lambda: len(kept) == 40)
    assert most < 2 * YOUNG
    assert gc.get_count()[1] <= LOOKED_THROUGH


async def test_who_breaks_or_leaves_in_its_turn_does_not_hold_up_the_next() -> None:
    rounds, done = Rounds(), asyncio.Event()
    gone = asyncio.create_task(rounds.turn())
    await asyncio.sleep(0)
    gone.cancel()
    rounds.do(lambda: [][0])
    rounds.do(done.set)
    broke = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: broke.set())
    await done.wait()
    assert broke.is_set()


async def test_a_client_that_leaves_before_its_handshake_leaves_nothing(served: Served) -> None:
    for _ in range(20):
        _, writer = await served.plain()
        writer.write(HANDSHAKE)
        writer.transport.abort()
    await turns_until(lambda: not served.state.connections)
    await served.idle()
