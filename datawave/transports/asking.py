"""A request whose header lines are looked up instead of searched, and time limits that cost little.

Both are on the way of every request; what they stand for (Starlette's `Headers`, `asyncio.timeout`) takes
several times as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope


class Head(Headers):
    """The header lines by name; the first of a name counts, as everywhere."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        super().__init__(raw=raw)
        self._by_name = dict(reversed(raw))

    def __getitem__(self, key: str) -> str:
        return self._by_name[key.lower().encode("latin-1")].decode("latin-1")

    def __contains__(self, key: Any) -> bool:
        return key.lower().encode("latin-1") in self._by_name

    def get(self, key: str, default: Any = None) -> Any:
        value = self._by_name.get(key.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def getlist(self, key: str) -> list[str]:
        name = key.lower().encode("latin-1")
        if name not in self._by_name:
            return []
        if len(self._by_name) == len(self._list):
            return [self._by_name[name].decode("latin-1")]
        return super().getlist(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


class Asking(Request):
    """An HTTP request as the transports read it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._headers = Head(scope["headers"])


class Within:
    """Ends a block with `TimeoutError` when it takes longer than so many seconds."""

    __slots__ = ("_asked", "_handle", "_late", "_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._late = seconds, False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None, "a time limit belongs to a task"
        self._task, self._asked = task, task.cancelling()
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._expire)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._handle.cancel()
        if not self._late:
            return
        # As asyncio's own: a cancellation that others asked for as well stays one.
        if (
            self._task.uncancel() <= self._asked
            and kind is not None
            and issubclass(kind, asyncio.CancelledError)
        ):
            raise TimeoutError from error

    def _expire(self) -> None:
        self._late = True
        self._task.cancel()
