"""A key makes of many requests one: side by side, one after the other, and through the death of the
process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from datawave.kit import duties
from datawave.kit.commands import Done, Tx, command
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.secrets import Secret
from tests.fixtures.clock import Clock
from tests.kit.ground import Kit
from tests.kit.things import (
    ADA,
    ADA_ID,
    EVERYWHERE,
    HERE,
    WRITE,
    MadeWithKey,
    Thing,
    make_thing,
    make_with_key,
    rename_thing,
    somebody,
    viewer_of,
)


async def asked(kit: Kit, what: Any, key: str, viewer: Any = ADA, **arguments: Any) -> Done[Any]:
    return await kit.commands.run(what, viewer, arguments, idempotency_key=key)


async def test_twins_side_by_side_make_one(kit: Kit) -> None:
    done = await asyncio.gather(*(asked(kit, make_thing, "k", name="shop") for _ in range(10)))
    assert len({each.tracking_id for each in done}) == 1
    assert len({each.value.id for each in done}) == 1
    assert sorted(each.repeated for each in done) == [False] + [True] * 9
    assert await kit.one("SELECT count(*) FROM thing") == 1
    assert await kit.one("SELECT count(*) FROM event") == 1
    assert await kit.one("SELECT count(*) FROM audit_entry") == 1


async def test_a_repetition_shows_the_same_things_as_they_are_now(kit: Kit) -> None:
    first = await asked(kit, make_thing, "k", name="shop")
    await kit.run(rename_thing, thing_id=first.value.id, name="store")
    again = await asked(kit, make_thing, "k", name="shop")
    assert (again.value.id, again.value.name, again.tracking_id) == (
        first.value.id,
        "store",
        first.tracking_id,
    )


async def test_other_input_under_the_same_key_is_refused(kit: Kit) -> None:
    await asked(kit, make_thing, "k", name="shop")
    with pytest.raises(InputError) as caught:
        await asked(kit, make_thing, "k", name="store")
    assert (caught.value.code, caught.value.path) == (ErrorCode.INVALID, ["idempotencyKey"])
    assert await kit.one("SELECT count(*) FROM thing") == 1


async def test_other_secrets_are_other_input_and_none_is_kept(kit: Kit) -> None:
    @command(needs=WRITE)
    async def keep_secret(tx: Tx, *, name: str, secret: Secret) -> Thing:
        return await tx.add(Thing(workspace_id=HERE, name=name, secret_hash="kept"))

    await asked(kit, keep_secret, "k", name="shop", secret=Secret("planted-one"))
    assert (await asked(kit, keep_secret, "k", name="shop", secret=Secret("planted-one"))).repeated
    with pytest.raises(InputError):
        await asked(kit, keep_secret, "k", name="shop", secret=Secret("planted-two"))
    for table in ("idempotency", "command", "audit_entry", "event"):
        rows = await kit.rows(f"SELECT row_to_json(t)::text AS row FROM {table} t")
        assert not [row for row in rows if "planted" in row.row]


async def test_a_key_belongs_to_its_actor_and_its_mutation(kit: Kit) -> None:
    await asked(kit, make_thing, "k", name="shop")
    other = somebody(reads=EVERYWHERE, writes=EVERYWHERE)
    assert not (await asked(kit, make_thing, "k", other, name="another")).repeated
    assert not (await asked(kit, make_with_key, "k", name="a third")).repeated


async def test_what_was_refused_is_not_remembered(kit: Kit) -> None:
    with pytest.raises(InputError):
        await asked(kit, make_thing, "k", name="")
    assert not (await asked(kit, make_thing, "k", name="shop")).repeated


@pytest.mark.parametrize("key", ["", "x" * 201, "with\x00nul", "lone \ud800"])
async def test_a_key_that_is_none_is_refused(kit: Kit, key: str) -> None:
    with pytest.raises(InputError) as caught:
        await asked(kit, make_thing, key, name="shop")
    assert caught.value.path == ["idempotencyKey"]


async def test_what_is_shown_once_is_shown_again_for_ten_minutes(kit: Kit, clock: Clock) -> None:
    first: MadeWithKey = (await asked(kit, make_with_key, "k", name="shop")).value
    assert first.key.value is not None
    shown = first.key.value.reveal()
    await clock.advance(minutes=9)
    again: MadeWithKey = (await asked(kit, make_with_key, "k", name="shop")).value
    assert again.key.value is not None and again.key.value.reveal() == shown
    sealed = await kit.rows("SELECT sealed FROM idempotency")
    assert shown.encode() not in bytes(sealed[0].sealed)
    await clock.advance(minutes=2)
    late: MadeWithKey = (await asked(kit, make_with_key, "k", name="shop")).value
    assert (late.key.value, late.thing.id) == (None, first.thing.id)
    [forget] = [standing for standing in duties.DUTIES if standing.step is duties.forget_expired]
    await duties.do(forget, kit.database, kit.commands)
    assert await kit.one("SELECT sealed FROM idempotency") is None
    await clock.advance(hours=24)
    await duties.do(forget, kit.database, kit.commands)
    assert not await kit.rows("SELECT * FROM idempotency")


@pytest.mark.parametrize(
    ("what", "says", "made"),
    [("halts_before_the_commit", "before the commit", 0), ("halts_after_the_commit", "committed", 1)],
)
async def test_after_a_death_at_the_commit_the_same_key_makes_exactly_one(
    kit: Kit, processes: Any, what: str, says: str, made: int
) -> None:
    process = await processes(what, "shop", "k")
    assert await process.says() == says
    await process.kill()
    async with asyncio.timeout(20):
        done = await asked(kit, make_thing, "k", viewer_of(ADA_ID), name="shop")
    assert done.repeated is bool(made)
    assert await kit.one("SELECT count(*) FROM thing") == 1
    assert await kit.one("SELECT count(*) FROM event") == 1
    assert await kit.one("SELECT id FROM command") == done.tracking_id
    assert await kit.one("SELECT count(*) FROM audit_entry") == 1
