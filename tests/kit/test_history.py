"""History: as of any time, what was so then, though rows come, change and go within one instant or one
transaction."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.access import Scope, visible
from datawave.kit.commands import Tx, command
from datawave.kit.database import Db
from datawave.kit.history import as_of
from datawave.kit.ids import new_id
from tests.fixtures.clock import Clock
from tests.kit.ground import Kit
from tests.kit.things import ELSEWHERE, HERE, WRITE, Note, somebody

Notes = dict[UUID, str]
PROGRAM = some.lists(
    some.tuples(
        some.sampled_from(["make", "change", "same", "all", "remove", "twice", "back"]), some.integers(0, 99)
    ),
    min_size=3,
    max_size=14,
)


async def notes(kit: Kit, workspace_id: UUID, at: datetime | None = None) -> Notes:
    row = as_of(Note, at)
    found = await Db(kit.database).scalars(select(row).where(row.workspace_id == workspace_id))
    return {note.id: note.words for note in found}


async def one_transaction(kit: Kit, workspace_id: UUID, what: str, number: int, now: Notes) -> Notes:
    """Does it to the table and to the model of it."""
    chosen = list(now)[number % len(now)] if now else None
    after = dict(now)
    async with AsyncSession(kit.database.engine) as session:
        if what == "make" or chosen is None:
            made = Note(id=new_id(), workspace_id=workspace_id, words=f"made {number}")
            session.add(made)
            after[made.id] = made.words
        elif what == "all":
            await session.execute(
                update(Note).where(Note.workspace_id == workspace_id).values(words=Note.words + "+")
            )
            after = {key: f"{words}+" for key, words in now.items()}
        elif what == "same":
            await session.execute(update(Note).where(Note.id == chosen).values(words=now[chosen]))
        elif what == "remove":
            await session.execute(delete(Note).where(Note.id == chosen))
            del after[chosen]
        elif what == "back":  # gone and there again, in one transaction
            await session.execute(delete(Note).where(Note.id == chosen))
            session.add(Note(id=chosen, workspace_id=workspace_id, words=f"back {number}"))
            after[chosen] = f"back {number}"
        else:
            for word in ["changed"] if what == "change" else ["once", "twice"]:
                await session.execute(update(Note).where(Note.id == chosen).values(words=f"{word} {number}"))
                after[chosen] = f"{word} {number}"
        await session.commit()
    return after


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(program=PROGRAM)
async def test_as_of_a_time_is_what_was_so_then(kit: Kit, program: Sequence[tuple[str, int]]) -> None:
    workspace_id, now = new_id(), Notes()
    moments: list[tuple[datetime, Notes]] = [(await kit.one("SELECT datawave_now()"), now)]
    for what, number in program:
        now = await one_transaction(kit, workspace_id, what, number, now)
        moments.append((await kit.one("SELECT datawave_now()"), now))
    assert await notes(kit, workspace_id) == now
    random.shuffle(moments)
    for at, then in moments:
        assert await notes(kit, workspace_id, at) == then


async def test_times_of_a_row_join_without_overlap_though_the_clock_goes_back(kit: Kit, clock: Clock) -> None:
    async with AsyncSession(kit.database.engine) as session:
        session.add(Note(id=HERE, workspace_id=HERE, words="0"))
        await session.commit()
        for number in range(1, 6):
            if number in (2, 4):
                await clock.advance(hours=-1)
            await session.execute(update(Note).where(Note.id == HERE).values(words=str(number)))
            await session.execute(update(Note).where(Note.id == HERE).values(words=f"{number}b"))
            await session.commit()
        await session.execute(delete(Note).where(Note.id == HERE))
        await session.commit()
    rows = await kit.rows("SELECT valid_from, valid_to, words FROM note_history ORDER BY valid_from")
    assert [row.words for row in rows] == ["0", *(f"{n}{b}" for n in range(1, 6) for b in ("", "b"))]
    for row, following in pairwise(rows):
        assert row.valid_from < row.valid_to == following.valid_from
    assert rows[-1].valid_to > rows[-1].valid_from


async def test_a_command_keeps_one_former_version_and_is_named_in_it(kit: Kit) -> None:
    @command(needs=WRITE)
    async def make_note(tx: Tx, *, words: str) -> Note:
        return await tx.add(Note(workspace_id=HERE, words=words))

    @command(needs=WRITE)
    async def change_note(tx: Tx, *, note_id: UUID, words: str) -> Note:
        note = await tx.get(Note, note_id)
        note.words = words
        return note

    note = await kit.run(make_note, words="first")
    done = await kit.commands.run(change_note, somebody_who_may(), {"note_id": note.id, "words": "second"})
    [row] = await kit.rows("SELECT words, version, superseded_by FROM note_history")
    assert (row.words, row.version, row.superseded_by) == ("first", 1, done.tracking_id)
    assert done.value.version == 2


def somebody_who_may() -> Any:
    return somebody(reads=Scope(everywhere=True), writes=Scope(everywhere=True))


async def test_who_may_see_a_row_is_asked_of_what_it_was_then(kit: Kit) -> None:
    async with AsyncSession(kit.database.engine) as session:
        session.add(Note(id=HERE, workspace_id=ELSEWHERE, words="there"))
        await session.commit()
        before = await kit.one("SELECT datawave_now()")
        await session.execute(update(Note).values(workspace_id=HERE))
        await session.commit()
    viewer = somebody(reads=Scope(workspaces=frozenset({HERE})))
    for at, seen in ((None, 1), (before, 0)):
        row = as_of(Note, at)
        found = await Db(kit.database, viewer).scalars(select(row).where(visible(row, viewer)))
        assert len(found) == seen
