"""How often signing in may fail: counted in Valkey for each address and each account, by the minute.

A try is counted before it is made and given back when it succeeds, so that a hundred at once count as a
hundred. While Valkey is away each process counts for itself.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from datawave.kit.errors import ErrorCode, UnavailableError

log = structlog.get_logger(__name__)

MINUTE = 60
PATIENCE = 1.0
MOST_COUNTED = 10_000


class Attempts:
    def __init__(self, valkey: Redis, *, prefix: str, per_minute: int = 10) -> None:
        self._valkey = valkey
        self._prefix = f"{prefix}signin:"
        self._per_minute = per_minute
        self._own: OrderedDict[str, int] = OrderedDict()

    async def begin(self, *about: str | None) -> list[str]:
        """Counts a try for each of these (an address, an account); RATE_LIMITED where one has failed too
        often. The answer is for `succeeded`."""
        minute = int(time.time()) // MINUTE
        keys = [
            f"{sha256(each.encode('utf-8', 'replace')).hexdigest()[:32]}:{minute}" for each in about if each
        ]
        counts = await self._counted(keys)
        if any(count > self._per_minute for count in counts):
            await self._given_back(keys)
            wait = MINUTE - int(time.time()) % MINUTE
            raise UnavailableError(
                ErrorCode.RATE_LIMITED,
                f"Signing in has failed too often from here or for this account; try again in {wait} s.",
                retry_after_seconds=wait,
            )
        return keys

    async def succeeded(self, keys: Sequence[str]) -> None:
        await self._given_back(keys)

    async def _counted(self, keys: Sequence[str]) -> list[int]:
        try:
            async with asyncio.timeout(PATIENCE), self._valkey.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.incr(self._prefix + key)
                    pipeline.expire(self._prefix + key, 2 * MINUTE)
                answers = await pipeline.execute()
            return [int(count) for count in answers[::2]]
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("attempts.counted_here", error=type(error).__name__)
            return [self._counted_here(key, 1) for key in keys]

    async def _given_back(self, keys: Sequence[str]) -> None:
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
        count = max(0, self._own.get(key, 0) + by)
        self._own[key] = count
        self._own.move_to_end(key)
        while len(self._own) > MOST_COUNTED:
            self._own.popitem(last=False)
        return count
