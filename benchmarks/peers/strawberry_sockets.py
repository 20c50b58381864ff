"""A plain Strawberry subscription, as its documents advise: broadcaster over Valkey, Strawberry's handler."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import strawberry
from broadcaster import Broadcast
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

bus = Broadcast(os.environ["REDIS_URL"])


@strawberry.type
class Actor:
    id: str
    display_name: str


@strawberry.type
class Progress:
    seq: int
    pct: int
    message: str
    actor: Actor


@strawberry.type
class Query:
    seq: int = 0


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def progress(self) -> AsyncIterator[Progress]:
        async with bus.subscribe("bench") as events:
            async for event in events:
                told: dict[str, Any] = orjson.loads(event.message)
                actor = Actor(id=told["actor"]["id"], display_name=told["actor"]["displayName"])
                yield Progress(seq=told["seq"], pct=told["pct"], message=told["message"], actor=actor)


@asynccontextmanager
async def connected(_app: Starlette) -> AsyncGenerator[None]:
    await bus.connect()
    yield
    await bus.disconnect()


service = GraphQL(strawberry.Schema(Query, subscription=Subscription))
app = Starlette(routes=[Route("/graphql", service), WebSocketRoute("/graphql", service)], lifespan=connected)
