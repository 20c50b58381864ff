"""The audit trail: sealed in order, and every change of what was sealed is found, with its number."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import audit, duties
from datawave.kit.access import NOBODY
from datawave.kit.database import Database
from datawave.kit.errors import UnavailableError, UserError
from tests.kit.ground import Kit
from tests.kit.things import ADA, EVERYWHERE, make_thing, somebody

[SEAL] = [standing for standing in duties.DUTIES if standing.step is duties.seal_audit]


async def sealed(kit: Kit) -> None:
    await duties.do(SEAL, kit.database, kit.commands)


async def verified(kit: Kit, **span: Any) -> audit.Verified:
    async with kit.database.session() as session:
        return await audit.verify(session, **span)


async def some_entries(kit: Kit, many: int) -> None:
    for number in range(many):
        await kit.run(make_thing, name=f"thing {number}")
    with pytest.raises(UserError):
        await kit.run(make_thing, name="")
    await sealed(kit)


async def test_entries_are_sealed_in_order_and_the_log_tells_of_it(kit: Kit) -> None:
    await some_entries(kit, 4)
    await some_entries_more(kit)
    rows = await kit.rows("SELECT sequence, number FROM audit_entry ORDER BY sequence")
    assert [row.sequence for row in rows] == [1, 2, 3, 4, 5, 6]
    assert sorted(row.number for row in rows) == [row.number for row in rows]
    told = await kit.rows("SELECT data FROM event WHERE type = 'AuditSealed' ORDER BY number")
    assert [(row.data["first"], row.data["last"]) for row in told] == [(1, 5), (6, 6)]
    found = await verified(kit)
    assert (found.intact, found.checked, found.first, found.last) == (True, 6, 1, 6)
    await sealed(kit)
    assert await kit.one("SELECT count(*) FROM event WHERE type = 'AuditSealed'") == 2


async def some_entries_more(kit: Kit) -> None:
    await kit.run(make_thing, name="one more")
    await sealed(kit)


ALTERATIONS = {
    "at": "at = at + interval '1 microsecond'",
    "actor": "actor_id = datawave_uuid()",
    "actor_word": "actor_word = 'agent'",
    "action": "action = action || 'x'",
    "permission": "permission = 'other'",
    "subject": "subject_id = datawave_uuid()",
    "outcome": "outcome = CASE outcome WHEN 'DONE' THEN 'FAILED' ELSE 'DONE' END",
    "code": "code = coalesce(code, '') || 'X'",
    "address": "address = '10.0.0.1'",
    "client": "client = 'curl'",
    "session": "session_id = datawave_uuid()",
    "command": "command_id = datawave_uuid()",
    "count": "count = count + 1",
    "detail": "detail = jsonb_set(detail, '{input,name}', '\"another\"')",
    "detail_gone": "detail = NULL",
    "erased_but_there": "detail = '{\"input\": {}}', erased_at = at",
    "salt": "salt = sha256(salt)",
    "digest": "detail_digest = sha256(detail_digest)",
    "hash": "hash = sha256(hash)",
    "previous": "previous_hash = sha256(previous_hash)",
    "id": "id = datawave_uuid()",
}


async def random_trials(kit: Kit, *, seed: int, trials: int) -> None:
    """Each change is made in a transaction that is taken back."""
    chance = random.Random(seed)
    last = await kit.one("SELECT max(sequence) FROM audit_entry")
    for _ in range(trials):
        at = chance.randrange(1, last)
        what = chance.choice([*ALTERATIONS, "remove", "swap", "double"])
        async with AsyncSession(kit.database.engine) as session:
            for statement in tampering(what, at, chance.randrange(1, last), last):
                await session.execute(text(statement))
            found = await audit.verify(session)
            await session.rollback()
        assert not found.intact, f"seed {seed}: {what} at {at}"
        assert found.broken_at is not None
        if what != "swap":
            assert found.broken_at == at, f"seed {seed}: {what} at {at}"
    assert (await verified(kit)).intact


def tampering(what: str, at: int, other: int, last: int) -> list[str]:
    if what == "remove":
        return [f"DELETE FROM audit_entry WHERE sequence = {at}"]
    if what == "swap":
        other = other if other != at else at % last + 1
        return [
            f"UPDATE audit_entry SET sequence = -1 WHERE sequence = {at}",
            f"UPDATE audit_entry SET sequence = {at} WHERE sequence = {other}",
            f"UPDATE audit_entry SET sequence = {other} WHERE sequence = -1",
        ]
    if what == "double":
        return [
            f"DELETE FROM audit_entry WHERE sequence = {at}",
            f"UPDATE audit_entry SET sequence = {at} WHERE sequence = {last}",
        ]
    return [f"UPDATE audit_entry SET {ALTERATIONS[what]} WHERE sequence = {at}"]


async def test_whatever_is_altered_removed_or_moved_is_found_with_its_number(kit: Kit) -> None:
    await some_entries(kit, 12)
    await random_trials(kit, seed=random.randrange(10**6), trials=50)
    for what in ALTERATIONS:
        async with AsyncSession(kit.database.engine) as session:
            [statement] = tampering(what, 5, 1, 13)
            await session.execute(text(statement))
            found = await audit.verify(session)
            await session.rollback()
        assert (found.intact, found.broken_at) == (False, 5), what


@pytest.mark.long
async def test_three_hundred_tamperings_are_found(kit: Kit) -> None:
    await some_entries(kit, 60)
    await random_trials(kit, seed=300, trials=300)


async def test_what_is_erased_leaves_the_chain_whole(kit: Kit) -> None:
    await some_entries(kit, 3)
    await kit.rows("UPDATE audit_entry SET detail = NULL, erased_at = at WHERE sequence = 2")
    assert (await verified(kit)).intact


async def test_a_range_of_time_is_whole_though_entries_were_sealed_out_of_its_order(kit: Kit) -> None:
    now = await kit.one("SELECT datawave_now()")
    async with AsyncSession(kit.database.engine) as session:
        for minutes in (1, 4, 2, 6, 5, 8):
            session.add(
                audit.entry(ADA, action="x", outcome="DONE", at=now + timedelta(minutes=minutes))  # type: ignore[arg-type]  # the member's value
            )
            await session.flush()
        await session.commit()
    await sealed(kit)
    for since in range(9):
        for until in range(since, 10):
            found = await verified(
                kit, since=now + timedelta(minutes=since), until=now + timedelta(minutes=until)
            )
            assert found.intact, (since, until)
    await kit.rows("UPDATE audit_entry SET action = 'y' WHERE sequence = 5")
    found = await verified(kit, since=now + timedelta(minutes=4))
    assert (found.intact, found.broken_at, found.first) == (False, 5, 2)


async def test_refusals_alike_share_an_entry_after_the_tenth(kit: Kit) -> None:
    kit.commands.refusals = audit.Refusals(kit.database, pause=0.2)
    reader = somebody(reads=EVERYWHERE)

    async def refused(viewer: Any) -> Any:
        with pytest.raises(UserError) as caught:
            await kit.run(make_thing, viewer, name="x")
        return caught.value.tracking_id

    ids = await asyncio.gather(*(refused(reader) for _ in range(50)), *(refused(NOBODY) for _ in range(3)))
    rows = await kit.rows("SELECT id, code, count FROM audit_entry")
    assert sorted(row.count for row in rows if row.code == "FORBIDDEN") == [1] * 10 + [40]
    assert [row.count for row in rows if row.code == "UNAUTHENTICATED"] == [1, 1, 1]
    assert {row.id for row in rows} == set(ids)


async def test_a_full_queue_of_refusals_is_unavailable_and_no_entry_is_missing(kit: Kit) -> None:
    kit.commands.refusals = audit.Refusals(kit.database, most=3)

    async def refused() -> Exception:
        with pytest.raises(UserError) as caught:
            await kit.run(make_thing, somebody(reads=EVERYWHERE), name="x")
        return caught.value

    errors = await asyncio.gather(*(refused() for _ in range(8)))
    full = [error for error in errors if isinstance(error, UnavailableError)]
    assert full
    assert await kit.one("SELECT count(*) FROM audit_entry") == 8 - len(full)


async def test_a_refusal_that_cannot_be_recorded_is_unavailable(kit: Kit) -> None:
    kit.commands.refusals = audit.Refusals(Database("postgresql://nobody@127.0.0.1:1/nothing"))
    with pytest.raises(UnavailableError):
        await kit.run(make_thing, NOBODY, name="x")
    kit.commands.refusals = audit.Refusals(kit.database)
    with pytest.raises(UserError) as caught:
        await kit.run(make_thing, NOBODY, name="x")
    assert not isinstance(caught.value, UnavailableError)
