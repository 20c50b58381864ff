"""Commands: the order of refusals, versions, the record, and what holds when two come at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from datawave.kit import audit, duties
from datawave.kit.access import NOBODY, Scope
from datawave.kit.commands import SIGNED_IN, Commands, Tx, command
from datawave.kit.database import Database
from datawave.kit.errors import (
    AccessError,
    ConflictError,
    ErrorCode,
    InputError,
    UnavailableError,
    UserError,
)
from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from tests.kit.ground import Kit
from tests.kit.things import (
    ADA,
    ELSEWHERE,
    EVERYWHERE,
    HERE,
    WRITE,
    Thing,
    ThingChanged,
    make_thing,
    rename_thing,
    somebody,
)


async def refused(kit: Kit, *asked: Any, **arguments: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        await kit.run(*asked, **arguments)
    return caught.value


async def test_the_permission_is_refused_before_any_input_is_looked_at(kit: Kit) -> None:
    assert (await refused(kit, make_thing, NOBODY, name="")).code is ErrorCode.UNAUTHENTICATED
    reader = somebody(reads=EVERYWHERE)
    error = await refused(kit, make_thing, reader, name="")
    assert isinstance(error, AccessError)
    assert (error.code, error.permission) == (ErrorCode.FORBIDDEN, WRITE)
    assert (await refused(kit, make_thing, ADA, name="")).code is ErrorCode.REQUIRED


async def test_then_values_then_the_thing_then_its_state(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")
    reads_here = somebody(reads=EVERYWHERE, writes=Scope(workspaces=frozenset({ELSEWHERE})))
    blind = somebody(
        reads=Scope(workspaces=frozenset({ELSEWHERE})), writes=Scope(workspaces=frozenset({ELSEWHERE}))
    )
    for viewer in (blind, reads_here):
        error = await refused(kit, rename_thing, viewer, thing_id=thing.id, name="", version=7)
        assert error.code is ErrorCode.REQUIRED
    error = await refused(kit, rename_thing, blind, thing_id=thing.id, name="x", version=7)
    assert (error.code, error.path) == (ErrorCode.NOT_FOUND, ["id"])
    error = await refused(kit, rename_thing, reads_here, thing_id=thing.id, name="x", version=7)
    assert isinstance(error, AccessError)
    assert (error.code, error.resource_id) == (ErrorCode.FORBIDDEN, f"thing_{thing.id.hex}")
    error = await refused(kit, rename_thing, ADA, thing_id=thing.id, name="x", version=7)
    assert isinstance(error, ConflictError)
    assert (error.code, error.path, error.current_version) == (ErrorCode.STALE_VERSION, ["version"], 1)
    assert (await refused(kit, rename_thing, ADA, thing_id=new_id(), name="x")).code is ErrorCode.NOT_FOUND


async def test_what_may_be_seen_by_signing_in_is_only_what_the_viewer_sees(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")

    @command(needs=SIGNED_IN)
    async def look_at_thing(tx: Tx, *, thing_id: Any) -> Thing:
        return await tx.get(Thing, thing_id)

    assert (await kit.run(look_at_thing, thing_id=thing.id)).id == thing.id
    stranger = somebody(reads=Scope(workspaces=frozenset({ELSEWHERE})))
    assert (await refused(kit, look_at_thing, stranger, thing_id=thing.id)).code is ErrorCode.NOT_FOUND


async def test_a_version_rises_once_a_command_however_often_it_writes(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")

    @command(needs=WRITE)
    async def rename_twice(tx: Tx, *, thing_id: Any) -> Thing:
        thing = await tx.get(Thing, thing_id)
        thing.name = "first"
        await tx.session.flush()
        thing.name, thing.rank = "second", 3
        return await tx.get(Thing, thing_id)

    changed = await kit.run(rename_twice, thing_id=thing.id)
    assert (changed.version, changed.name) == (2, "second")
    assert (await kit.run(rename_thing, thing_id=thing.id, name="third", version=2)).version == 3
    assert await kit.one("SELECT version FROM thing") == 3
    unchanged = await kit.run(rename_thing, thing_id=thing.id, name="third")
    assert unchanged.version == 3


async def test_a_secret_that_changes_raises_the_version_and_is_not_in_the_record(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")

    @command(needs=WRITE)
    async def set_secret(tx: Tx, *, thing_id: Any, secret: Secret) -> Thing:
        thing = await tx.get(Thing, thing_id)
        thing.secret_hash = f"hash of {secret.reveal()}"
        return thing

    changed = await kit.run(set_secret, thing_id=thing.id, secret=Secret("planted-secret"))
    assert changed.version == 2
    kept = await kit.rows(
        "SELECT row_to_json(c)::text FROM command c UNION ALL SELECT row_to_json(a)::text FROM audit_entry a"
    )
    assert not [row for row in kept if "planted-secret" in row[0]]


async def test_a_thing_read_before_it_was_locked_is_read_again_with_the_lock(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")
    read, go_on = asyncio.Event(), asyncio.Event()

    @command(needs=WRITE)
    async def read_then_count(tx: Tx, *, thing_id: Any) -> Thing:
        early = await tx.session.scalar(select(Thing).where(Thing.id == thing_id))
        assert early is not None
        read.set()
        await go_on.wait()
        thing = await tx.get(Thing, thing_id)
        thing.rank = (thing.rank or 0) + 1
        return thing

    slow = asyncio.create_task(kit.run(read_then_count, thing_id=thing.id))
    await read.wait()
    await kit.run(rename_thing, thing_id=thing.id, name="meanwhile")
    go_on.set()
    changed = await slow
    assert (changed.name, changed.version) == ("meanwhile", 3)
    [change] = await kit.one("SELECT changes FROM command WHERE name = 'read_then_count'")
    assert (change["field"], change["before"], change["after"]) == ("rank", None, 1)


async def test_events_come_after_what_they_tell_of_and_after_the_lock(kit: Kit) -> None:
    """Who waited for another's row stands after it in the log."""
    thing = await kit.run(make_thing, name="shop")
    await asyncio.gather(*(kit.run(rename_thing, thing_id=thing.id, name=f"n{n}") for n in range(8)))
    names = [row.data["name"] for row in await kit.rows("SELECT data FROM event ORDER BY number")]
    in_order = await kit.rows(
        "SELECT changes -> 0 ->> 'before' AS before, changes -> 0 ->> 'after' AS after FROM command"
        " WHERE name = 'rename_thing'"
    )
    followed = {row.before: row.after for row in in_order}
    expected = ["shop"]
    while expected[-1] in followed:
        expected.append(followed[expected[-1]])
    assert names == expected


async def test_a_command_leaves_its_input_its_changes_and_its_subjects(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")
    await kit.run(rename_thing, thing_id=thing.id, name="store")
    [row] = await kit.rows("SELECT * FROM command WHERE name = 'rename_thing'")
    assert row.input == {"thing_id": thing.id.hex, "name": "store"}
    assert row.changes == [{"field": "name", "before": "shop", "after": "store"}]
    assert row.subjects == [["thing", thing.id.hex, 2]]
    assert (row.actor_id, row.workspace_id) == (ADA.actor_id, HERE)
    [entry] = await kit.rows("SELECT * FROM audit_entry WHERE action = 'rename_thing'")
    assert (entry.subject_id, entry.command_id, entry.outcome) == (thing.id, row.id, "DONE")
    [event] = await kit.rows("SELECT * FROM event WHERE command_id = :id", id=row.id)
    assert (event.subject_id, event.topics) == (
        thing.id,
        sorted([f"thing:{thing.id}", f"workspace:{HERE}", "things"]),
    )


async def test_a_refusal_has_an_entry_whose_id_it_carries(kit: Kit) -> None:
    error = await refused(kit, make_thing, name="")
    [entry] = await kit.rows("SELECT * FROM audit_entry")
    assert (entry.id, entry.outcome, entry.code, entry.command_id) == (
        error.tracking_id,
        "FAILED",
        "REQUIRED",
        None,
    )
    error = await refused(kit, make_thing, somebody(reads=EVERYWHERE), name="shop")
    assert await kit.one("SELECT outcome FROM audit_entry WHERE id = :id", id=error.tracking_id) == "REFUSED"
    assert await kit.one("SELECT count(*) FROM command") == 0


@pytest.mark.parametrize(
    "wild",
    ["with\x00nul", "lone \ud800 surrogate", 10**30, float("nan"), 1e400, 1e16, -0.0, {"\x00": [10**30]}],
)
async def test_wild_input_is_recorded_readably_and_the_record_stays_whole(kit: Kit, wild: Any) -> None:
    await kit.run(make_thing, name="shop", details=wild)
    error = await refused(kit, make_thing, name="", details=wild)
    assert error.code is ErrorCode.REQUIRED
    await seal_and_verify(kit)


async def seal_and_verify(kit: Kit) -> None:
    for standing in duties.DUTIES:
        if standing.step is duties.seal_audit:
            await duties.do(standing, kit.database, kit.commands)
    async with kit.database.session() as session:
        verified = await audit.verify(session)
    assert verified.intact
    assert verified.checked > 0


@pytest.mark.parametrize("wild", ["with\x00nul", "lone \ud800 surrogate"])
async def test_what_postgresql_cannot_keep_is_invalid_and_nothing_is_written(kit: Kit, wild: str) -> None:
    error = await refused(kit, make_thing, name=wild)
    assert isinstance(error, InputError)
    assert error.code is ErrorCode.INVALID
    thing = await kit.run(make_thing, name="shop")

    @command(needs=WRITE)
    async def rank_thing(tx: Tx, *, thing_id: Any, rank: int) -> None:
        (await tx.get(Thing, thing_id)).rank = rank

    assert (await refused(kit, rank_thing, thing_id=thing.id, rank=2**40)).code is ErrorCode.INVALID
    assert await kit.one("SELECT count(*) FROM thing") == 1


async def test_a_name_taken_at_the_same_moment_is_refused_in_the_commands_own_words(kit: Kit) -> None:
    @command(needs=WRITE)
    async def make_unique(tx: Tx, *, name: str) -> Thing:
        if await tx.session.scalar(select(Thing.id).where(Thing.name == name)) is not None:
            raise InputError(ErrorCode.ALREADY_EXISTS, f"A thing named “{name}” exists.", path=["name"])
        return await tx.add(Thing(workspace_id=HERE, name=name))

    answers = await asyncio.gather(
        *(kit.run(make_unique, name="shop") for _ in range(8)), return_exceptions=True
    )
    made = [answer for answer in answers if isinstance(answer, Thing)]
    others = [answer for answer in answers if isinstance(answer, InputError)]
    assert (len(made), len(others)) == (1, 7)
    assert {error.code for error in others} == {ErrorCode.ALREADY_EXISTS}


async def test_a_deadlock_is_run_again(kit: Kit) -> None:
    first, second = await kit.run(make_thing, name="a"), await kit.run(make_thing, name="b")
    both_hold = asyncio.Barrier(2)

    @command(needs=WRITE)
    async def rank_both(tx: Tx, *, ids: list[Any], once: list[bool]) -> None:
        for at, key in enumerate(ids):
            thing = await tx.get(Thing, key)
            thing.rank = (thing.rank or 0) + 1
            await tx.session.flush()
            if at == 0 and once.pop():
                await both_hold.wait()

    await asyncio.gather(
        kit.run(rank_both, ids=[first.id, second.id], once=[False, False, False, False, True]),
        kit.run(rank_both, ids=[second.id, first.id], once=[False, False, False, False, True]),
    )
    assert [row.rank for row in await kit.rows("SELECT rank FROM thing")] == [2, 2]


async def test_a_lost_backend_is_unavailable_and_the_pool_heals(kit: Kit) -> None:
    @command(needs=WRITE)
    async def lose_backend(tx: Tx, *, name: str) -> None:
        await tx.add(Thing(workspace_id=HERE, name=name))
        backend = await tx.session.scalar(select(func.pg_backend_pid()))
        await kit.rows("SELECT pg_terminate_backend(:pid)", pid=backend)
        await tx.session.flush()
        await tx.session.scalar(select(Thing.id))

    error = await refused(kit, lose_backend, name="lost")
    assert isinstance(error, UnavailableError)
    assert error.retry_after_seconds
    await asyncio.gather(*(kit.run(make_thing, name=f"kept {n}") for n in range(8)))
    await kit.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await asyncio.gather(*(kit.run(make_thing, name=f"after {n}") for n in range(8)))
    assert await kit.one("SELECT count(*) FROM thing WHERE name = 'lost'") == 0


async def test_a_caller_who_leaves_in_the_middle_leaves_nothing_half_written(kit: Kit) -> None:
    written = asyncio.Event()

    @command(needs=WRITE)
    async def never_ends(tx: Tx, *, name: str) -> None:
        await tx.add(Thing(workspace_id=HERE, name=name))
        written.set()
        await tx.session.execute(select(func.pg_sleep(60)))

    for number in range(25):  # more than the pool holds: each gives its connection back
        written.clear()
        leaving = asyncio.create_task(kit.run(never_ends, name=f"half {number}"))
        await written.wait()
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
    assert (await kit.run(make_thing, name="whole")).name == "whole"
    assert await kit.one("SELECT count(*) FROM thing") == 1


async def test_without_a_database_everything_is_unavailable_and_nothing_a_bug(kit: Kit) -> None:
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(UnavailableError) as caught:
        await Commands(nowhere, kit.commands.keyring).run(make_thing, ADA, {"name": "shop"})
    assert caught.value.code is ErrorCode.UNAVAILABLE
    await nowhere.close()


async def test_what_a_command_returns_can_be_read_after_its_transaction(kit: Kit) -> None:
    thing = await kit.run(make_thing, name="shop")
    renamed = await kit.run(rename_thing, thing_id=thing.id, name="store")
    assert (renamed.name, renamed.version, renamed.workspace_id) == ("store", 2, HERE)
    assert renamed.updated_at >= renamed.created_at


async def test_a_listener_that_fails_does_not_undo_what_is_committed(kit: Kit) -> None:
    def deaf() -> None:
        raise RuntimeError("cannot hear")

    kit.database.after_commit.append(deaf)
    assert (await kit.run(make_thing, name="shop")).name == "shop"


async def test_events_hold_nothing_that_postgresql_refuses(kit: Kit) -> None:
    @command(needs=WRITE)
    async def emit_wild(tx: Tx, *, words: str) -> None:
        tx.emit(ThingChanged(thing_id=HERE, workspace_id=HERE, name=words))

    await kit.run(emit_wild, words="nul \x00 and \ud800")
    assert await kit.one("SELECT data ->> 'name' FROM event") == "nul \ufffd and \ufffd"
