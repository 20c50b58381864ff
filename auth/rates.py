"""How many points somebody may spend in a minute, whatever process they ask.

The count of a minute stands in Valkey. A process leases points from it in blocks, so that most requests ask
nobody; what is left of a block when the minute ends is forfeit. While Valkey is away each process counts for
itself, and asks again after a while.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

MINUTE = 60
BLOCKS = 20
"""A minute's points are leased in so many blocks."""
PATIENCE = 0.25
PAUSE = 5.0
"""So long a process counts for itself after Valkey did not answer."""
MOST_KEPT = 10_000


@dataclass(slots=True)
class Allowance:
    """What this process holds of somebody's minute."""

    minute: int
    most: int
    left: int = 0
    elsewhere: int = 0
    """What others may still lease, as of the last look."""
    own: int = 0
    """What this process was granted: all it gives while Valkey is away."""
    leasing: asyncio.Lock | None = None

    @property
    def remaining(self) -> int:
        return self.left + self.elsewhere


@dataclass(slots=True)
class Standing:
    """How somebody stands after a request."""

    limit: int
    remaining: int
    reset: int
    """Seconds until the minute ends."""
    refused: bool


class Rates:
    """The allowances of this process, those used last."""

    def __init__(
        self,
        valkey: Redis,
        *,
        prefix: str,
        now: Callable[[], float] = time.time,
        pause: float = PAUSE,
        most_kept: int = MOST_KEPT,
    ) -> None:
        self._valkey, self._prefix, self._now = valkey, f"{prefix}points:", now
        self._kept: OrderedDict[str, Allowance] = OrderedDict()
        self._pause, self._most_kept = pause, most_kept
        self._away_until = 0.0
        self.leases = 0
        """How often Valkey was asked."""

    @property
    def kept(self) -> int:
        return len(self._kept)

    async def spend(self, who: str, points: int, *, most: int) -> Standing:
        """Takes the points from this minute of `who`, or refuses."""
        now = self._now()
        allowance = self._allowance(who, int(now) // MINUTE, most)
        if allowance.left < points and allowance.elsewhere:
            await self._lease(who, allowance, points)
        refused = allowance.left < points
        if not refused:
            allowance.left -= points
        return Standing(most, allowance.remaining, MINUTE - int(now) % MINUTE, refused)

    def _allowance(self, who: str, minute: int, most: int) -> Allowance:
        allowance = self._kept.get(who)
        if allowance is None or allowance.minute != minute:
            allowance = self._kept[who] = Allowance(minute, most, elsewhere=most)
            while len(self._kept) > self._most_kept:
                self._kept.popitem(last=False)
        self._kept.move_to_end(who)
        return allowance

    async def _lease(self, who: str, allowance: Allowance, points: int) -> None:
        """One at a time for each: the others find what the first brought."""
        lock = allowance.leasing = allowance.leasing or asyncio.Lock()
        async with lock:
            if allowance.left >= points:
                return
            wanted = max(points - allowance.left, allowance.most // BLOCKS)
            away = self._away_until > time.monotonic()
            granted = None if away else await self._granted(who, allowance, wanted)
            if granted is None:
                granted = min(wanted, allowance.most - allowance.own)
                allowance.elsewhere = allowance.most - allowance.own - granted
            allowance.own += granted
            allowance.left += granted

    async def _granted(self, who: str, allowance: Allowance, wanted: int) -> int | None:
        """What Valkey grants; None while it is away."""
        key = f"{self._prefix}{sha256(who.encode()).hexdigest()[:32]}:{allowance.minute}"
        self.leases += 1
        try:
            async with asyncio.timeout(PATIENCE), self._valkey.pipeline(transaction=False) as pipeline:
                pipeline.incrby(key, wanted)
                pipeline.expire(key, 2 * MINUTE)
                spent, _ = await pipeline.execute()
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = time.monotonic() + self._pause
            log.warning("rates.counted_here", error=type(error).__name__)
            return None
        before = int(spent) - wanted
        granted = max(0, min(wanted, allowance.most - before))
        allowance.elsewhere = max(0, allowance.most - int(spent))
        return granted
