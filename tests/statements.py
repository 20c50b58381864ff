"""How many statements a piece of work sends to the platform's database, whoever else speaks to it
meanwhile."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from asyncpg import Connection
from pytest import MonkeyPatch
from sqlalchemy import Engine, event
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datawave.kit.readers import Readers

HEADER = "x-statements"


_counting: ContextVar[list[str] | None] = ContextVar("counting", default=None)


@event.listens_for(Engine, "before_cursor_execute")
def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    sent = _counting.get()
    if sent is not None:
        sent.append(statement)


_fetch = Readers._fetch  # pyright: ignore[reportPrivateUsage]


async def _planned(self: Readers, text: str, values: Sequence[Any]) -> list[Any]:
    """What plans send goes past SQLAlchemy."""
    if (sent := _counting.get()) is not None:
        sent.append(text)
    return await _fetch(self, text, values)


Readers._fetch = _planned  # pyright: ignore[reportPrivateUsage]


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements of this task and of those that it begins in the block; not of the duties beside them."""
    sent: list[str] = []
    token = _counting.set(sent)
    try:
        yield sent
    finally:
        _counting.reset(token)


@contextmanager
def on_the_wire() -> Iterator[list[str]]:
    """The same with what goes past SQLAlchemy or is its own doing: COPY, BEGIN and COMMIT."""
    with counted() as sent, MonkeyPatch.context() as patch:
        for name in ("execute", "fetch", "copy_records_to_table"):
            patch.setattr(Connection, name, _noting(getattr(Connection, name)))
        yield sent


def _noting(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def noting(connection: Any, what: str, *given: Any, **more: Any) -> Any:
        if (sent := _counting.get()) is not None:
            sent.append(f"COPY {what}" if method.__name__ == "copy_records_to_table" else what)
        return await method(connection, what, *given, **more)

    return noting


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
