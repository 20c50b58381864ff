"""Whatever somebody does to the trail in the database is found, with the number of the first entry that is
not as it was."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from datawave.kit.ids import new_id
from tests.audit.ground import Undone, anchored, looked_at, rewritten, sealed, tampered, touched
from tests.audit.test_chain import ALTERATIONS
from tests.domain.conftest import Platform


@dataclass(frozen=True, kw_only=True)
class Trail:
    """What is known of it before anybody touches it."""

    platform: Platform
    last: int
    anchored: tuple[tuple[int, int], ...]
    sealed: tuple[tuple[int, int], ...]

    def stretch(self, entry: int) -> tuple[int, int]:
        """What vouches for the entry: its anchor, or, where there is none yet, its seal."""
        for first, last in (*self.anchored, *self.sealed):
            if first <= entry <= last:
                return first, last
        raise AssertionError(entry)


Tampering = Callable[[Trail, int], Awaitable[tuple[int, int]]]
"""Does it at or after an entry; between which numbers the break must be named."""


async def altered(trail: Trail, entry: int) -> tuple[int, int]:
    change = random.Random(entry).choice([*ALTERATIONS.values()])
    await touched(trail.platform, f"UPDATE audit_entry SET {change} WHERE sequence = {entry}")
    return entry, entry


async def removed(trail: Trail, entry: int) -> tuple[int, int]:
    await touched(trail.platform, f"DELETE FROM audit_entry WHERE sequence = {entry}")
    return entry, entry


async def cut_off(trail: Trail, entry: int) -> tuple[int, int]:
    await touched(trail.platform, f"DELETE FROM audit_entry WHERE sequence >= {entry}")
    return entry, entry


async def cut_off_and_gone_on(trail: Trail, entry: int) -> tuple[int, int]:
    """The platform seals on after the end was cut off: no place is given twice."""
    await cut_off(trail, entry)
    await sealed(trail.platform, 2)
    return entry, entry


async def swapped(trail: Trail, entry: int) -> tuple[int, int]:
    other = entry % trail.last + 1
    for before, after in ((entry, -1), (other, entry), (-1, other)):
        await touched(
            trail.platform, "UPDATE audit_entry SET sequence = :b WHERE sequence = :a", a=before, b=after
        )
    return min(entry, other), min(entry, other)


FORGED = (
    "INSERT INTO audit_entry (id, sequence, at, actor_id, actor_word, action, outcome, salt, detail_digest,"
    " detail, previous_hash, hash, count) SELECT :id, :sequence, at, actor_id, actor_word, 'forged', outcome,"
    " salt, detail_digest, detail, previous_hash, hash, 1 FROM audit_entry WHERE sequence = :like"
)


async def put_between(trail: Trail, entry: int) -> tuple[int, int]:
    """Room is made for it, and the chain is made to fit."""
    await touched(trail.platform, f"UPDATE audit_entry SET sequence = -sequence WHERE sequence >= {entry}")
    await touched(trail.platform, "UPDATE audit_entry SET sequence = 1 - sequence WHERE sequence < 0")
    await touched(trail.platform, FORGED, id=new_id(), sequence=entry, like=entry + 1)
    await rewritten(trail.platform, entry)
    return trail.stretch(entry)


async def put_at_the_end(trail: Trail, _entry: int) -> tuple[int, int]:
    await touched(trail.platform, FORGED, id=new_id(), sequence=trail.last + 1, like=trail.last)
    await rewritten(trail.platform, trail.last + 1, "SELECT 1")
    return trail.last + 1, trail.last + 1


async def put_before(trail: Trail, _entry: int) -> tuple[int, int]:
    await touched(trail.platform, FORGED, id=new_id(), sequence=0, like=1)
    return 0, 0


async def written_anew(trail: Trail, entry: int) -> tuple[int, int]:
    await rewritten(trail.platform, entry)
    return trail.stretch(entry)


async def written_anew_and_shorter(trail: Trail, entry: int) -> tuple[int, int]:
    """One is taken out, and all after it move up."""
    await touched(trail.platform, f"DELETE FROM audit_entry WHERE sequence = {entry}")
    await touched(trail.platform, f"UPDATE audit_entry SET sequence = -sequence WHERE sequence > {entry}")
    await touched(trail.platform, "UPDATE audit_entry SET sequence = -sequence - 1 WHERE sequence < 0")
    await rewritten(trail.platform, entry, "SELECT 1")
    return trail.stretch(entry)


async def without_its_anchor(trail: Trail, entry: int) -> tuple[int, int]:
    await touched(
        trail.platform, "DELETE FROM audit_anchor WHERE :e BETWEEN first_sequence AND last_sequence", e=entry
    )
    await rewritten(trail.platform, entry)
    return trail.stretch(entry)


async def with_another_anchor(trail: Trail, entry: int) -> tuple[int, int]:
    """The head in the anchor is made to fit, its signature cannot be."""
    await rewritten(trail.platform, entry)
    await touched(
        trail.platform,
        "UPDATE audit_anchor SET head_hash = (SELECT hash FROM audit_entry WHERE sequence = last_sequence)",
    )
    return trail.stretch(entry)


async def with_removal_declared(trail: Trail, entry: int) -> tuple[int, int]:
    """As if it had been too old."""
    _, last = trail.stretch(entry)
    await touched(trail.platform, f"DELETE FROM audit_entry WHERE sequence <= {last}")
    await touched(
        trail.platform,
        "UPDATE audit_anchor SET removed_at = at, removal = kid || ' ' || statement"
        " WHERE last_sequence <= :l",
        l=last,
    )
    return 1, 1


EVERYTHING: tuple[Tampering, ...] = (
    altered, removed, cut_off, cut_off_and_gone_on, swapped, put_between, put_at_the_end, put_before,
    written_anew, written_anew_and_shorter, without_its_anchor, with_another_anchor, with_removal_declared,
)  # fmt: skip
NEEDS_AN_ANCHOR = (without_its_anchor, with_removal_declared)


async def a_trail(platform: Platform) -> Trail:
    stretches = [await anchored(platform, 5), await anchored(platform, 4)]
    for count in (1, 4):
        await sealed(platform, count)
    told = [event.data for event in await platform.events("AuditSealed") if event.data]
    return Trail(
        platform=platform,
        last=told[-1]["last"],
        anchored=tuple((each.first_sequence, each.last_sequence) for each in stretches),
        sealed=tuple((each["first"], each["last"]) for each in told),
    )


async def trials(platform: Platform, chosen: list[tuple[Tampering, int]]) -> int:
    trail, undone = await a_trail(platform), Undone(platform)
    assert (await looked_at(platform)).intact
    await undone.keep()
    found = 0
    for tampering, share in chosen:
        ends = trail.anchored[-1][1] if tampering in NEEDS_AN_ANCHOR else trail.last
        entry = 1 + share % ends
        async with tampered(undone):
            first, last = await tampering(trail, entry)
            verified = await looked_at(platform)
            assert not verified.intact, (tampering.__name__, entry)
            assert first <= (verified.broken_at if verified.broken_at is not None else -1) <= last, (
                tampering.__name__,
                entry,
                verified,
            )
            found += 1
    assert (await looked_at(platform)).intact
    return found


async def test_every_kind_of_tampering_is_found_with_its_number(platform: Platform) -> None:
    chance = random.Random(random.randrange(10**6))
    chosen = [(each, chance.randrange(1_000)) for each in EVERYTHING * 2]
    assert await trials(platform, chosen) == len(chosen)


@pytest.mark.long
async def test_three_hundred_tamperings_are_found_with_their_numbers(platform: Platform) -> None:
    chance = random.Random(300)
    chosen = [(chance.choice(EVERYTHING), chance.randrange(1_000)) for _ in range(300)]
    assert await trials(platform, chosen) == 300
