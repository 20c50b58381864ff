"""What a task reports: packed into numbered batches, kept in the spool, sent until the platform has it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

import orjson
import structlog

from connectors.base import SourceError
from connectors.entries import MOST_BYTES, MOST_ENTRIES, Entry, Issue, encoded
from edge_agent.client import CutOff, Faltered, Refused
from edge_agent.config import Pace
from edge_agent.protocol import Gap, Platform, Stop
from edge_agent.spool import Spool, Waiting

log = structlog.get_logger(__name__)

FULL_BYTES = MOST_BYTES - 50_000
"""The platform weighs what it read, which may be written a little longer."""

FULL_ENTRIES = MOST_ENTRIES - 100
MOST_STUMBLES = 8
LONGEST_WORDS = 2_000


class Pack:
    """Entries on their way into batches."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._parts)

    def takes(self, part: bytes) -> bool:
        return len(self._parts) < FULL_ENTRIES and self._size + len(part) + 1 <= FULL_BYTES

    def add(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part) + 1

    def taken(self) -> bytes:
        """All of it as a JSON array; empty afterwards."""
        packed = b"[" + b",".join(self._parts) + b"]"
        self._parts, self._size = [], 0
        return packed


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Why the task cannot be done."""

    code: str
    message: str
    hint: str | None = None
    retryable: bool = False

    @classmethod
    def of(cls, error: SourceError) -> Failed:
        return cls(code=error.code, message=error.message, hint=error.hint, retryable=error.retryable)


class Outbox:
    """One attempt of one task, from its first batch to its last. Producing and sending go side by side."""

    def __init__(self, task_id: str, attempt: int, *, spool: Spool, platform: Platform, pace: Pace) -> None:
        self._task_id, self._attempt = task_id, attempt
        self._spool, self._platform, self._pace = spool, platform, pace
        self._pack = Pack()
        self._number = 0
        self._more = asyncio.Event()
        self._ahead: tuple[int, asyncio.Task[None]] | None = None
        """A batch that is on its way before the one in front of it is acknowledged."""
        self.produced = False
        """Nothing more comes: the last batch is in the spool."""

    async def add(
        self, entries: Sequence[Entry], *, progress: int | None = None, total: int | None = None
    ) -> None:
        """Sends what fills batches, keeps the rest for more."""
        for entry in entries:
            part = _part(entry)
            if not self._pack.takes(part):
                await self._put(self._pack.taken(), progress=progress, total=total)
            self._pack.add(part)

    async def flush(self, *, progress: int | None = None, total: int | None = None) -> None:
        if len(self._pack):
            await self._put(self._pack.taken(), progress=progress, total=total)

    async def finish(self, *, progress: int | None = None, total: int | None = None) -> None:
        """The last batch, with whatever is left."""
        await self._put(self._pack.taken(), progress=progress, total=total, finished=True)

    async def fail(self, failed: Failed) -> None:
        """What was found so far stays; then the reason."""
        await self._put(self._pack.taken(), failed=failed)

    async def _put(
        self,
        entries: bytes,
        *,
        progress: int | None = None,
        total: int | None = None,
        finished: bool = False,
        failed: Failed | None = None,
    ) -> None:
        last = finished or failed is not None
        content = b'"entries":' + entries + _rest(progress, total, finished, failed)
        await self._spool.put(self._task_id, self._attempt, self._number, content, last=last)
        self._number += 1
        self.produced = self.produced or last
        self._more.set()

    async def send(self) -> None:
        """Sends in order until the last batch is there. Raises Stop where the attempt is over."""
        try:
            await self._send_all()
        finally:
            await self._recall()

    async def _send_all(self) -> None:
        number, stumbles = 0, 0
        while True:
            self._more.clear()
            produced = self.produced
            waiting = await self._next(number)
            if waiting is None:
                if produced:
                    return
                await self._more.wait()
                continue
            try:
                number = await self._sent(waiting)
                stumbles = 0
            except Faltered:
                await self._recall()
                stumbles += 1
                if stumbles >= MOST_STUMBLES:
                    raise
                await asyncio.sleep(_pause(self._pace, stumbles))
            except CutOff:
                await self._recall()
                await self._platform.client.reached()
                await asyncio.sleep(self._pace.retry_first)

    async def _sent(self, waiting: Waiting) -> int:
        """The number from which to go on."""
        try:
            await self._reported(waiting)
        except Gap as gap:
            await self._recall()
            if gap.expected < waiting.number and not await self._has(gap.expected):
                raise Refused("BATCH_LOST", "The platform asks for a batch that is no longer kept.") from None
            return gap.expected
        await self._spool.acknowledged(self._task_id, self._attempt, waiting.number)
        return waiting.number + 1

    async def _reported(self, waiting: Waiting) -> None:
        """Once the platform has it. The next one, if it is there, goes out meanwhile: the platform reads it
        while the database is busy with this one, and refuses it where it came first."""
        ahead, self._ahead = self._ahead, None
        sending = ahead[1] if ahead is not None and ahead[0] == waiting.number else self._begun(waiting)
        following = await self._next(waiting.number + 1) if waiting.number > 0 else None
        if following is not None and following.number == waiting.number + 1:
            self._ahead = following.number, self._begun(following)
        try:
            await sending
        except (Gap, CutOff):
            if ahead is None:
                raise
            await self._recall()
            await self._report(waiting)  # now that it is its turn
        finally:
            await _ended(sending)

    def _begun(self, waiting: Waiting) -> asyncio.Task[None]:
        return asyncio.create_task(self._report(waiting), name=f"agent.batch.{waiting.number}")

    async def _report(self, waiting: Waiting) -> None:
        await self._platform.report(self._task_id, self._attempt, waiting.number, waiting.content)

    async def _recall(self) -> None:
        """What went ahead of something that failed is sent again in its turn."""
        if self._ahead is not None:
            ahead, self._ahead = self._ahead[1], None
            await _ended(ahead)

    async def _next(self, number: int) -> Waiting | None:
        return await self._spool.next(self._task_id, self._attempt, from_number=number)

    async def _has(self, number: int) -> bool:
        found = await self._next(number)
        return found is not None and found.number == number


async def _ended(task: asyncio.Task[None]) -> None:
    """Whatever came of it: it is asked for again, or of no interest any more."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


PROBE = 2**31 - 2
"""No batch has this number: the refusal names the one that is expected."""


async def tell_failure(platform: Platform, task_id: str, attempt: int, failed: Failed) -> None:
    """A failure past the spool: what is left there will not do."""
    content = b'"entries":[]' + _rest(None, None, False, failed)
    batch = PROBE
    while True:
        try:
            return await platform.report(task_id, attempt, batch, content)
        except Gap as gap:
            batch = gap.expected
        except Stop:
            return


def _part(entry: Entry) -> bytes:
    part = encoded(entry)
    if len(part) <= FULL_BYTES - 2:
        return part
    path = getattr(entry, "path", None)
    issue = Issue(
        severity="MEDIUM",
        code="ENTRY_TOO_LARGE",
        message="What the source says of this is larger than a batch may be; it was left out.",
        path=path,
    )
    return encoded(issue)


def _rest(progress: int | None, total: int | None, finished: bool, failed: Failed | None) -> bytes:
    more: dict[str, object] = {}
    if progress is not None:
        more["progress"] = progress
    if total is not None:
        more["total"] = total
    if finished:
        more["finished"] = True
    if failed is not None:
        more["failure"] = {
            "code": failed.code[:100],
            "message": _clean(failed.message),
            "hint": _clean(failed.hint) if failed.hint else None,
            "retryable": failed.retryable,
        }
    return b"," + orjson.dumps(more)[1:-1] if more else b""


def _clean(words: str) -> str:
    text = words.replace("\x00", "�").encode("utf-8", "replace").decode()
    return text[:LONGEST_WORDS] or "It failed."


def _pause(pace: Pace, tries: int) -> float:
    return min(pace.retry_first * 2**tries, pace.retry_most) * random.uniform(0.5, 1.5)
