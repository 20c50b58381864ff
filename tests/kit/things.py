"""Tables, events, jobs and commands of the machinery's own tests: a thing in a workspace, and a note with
history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import MetaData, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit import history
from datawave.kit.access import Access, Rights, Scope, Viewer
from datawave.kit.commands import PUBLIC, Shown, Tx, command, result
from datawave.kit.database import Database, Entity
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.events import Event
from datawave.kit.history import Historic, historic
from datawave.kit.ids import new_id
from datawave.kit.jobs import Job
from datawave.kit.secrets import Secret

OWN = MetaData()
"""Apart from the product's tables, so that no migration misses these."""

READ, WRITE = "asset:read", "asset:edit"
HERE, ELSEWHERE = new_id(), new_id()


class Thing(Entity):
    __tablename__ = "thing"
    metadata = OWN
    __word__, __access__ = "thing", Access(read=READ, workspace="workspace_id")
    workspace_id: Mapped[UUID]
    name: Mapped[str] = mapped_column(unique=True)
    secret_hash: Mapped[str | None]
    rank: Mapped[int | None]
    weight: Mapped[float | None]


@historic
class Note(Historic, Entity):
    __tablename__ = "note"
    metadata = OWN
    __word__, __access__ = "note", Access(read=READ, workspace="workspace_id")
    workspace_id: Mapped[UUID]
    words: Mapped[str]


async def make_tables(database: Database) -> None:
    async with database.engine.begin() as connection:
        await connection.run_sync(OWN.create_all)
        for statement in history.trigger_sql("note", [column.name for column in Note.__table__.columns]):
            await connection.execute(text(statement.replace(":", "\\:")))


def somebody(*, reads: Scope | None = None, writes: Scope | None = None) -> Viewer:
    held = {name: scope for name, scope in ((READ, reads), (WRITE, writes)) if scope is not None}
    return Viewer(
        actor_id=new_id(), actor_word="user", display_name="Ada", rights=Rights(held=held, digest=str(held))
    )


EVERYWHERE = Scope(everywhere=True)
ADA_ID = UUID("0198c0de-0000-7000-8000-0000000000ad")
"""Somebody whom every process of a test knows."""


def viewer_of(actor_id: UUID | None) -> Viewer:
    rights = Rights(held={READ: EVERYWHERE, WRITE: EVERYWHERE}, digest="both")
    return Viewer(actor_id=actor_id, actor_word="user", display_name="Ada", rights=rights)


ADA = viewer_of(ADA_ID)


@dataclass(frozen=True, kw_only=True)
class ThingChanged(Event):
    topics = ("thing:{thing_id}", "workspace:{workspace_id}", "things")
    subject = ("thing", "thing_id")
    thing_id: UUID
    workspace_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class Counted(Event):
    """An event of a topic, for streams."""

    topics = ("count:{stream}",)
    stream: str
    number: int


@result
@dataclass(frozen=True, kw_only=True)
class MadeWithKey:
    thing: Thing
    key: Shown


HALTS: list[Callable[[], Awaitable[None]]] = []
"""Where a process that is to be killed waits for it: before the commit."""


@command(needs=WRITE)
async def make_thing(tx: Tx, *, name: str, workspace_id: UUID = HERE, details: Any = None) -> Thing:
    if not name:
        raise InputError(ErrorCode.REQUIRED, "Give a name.", path=["name"])
    if len(name) > 200:
        raise InputError(ErrorCode.INVALID, f"“{name}” is too long.", path=["name"])
    thing = await tx.add(Thing(workspace_id=workspace_id, name=name))
    tx.undone_by(forget_thing, thing_id=thing.id)
    tx.emit(ThingChanged(thing_id=thing.id, workspace_id=workspace_id, name=name))
    for halt in HALTS:
        await halt()
    return thing


@command(needs=WRITE)
async def rename_thing(tx: Tx, *, thing_id: UUID, name: str, version: int | None = None) -> Thing:
    if not name:
        raise InputError(ErrorCode.REQUIRED, "Give a name.", path=["name"])
    thing = await tx.get(Thing, thing_id, version=version)
    thing.name = name
    tx.emit(ThingChanged(thing_id=thing.id, workspace_id=thing.workspace_id, name=name))
    return thing


@command(needs=WRITE)
async def forget_thing(tx: Tx, *, thing_id: UUID) -> None:
    await tx.session.delete(await tx.get(Thing, thing_id))


@command(needs=WRITE)
async def make_with_key(tx: Tx, *, name: str) -> MadeWithKey:
    thing = await tx.add(Thing(workspace_id=HERE, name=name, secret_hash="kept as a hash"))
    return MadeWithKey(thing=thing, key=Shown(value=Secret(f"key of {name}")))


@command(needs=PUBLIC, recorded=False)
async def count(tx: Tx, *, stream: str, numbers: list[int]) -> None:
    for number in numbers:
        tx.emit(Counted(stream=stream, number=number))


@dataclass(frozen=True, kw_only=True)
class DoThing(Job):
    tries = 3
    thing_id: UUID
    note: str = ""


@command(needs=WRITE)
async def order_thing(tx: Tx, *, thing_id: UUID, note: str = "") -> UUID:
    job = tx.enqueue(DoThing(thing_id=thing_id, note=note), subject=("thing", thing_id))
    return job.id


@command(needs=WRITE)
async def append_to_thing(tx: Tx, *, thing_id: UUID, word: str) -> Thing:
    thing = await tx.get(Thing, thing_id)
    thing.name += word
    return thing
