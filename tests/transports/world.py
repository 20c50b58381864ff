"""A schema that shows every behaviour of the transports, and the door to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NewType, cast

import strawberry
from starlette.requests import HTTPConnection
from strawberry import Info
from strawberry.schema.config import StrawberryConfig

from datawave.transports import Asked, Door, OperationContext, Refused

Json = NewType("Json", object)
EVENT_BYTES = 16_384


class KnownError(Exception):
    """As the program's errors are: a code, and extensions by a method."""

    def extensions(self) -> dict[str, Any]:
        return {"code": "CURSOR_EXPIRED", "oldest": "c7"}


@dataclass
class World:
    """What tests look at and turn."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    resolving: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    pulled: int = 0
    executions: int = 0
    events: asyncio.Queue[tuple[str, str | None]] = field(default_factory=asyncio.Queue[Any])
    sessions: list[TestSession] = field(default_factory=list["TestSession"])
    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    life: timedelta | None = None


@dataclass(kw_only=True)
class Context(OperationContext):
    world: World
    session: TestSession
    asked: Asked


@dataclass
class TestSession:
    __test__ = False

    world: World
    token: str | None
    cookie: str | None
    expires_at: datetime | None
    ended: bool = False
    renewed_with: list[str] = field(default_factory=list[str])
    listener: Callable[[], None] | None = None

    @property
    def whose(self) -> str:
        return f"{self.token} {self.cookie}"

    def listen(self, listener: Callable[[], None] | None) -> None:
        self.listener = listener

    def changed(self) -> None:
        if self.listener is not None:
            self.listener()

    def end(self) -> None:
        self.ended = True
        self.changed()

    def context(self, asked: Asked) -> Context:
        if asked.operation_name == "Forbidden":
            raise Refused("FORBIDDEN", "Not this one.")
        return Context(world=self.world, session=self, asked=asked)

    async def renew(self, authorization: str) -> None:
        if authorization != "Bearer renewed":
            raise Refused("UNAUTHENTICATED", "The new token is not good.")
        self.renewed_with.append(authorization)
        self.expires_at = self.world.now + timedelta(hours=1)


@dataclass
class TestDoor(Door):
    __test__ = False

    world: World

    async def enter(
        self, connection: HTTPConnection, *, token: str | None, cookie: str | None
    ) -> TestSession:
        if token == "bad":
            raise Refused("UNAUTHENTICATED", "The token is not good.")
        if token == "hangs":
            await self.world.gate.wait()
        if token == "broken":
            raise RuntimeError("the database password is hunter2")
        expires = self.world.now + self.world.life if self.world.life else None
        session = TestSession(self.world, token, cookie, expires)
        self.world.sessions.append(session)
        return session


def world_of(info: Info[Any, Any]) -> World:
    return cast("Context", info.context).world


@strawberry.input
class PersonInput:
    name: str
    age: int = 0
    friends: list[PersonInput] | None = None


@strawberry.type
class Node:
    @strawberry.field
    def node(self) -> Node:
        return Node()

    @strawberry.field
    def name(self) -> str:
        return "n"


@strawberry.type
class Thing:
    number: int

    @strawberry.field
    def fails(self) -> str | None:
        raise RuntimeError(f"detail {self.number}")


@strawberry.type
class Query:
    node: Node = strawberry.field(resolver=Node)

    @strawberry.field
    def hello(self) -> str:
        return "world"

    @strawberry.field
    def echo(self, info: Info[Any, Any], text: str) -> str:
        world_of(info).executions += 1
        return text

    @strawberry.field
    def greet(self, person: PersonInput) -> str:
        return person.name

    @strawberry.field
    def boom(self) -> str | None:
        raise RuntimeError("the database password is hunter2")

    @strawberry.field
    def known(self) -> str | None:
        raise KnownError("The cursor is too old.")

    @strawberry.field
    def things(self, count: int) -> list[Thing]:
        return [Thing(number=number) for number in range(count)]

    @strawberry.field
    def odd(self, what: str) -> Json:
        return cast("Json", {"huge": 2**70, "surrogate": "\ud800", "plain": 1}[what])

    @strawberry.field
    def who(self, info: Info[Any, Any]) -> list[str | None]:
        session = cast("Context", info.context).session
        return [session.token, session.cookie]

    @strawberry.field
    def adorned(self, info: Info[Any, Any]) -> str:
        context = cast("Context", info.context)
        context.headers.append((b"set-cookie", b"a=b"))
        context.extensions["cost"] = {"points": 3}
        return "yes"

    @strawberry.field
    def extension(self, info: Info[Any, Any], name: str) -> str | None:
        return (info.input_extensions or {}).get(name)

    @strawberry.field
    async def waits(self, info: Info[Any, Any]) -> str:
        world = world_of(info)
        world.entered.set()
        try:
            await world.gate.wait()
        except asyncio.CancelledError:
            world.closed.set()
            raise
        return "done"


@strawberry.type
class Mutation:
    @strawberry.mutation
    def bump(self) -> int:
        return 1

    @strawberry.mutation
    async def change(self, info: Info[Any, Any]) -> str:
        world = world_of(info)
        world.entered.set()
        await world.gate.wait()
        world.changed.set()
        return "changed"


@strawberry.type
class Event:
    text: str

    @strawberry.field
    def shaky(self) -> str | None:
        if self.text == "bad":
            raise KnownError("Not this field.")
        return self.text

    @strawberry.field
    async def gated(self, info: Info[Any, Any]) -> str:
        world = world_of(info)
        world.resolving.set()
        await world.gate.wait()
        return self.text


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def breaks(self) -> AsyncIterator[int]:
        yield 1
        raise KnownError("The cursor is too old.")

    @strawberry.subscription
    async def bug(self) -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("hunter2")

    @strawberry.subscription
    async def never_starts(self) -> AsyncIterator[int]:
        raise KnownError("The cursor is too old.")
        yield 1

    @strawberry.subscription
    async def follow(self, info: Info[Any, Any]) -> AsyncIterator[Event]:
        """The world's events: those whose text is empty are passed over, "end" ends."""
        context = cast("Context", info.context)
        world, position = context.world, context.position
        world.entered.set()
        try:
            while True:
                text, cursor = await world.events.get()
                world.pulled += 1
                if text == "end":
                    return
                if text:
                    if cursor:
                        position.give(cursor)
                    yield Event(text=text)
                if cursor:
                    position.passed(cursor)
        finally:
            world.closed.set()

    @strawberry.subscription
    async def gives(self, info: Info[Any, Any]) -> AsyncIterator[int]:
        context = cast("Context", info.context)
        context.position.give("g1")
        yield 1
        await context.world.gate.wait()

    @strawberry.subscription
    async def flood(self, info: Info[Any, Any]) -> AsyncIterator[str]:
        world = world_of(info)
        world.entered.set()
        try:
            while True:
                world.pulled += 1
                yield f"{world.pulled:08}" + "x" * EVENT_BYTES
        finally:
            world.closed.set()

    @strawberry.subscription
    async def resumed(self, info: Info[Any, Any], after: str | None = None) -> AsyncIterator[str]:
        yield after or cast("Context", info.context).last_event_id or "from the start"


schema = strawberry.Schema(
    Query,
    Mutation,
    Subscription,
    config=StrawberryConfig(scalar_map={Json: strawberry.scalar(name="JSON")}),
)
