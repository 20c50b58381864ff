"""How many statements a piece of work sends to the platform's database, whoever else speaks to it
meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import Engine, event
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "x-statements"


_counting: ContextVar[list[str] | None] = ContextVar("counting", default=None)


@event.listens_for(Engine, "before_cursor_execute")
def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    sent = _counting.get()
    if sent is not None:
        sent.append(statement)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements of this task and of those that it begins in the block; not of the duties beside them."""
    sent: list[str] = []
    token = _counting.set(sent)
    try:
        yield sent
    finally:
        _counting.reset(token)


class Counting:
    """An application whose every answer says how many statements it took."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with counted() as sent:

            async def told(message: Message) -> None:
                if message["type"] == "http.response.start":
                    number = (HEADER.encode(), str(len(sent)).encode())
                    message = {**message, "headers": [*message.get("headers", ()), number]}
                await send(message)

            await self._app(scope, receive, told)
