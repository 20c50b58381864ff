"""Reading streams in tests: so many, or until something came, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.client import Answer, Client

PATIENCE = 30.0


async def until(
    events: AsyncIterator[Answer], came: Callable[[Any], bool], *, patience: float = PATIENCE
) -> list[Any]:
    """What the one field of the subscription gave, up to and with the first for which `came` holds."""
    got: list[Any] = []
    try:
        async with asyncio.timeout(patience):
            async for payload in events:
                [value] = payload["data"].values()
                got.append(value)
                if came(value):
                    return got
    except TimeoutError:
        raise AssertionError(f"it did not come within {patience:g} s; this came: {got}") from None
    raise AssertionError(f"the stream ended before it came; this came: {got}")


async def whole(events: AsyncIterator[Answer], *, patience: float = PATIENCE) -> list[Any]:
    """All that the one field of a subscription gives until the stream ends by itself."""
    got: list[Any] = []
    async with asyncio.timeout(patience):
        async for payload in events:
            [value] = payload["data"].values()
            got.append(value)
    return got


@asynccontextmanager
async def heard(
    api: Client, document: str, came: Callable[[Any], bool], **variables: Any
) -> AsyncIterator[asyncio.Task[list[Any]]]:
    """Listens from now on, beside what the block does; the task gives what was heard when it came."""
    now = (await api.data("{ cursor }"))["cursor"]
    async with api.follow(document, after=now, **variables) as events:
        listening = asyncio.create_task(until(events, came))
        try:
            yield listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
