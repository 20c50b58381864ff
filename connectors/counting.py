"""How the parts of a connector report each statement that they send."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Count(Protocol):
    """Waits for a statement and counts it."""

    async def __call__(self, sent: Awaitable[T], /) -> T: ...
