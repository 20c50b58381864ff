"""Tasks that nobody needs any more end, however they take it."""

from __future__ import annotations

import asyncio

from datawave.kit.ending import ended


async def swallows(times: int, began: asyncio.Event) -> None:
    """As `wait_for` does it, when what it waits for ends in the same moment."""
    began.set()
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            times -= 1
            if times < 0:
                raise


async def fails() -> None:
    raise RuntimeError("broken")


async def test_a_cancellation_that_is_swallowed_is_repeated() -> None:
    began = asyncio.Event()
    tasks = [asyncio.create_task(swallows(2, began)), asyncio.create_task(fails())]
    await began.wait()
    async with asyncio.timeout(10):
        await ended(tasks)
    assert all(task.done() for task in tasks)
