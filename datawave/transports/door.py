"""What the transports ask of the program: who is asking, and in what context an operation runs.

The transports know GraphQL and the wire, nothing else. The program answers the two protocols of this page,
`Door` and `Session`, and derives its context from `OperationContext`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from starlette.requests import HTTPConnection

UNAUTHENTICATED = "UNAUTHENTICATED"


class Refused(Exception):
    """A request that is not carried out, with a code and a sentence the client may read."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        extensions: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extensions: dict[str, Any] = {"code": code, **(extensions or {})}
        self.headers: dict[str, str] = dict(headers or {})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One GraphQL request, its size and shape already bounded."""

    query: str | None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    last_event_id: str | None = None


class Position:
    """How far a stream has come, as its source tells the transport.

    The source calls `give` before it yields an event and `passed` for whatever needs no frame any more: an
    event once the stream is pulled again, and events that a filter left out. Between the two the frame may
    still be on its way, so `up_to` stays behind it and never claims what a broken connection would lose.
    """

    __slots__ = ("_given", "_passed")

    def __init__(self) -> None:
        self._given: str | None = None
        self._passed: str | None = None

    def give(self, cursor: str) -> None:
        self._given = cursor

    def passed(self, cursor: str) -> None:
        self._given = None
        self._passed = cursor

    def sent(self) -> None:
        """The transport has handed the frame over."""
        if self._given is not None:
            self.passed(self._given)

    @property
    def of_event(self) -> str | None:
        """The cursor of the event on its way."""
        return self._given

    @property
    def up_to(self) -> str | None:
        """Everything up to here has been sent, or is not for this reader."""
        return self._passed


@dataclass(kw_only=True)
class OperationContext:
    """What every operation's context has beside the program's own: derive from it.

    `headers` and `extensions` are what resolvers add to the answer: over HTTP as headers, and as the answer's
    `extensions`. `last_event_id` is where an SSE reader says it stopped.
    """

    position: Position = field(default_factory=Position)
    last_event_id: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])


class Session(Protocol):
    """Who is asking on one connection."""

    @property
    def expires_at(self) -> datetime | None: ...

    @property
    def ended(self) -> asyncio.Event:
        """Set when the session ends or its rights shrink to nothing."""
        ...

    def context(self, asked: Asked) -> OperationContext:
        """A fresh context for each operation; it may raise `Refused`."""
        ...

    async def renew(self, authorization: str) -> None:
        """Goes on with the new `Bearer …`, or raises `Refused`."""
        ...


class Door(Protocol):
    """Tells who comes in."""

    async def enter(self, connection: HTTPConnection, *, token: str | None, cookie: str | None) -> Session:
        """The session of whoever asks; nobody's when both are absent. A wrong or expired one is `Refused`."""
        ...


async def entered(
    door: Door, connection: HTTPConnection, *, token: str | None, cookie: str | None, seconds: float
) -> Session:
    """Enters within a bounded time."""
    try:
        async with asyncio.timeout(seconds):
            return await door.enter(connection, token=token, cookie=cookie)
    except TimeoutError:
        raise Refused("UNAVAILABLE", "It could not be checked in time who is asking; try again.") from None
