"""Anchors: made in time, signed, in a row; and a trail that was written anew does not keep to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from joserfc.jwk import OKPKey
from sqlalchemy import select

from auth.signatures import NotSigned, Signer
from datawave.kit import duties
from datawave.kit.errors import AccessError, ConflictError
from datawave.kit.tables import AuditEntry
from domain import audit
from domain.audit import anchors
from models.audit import AuditAnchor
from tests.audit.ground import anchored, looked_at, rewritten, sealed, touched
from tests.client import Client
from tests.domain.conftest import Platform
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.test_identity import person

[PERIODS] = [standing for standing in duties.DUTIES if standing.name.endswith(".anchor_periods")]


async def all_of(platform: Platform) -> list[AuditAnchor]:
    async with platform.database.session() as session:
        return list(await session.scalars(select(AuditAnchor).order_by(AuditAnchor.number)))


async def test_a_period_is_closed_when_its_time_has_come(platform: Platform) -> None:
    last = await sealed(platform)
    await platform.duty("anchor_periods")
    assert await all_of(platform) == []
    await platform.advance(days=1)
    await platform.duty("anchor_periods")
    [first] = await all_of(platform)
    assert (first.number, first.first_sequence, first.last_sequence) == (1, 1, last)
    [event] = await platform.events("AuditAnchored")
    assert event.data == {
        "anchor_id": str(first.id),
        "number": 1,
        "first": 1,
        "last": last,
        "digest": first.digest.hex(),
    }
    await platform.advance(days=2)
    await platform.duty("anchor_periods")
    assert len(await all_of(platform)) == 1, "nothing new was sealed"
    await sealed(platform, 2)
    await platform.duty("anchor_periods")
    _, second = await all_of(platform)
    assert (second.first_sequence, second.previous_digest) == (last + 1, first.digest)
    found = await looked_at(platform)
    assert (found.intact, found.anchors, found.checked) == (True, 2, second.last_sequence)


async def test_how_often_is_as_the_program_was_told(platform: Platform) -> None:
    await sealed(platform)
    await platform.advance(hours=1)
    told = {"audit": audit.Keeping(anchor_every=timedelta(hours=1))}
    assert await duties.do(PERIODS, platform.database, platform.commands, extras=told)
    assert len(await all_of(platform)) == 1


async def test_what_is_not_whole_is_not_signed(platform: Platform) -> None:
    await sealed(platform)
    await touched(platform, "UPDATE audit_entry SET action = 'nothing' WHERE sequence = 3")
    await platform.advance(days=1)
    await platform.duty("anchor_periods")
    assert await all_of(platform) == []
    with pytest.raises(ConflictError, match="breaks at entry 3"):
        await platform.run(audit.anchor_audit)


async def test_who_may_not_keep_the_trail_does_not_anchor_it(platform: Platform) -> None:
    reader = await platform.holder("reader@example.com", "audit:read")
    with pytest.raises(AccessError):
        await platform.run(audit.anchor_audit, reader)
    await anchored(platform)


async def test_an_anchor_is_checked_where_nothing_else_of_the_platform_is(platform: Platform) -> None:
    anchor = await anchored(platform)
    [kept] = audit.kept_anchors(orjson.dumps(anchors.shown(anchor)))
    assert (kept.number, kept.last, kept.head) == (1, anchor.last_sequence, anchor.head_hash)
    shown: dict[str, Any] = anchors.shown(anchor)
    begins, said, signed = shown["statement"].split(".")
    for statement in (f"{begins}.{said}.{signed[:-8]}AAAAAAAA", f"{begins}.{said[:-4]}AAAA.{signed}", ""):
        with pytest.raises(NotSigned):
            audit.kept_anchors(orjson.dumps({**shown, "statement": statement}))
    with pytest.raises(NotSigned):
        audit.kept_anchors(b"")
    with pytest.raises(NotSigned):
        audit.kept_anchors(b"[]")


async def test_a_chain_written_anew_from_its_start_is_found_by_its_anchor(platform: Platform) -> None:
    await anchored(platform)
    second = await anchored(platform)
    await rewritten(platform, 1)
    found = await looked_at(platform)
    assert (found.intact, found.broken_at) == (False, 1)
    assert "written anew" in (found.problem or "")
    await rewritten(platform, second.first_sequence + 1)
    assert (await looked_at(platform)).broken_at == 1


async def test_what_is_not_anchored_yet_is_held_by_its_seals(platform: Platform) -> None:
    anchor = await anchored(platform)
    last = await sealed(platform, 3)
    await rewritten(platform, last)
    found = await looked_at(platform)
    assert not found.intact
    assert anchor.last_sequence < (found.broken_at or 0) <= last
    await touched(platform, "DELETE FROM event WHERE type = 'AuditSealed'")
    found = await looked_at(platform)
    assert (found.intact, found.broken_at) == (False, anchor.last_sequence + 1)


async def test_an_anchor_that_was_put_in_the_place_of_ours_is_found(platform: Platform) -> None:
    """Somebody with the database but not the master key: they rewrite the chain and sign with their own."""
    anchor = await anchored(platform)
    kept = audit.kept_anchors(orjson.dumps(anchors.shown(anchor)))
    await rewritten(platform, 2)
    async with platform.database.session() as session:
        anchor = await session.get_one(AuditAnchor, anchor.id)
        head = await session.scalar(
            select(AuditEntry.hash).where(AuditEntry.sequence == anchor.last_sequence)
        )
    anchor.head_hash = head
    theirs = Signer(OKPKey.generate_key("Ed25519"))
    forged = theirs.sign(anchors.ANCHOR, anchors.stated(anchor))
    await touched(
        platform,
        "UPDATE audit_anchor SET head_hash = :head, statement = :s, digest = :d, kid = :kid",
        head=head,
        s=forged.statement,
        d=forged.digest,
        kid=forged.kid,
    )
    found = await looked_at(platform)
    assert (found.intact, found.broken_at) == (False, 1)
    assert "not signed here" in (found.problem or "")
    found = await looked_at(platform, kept=kept)
    assert (found.intact, found.broken_at) == (False, 1)


async def test_an_anchor_kept_elsewhere_finds_what_the_whole_database_hides(platform: Platform) -> None:
    """Somebody with database and master key makes a trail that is whole by itself."""
    anchor = await anchored(platform)
    kept = audit.kept_anchors(orjson.dumps(anchors.shown(anchor)))
    assert (await looked_at(platform, kept=kept)).intact
    await rewritten(platform, 3)
    for table in ("audit_anchor", "event_topic", "event"):
        await touched(platform, f"DELETE FROM {table}")
    await platform.run(audit.anchor_audit)
    await touched(platform, "DELETE FROM audit_entry WHERE sequence IS NULL")
    assert (await looked_at(platform)).intact
    found = await looked_at(platform, kept=kept)
    assert (found.intact, found.broken_at) == (False, 1)
    assert "kept elsewhere" in (found.problem or "")


async def test_a_retired_key_still_vouches_for_what_it_signed(platform: Platform) -> None:
    await anchored(platform)
    await touched(platform, "UPDATE signing_key SET retired_at = datawave_now() - interval '3 years'")
    await anchored(platform)
    first, second = await all_of(platform)
    assert first.kid != second.kid
    assert (await looked_at(platform)).intact


ANCHORS = """{ auditAnchors(first: 5) { totalCount nodes { id number firstSequence lastSequence headHash
  digest previousDigest statement publicKey at entriesRemovedAt } } auditVerification { intact anchors
  problem } }"""
ANCHOR = "mutation { anchorAudit(input: {}) { errors { code } anchor { number digest } } }"


async def test_anchors_are_made_and_shown_by_the_api(house: House, api: Client) -> None:
    await HouseClock(house.core.database, house.core.commands).do("seal_audit")
    made = await api.done(ANCHOR)
    auditor = await person(house, "auditor@example.com", "Auditor")
    [error] = (await auditor.run(ANCHOR))["errors"]
    assert error["code"] == "FORBIDDEN"
    shown = await auditor.data(ANCHORS)
    assert shown["auditVerification"] == {"intact": True, "anchors": 1, "problem": None}
    [node] = shown["auditAnchors"]["nodes"]
    assert node["digest"] == made["anchor"]["digest"]
    [kept] = audit.kept_anchors(orjson.dumps(node))
    assert kept.head.hex() == node["headHash"]
    known = await auditor.data(
        "query($id: ID!) { node(id: $id) { ... on AuditAnchor { number } } }", id=node["id"]
    )
    assert known["node"] == {"number": 1}
