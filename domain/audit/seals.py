"""Seals: what the log of events tells of the chain where no anchor stands yet, under the platform's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit import audit
from datawave.kit.audit import Mark
from datawave.kit.duties import AuditSealed
from datawave.kit.tables import Event, EventTopic
from datawave.kit.vault import Keyring

AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class Seals:
    """The marks, in order, and the first place of which there is no good seal although there should be
    one."""

    marks: list[Mark]
    missing: int | None


async def after(session: AsyncSession, keyring: Keyring, anchored: int) -> Seals:
    """Of what was sealed since the last anchor. Only a trail that was begun before there were seals, and was
    never anchored, may begin without them."""
    told = await _told(session, anchored)
    marks: list[Mark] = []
    ends = anchored
    for each in told:
        if not marks and anchored == 0 and "seal" not in each:
            ends = each["last"]
            continue
        mark = _mark(each, keyring)
        if mark is None or mark.first != ends + 1:
            return Seals(marks=marks, missing=ends + 1)
        marks.append(mark)
        ends = mark.last
    return Seals(marks=marks, missing=None)


def _mark(told: Mapping[str, Any], keyring: Keyring) -> Mark | None:
    try:
        mark = Mark(first=told["first"], last=told["last"], head=bytes.fromhex(told["head"]))
        keyed = bytes.fromhex(told["seal"])
    except (KeyError, ValueError, TypeError):
        return None
    return mark if keyring.made(keyed, audit.seal_of(mark.first, mark.last, mark.head)) else None


async def _told(session: AsyncSession, anchored: int) -> list[Mapping[str, Any]]:
    """What the events say, oldest first; from the end of the log backwards, as far as they are needed."""
    sealing = Event.type == AuditSealed.__name__
    unplaced = select(Event.data).where(Event.position.is_(None), sealing).order_by(Event.number.desc())
    found: list[Any] = [data for data in await session.scalars(unplaced) if data]
    before: int | None = None
    while True:
        query = (
            select(EventTopic.position, Event.data)
            .join(Event, Event.position == EventTopic.position)
            .where(EventTopic.topic == audit.TOPIC, sealing)
            .order_by(EventTopic.position.desc())
            .limit(AT_ONCE)
        )
        if before is not None:
            query = query.where(EventTopic.position < before)
        rows = (await session.execute(query)).all()
        found += [row.data for row in rows if row.data]
        if len(rows) < AT_ONCE or (found and found[-1]["last"] <= anchored):
            return [each for each in reversed(found) if each["last"] > anchored]
        before = rows[-1].position
