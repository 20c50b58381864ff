"""How many statements a discovery sends to the platform's database: each is a round trip, and most of what a
batch costs beside its rows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from connectors.entries import Container, ContainerKind, Entry, ServerFacts
from datawave.kit.access import SYSTEM, Rights, Scope, Viewer
from datawave.kit.commands import Command, Tx
from datawave.kit.ids import new_id
from domain import agents, discovery
from models.agents import AgentCapability, AgentSource, AgentState, AgentTask, EdgeAgent, TaskState
from models.discovery import RunState
from tests.factories.catalog import Ground, ground, points, table
from tests.statements import on_the_wire

ROOT: list[Entry] = [
    ServerFacts(version="16", stamp="the mark of the source"),
    Container(path=("db",), kind=ContainerKind.DATABASE, digest="d"),
    Container(path=("db", "public"), kind=ContainerKind.SCHEMA, digest="s"),
]
TABLES: list[Entry] = [
    table("db", "public", f"table_{number}", columns=("id", "next_id"),
          foreign_keys=(points("next_id", to=("db", "public", "table_0")),))
    for number in range(30)
]  # fmt: skip


class House:
    """A catalog with a source, and the agent that reads it."""

    def __init__(self, catalog: Ground, agent_id: Any) -> None:
        self.catalog = catalog
        held = {"agent:act": Scope(everywhere=True)}
        self.agent = Viewer(actor_id=agent_id, actor_word="agent", rights=Rights(held=held))

    async def start(self) -> discovery.Started:
        wanted = {"source_id": self.catalog.source_id, "sample": False, "classify": False}
        return (await self.catalog.commands.run(discovery.start_discovery, SYSTEM, wanted)).value

    async def claim(self) -> AgentTask:
        return await self.as_agent(agents.claim_task, capabilities=[AgentCapability.DISCOVER])

    async def report(self, task: AgentTask, batch: int, entries: Sequence[Entry], **more: Any) -> AgentTask:
        told = agents.Batch(msgspec.to_builtins(entries))
        given = {"task_id": task.id, "attempt": task.attempt, "batch": batch, "progress": batch, **more}
        return await self.as_agent(agents.report_task, entries=told, **given)

    async def as_agent(self, what: Command[..., Any], **arguments: Any) -> Any:
        return (await self.catalog.commands.run(what, self.agent, arguments)).value


@pytest.fixture
async def house(database: str) -> AsyncIterator[House]:
    async with ground(database) as catalog:
        agent_id = new_id()

        async def seated(tx: Tx) -> None:
            tx.session.add(
                EdgeAgent(
                    id=agent_id,
                    name="reader",
                    state=AgentState.ONLINE,
                    capabilities=[kind.value for kind in AgentCapability],
                    software_version="test",
                )
            )
            await tx.session.flush()
            tx.session.add(AgentSource(agent_id=agent_id, source_id=catalog.source_id))

        await catalog.run(seated)
        yield House(catalog, agent_id)


async def test_the_task_is_offered_as_the_discovery_is_started(house: House) -> None:
    with on_the_wire() as sent:
        started = await house.start()
    assert len(sent) <= 17, sent
    assert (started.run.state, started.joined) == (RunState.QUEUED, False)
    [task] = await house.catalog.rows("SELECT state, run_id FROM agent_task")
    assert tuple(task) == (TaskState.OFFERED, started.run.id)
    assert await house.catalog.value("SELECT state FROM job") == "WAITING"
    with on_the_wire() as sent:
        claimed = await house.claim()
    assert len(sent) <= 12, sent  # one of them reads the agent's policy and the source's
    assert (claimed.run_id, claimed.attempt) == (started.run.id, 1)
    assert await house.catalog.value("SELECT state FROM run") == "RUNNING"


async def test_a_batch_takes_few_statements(house: House) -> None:
    await house.start()
    task = await house.claim()
    with on_the_wire() as first:
        await house.report(task, 0, [*ROOT, *TABLES[:10]])
    with on_the_wire() as following:
        await house.report(task, 1, TABLES[10:])
    with on_the_wire() as last:
        await house.report(task, 2, [], finished=True)
    assert len(first) <= 19, first
    assert len(following) <= 16, following
    assert len(last) <= 13, last
    assert await house.catalog.value("SELECT state FROM job") == "QUEUED"


async def test_a_known_batch_takes_next_to_none(house: House) -> None:
    await house.start()
    task = await house.claim()
    await house.report(task, 0, [*ROOT, *TABLES])
    with on_the_wire() as sent:
        await house.report(task, 0, [*ROOT, *TABLES])
    assert len(sent) <= 5, sent


async def test_keys_are_tied_whichever_batch_brings_what_they_name(house: House) -> None:
    await house.start()
    task = await house.claim()
    await house.report(task, 0, [*ROOT, *TABLES[20:]])
    [loose] = await house.catalog.rows("SELECT count(*) FROM asset_foreign_key WHERE to_dataset_id IS NULL")
    await house.report(task, 1, TABLES[:20])
    tied = await house.catalog.rows(
        "SELECT count(*) FROM asset_foreign_key k"
        " JOIN asset t ON t.id = k.to_dataset_id AND t.name = 'table_0'"
        " JOIN asset c ON k.columns = ARRAY[c.id] AND c.name = 'next_id' AND c.parent_id = k.dataset_id"
        " JOIN asset r ON k.\"references\" = ARRAY[r.id] AND r.name = 'id' AND r.parent_id = t.id"
    )
    assert (loose[0], tied[0][0]) == (10, 30)
