"""What the transports ask of the program: who is asking, and in what context an operation runs.

The transports know GraphQL and the wire, nothing else. The program answers the two protocols of this page,
`Door` and `Session`, and derives its context from `OperationContext`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias

from starlette.requests import HTTPConnection

from datawave.transports.asking import Within

UNAUTHENTICATED = "UNAUTHENTICATED"

RawHeaders: TypeAlias = list[tuple[bytes, bytes]]


def raw(name: str, value: str) -> tuple[bytes, bytes]:
    """A header line as it goes over the wire."""
    return name.lower().encode("latin-1"), value.encode("latin-1")


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


@dataclass(kw_only=True, slots=True)
class Asked:
    """One GraphQL request, its size and shape already bounded."""

    query: str | None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    last_event_id: str | None = None
    document_id: str | None = None
    """The id of a registered document, in place of `query` or beside it."""


class Position:
    """How far a stream has come, as its source tells the transport.

    The source calls `give` before it yields an event and `passed` for whatever needs no frame any more: an
    event once the stream is pulled again, and events that a filter left out. Between the two the frame may
    still be on its way, so `up_to` stays behind it and never claims what a broken connection would lose.
    `place` is the cursor's place as a number, by which two streams of one source can be compared.
    """

    __slots__ = ("_given", "_passed", "key", "place")

    def __init__(self) -> None:
        self._given: str | None = None
        self._passed: str | None = None
        self.place = 0
        self.key: str | None = None
        """Of progress on its way: a later one with the same key stands for it."""

    def give(self, cursor: str, place: int = 0) -> None:
        self._given, self.place, self.key = cursor, place, None

    def give_progress(self, key: str) -> None:
        self._given, self.key = None, key

    def passed(self, cursor: str, place: int = 0) -> None:
        self._given, self.key = None, None
        self._passed, self.place = cursor, place

    def sent(self) -> None:
        """The transport has handed the frame over."""
        if self._given is not None:
            self.passed(self._given, self.place)

    @property
    def of_event(self) -> str | None:
        """The cursor of the event on its way."""
        return self._given

    @property
    def up_to(self) -> str | None:
        """Everything up to here has been sent, or is not for this reader.

        None while an event is on its way: its frame may be out already, and a reader that was then told of an
        older place would go back to it.
        """
        return None if self._given is not None else self._passed


class Meeting(Protocol):
    """Those ahead, whom a source that catches up for one reader alone is to meet (see `groups`)."""

    async def begun(self) -> None:
        """Waits until they stand anywhere."""
        ...

    def hold(self) -> int:
        """Where they stand; what they are told beyond is kept until this reader enters."""
        ...

    def enter(self, place: int) -> bool:
        """Joins them, if this reader, having passed all up to `place`, misses nothing by it: then its own
        source has to end."""
        ...

    async def together(
        self, what: Hashable, goal: int, read: Callable[[], Awaitable[Sequence[Any]]]
    ) -> Sequence[Any]:
        """What `read` gives, or has just given another who is to meet them, if that looked when they stood at
        the goal already: of a herd that returns, all read the same."""
        ...


@dataclass(kw_only=True)
class OperationContext:
    """What every operation's context has beside the program's own: derive from it.

    `headers` and `extensions` are what resolvers add to the answer: over HTTP as headers (names in lower
    case, as they go over the wire), and as the answer's `extensions`. `last_event_id` is where an SSE reader
    says it stopped. `partial` says that errors stand beside the data of the answer. The source of a stream
    looks at `meeting`, where it catches up alone, and at `leading`, where it is pulled for a whole group:
    then it begins where the log stands.
    """

    position: Position = field(default_factory=Position)
    last_event_id: str | None = None
    headers: RawHeaders = field(default_factory=list[tuple[bytes, bytes]])
    extensions: dict[str, Any] = field(default_factory=dict[str, Any])
    partial: bool = False
    meeting: Meeting | None = None
    leading: bool = False

    def afresh(self) -> None:
        """Nothing has been answered yet: what a first attempt left is to be forgotten."""

    def among(self, touched: Any) -> Hashable | None:
        """Who gets the same answers of a stream as whoever asks, as of now; None: nobody else.
        `touched` is what `Engine.touched` found in the document."""
        return None

    def shared(self, touched: Any) -> OperationContext:
        """A fresh context that answers for all of them."""
        raise NotImplementedError


class Session(Protocol):
    """Who is asking on one connection."""

    @property
    def expires_at(self) -> datetime | None: ...

    @property
    def ended(self) -> bool:
        """Whether the session has ended, or its rights have shrunk to nothing."""
        ...

    @property
    def whose(self) -> str:
        """Who is asking and what they may see: answers to another may differ."""
        ...

    def listen(self, listener: Callable[[], None] | None) -> None:
        """Its one connection is told when the session has ended, or its rights are others than before."""
        ...

    def context(self, asked: Asked) -> OperationContext:
        """A fresh context for each operation; it may raise `Refused`."""
        ...

    async def renew(self, authorization: str) -> None:
        """Goes on with the new `Bearer …`, or raises `Refused`."""
        ...


class Door(Protocol):
    """Tells who comes in."""

    def lately(self, connection: HTTPConnection, *, token: str) -> Session | None:
        """The session of whoever came in the same way a moment ago, if it is at hand and still good."""
        return None

    async def enter(self, connection: HTTPConnection, *, token: str | None, cookie: str | None) -> Session:
        """The session of whoever asks; nobody's when both are absent. A wrong or expired one is `Refused`."""
        ...


async def entered(
    door: Door, connection: HTTPConnection, *, token: str | None, cookie: str | None, seconds: float
) -> Session:
    """Enters within a bounded time."""
    try:
        with Within(seconds):
            return await door.enter(connection, token=token, cookie=cookie)
    except TimeoutError:
        raise Refused("UNAVAILABLE", "It could not be checked in time who is asking; try again.") from None
