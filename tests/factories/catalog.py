"""A source with a catalog, without agents or the API: entries go straight into the functions that
discovery calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import md5
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import select, text

from connectors.entries import (
    Dataset,
    DatasetKind,
    DataType,
    Entry,
    FoundColumn,
    FoundForeignKey,
    Path,
    encoded,
)
from datawave.kit.access import SYSTEM
from datawave.kit.commands import INSIDE, Commands, Tx, command
from datawave.kit.database import Database
from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from domain.catalog import drift, ingest
from models import agents as _agents  # the tables that sources refer to
from models.discovery import Run, RunState
from models.sources import DataSource
from models.workspaces import Workspace

Work = Callable[[Tx, DataSource, Run], Awaitable[Any]]


@command(needs=INSIDE, recorded=False)
async def in_a_transaction(tx: Tx, *, work: Callable[[Tx], Awaitable[Any]]) -> None:
    """What discovery's commands do around these functions."""
    await work(tx)


@dataclass
class Ground:
    """One database with one source, and what tests do to its catalog."""

    database: Database
    commands: Commands
    source_id: UUID
    workspace_id: UUID
    agents: Any = _agents
    events: list[Any] = field(default_factory=list[Any])

    async def run(self, work: Callable[[Tx], Awaitable[Any]]) -> Any:
        answers: list[Any] = []

        async def kept(tx: Tx) -> None:
            answers.append(await work(tx))
            self.events += tx.events

        await self.commands.run(in_a_transaction, SYSTEM, {"work": kept})
        return answers[0]

    async def new_run(self) -> UUID:
        run_id = new_id()

        async def made(tx: Tx) -> None:
            tx.session.add(
                Run(
                    id=run_id,
                    kind="discovery",
                    source_id=self.source_id,
                    workspace_id=self.workspace_id,
                    state=RunState.RUNNING,
                    command_id=tx.command_id,
                )
            )

        await self.run(made)
        return run_id

    async def within(self, run_id: UUID, work: Work) -> Any:
        async def placed(tx: Tx) -> Any:
            source = await tx.session.get_one(DataSource, self.source_id)
            return await work(tx, source, await tx.session.get_one(Run, run_id))

        return await self.run(placed)

    async def apply(self, run_id: UUID, entries: Sequence[Entry]) -> ingest.Ingested:
        return await self.within(run_id, lambda tx, source, run: ingest.apply(tx, source, run, entries))

    async def end(self, run_id: UUID, state: RunState = RunState.SUCCEEDED) -> None:
        async def ended(tx: Tx, source: DataSource, run: Run) -> None:
            run.state = state

        await self.within(run_id, ended)

    async def read(
        self, entries: Sequence[Entry], *, removed: Sequence[tuple[str, ...]] = (), batch: int = 1_000
    ) -> UUID:
        """A whole, complete reading of the source."""
        run_id = await self.new_run()
        for start in range(0, len(entries), batch):
            await self.apply(run_id, entries[start : start + batch])

        async def finished(tx: Tx, source: DataSource, run: Run) -> None:
            await ingest.remove(tx, source, run, removed)
            await drift.finish(tx, source, run)
            run.state = RunState.SUCCEEDED

        await self.within(run_id, finished)
        return run_id

    async def rows(self, sql: str, **values: Any) -> list[Any]:
        async with self.database.connection() as connection:
            return list((await connection.execute(text(sql), values)).all())

    async def value(self, sql: str, **values: Any) -> Any:
        return (await self.rows(sql, **values))[0][0]

    async def known(self) -> dict[Path, str]:
        async with self.database.session() as session:
            return await ingest.known(session, self.source_id)


@asynccontextmanager
async def ground(url: str, *, key: str = "shop") -> AsyncIterator[Ground]:
    database = Database(url, pool_size=4)
    commands = Commands(database, Keyring(Secret("a secret key of a test")))
    try:
        yield await settled(database, commands, key=key)
    finally:
        await database.close()


async def settled(database: Database, commands: Commands, *, key: str = "shop") -> Ground:
    """A source of this key in a database, with no catalog yet."""
    source_id, workspace_id = new_id(), new_id()
    made = Ground(database, commands, source_id, workspace_id)

    async def work(tx: Tx) -> None:
        found = await tx.session.scalar(select(Workspace).where(Workspace.name == "Main"))
        if found is None:
            found = Workspace(id=workspace_id, name="Main")
            tx.session.add(found)
            await tx.session.flush()
        made.workspace_id = found.id
        tx.session.add(
            DataSource(
                id=source_id, workspace_id=found.id, key=key, name=key.title(), kind="postgresql", config={}
            )
        )

    await made.run(work)
    return made


def column(name: str, at: int = 1, **changes: Any) -> FoundColumn:
    values: dict[str, Any] = {
        "name": name,
        "ordinal": at,
        "native_type": "integer",
        "data_type": DataType.INTEGER,
        "nullable": False,
    }
    return FoundColumn(**(values | changes))


def table(*path: str, columns: Sequence[FoundColumn | str] = ("id",), **changes: Any) -> Dataset:
    """The least table: its digest is made of everything else, as connectors do."""
    found = tuple(column(each, at) if isinstance(each, str) else each for at, each in enumerate(columns, 1))
    values: dict[str, Any] = {"path": path, "kind": DatasetKind.TABLE, "columns": found, "digest": ""}
    made = Dataset(**(values | changes))
    if "digest" in changes:
        return made
    digest = md5(encoded(made), usedforsecurity=False).hexdigest()
    return replace(made, digest=digest)


def points(*columns: str, to: tuple[str, ...], at: tuple[str, ...] = ("id",)) -> FoundForeignKey:
    return FoundForeignKey(name=f"fk_{'_'.join(columns)}", columns=columns, to=to, to_columns=at)
