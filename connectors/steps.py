"""A connection test, step by step: each is reported as it ends, and the first that fails ends the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from time import perf_counter

from connectors.base import SourceError
from connectors.entries import TestStep

Step = tuple[str, Callable[[], Awaitable[str | None]]]
"""A step's name and its work, which answers in words for a person, or None."""


async def run_steps(steps: Sequence[Step], *, seconds: float) -> AsyncGenerator[TestStep]:
    """The steps in turn, all within `seconds`; a failing one is reported and then raised."""
    deadline = asyncio.get_running_loop().time() + seconds
    for name, work in steps:
        started = perf_counter()
        failure: SourceError | None = None
        message: str | None = None
        try:
            async with asyncio.timeout_at(deadline):
                message = await work()
        except SourceError as error:
            failure, message = error, error.message
        except TimeoutError:
            failure = _too_slow(name, seconds)
            message = failure.message
        spent = round((perf_counter() - started) * 1_000, 3)
        yield TestStep(name=name, ok=failure is None, duration_ms=spent, message=message)
        if failure is not None:
            raise failure


def _too_slow(step: str, seconds: float) -> SourceError:
    return SourceError(
        "TIMEOUT",
        f"The test did not get past “{step}” in {seconds:g} s.",
        hint="The host may answer with another protocol, or be very busy; check the port.",
        retryable=True,
    )
