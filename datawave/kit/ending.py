"""The end of tasks that nobody needs any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancels them until it holds: redis-py and asyncpg wait within `wait_for`, which swallows a cancellation
    that comes as what it waits for ends (Python 3.11)."""
    all_of_them = list(tasks)
    while left := [task for task in all_of_them if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.2)
    await asyncio.gather(*all_of_them, return_exceptions=True)
