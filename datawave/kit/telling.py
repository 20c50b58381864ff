"""Progress to live readers: at most one message a second for each thing, the latest always told in the
end."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import structlog

from datawave.kit.live import Live

log = structlog.get_logger(__name__)

EVERY = 1.0
MOST_KEYS = 10_000

Progress = tuple[tuple[str, ...], str, dict[str, Any]]


class Telling:
    """Never waits and never fails its caller: progress is not kept, so losing some costs nothing."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._last: dict[str, float] = {}
        self._waiting: dict[str, Progress] = {}
        self._task: asyncio.Task[None] | None = None

    def tell(self, progress: list[Progress]) -> None:
        for each in progress:
            self._waiting[each[1]] = each
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send(), name="telling")

    async def _send(self) -> None:
        while self._waiting:
            now = time.monotonic()
            due = [key for key in self._waiting if now - self._last.get(key, -EVERY) >= EVERY]
            if due:
                await self._publish([self._waiting.pop(key) for key in due])
                if len(self._last) > MOST_KEYS:
                    self._last.clear()
                self._last.update(dict.fromkeys(due, now))
            if self._waiting:
                await asyncio.sleep(EVERY / 4)

    async def _publish(self, progress: list[Progress]) -> None:
        messages = [
            (topic, orjson.dumps({"key": key, "progress": value}, default=str))
            for topics, key, value in progress
            for topic in topics
        ]
        try:
            await self._live.publish_many(messages)
        except Exception as error:  # Valkey is away: the next progress will tell
            log.debug("telling.lost", error=type(error).__name__)
