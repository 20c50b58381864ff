"""The relay: gives committed events their place in the log, publishes them, and hands jobs to arq.

A task of every `serve` process. One numbers at a time, by a lock that lasts as long as the numbering
statement, so that a killed or paused process holds nothing. Whoever numbered publishes; what it could not
publish is found by the next hole, beat or look.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import structlog
from arq.connections import ArqRedis

from datawave.kit import metrics, passing
from datawave.kit.database import Database
from datawave.kit.errors import UnavailableError
from datawave.kit.events import ALL, WIRE
from datawave.kit.jobs import SIGNALLED_AGAIN, signal_due
from datawave.kit.live import Live

log = structlog.get_logger(__name__)

BATCH = 1_000
BATCHES = 10
"""So many batches at most before jobs get their turn."""

MOST_MESSAGE = 256_000
"""A message is no longer than this; an event that is says only that there is something, and is read from the
log."""

LOOK = b'{"look":true}'
WAITS = "SELECT events OR jobs FROM relay_waits($1)"
PLACE = "SELECT first, last FROM place_events($1)"
AS_TEXT = ("id", "actor_id", "command_id", "subject_id", "workspace_id", "source_id", "data")
"""What is passed on as the database writes it: made into values and back, it took half of the time."""

TOLD = ", ".join(f"CAST({name} AS text)" if name in AS_TEXT else name for name in WIRE)
PLACED = (
    f"SELECT {TOLD}, (SELECT jsonb_object_agg(t.topic, t.previous) FROM event_topic t"
    " WHERE t.topic = ANY(event.topics) AND t.position = event.position) AS places"
    " FROM event WHERE position BETWEEN $1 AND $2 ORDER BY position"
)

Placed = tuple[int, bytes]
"""An event on its way: the place of the one before it in a topic, and the event itself."""


def to_wire(row: Any) -> bytes:
    *told, data = row[: len(WIRE)]
    return orjson.dumps([*told, orjson.Fragment(data) if data is not None else None])


class Relay:
    def __init__(self, database: Database, live: Live, arq: ArqRedis, *, look: float = 0.2) -> None:
        self._database = database
        self._live = live
        self._arq = arq
        self._look = look
        self._wake = asyncio.Event()
        self.placed = 0

    def wake(self) -> None:
        passing.events.noticed()
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. A failure is logged and tried again: the rows wait."""
        pause = self._look
        # A cancellation may have been swallowed on the way (`wait_for` in Python 3.11, under redis-py).
        while not (task := asyncio.current_task()) or not task.cancelling():
            is_told = self._wake.is_set()
            self._wake.clear()
            try:
                more = False
                if is_told or await self._has_work():
                    more = await self.steps()
                    await signal_due(self._database, self._arq)
                pause = 0 if more else self._look
            except (UnavailableError, OSError) as error:
                log.warning("relay.waits", error=type(error).__name__)
                pause = min(max(pause, self._look) * 2, 2.0)
            except Exception:
                log.exception("relay.failed")
                pause = min(max(pause, self._look) * 2, 2.0)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
        raise asyncio.CancelledError

    async def _has_work(self) -> bool:
        """Nobody has said so, and it writes nothing to look."""
        [row] = await self._database.aside(WAITS, [SIGNALLED_AGAIN])
        return bool(row[0])

    async def steps(self) -> bool:
        """Some batches, each published while the next is given its places; true while there may be more."""
        publishing: asyncio.Task[None] | None = None
        try:
            for _ in range(BATCHES):
                rows = await self._place()
                if publishing is not None:
                    await publishing
                publishing = asyncio.create_task(self._publish(rows), name="relay.publishes")
                if len(rows) < BATCH:
                    return False
            return True
        finally:
            if publishing is not None:
                await publishing

    async def step(self) -> bool:
        """One batch, placed and published; true while there may be more."""
        rows = await self._place()
        await self._publish(rows)
        return len(rows) == BATCH

    async def _place(self) -> Sequence[Any]:
        found = await self._database.aside(PLACE, [BATCH])
        if not found:
            return ()
        first, last = found[0]
        self.placed += last - first + 1
        metrics.PLACED.inc(last - first + 1)
        return await self._database.aside(PLACED, [first, last])

    async def _publish(self, rows: Sequence[Any]) -> None:
        if not rows:
            return
        passing.events.noticed()
        by_topic: dict[str, list[Placed]] = defaultdict(list)
        for row in rows:
            wire = to_wire(row)
            by_topic[ALL].append((row["position"] - 1, wire))
            places: dict[str, int] = orjson.loads(row["places"] or b"{}")
            for topic, previous in places.items():
                by_topic[topic].append((previous, wire))
        told = [(topic, message) for topic, events in by_topic.items() for message in messages_of(events)]
        try:
            await self._live.publish_many(told)
        except Exception as error:  # pub/sub is a hint: beats and holes lead readers to the log
            log.warning("relay.not_published", error=type(error).__name__, count=len(rows))


def messages_of(events: Sequence[Placed]) -> Iterator[bytes]:
    """The events of a topic in messages of bounded length, in order."""
    waiting: list[tuple[int, orjson.Fragment]] = []
    length = 0
    for previous, wire in events:
        if waiting and length + len(wire) > MOST_MESSAGE:
            yield _message(waiting)
            waiting, length = [], 0
        if len(wire) > MOST_MESSAGE:
            yield LOOK
            continue
        waiting.append((previous, orjson.Fragment(wire)))
        length += len(wire)
    if waiting:
        yield _message(waiting)


def _message(events: list[tuple[int, orjson.Fragment]]) -> bytes:
    return orjson.dumps({"events": events})
