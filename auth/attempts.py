"""How often signing in may fail.

An address has so many failures a minute, whatever accounts they are of. An account has so many from devices
that it does not know; then each failure shuts them out for longer, up to a quarter of an hour, until it has
been quiet for an hour. A device that the account knows is counted by itself, so whoever guesses from
elsewhere keeps the owner out of nothing.

A try is counted before it is made and given back when it succeeds, so that a hundred at once count as a
hundred. While Valkey is away each process counts for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from datawave.kit.errors import ErrorCode, UnavailableError

log = structlog.get_logger(__name__)

MINUTE = 60
LONGEST_WAIT = 900
QUIET = 3_600
"""After so many seconds without a failure an account is as if there had been none."""
PATIENCE = 1.0
MOST_COUNTED = 10_000

BEGIN = """
local kept = redis.call('HMGET', KEYS[1], 'failed', 'until', 'at')
local now, free, shortest, longest, quiet = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]),
  tonumber(ARGV[4]), tonumber(ARGV[5])
local failed, shut, at = tonumber(kept[1] or 0), tonumber(kept[2] or 0), tonumber(kept[3] or 0)
if now - at > quiet then failed = 0 end
if shut > now then return {0, shut} end
failed, shut = failed + 1, 0
if failed >= free then shut = now + math.min(longest, shortest * 2 ^ math.min(failed - free, 20)) end
redis.call('HSET', KEYS[1], 'failed', failed, 'until', shut, 'at', now)
redis.call('EXPIRE', KEYS[1], quiet + longest)
return {1, shut}
"""
GIVE_BACK = """
local kept = redis.call('HMGET', KEYS[1], 'failed', 'until')
if not kept[1] then return 0 end
redis.call('HSET', KEYS[1], 'failed', math.max(0, tonumber(kept[1]) - 1))
if tonumber(kept[2]) == tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'until', 0) end
return 1
"""


@dataclass(slots=True)
class Slowed:
    """How an account stands with devices that it does not know; the same rule as in `BEGIN`."""

    failed: int = 0
    until: int = 0
    at: int = 0

    def begin(self, now: int, free: int) -> int | None:
        """None where the try may be made, else until when none may."""
        if now - self.at > QUIET:
            self.failed = 0
        if self.until > now:
            return self.until
        self.failed, self.at = self.failed + 1, now
        self.until = 0
        if self.failed >= free:
            self.until = now + min(LONGEST_WAIT, MINUTE * 2 ** min(self.failed - free, 20))
        return None

    def give_back(self, shut: int) -> None:
        self.failed = max(0, self.failed - 1)
        if self.until == shut:
            self.until = 0


@dataclass(slots=True)
class Tries:
    """What was counted for one try, to be given back if it succeeds."""

    minutes: list[str] = field(default_factory=list[str])
    slowed: str | None = None
    shut: int = 0
    """Until when this very try has shut the account, should it fail."""


class Attempts:
    def __init__(
        self,
        valkey: Redis,
        *,
        prefix: str,
        per_minute: int = 10,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._valkey: Any = valkey
        self._prefix = f"{prefix}signin:"
        self._per_minute = per_minute
        self._now = now
        self._own: OrderedDict[str, int] = OrderedDict()
        self._own_slowed: OrderedDict[str, Slowed] = OrderedDict()

    async def begin(self, *about: str | None, slowing: str | None = None) -> Tries:
        """Counts a try for each of these by the minute (an address), and for one that is slowed with each
        failure (an account, or an account on a device that it knows); RATE_LIMITED where there were too many.
        The answer is for `succeeded`."""
        now = int(self._now())  # whole seconds: Lua and Python do not write fractions alike
        tries = Tries([f"{_hashed(each)}:{now // MINUTE}" for each in about if each])
        counts = await self._counted(tries.minutes)
        if any(count > self._per_minute for count in counts):
            await self.succeeded(tries)
            raise _too_many(MINUTE - now % MINUTE)
        if slowing is not None:
            may, shut = await self._begun(_hashed(slowing), now)
            if not may:
                await self.succeeded(tries)
                raise _too_many(shut - now)
            tries.slowed, tries.shut = _hashed(slowing), shut
        return tries

    async def succeeded(self, tries: Tries) -> None:
        await self._given_back(tries.minutes)
        if tries.slowed is not None:
            await self._reopened(tries.slowed, tries.shut)

    @asynccontextmanager
    async def counted(self, *about: str | None, slowing: str | None = None) -> AsyncGenerator[None]:
        """A try that has failed when it ends with an error."""
        tries = await self.begin(*about, slowing=slowing)
        yield
        await self.succeeded(tries)

    async def _begun(self, key: str, now: int) -> tuple[bool, int]:
        rule = (now, self._per_minute, MINUTE, LONGEST_WAIT, QUIET)
        try:
            async with asyncio.timeout(PATIENCE):
                may, shut = await self._valkey.eval(BEGIN, 1, f"{self._prefix}slow:{key}", *rule)
            return bool(may), int(shut)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("attempts.counted_here", error=type(error).__name__)
        slowed = _kept(self._own_slowed, key, self._own_slowed.get(key) or Slowed())
        shut_until = slowed.begin(now, self._per_minute)
        return (shut_until is None), (slowed.until if shut_until is None else shut_until)

    async def _reopened(self, key: str, shut: int) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._valkey.eval(GIVE_BACK, 1, f"{self._prefix}slow:{key}", shut)
        except (RedisError, OSError, TimeoutError):
            if slowed := self._own_slowed.get(key):
                slowed.give_back(shut)

    async def _counted(self, keys: Sequence[str]) -> list[int]:
        if not keys:
            return []
        try:
            async with asyncio.timeout(PATIENCE), self._valkey.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.incr(self._prefix + key)
                    pipeline.expire(self._prefix + key, 2 * MINUTE)
                answers = cast("list[Any]", await pipeline.execute())
            return [int(count) for count in answers[::2]]
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("attempts.counted_here", error=type(error).__name__)
            return [self._counted_here(key, 1) for key in keys]

    async def _given_back(self, keys: Sequence[str]) -> None:
        if not keys:
            return
        try:
            async with asyncio.timeout(PATIENCE), self._valkey.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.decr(self._prefix + key)
                    pipeline.expire(self._prefix + key, 2 * MINUTE)
                await pipeline.execute()
        except (RedisError, OSError, TimeoutError):
            for key in keys:
                self._counted_here(key, -1)

    def _counted_here(self, key: str, by: int) -> int:
        return _kept(self._own, key, max(0, self._own.get(key, 0) + by))


def _kept(memory: OrderedDict[str, Any], key: str, value: Any) -> Any:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MOST_COUNTED:
        memory.popitem(last=False)
    return value


def _hashed(about: str) -> str:
    return sha256(about.encode("utf-8", "replace")).hexdigest()[:32]


def _too_many(wait: int) -> UnavailableError:
    return UnavailableError(
        ErrorCode.RATE_LIMITED,
        f"Signing in has failed too often from here or for this account; try again in {wait} s.",
        retry_after_seconds=wait,
    )
