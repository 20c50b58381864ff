"""How long the trail is kept: whole anchored periods go, what is left is verified from there on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from datawave.kit import duties
from datawave.kit.access import SYSTEM
from datawave.kit.errors import ConflictError
from datawave.kit.tables import AuditEntry
from domain import audit
from models.audit import AuditAnchor
from tests.audit.ground import anchored, looked_at, sealed, touched
from tests.domain.conftest import Platform

[REMOVING] = [standing for standing in duties.DUTIES if standing.name.endswith(".remove_old_periods")]
YEAR = {"audit": audit.Keeping(retention=timedelta(days=400))}


async def kept(platform: Platform) -> list[int]:
    return [e.sequence for e in await platform.entries(AuditEntry.sequence.is_not(None)) if e.sequence]


async def removing(platform: Platform) -> None:
    await duties.do(REMOVING, platform.database, platform.commands, extras=YEAR)


async def test_old_periods_go_and_the_rest_is_verified_from_there(platform: Platform) -> None:
    first = await anchored(platform)
    await platform.advance(days=100)
    second = await anchored(platform)
    await platform.advance(days=350)
    await sealed(platform)
    await removing(platform)
    assert min(await kept(platform)) == first.last_sequence + 1
    last = await sealed(platform, 0)
    found = await looked_at(platform)
    assert (found.intact, found.first_sequence, found.last_sequence) == (True, first.last_sequence + 1, last)
    assert found.anchors == 1
    async with platform.database.session() as session:
        gone, stays = (await session.scalars(select(AuditAnchor).order_by(AuditAnchor.number))).all()
    assert gone.removed_at is not None
    assert (stays.number, stays.removed_at) == (second.number, None)
    [entry] = await platform.entries(AuditEntry.action == "remove_audit_period")
    assert (entry.actor_word, entry.detail["counts"]["entries"]) == ("system", first.last_sequence)
    [event] = await platform.events("AuditPeriodRemoved")
    assert event.data["last"] == first.last_sequence
    await touched(platform, f"UPDATE audit_entry SET code = 'X' WHERE sequence = {second.first_sequence + 1}")
    assert (await looked_at(platform)).broken_at == second.first_sequence + 1


async def test_without_the_setting_it_is_kept_for_ever(platform: Platform) -> None:
    await anchored(platform)
    await platform.advance(days=3_000)
    await sealed(platform)
    before = await kept(platform)
    await platform.duty("remove_old_periods")
    assert await kept(platform) == before


async def test_what_is_young_not_anchored_or_last_stays(platform: Platform) -> None:
    anchor = await anchored(platform)
    run = platform.commands.run
    with pytest.raises(ConflictError, match="a year"):
        await run(audit.remove_audit_period, SYSTEM, {"anchor_id": anchor.id})
    await platform.advance(days=500)
    later = await anchored(platform)
    await platform.advance(days=500)
    with pytest.raises(ConflictError, match="oldest"):
        await run(audit.remove_audit_period, SYSTEM, {"anchor_id": later.id})
    await touched(platform, f"DELETE FROM audit_entry WHERE sequence > {later.last_sequence}")
    await run(audit.remove_audit_period, SYSTEM, {"anchor_id": anchor.id})
    await touched(platform, "DELETE FROM audit_entry WHERE sequence IS NULL")
    with pytest.raises(ConflictError, match="last period stays"):
        await run(audit.remove_audit_period, SYSTEM, {"anchor_id": later.id})


async def test_what_was_tampered_with_is_not_tidied_away(platform: Platform) -> None:
    await anchored(platform)
    await platform.advance(days=450)
    await sealed(platform)
    await touched(platform, "UPDATE audit_entry SET code = 'X' WHERE sequence = 3")
    before = await kept(platform)
    await removing(platform)
    assert await kept(platform) == before
    assert (await looked_at(platform)).broken_at == 3


async def test_a_removal_that_is_not_ours_is_a_hole(platform: Platform) -> None:
    anchor = await anchored(platform)
    await platform.advance(days=450)
    await sealed(platform)
    await removing(platform)
    assert (await looked_at(platform)).intact
    await touched(platform, "UPDATE audit_anchor SET removal = kid || ' ' || statement")
    found = await looked_at(platform)
    assert (found.intact, found.broken_at) == (False, 1)
    await touched(platform, "UPDATE audit_anchor SET removal = NULL, removed_at = NULL")
    found = await looked_at(platform)
    assert (found.intact, found.broken_at) == (False, 1)
    assert anchor.first_sequence == 1
