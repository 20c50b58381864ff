"""Numbered batches, whatever the network does to them: applied exactly once, in order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawave.kit.database import Database
from datawave.kit.errors import ConflictError, InputError
from domain.agents.consumers import CONSUMERS
from models.agents import AgentCapability, TaskState
from tests import servers
from tests.agents.conftest import AgentSeat, Ground, container

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 5)),
        st.tuples(st.just("together"), st.integers(0, 5)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("late"), st.integers(0, 5)),
        st.tuples(st.just("bad"), st.integers(0, 5)),
    ),
    max_size=25,
)
"""Batches by number in any order, twice at once, of an attempt that is over, with an entry that will not
do, and restarts in between."""

LAST = 5


class Wild:
    """One task, and what must have been applied of its present attempt."""

    def __init__(self, ground: Ground, seat: AgentSeat, task: Any) -> None:
        self.ground, self.seat, self.task = ground, seat, task
        self.next = 0

    async def take(self, kind: str, number: int) -> None:
        match kind:
            case "send":
                await self.send(number)
            case "together":
                await self.send(number, times=2)
            case "restart":
                self.task, self.next = await self.seat.claim(self.task.id), 0
            case "late":
                with pytest.raises(ConflictError):
                    await self.report(number, attempt=self.task.attempt - 1)
            case _:
                with pytest.raises(InputError) if number >= self.next else no_refusal():
                    await self.report(number, entries=[container("bad"), {"entry": "container"}])

    async def send(self, number: int, *, times: int = 1) -> None:
        answers = await asyncio.gather(*(self.report(number) for _ in range(times)), return_exceptions=True)
        if number > self.next:
            assert all(isinstance(answer, InputError) and answer.path == ["batch"] for answer in answers)
            return
        assert not any(isinstance(answer, BaseException) for answer in answers), answers
        self.next = max(self.next, number + 1)

    async def report(
        self, number: int, *, entries: list[Any] | None = None, attempt: int | None = None
    ) -> Any:
        made = [container(f"{self.task.attempt}-{number}")] if entries is None else entries
        given = attempt if attempt is not None else self.task.attempt
        return await self.seat.report(self.task, number, made, attempt=given, finished=number == LAST)

    async def check(self) -> None:
        row = await self.ground.task(self.task.id)
        expected = [f"shop/{self.task.attempt}-{number}" for number in range(self.next)]
        assert row.results == {"applied": expected}
        assert row.last_batch == self.next - 1
        assert (row.state is TaskState.COMPLETED) == (self.next > LAST)


class no_refusal:
    """A known batch is acknowledged, whatever is in it this time."""

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        return


@asynccontextmanager
async def standing() -> AsyncIterator[Ground]:
    async with servers.fresh_database() as url:
        with TemporaryDirectory() as folder:
            ground = Ground(Database(url, pool_size=4), Path(folder))
            try:
                yield ground
            finally:
                await ground.database.close()


@pytest.mark.parametrize("examples", [25, pytest.param(500, marks=pytest.mark.long)])
def test_batches_are_applied_exactly_once_in_order(monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    with asyncio.Runner() as runner:
        context = standing()
        ground = runner.run(context.__aenter__())
        monkeypatch.setitem(CONSUMERS, AgentCapability.DISCOVER, ground.consumer)
        seat = runner.run(ground.agent())

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(STEPS)
        def whatever_comes(steps: list[tuple[str, int]]) -> None:
            runner.run(played(ground, seat, steps))

        whatever_comes()
        runner.run(context.__aexit__(None, None, None))


async def played(ground: Ground, seat: AgentSeat, steps: list[tuple[str, int]]) -> None:
    offered = await ground.offer()
    wild = Wild(ground, seat, await seat.claim(offered.id))
    for kind, number in steps:
        if wild.next > LAST:
            break
        await wild.take(kind, number)
        await wild.check()
