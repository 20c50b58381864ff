"""Reading the log: pages of a topic, where it stands, and following it without gap or duplicate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy import ColumnElement, literal, select

from datawave.kit import tables
from datawave.kit.cursors import expired, log_cursor, log_position
from datawave.kit.database import Database, translated
from datawave.kit.errors import UnavailableError
from datawave.kit.events import ALL, WIRE, Logged, from_row
from datawave.kit.live import Live

log = structlog.get_logger(__name__)
R = TypeVar("R")

PAGE = 500
STANDING = "SELECT epoch, head, oldest FROM event_log"


@dataclass(frozen=True, slots=True)
class Standing:
    epoch: str
    head: int
    oldest: int


async def standing(database: Database) -> Standing:
    """By the driver itself: everybody of a herd that returns asks this."""
    with translated():
        [row] = await database.readers.fetch(STANDING, ())
    return Standing(*row)


async def heads(database: Database, topics: Sequence[str]) -> dict[str, int]:
    """The last position of each of these topics that has one, all read at one moment."""
    head, whole = tables.TopicHead, tables.EventLog
    query = select(head.topic, head.position).where(head.topic.in_(topics))
    if ALL in topics:
        query = query.union_all(select(literal(ALL), whole.head))
    async with database.session() as session:
        found = (await session.execute(query)).all()
    return {row.topic: row.position for row in found}


async def begin_after(
    database: Database, cursor: str | None, *, path: Sequence[str] = ("after",)
) -> Standing:
    """Where a stream starts: after the cursor, or at the head as it is now. `head` of the answer is that
    place."""
    now = await standing(database)
    if cursor is None:
        return now
    epoch, position = log_position(cursor, path=path)
    if epoch != now.epoch:
        raise expired("This cursor is of another life of the log (it was restored since).")
    if position > now.head:
        raise expired("This cursor lies beyond the end of the log.")
    if position < now.oldest - 1:
        raise expired("This cursor is older than the oldest event that is kept.")
    return Standing(now.epoch, position, now.oldest)


async def page(
    database: Database,
    topic: str,
    *,
    after: int,
    most: int = PAGE,
    where: ColumnElement[bool] | None = None,
) -> list[Logged]:
    """The next events of a topic, in order. Objects of the ORM are left to the garbage collector: of a herd
    that returns, it would have millions."""
    event, place = tables.Event, tables.EventTopic
    query = select(*(getattr(event, name) for name in WIRE))
    if topic == ALL:
        query = query.where(event.position > after).order_by(event.position)
    else:
        query = (
            query.join(place, place.position == event.position)
            .where(place.topic == topic, place.position > after)
            .order_by(place.position)
        )
    if where is not None:
        query = query.where(where)
    async with database.session() as session:
        return [from_row(row) for row in await session.execute(query.limit(most))]


@dataclass(frozen=True, slots=True)
class Step:
    """What a stream meets next: an event, or progress that is not kept (`event` is None), and the cursor it
    leaves."""

    event: Logged | None
    progress: dict[str, Any] | None
    cursor: str
    key: str = ""
    """Of progress: a later one with the same key replaces it."""


Moved = Callable[[str, int], None]
"""Hears of every place that a reader has passed, as cursor and position."""


Read = Callable[[], Awaitable[Sequence[Logged]]]


def nobody_hears(_cursor: str, _position: int) -> None:
    """Nobody asks how far the reader has come."""


async def follow(
    database: Database,
    live: Live,
    topic: str,
    *,
    after: str | None,
    moved: Moved = nobody_hears,
) -> AsyncGenerator[Step]:
    """Subscribe, read the log, drain, then live. Each event once and in order; `moved` hears every place that
    the reader has passed (it asked for more), so that a quiet or filtered stream never falls behind."""
    async with live.following(topic) as follower:
        start = await begin_after(database, after)
        reader = _Reader(database, topic, start)
        moved(reader.cursor, reader.last)
        behind = True
        while True:
            if behind:
                async for step in reader.caught_up():
                    yield step
                    moved(step.cursor, reader.last)
            follower.read_to(reader.last)
            taken = follower.take()
            behind = taken.look
            for told in [] if taken.look else taken.told:
                if told.previous > reader.last:
                    behind = True
                    break
                if told.event.position > reader.last:
                    step = reader.step(told.event)
                    yield step
                    moved(step.cursor, reader.last)
            for key, value in taken.progress:
                yield Step(None, value, reader.cursor, key)
            if behind:
                await reader.same_life()
            elif taken.head > reader.last:
                # Read by the beat before all that was taken: nothing of the topic stands between.
                reader.last = taken.head
                moved(reader.cursor, reader.last)
            else:
                await follower.changed()


class Ahead(Protocol):
    """Readers of the same topic that one who catches up is to meet."""

    async def begun(self) -> None: ...

    def hold(self) -> int:
        """Where they stand; what comes beyond it is kept until `enter`."""
        ...

    def enter(self, place: int) -> bool: ...

    async def together(self, what: Hashable, goal: int, read: Read) -> Sequence[Logged]:
        """What `read` gives, or gave another who was to meet them when they stood at the goal already."""
        ...


async def catch_up(
    database: Database, topic: str, *, after: str | None, ahead: Ahead, moved: Moved = nobody_hears
) -> AsyncGenerator[Step]:
    """Reads the log from the cursor on until it has met those ahead, and ends there.

    What they have been told has been committed: a page read after looking where they stand holds all up to
    there. So each round ends no nearer than where they stood when it began, and the rest was kept."""
    reader = _Reader(database, topic, await begin_after(database, after))
    moved(reader.cursor, reader.last)
    while not ahead.enter(reader.last):
        await ahead.begun()
        goal = ahead.hold()
        if goal <= reader.last:
            continue
        events = await ahead.together((topic, reader.last), goal, reader.next_page)
        for event in events:
            yield reader.step(event, replayed=True)
            moved(reader.cursor, reader.last)
        if len(events) < PAGE and goal > reader.last:
            reader.last = goal
            moved(reader.cursor, reader.last)


class _Reader:
    """Where one stream stands in the log."""

    def __init__(self, database: Database, topic: str, start: Standing) -> None:
        self._database = database
        self._topic = topic
        self.epoch = start.epoch
        self.last = start.head

    @property
    def cursor(self) -> str:
        return log_cursor(self.epoch, self.last)

    def step(self, event: Logged, *, replayed: bool = False) -> Step:
        self.last = event.position
        return Step(replace(event, cursor=self.cursor, replayed=replayed), None, self.cursor)

    async def next_page(self) -> list[Logged]:
        return await _despite_outages(lambda: page(self._database, self._topic, after=self.last))

    async def caught_up(self) -> AsyncGenerator[Step]:
        """All that the log holds of the topic after this place."""
        while True:
            events = await self.next_page()
            for event in events:
                yield self.step(event, replayed=True)
            if len(events) < PAGE:
                return

    async def same_life(self) -> None:
        """Before the log is read again: it may have been restored or shortened while nobody was looking."""
        now = await _despite_outages(lambda: standing(self._database))
        if now.epoch != self.epoch:
            raise expired("The log was restored while this stream was open.")
        if self.last < now.oldest - 1:
            raise expired("This stream fell behind the oldest event that is kept.")


async def _despite_outages(read: Callable[[], Awaitable[R]]) -> R:
    """An open stream outlives its database: it is silent until that is back, and then goes on where it
    was."""
    pause = 0.1
    while True:
        try:
            return await read()
        except UnavailableError as error:
            log.warning("stream.waits", error=type(error.__cause__).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)
