"""A real agent against the served API: it enrolls, works, is cut off, killed, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import select, text

from connectors.base import Guard, SourceError
from connectors.entries import Container, encoded
from datawave.app.built_in import certifier
from datawave.kit.secrets import Secret
from domain import agents
from domain.agents.consumers import CONSUMERS
from edge_agent.config import AgentConfig, Pace
from edge_agent.main import agent
from models.agents import AgentCapability, AgentTask, EdgeAgent, TaskState
from tests import furnished, servers
from tests.agents.conftest import Recorder, call_off, give_work
from tests.agents.scripted import Script, installed, named
from tests.fixtures.api import House, free_port, house_at

QUICK = Pace(heartbeat=0.2, poll=0.05, poll_beside_stream=5.0, retry_first=0.02, retry_most=0.2)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    return installed(monkeypatch)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    for kind in AgentCapability:
        monkeypatch.setitem(CONSUMERS, kind, made)
    return made


class Site:
    """Where the agent lives, and the platform it speaks to."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder

    @property
    def config(self) -> AgentConfig:
        return AgentConfig(
            url=self.house.url,
            folder=self.folder / "agent",
            certify=certifier(self.house.core),
            guard=Guard(private=True),
            pace=QUICK,
        )

    @asynccontextmanager
    async def agent(self, config: AgentConfig | None = None) -> AsyncIterator[asyncio.Task[None]]:
        """The agent, killed on leaving: it gets to say nothing."""
        running = asyncio.create_task(agent(config or self.config))
        try:
            yield running
        finally:
            await killed(running)

    async def offer(self, kind: str, *, secret: dict[str, str] | None = None, **more: Any) -> AgentTask:
        instructions = {"connector": "scripted", "config": {}, **more}
        hidden = {name: Secret(value) for name, value in secret.items()} if secret else None
        return await self.run(give_work, kind=kind, source_id=None, secret=hidden, instructions=instructions)

    async def run(self, what: Any, **arguments: Any) -> Any:
        from datawave.kit.access import SYSTEM

        return (await self.house.core.commands.run(what, SYSTEM, arguments)).value

    async def until(self, task: AgentTask, holds: Callable[[AgentTask], bool]) -> AgentTask:
        """The task once something holds of it."""
        async with asyncio.timeout(20):
            while True:
                async with self.house.core.database.session() as session:
                    found = await session.get_one(AgentTask, task.id)
                if holds(found):
                    return found
                await asyncio.sleep(0.02)

    async def ended(self, task: AgentTask) -> AgentTask:
        return await self.until(task, lambda found: found.state not in agents.OPEN)


async def killed(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def site(house: House, tmp_path: Path) -> Site:
    return Site(house, tmp_path)


async def test_an_agent_certifies_itself_and_is_online(
    site: Site, recorder: Recorder, script: Script
) -> None:
    task = await site.offer("TEST", secret={"username": "reader", "password": "a planted secret"})
    async with site.agent():
        done = await site.ended(task)
    assert (done.state, done.attempt) == (TaskState.COMPLETED, 1)
    assert done.results == {"applied": ["connect", ""]}
    assert script.signed_in_with == [("reader", "a planted secret")]
    async with site.house.core.database.session() as session:
        local = (await session.scalars(select(EdgeAgent))).one()
    assert (local.name, local.state.value) == ("local", "ONLINE")
    kept = b"".join(file.read_bytes() for file in (site.folder / "agent").iterdir())
    assert b"planted" not in kept


async def test_work_offered_later_is_told_by_the_stream(
    site: Site, recorder: Recorder, script: Script
) -> None:
    async with site.agent():
        first = await site.ended(await site.offer("TEST"))
        second = await site.ended(await site.offer("TEST"))
    assert {first.state, second.state} == {TaskState.COMPLETED}


async def test_a_discovery_arrives_in_order_with_its_removals_last(
    site: Site, recorder: Recorder, script: Script
) -> None:
    script.batches = [[named(f"s{batch}_{number}") for number in range(3_000)] for batch in range(3)]
    script.gone = [("shop", "gone")]
    task = await site.offer("DISCOVER")
    async with site.agent():
        done = await site.ended(task)
    everything = [f"shop/s{batch}_{number}" for batch in range(3) for number in range(3_000)]
    assert done.results["applied"] == [*everything, ""]
    assert done.last_batch >= 1


async def test_a_source_that_refuses_is_a_failure_in_words(
    site: Site, recorder: Recorder, script: Script
) -> None:
    script.failure = SourceError("AUTHENTICATION_FAILED", "The password is wrong.", hint="Correct it.")
    task = await site.offer("TEST")
    async with site.agent():
        done = await site.ended(task)
    assert done.state is TaskState.FAILED and done.failure is not None
    assert (done.failure["code"], done.failure["hint"]) == ("AUTHENTICATION_FAILED", "Correct it.")
    assert done.results == {"applied": ["connect"]}


@pytest.mark.parametrize(
    "instructions", [{"connector": "nothing"}, {"config": {"nonsense": 1}}], ids=["connector", "option"]
)
async def test_a_configuration_that_will_not_do_is_a_failure(
    site: Site, recorder: Recorder, script: Script, instructions: dict[str, Any]
) -> None:
    task = await site.offer("TEST", **instructions)
    async with site.agent():
        done = await site.ended(task)
    assert (done.failure or {})["code"] == "CONFIG_REFUSED"


async def test_a_killed_agent_reclaims_at_once_and_begins_anew(
    site: Site, recorder: Recorder, script: Script
) -> None:
    script.pause_after = 2
    task = await site.offer("DISCOVER")
    async with site.agent():
        await script.paused.wait()
    script.pause_after = None
    async with site.agent():
        done = await site.ended(task)
    assert (done.attempt, done.state, recorder.claims) == (2, TaskState.COMPLETED, [1, 2])
    assert done.results["applied"] == ["shop/schema_0", "shop/schema_1", "shop/schema_2", ""]


async def test_a_cancelled_task_is_left_at_once(site: Site, recorder: Recorder, script: Script) -> None:
    script.pause_after = 1
    task = await site.offer("DISCOVER")
    async with site.agent() as running:
        await script.paused.wait()
        await site.run(call_off, task_id=task.id)
        async with asyncio.timeout(10):
            await script.closed.wait()
        assert not running.done()
        assert (await site.ended(await site.offer("TEST"))).state is TaskState.COMPLETED


async def test_pings_go_on_and_tell_of_failures(site: Site, recorder: Recorder, script: Script) -> None:
    task = await site.offer("MONITOR", pingSeconds=0.05)
    async with site.agent():
        await site.until(task, lambda found: found.last_batch >= 2)
        script.failure = SourceError("CONNECTION_REFUSED", "Nobody listens there.")
        await site.until(task, lambda found: found.last_batch >= 5)
    assert script.pings >= 6


async def test_samples_leave_as_profiles_and_labels_only(
    site: Site, recorder: Recorder, script: Script
) -> None:
    seen: list[Any] = []
    recorder.apply = keeping(seen)  # type: ignore[method-assign]  # the test's own consumer
    task = await site.offer(
        "SAMPLE", datasets=[["shop", "crm", "person"]], policy={"neverSample": ["*.secret_note"]}
    )
    async with site.agent():
        assert (await site.ended(task)).state is TaskState.COMPLETED
    told = [orjson.loads(encoded(entry)) for entry in seen]
    assert [entry["entry"] for entry in told] == ["profile", "prediction"]
    assert told[1]["label"] == "EMAIL"
    assert [column["name"] for column in told[0]["columns"]] == ["email"]
    assert "planted" not in str(told) and "person1@" not in str(told)


async def test_an_agent_whose_certificate_is_unknown_asks_for_another(
    site: Site, recorder: Recorder, script: Script
) -> None:
    async with site.agent():
        await site.ended(await site.offer("TEST"))
    async with site.house.core.database.connection() as connection:
        await connection.execute(text("DELETE FROM certificate"))
    async with site.agent():
        assert (await site.ended(await site.offer("TEST"))).state is TaskState.COMPLETED


@asynccontextmanager
async def cut_off(
    valkey: servers.ValkeySpace, folder: Path, script: Script
) -> AsyncIterator[tuple[AgentTask, asyncio.Task[None], AbstractAsyncContextManager[House]]]:
    """An agent that read its source to the end while the API was away, and the API that comes back."""
    port = free_port()
    script.pause_after = 1
    async with furnished.fresh_database() as url:
        async with house_at(url, valkey, port=port) as before:
            site = Site(before, folder)
            task = await site.offer("DISCOVER")
            running = asyncio.create_task(agent(site.config))
            await script.paused.wait()
        script.go_on.set()
        async with asyncio.timeout(10):
            await script.closed.wait()
        yield task, running, house_at(url, valkey, port=port)


async def test_cut_off_it_works_on_and_sends_from_its_spool(
    valkey: servers.ValkeySpace, tmp_path: Path, recorder: Recorder, script: Script
) -> None:
    async with cut_off(valkey, tmp_path, script) as (task, running, back), back as house:
        done = await Site(house, tmp_path).ended(task)
        await killed(running)
    assert (done.attempt, done.state) == (1, TaskState.COMPLETED)
    assert done.results["applied"] == ["shop/schema_0", "shop/schema_1", "shop/schema_2", ""]


async def test_what_is_complete_in_the_spool_is_sent_on_after_a_restart(
    valkey: servers.ValkeySpace, tmp_path: Path, recorder: Recorder, script: Script
) -> None:
    async with cut_off(valkey, tmp_path, script) as (task, running, back):
        await killed(running)
        async with back as house:
            site = Site(house, tmp_path)
            async with site.agent():
                done = await site.ended(task)
    assert (done.attempt, done.state) == (1, TaskState.COMPLETED)


def keeping(seen: list[Any]) -> Any:
    async def apply(tx: Any, task: AgentTask, entries: Any) -> None:
        assert not any(isinstance(entry, Container) for entry in entries)
        seen.extend(entries)

    return apply
