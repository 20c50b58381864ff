"""The audit trail: entries written with what they tell of, sealed into a hash chain within a second.

The hash covers the fixed fields and a salted digest of the detail; the detail (input, before and after, words
of people) lies beside it and can be erased without breaking the chain.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from datawave.kit import tables
from datawave.kit.access import Viewer
from datawave.kit.database import Database, translated
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.ids import new_id

GENESIS = bytes(32)
TOPIC = "audit"
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
SEALED_AT_ONCE = 1_000
WALKED_AT_ONCE = 1_000
"""So many entries are read and looked at before others on the loop have their turn."""
ALIKE_ALONE = 10
"""So many refusals alike in a minute get entries of their own; then they share, at most one a second."""
MOST_SEEN = 10_000

FIXED = (
    "sequence", "id", "at", "actor_id", "actor_word", "action", "permission", "subject_word", "subject_id",
    "outcome", "code", "address", "client", "session_id", "command_id", "count",
)  # fmt: skip


def detail_digest(salt: bytes, detail: dict[str, Any] | None) -> bytes:
    return hashlib.sha256(salt + orjson.dumps(detail, option=orjson.OPT_SORT_KEYS)).digest()


def entry(viewer: Viewer, **fields: Any) -> tables.AuditEntry:
    return tables.AuditEntry(**entry_values(viewer, **fields))


def entry_values(
    viewer: Viewer,
    *,
    action: str,
    outcome: tables.Outcome,
    at: datetime,
    permission: str | None = None,
    code: str | None = None,
    subject: tuple[str, UUID] | None = None,
    command_id: UUID | None = None,
    count: int = 1,
    detail: dict[str, Any] | None = None,
    id: UUID | None = None,
) -> dict[str, Any]:
    """The columns of an entry that is not sealed yet."""
    salt = os.urandom(16)
    return {
        "id": id or new_id(),
        "at": at,
        "actor_id": viewer.actor_id,
        "actor_word": viewer.actor_word,
        "action": action,
        "permission": permission,
        "subject_word": subject[0] if subject else None,
        "subject_id": subject[1] if subject else None,
        "outcome": outcome,
        "code": code,
        "address": viewer.address,
        "client": viewer.client,
        "session_id": viewer.session_id,
        "command_id": command_id,
        "count": count,
        "detail": detail,
        "salt": salt,
        "detail_digest": detail_digest(salt, detail),
    }


def chained(previous: bytes, row: Any) -> bytes:
    """The hash of one entry, given its predecessor's."""
    fixed = [_fixed(getattr(row, name)) for name in FIXED]
    return hashlib.sha256(previous + orjson.dumps(fixed) + row.detail_digest).digest()


def _fixed(value: Any) -> Any:
    match value:
        case datetime():
            return (value - EPOCH) // MICROSECOND
        case UUID():
            return value.hex
        case _:
            return value


TOLD = (
    select(cast(tables.Event.data["last"].astext, BigInteger))
    .join(tables.EventTopic, tables.EventTopic.position == tables.Event.position)
    .where(tables.EventTopic.topic == TOPIC, tables.Event.type == "AuditSealed")
    .order_by(tables.EventTopic.position.desc())
    .limit(1)
)
"""The last place that an event of the log tells of."""


async def seal(connection: AsyncConnection) -> Mark | None:
    """Gives the next unsealed entries their place and hash; which these are, or None where there were
    none. The caller holds the sealing lock for the length of its transaction."""
    table = tables.AuditEntry
    last = (
        await connection.execute(
            select(table.sequence, table.hash)
            .where(table.sequence.is_not(None))
            .order_by(table.sequence.desc())
            .limit(1)
        )
    ).one_or_none()
    sequence, previous = (last.sequence, last.hash) if last else (0, GENESIS)
    rows = (
        await connection.execute(
            select(table.__table__)
            .where(table.sequence.is_(None))
            .order_by(table.number)
            .limit(SEALED_AT_ONCE)
        )
    ).all()
    if not rows:
        return None
    # Where the end was cut off, its places are not given again: the hole stays to be seen.
    sequence = max(sequence, (await connection.scalar(TOLD)) or 0)
    first = sequence + 1
    links: list[dict[str, Any]] = []
    for row in rows:
        sequence += 1
        link = _Link(row, sequence)
        hashed = chained(previous, link)
        links.append({"id": row.id, "sequence": sequence, "previous": previous, "hash": hashed})
        previous = hashed
    await connection.execute(
        text(
            "UPDATE audit_entry SET sequence = s.sequence, previous_hash = s.previous, hash = s.hash"
            " FROM unnest(CAST(:ids AS uuid[]), CAST(:sequences AS bigint[]), CAST(:befores AS bytea[]),"
            " CAST(:hashes AS bytea[])) AS s(id, sequence, previous, hash) WHERE audit_entry.id = s.id"
        ),
        {
            "ids": [link["id"] for link in links],
            "sequences": [link["sequence"] for link in links],
            "befores": [link["previous"] for link in links],
            "hashes": [link["hash"] for link in links],
        },
    )
    return Mark(first=first, last=sequence, head=previous)


class _Link:
    """A row with the sequence it is about to get."""

    def __init__(self, row: Any, sequence: int) -> None:
        self._row = row
        self.sequence = sequence

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._row, name)
        return value


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a stretch of the chain builds on: the place before its first entry, and the hash there."""

    last: int = 0
    head: bytes = GENESIS


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What is known of the chain from elsewhere: after these entries it had this head."""

    first: int
    last: int
    head: bytes


def seal_of(first: int, last: int, head: bytes) -> bytes:
    """What the platform's key is put under when entries are sealed."""
    return b"audit sealed\0" + orjson.dumps([first, last, head.hex()])


@dataclass(frozen=True, kw_only=True)
class Verified:
    intact: bool
    checked: int
    first: int
    last: int
    broken_at: int | None
    head: bytes
    marks: int = 0
    """How many marks the chain was held against."""
    rewritten: Mark | None = None
    """The mark that the chain does not keep: between its entries something was written anew, hashes and
    all."""


async def verify(
    session: AsyncSession,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    ground: Ground | None = None,
    marks: Sequence[Mark] = (),
) -> Verified:
    """Walks the chain in order; stops at the first entry that was altered, removed or moved, or with which
    a mark is not kept. An end that was cut off leaves no trace in the chain: the log of events and the marks
    know how far it was sealed."""
    ground = ground or Ground()
    begins, ends = await _span(session, since, until, ground)
    return await verify_span(session, begins, ends, ground=ground, marks=marks)


async def verify_span(
    session: AsyncSession, begins: int, ends: int, *, ground: Ground, marks: Sequence[Mark] = ()
) -> Verified:
    """The same of a stretch that is known by its places."""
    previous = ground.head if begins - 1 == ground.last else await _hash_of(session, begins - 1)
    walk = Walk(begins=begins, last=begins - 1, previous=previous, marks={mark.last: mark for mark in marks})
    async for row in sealed_entries(session, begins, ends):
        if not walk.goes_on(row):
            break
    return walk.verified()


@dataclass(kw_only=True)
class Walk:
    """Where a verification stands: the last entry that was whole, and what the next one must build on."""

    begins: int
    last: int
    previous: bytes | None
    marks: Mapping[int, Mark] = field(default_factory=dict[int, Mark])
    checked: int = 0
    kept_marks: int = 0
    broken_at: int | None = None
    rewritten: Mark | None = None

    def goes_on(self, row: Any) -> bool:
        """Whether this entry is the next one, and as it was when it was sealed."""
        if row.sequence != self.last + 1 or not self._is_whole(row):
            self.broken_at = self.last + 1
            return False
        if (mark := self.marks.get(row.sequence)) is not None:
            if mark.head != row.hash:
                self.broken_at, self.rewritten = max(mark.first, self.begins), mark
                return False
            self.kept_marks += 1
        self.checked += 1
        self.last, self.previous = self.last + 1, row.hash
        return True

    def _is_whole(self, row: Any) -> bool:
        # What was erased is gone: a detail that stands beside the mark of erasure was put there.
        detail_stands = (
            row.detail is None
            if row.erased_at is not None
            else row.detail_digest == detail_digest(row.salt, row.detail)
        )
        return (
            detail_stands
            and self.previous is not None
            and row.previous_hash == self.previous
            and row.hash == chained(self.previous, row)
        )

    def verified(self) -> Verified:
        return Verified(
            intact=self.broken_at is None,
            checked=self.checked,
            first=self.begins if self.checked else 0,
            last=self.last if self.checked else 0,
            broken_at=self.broken_at,
            head=self.previous or GENESIS,
            marks=self.kept_marks,
            rewritten=self.rewritten,
        )


async def _hash_of(session: AsyncSession, sequence: int) -> bytes | None:
    """What the first entry of a range builds on; None where its predecessor is gone."""
    table = tables.AuditEntry
    return await session.scalar(select(table.hash).where(table.sequence == sequence))


async def _span(
    session: AsyncSession, since: datetime | None, until: datetime | None, ground: Ground
) -> tuple[int, int]:
    """The sequences of a range of time. Entries are sealed in the order they were written, which is not quite
    that of their times: taken by time alone, a range would have holes at its ends."""
    if since is None and until is None:
        return ground.last + 1, 2**63 - 1
    found = await span_of(session, since, until)
    return found or (1, 0)


async def span_of(
    session: AsyncSession, since: datetime | None, until: datetime | None
) -> tuple[int, int] | None:
    """The first and last place of the entries of a range of time, or None where there are none."""
    table = tables.AuditEntry
    query = select(func.min(table.sequence), func.max(table.sequence)).where(table.sequence.is_not(None))
    if since is not None:
        query = query.where(table.at >= since)
    if until is not None:
        query = query.where(table.at < until)
    first, last = (await session.execute(query)).one()
    return (first, last) if first is not None and last is not None else None


async def sealed_entries(session: AsyncSession, first: int, last: int) -> AsyncIterator[Any]:
    """The columns of the entries between two places, in their order, however many there are."""
    table = tables.AuditEntry
    after = first - 1
    while True:
        query = (
            select(table.__table__)
            .where(table.sequence > after, table.sequence <= last)
            .order_by(table.sequence)
            .limit(WALKED_AT_ONCE)
        )
        rows = (await session.execute(query)).all()
        for row in rows:
            yield row
        if len(rows) < WALKED_AT_ONCE:
            return
        after = rows[-1].sequence


@dataclass
class _Asked:
    """An entry that waits to be written, with everybody who waits for it."""

    viewer: Viewer
    fields: dict[str, Any]
    written: asyncio.Future[UUID]
    count: int = 1


class Refusals:
    """Entries of refusals and failures, and of reads of what is sensitive, committed before whoever asked
    hears of it: one commit for all that wait. Refusals alike share an entry with a count after the tenth in a
    minute, at most one a second; the queue is bounded, and a full one is UNAVAILABLE, never a missing
    entry."""

    def __init__(self, database: Database, *, most: int = 5_000, pause: float = 1.0) -> None:
        self._database = database
        self._most = most
        self._pause = pause
        self._alone: list[_Asked] = []
        self._shared: dict[tuple[Any, ...], _Asked] = {}
        self._seen: dict[tuple[Any, ...], tuple[float, int]] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}

    async def write(self, viewer: Viewer, *, action: str, code: str | None, **rest: Any) -> UUID:
        alike = (viewer.actor_id or viewer.address, action, code)
        if self._seen_lately(alike) <= ALIKE_ALONE:
            return await self.write_alone(viewer, action=action, code=code, **rest)
        if alike in self._shared:
            asked = self._shared[alike]
            asked.count += 1
            return await asyncio.shield(asked.written)
        asked = self._shared[alike] = self._asked(viewer, action=action, code=code, **rest)
        self._see_to("shared", self._write_shared)
        return await asyncio.shield(asked.written)

    async def write_alone(self, viewer: Viewer, *, action: str, **rest: Any) -> UUID:
        """An entry that shares with none: each reading of what is sensitive tells of other things."""
        asked = self._asked(viewer, action=action, **rest)
        self._alone.append(asked)
        self._see_to("alone", self._write_alone)
        return await asyncio.shield(asked.written)

    def _asked(self, viewer: Viewer, **fields: Any) -> _Asked:
        if len(self._alone) + len(self._shared) >= self._most:
            raise UnavailableError(
                ErrorCode.UNAVAILABLE,
                "More has to be put on record than can be written at once; try again.",
                retry_after_seconds=5,
            )
        return _Asked(viewer, fields, asyncio.get_running_loop().create_future())

    def _see_to(self, name: str, write: Callable[[], Coroutine[Any, Any, None]]) -> None:
        writer = self._writers.get(name)
        if writer is None or writer.done():
            self._writers[name] = asyncio.create_task(write(), name=f"audit.{name}")

    def _seen_lately(self, alike: tuple[Any, ...]) -> int:
        """How many alike there were in this minute. A flood from ever other addresses begins anew: it is
        bounded by the queue, not by counting."""
        now = time.monotonic()
        if len(self._seen) > MOST_SEEN:
            self._seen.clear()
        began, count = self._seen.get(alike, (now, 0))
        if now - began >= 60:
            began, count = now, 0
        self._seen[alike] = (began, count + 1)
        return count + 1

    async def _write_alone(self) -> None:
        while self._alone:
            batch, self._alone = self._alone, []
            await self._write(batch)

    async def _write_shared(self) -> None:
        while self._shared:
            await asyncio.sleep(self._pause)
            batch, self._shared = list(self._shared.values()), {}
            await self._write(batch)

    async def _write(self, batch: list[_Asked]) -> None:
        try:
            ids = await self._commit(batch)
        except BaseException as error:
            told = error if isinstance(error, Exception) else _stopping()
            for asked in batch:
                if not asked.written.done():
                    asked.written.set_exception(told)
                    asked.written.exception()  # whoever asked may be gone: then nobody else takes it up
            if not isinstance(error, Exception):
                raise
        else:
            for asked, made in zip(batch, ids, strict=True):
                asked.written.set_result(made)

    async def _commit(self, batch: list[_Asked]) -> list[UUID]:
        with translated():
            async with AsyncSession(self._database.engine, expire_on_commit=False) as session:
                now = (await session.execute(text("SELECT datawave_now()"))).scalar_one()
                rows = [entry(asked.viewer, at=now, count=asked.count, **asked.fields) for asked in batch]
                session.add_all(rows)
                await session.commit()
        return [row.id for row in rows]


def _stopping() -> UnavailableError:
    return UnavailableError(
        ErrorCode.UNAVAILABLE, "The platform is stopping; try again.", retry_after_seconds=5
    )
