"""A platform without its API: commands against a fresh database, a source, an agent with a key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from auth.permissions import Permission
from connectors.entries import Entry
from datawave.kit import audit, tables
from datawave.kit.access import SYSTEM, Rights, Scope, Viewer
from datawave.kit.commands import Command, Commands, Tx, command
from datawave.kit.database import Database
from datawave.kit.errors import InputError, UserError
from datawave.kit.ids import new_id
from datawave.kit.jobs import Job
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from domain import agents
from domain.agents.consumers import CONSUMERS
from edge_agent.keys import Keys
from models.agents import AgentCapability, AgentTask, EdgeAgent
from models.sources import DataSource
from models.workspaces import Workspace
from tests.fixtures.clock import HouseClock

MASTER = Secret("the master key of the tests, long enough")
EVERYTHING = ["TEST", "DISCOVER", "SAMPLE", "PROFILE", "CLASSIFY", "MONITOR"]


LONG_PRESENT = text(
    "INSERT INTO api_presence (single, seen_at, back_at)"
    " VALUES (true, datawave_now(), datawave_now() - interval '1 hour')"
)


@dataclass(frozen=True, kw_only=True)
class Carried(Job):
    """A job that waits for a task."""

    purpose: str


class Recorder(agents.Consumer):
    """A small consumer: keeps what it applied in the task's own results, in the same transaction."""

    def __init__(self) -> None:
        self.claims: list[int] = []
        self.failures: list[dict[str, Any]] = []
        self.progress: list[tuple[int, int | None]] = []
        self.finishes = 0

    async def claimed(self, tx: Tx, task: AgentTask, agent: EdgeAgent) -> None:
        self.claims.append(task.attempt)
        task.results = {"applied": []}

    async def apply(self, tx: Tx, task: AgentTask, entries: Sequence[Entry]) -> None:
        names = [getattr(entry, "name", None) or "/".join(getattr(entry, "path", ())) for entry in entries]
        task.results = {"applied": [*task.results.get("applied", []), *names]}

    async def progressed(self, tx: Tx, task: AgentTask, done: int, total: int | None) -> None:
        self.progress.append((done, total))

    async def finished(self, tx: Tx, task: AgentTask) -> None:
        self.finishes += 1
        await super().finished(tx, task)

    async def failed(self, tx: Tx, task: AgentTask, failure: dict[str, Any]) -> None:
        self.failures.append(failure)
        await super().failed(tx, task, failure)


@command(needs=Permission.DATASOURCE_DISCOVER)
async def give_work(
    tx: Tx,
    *,
    kind: str,
    source_id: UUID | None,
    job: bool = False,
    secret: dict[str, Secret] | None = None,
    standing: bool = False,
    wanted: UUID | None = None,
    instructions: dict[str, Any] | None = None,
) -> AgentTask:
    """What sources and discovery do: offer a task, with a job that waits for it."""
    source = await tx.session.get(DataSource, source_id) if source_id else None
    job_id, reference = None, None
    if job:
        row = tx.enqueue(Carried(purpose="test"))
        job_id = row.id
        await agents.job_waits(tx, row.id)
    if secret is not None:
        reference = f"test/{new_id().hex}"
        await tx.vault.put(tx.session, reference, {name: value.reveal() for name, value in secret.items()})
    more = {"claim_within": None} if standing else {}
    return await agents.offer_task(
        tx,
        kind=AgentCapability(kind),
        source=source,
        workspace_id=source.workspace_id if source else None,
        instructions=instructions or {"connector": "postgresql", "config": {}},
        job_id=job_id,
        secret_reference=reference,
        wanted_agent_id=wanted,
        **more,
    )


@command(needs=Permission.DATASOURCE_DISCOVER)
async def call_off(tx: Tx, *, task_id: UUID) -> None:
    await agents.cancel_task(tx, await tx.session.get_one(AgentTask, task_id))


@command(needs=Permission.DATASOURCE_UPDATE)
async def give_source(tx: Tx, *, source_id: UUID, agent_id: UUID) -> None:
    """What an update of a source's agents does."""
    await agents.release_source(tx, source_id, but=[agent_id])
    await agents.assign_source(tx, agent_id, source_id)


class Ground:
    """What tests stand on."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.commands = Commands(database, Keyring(MASTER))
        self.commands.refusals = audit.Refusals(database, pause=0)
        self.consumer = Recorder()
        self.clock = HouseClock(database, self.commands)

    async def run(self, what: Command[..., Any], viewer: Viewer = SYSTEM, **arguments: Any) -> Any:
        return (await self.commands.run(what, viewer, arguments)).value

    async def add(self, row: Any) -> Any:
        async with self.database.session() as session:
            session.add(row)
            await session.flush()
            await session.commit()
        return row

    async def source(self, name: str = "shop") -> DataSource:
        workspace = await self.add(Workspace(name=f"Main {new_id().hex[:6]}"))
        return await self.add(
            DataSource(workspace_id=workspace.id, key=name, name=name, kind="postgresql", config={})
        )

    async def agent(
        self, name: str = "local", *, capabilities: Sequence[str] = EVERYTHING, host: str | None = None
    ) -> AgentSeat:
        keys = Keys.make(self.folder / name)
        certified = await self.run(
            agents.certify_local_agent,
            name=name,
            signing_request=keys.signing_request(name),
            software_version="test",
            host=host,
            capabilities=list(capabilities),
        )
        keys.keep_certificate(
            agent_id=f"agent_{certified.agent.id.hex}",
            certificate=certified.certificate_pem,
            authority=certified.authority_pem,
        )
        return AgentSeat(self, certified.agent.id, keys)

    async def offer(
        self,
        kind: str = "DISCOVER",
        source: DataSource | None = None,
        *,
        secret: dict[str, str] | None = None,
        **more: Any,
    ) -> AgentTask:
        if secret is not None:
            more["secret"] = {name: Secret(value) for name, value in secret.items()}
        return await self.run(give_work, kind=kind, source_id=source.id if source else None, **more)

    async def task(self, task_id: UUID) -> AgentTask:
        async with self.database.session() as session:
            return await session.get_one(AgentTask, task_id)

    async def job_of(self, task: AgentTask) -> tables.Job:
        async with self.database.session() as session:
            return await session.get_one(tables.Job, task.job_id)

    async def count(self, table: str) -> int:
        async with self.database.connection() as connection:
            return (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()

    async def events(self, *kinds: str) -> list[tables.Event]:
        async with self.database.session() as session:
            query = select(tables.Event).order_by(tables.Event.number)
            if kinds:
                query = query.where(tables.Event.type.in_(kinds))
            return list(await session.scalars(query))

    async def advance(self, seconds: float) -> None:
        """Time passes while the API is there: its presence is told all along."""
        await self.clock.pass_by(seconds=seconds)

    async def shift(self, seconds: float) -> None:
        """Time passes and nobody is there."""
        await self.clock.shift(seconds=seconds)

    async def do(self, name: str) -> None:
        await self.clock.do(name)


class AgentSeat:
    """An agent as the platform meets it."""

    def __init__(self, ground: Ground, agent_id: UUID, keys: Keys) -> None:
        self.ground = ground
        self.id = agent_id
        self.keys = keys
        held = {Permission.AGENT_ACT.value: Scope(everywhere=True)}
        self.viewer = Viewer(actor_id=agent_id, actor_word="agent", rights=Rights(held=held))

    async def claim(self, task_id: UUID | None = None, *, capabilities: Any = None) -> AgentTask | None:
        return await self.ground.run(
            agents.claim_task, self.viewer, task_id=task_id, capabilities=capabilities
        )

    async def report(
        self, task: AgentTask, batch: int, entries: Sequence[Any] = (), **more: Any
    ) -> AgentTask:
        arguments = {"attempt": task.attempt, **more}
        return await self.ground.run(
            agents.report_task,
            self.viewer,
            task_id=task.id,
            batch=batch,
            entries=agents.Batch(list(entries)),
            **arguments,
        )

    async def beat(self, *held: AgentTask) -> EdgeAgent:
        leases = [agents.Lease(task_id=task.id, attempt=task.attempt) for task in held]
        return await self.ground.run(agents.send_heartbeat, self.viewer, leases=leases)


@pytest.fixture
async def ground(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    made = Ground(Database(database, pool_size=4), tmp_path)
    for kind in AgentCapability:
        monkeypatch.setitem(CONSUMERS, kind, made.consumer)
    async with made.database.connection() as connection:
        await connection.execute(LONG_PRESENT)
    yield made
    await made.database.close()


def container(name: str) -> dict[str, Any]:
    """The smallest entry of a discovery."""
    return {"entry": "container", "path": ["shop", name], "kind": "SCHEMA", "digest": "d"}


def step(name: str, *, ok: bool = True) -> dict[str, Any]:
    return {"entry": "step", "name": name, "ok": ok, "duration_ms": 1.5}


async def refused(outcome: Any, kind: type[UserError] = InputError) -> Any:
    with pytest.raises(kind) as error:
        await outcome
    return error.value


async def claimed(ground: Ground, seat: AgentSeat, kind: str = "DISCOVER", **more: Any) -> Any:
    await ground.offer(kind, **more)
    task = await seat.claim()
    assert task is not None
    return task
