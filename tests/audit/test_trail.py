"""The audit trail: whole while nobody touched it, and broken with the number of what was touched."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from datawave.kit.access import NOBODY, Viewer
from datawave.kit.commands import Commands
from datawave.kit.database import Db
from datawave.kit.errors import UserError
from datawave.kit.ids import new_id
from datawave.kit.tables import AuditEntry, Outcome
from domain import audit
from domain.workspaces import save_workspace
from tests.domain.conftest import Platform


async def sealed(platform: Platform, count: int = 6) -> int:
    """Some entries, sealed, with the event that says so in its place; the last sequence."""
    for at in range(count):
        await platform.run(save_workspace, name=f"Workspace {at} {new_id().hex}")
    await platform.duty("seal_audit")
    await platform.place()
    async with platform.database.session() as session:
        return await audit.sealed_to(session)


async def touched(platform: Platform, statement: str, **given: object) -> None:
    async with platform.database.connection() as connection:
        await connection.execute(text(statement), given)


async def test_an_untouched_trail_is_whole(platform: Platform) -> None:
    last = await sealed(platform)
    found = await audit.verification(platform.database, platform.keyring)
    assert (found.intact, found.checked, found.first_sequence, found.last_sequence) == (True, last, 1, last)


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit_entry SET actor_id = gen_random_uuid() WHERE sequence = 4", 4),
        ("UPDATE audit_entry SET outcome = 'REFUSED' WHERE sequence = 4", 4),
        ("UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE sequence = 4", 4),
        ("UPDATE audit_entry SET detail = '{}' WHERE sequence = 4", 4),
        ("UPDATE audit_entry SET hash = sha256('x') WHERE sequence = 4", 4),
        ("DELETE FROM audit_entry WHERE sequence = 4", 4),
        ("DELETE FROM audit_entry WHERE sequence = 1", 1),
        ("DELETE FROM audit_entry WHERE sequence = (SELECT max(sequence) FROM audit_entry)", None),
        (
            "UPDATE audit_entry SET sequence = CASE sequence WHEN -4 THEN 5 ELSE 4 END WHERE"
            " sequence IN (-4, 5)",
            4,
        ),
    ],
)
async def test_what_was_altered_removed_or_moved_is_found_with_its_number(
    platform: Platform, statement: str, broken_at: int | None
) -> None:
    last = await sealed(platform)
    if "CASE" in statement:
        await touched(platform, "UPDATE audit_entry SET sequence = -4 WHERE sequence = 4")
    await touched(platform, statement)
    found = await audit.verification(platform.database, platform.keyring)
    assert (found.intact, found.broken_at) == (False, broken_at or last)
    assert str(broken_at or last) in (found.problem or "")


async def test_erased_detail_leaves_the_chain_whole(platform: Platform) -> None:
    await sealed(platform)
    await touched(
        platform, "UPDATE audit_entry SET detail = NULL, erased_at = datawave_now() WHERE sequence = 4"
    )
    assert (await audit.verification(platform.database, platform.keyring)).intact


async def test_a_part_of_the_trail_is_walked_by_time(platform: Platform) -> None:
    await sealed(platform, 3)
    await platform.advance(hours=1)
    last = await sealed(platform, 3)
    entries = await platform.entries(AuditEntry.sequence.is_not(None))
    newer = [each for each in entries if each.at > entries[0].at + timedelta(minutes=30)]
    found = await audit.verification(platform.database, platform.keyring, since=newer[0].at)
    assert (found.intact, found.checked, found.last_sequence) == (True, len(newer), last)
    older = await audit.verification(platform.database, platform.keyring, until=newer[0].at)
    assert (older.intact, older.checked) == (True, len(entries) - len(newer))
    nothing = await audit.verification(
        platform.database, platform.keyring, since=newer[-1].at + timedelta(days=1)
    )
    assert (nothing.intact, nothing.checked) == (True, 0)


async def test_a_time_that_runs_against_the_order_of_sealing_is_no_hole(platform: Platform) -> None:
    """Two commands at once: the one that began first was written last."""
    await touched(
        platform,
        "INSERT INTO audit_entry (id, at, action, outcome, count, salt, detail_digest)"
        " SELECT datawave_uuid(), datawave_now() + make_interval(secs => s), 'x', 'DONE', 1, '',"
        " sha256('null')"
        " FROM unnest(ARRAY[10, 30, 20, 40]) AS s",
    )
    await sealed(platform, 0)
    row = AuditEntry
    entries = await platform.entries(row.action == "x")
    found = await audit.verification(
        platform.database, platform.keyring, since=entries[2].at, until=entries[3].at
    )
    assert (found.intact, found.checked) == (True, 2)


async def test_entries_are_chosen_by_what_they_say(platform: Platform) -> None:
    await sealed(platform)
    db = Db(platform.database, platform.admin)
    everything = await audit.sealed_between(db, 1, 100, audit.Wanted())
    saved = await audit.sealed_between(db, 1, 100, audit.Wanted(actions=["save_workspace"]))
    assert platform.admin.actor_id is not None
    mine = await audit.sealed_between(
        db, 1, 100, audit.Wanted(actors=[("user", platform.admin.actor_id)], outcomes=[Outcome.DONE])
    )
    assert len(everything) > len(saved) > len(mine) == 6
    assert await audit.sealed_between(db, 1, 100, audit.Wanted(address="203.0.113.9")) == []
    assert await audit.sealed_between(Db(platform.database, NOBODY), 1, 100, audit.Wanted()) == []


async def test_a_refusal_is_in_the_trail_with_who_and_what(platform: Platform) -> None:
    viewer = await platform.holder("x@example.com")
    asking = Viewer(
        actor_id=viewer.actor_id,
        actor_word="user",
        rights=viewer.rights,
        address="203.0.113.9",
        client="curl",
    )
    commands: Commands = platform.commands
    with pytest.raises(UserError):
        await commands.run(save_workspace, asking, {"name": "No"})
    [entry] = await platform.entries(AuditEntry.outcome == Outcome.REFUSED)
    assert (entry.actor_id, entry.action, entry.code) == (viewer.actor_id, "save_workspace", "FORBIDDEN")
    assert (entry.address, entry.client, entry.permission) == ("203.0.113.9", "curl", "workspace:manage")
