"""The API as one ASGI application, and the standing tasks that live beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.middleware import Middleware

from auth.gate import Gate
from datawave.app import pages
from datawave.app.core import Core
from datawave.app.door import CookieStyle, FrontDoor
from datawave.app.readiness import Readiness
from datawave.app.watching import Requests, watched
from datawave.graphql import schema
from datawave.kit import pages as pages_of_lists
from datawave.kit.duties import Duties
from datawave.kit.jobs import arq_queue, queue_name
from datawave.kit.relay import Relay
from datawave.transports import routing
from datawave.transports.limits import Limits
from domain.operations import Examiner
from schema.context import Platform

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What the API needs to know of where it runs."""

    redis_url: str
    origin: str
    port: int
    web: Path
    limits: Limits = field(default_factory=Limits)
    page_size: int = pages_of_lists.MOST
    failures_per_minute: int = 10
    extras: dict[str, Any] = field(default_factory=dict[str, Any])
    duties: bool = True
    event_retention: timedelta | None = None
    relay_look: float = 0.2


@dataclass(frozen=True, kw_only=True)
class Served:
    app: Starlette
    gate: Gate
    relay: Relay
    platform: Platform


@asynccontextmanager
async def api(core: Core, serving: Serving) -> AsyncGenerator[Served]:
    """The application with its relay, duties and gate running."""
    gate = Gate(
        core.database,
        core.keyring,
        core.valkey,
        prefix=core.prefix,
        issuer=serving.origin,
        failures_per_minute=serving.failures_per_minute,
    )
    platform = Platform(
        database=core.database,
        commands=core.commands,
        live=core.live,
        extras={
            "gate": gate,
            "core": core,
            "started_at": None,
            "examiner": Examiner(core.database, core.valkey, core.keyring, queue=queue_name(core.prefix)),
            **serving.extras,
        },
    )
    arq = arq_queue(serving.redis_url, prefix=core.prefix)
    relay = Relay(core.database, core.live, arq, look=serving.relay_look)
    core.database.after_commit.append(relay.wake)
    core.live.listen("wake", lambda _message: relay.wake())
    await gate.start(core.live)
    duties = Duties(core.database, core.commands, event_retention=serving.event_retention)
    relaying = asyncio.create_task(relay.run(), name="relay")
    if serving.duties:
        duties.start()
    try:
        with pages_of_lists.bounded(serving.page_size):
            app = _application(serving, gate, platform, relaying)
            yield Served(app=app, gate=gate, relay=relay, platform=platform)
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        await duties.stop()
        await gate.stop()
        core.database.after_commit.remove(relay.wake)
        await arq.aclose()


def _application(serving: Serving, gate: Gate, platform: Platform, relaying: asyncio.Task[None]) -> Starlette:
    cookie = CookieStyle.of(serving.origin, serving.port)
    door = FrontDoor(gate, platform, cookie)

    readiness = Readiness(
        database=platform.database,
        live=platform.live,
        examiner=platform.extras["examiner"],
        relays=lambda: not relaying.done(),
    )
    graphql = routing.routes(
        schema(),
        door,
        limits=serving.limits,
        cookie_names=[cookie.name],
        origins=[serving.origin],
        watch=watched,
    )
    return Starlette(
        routes=[*graphql, *pages.routes(web=serving.web, readiness=readiness, jwks=gate.tokens.jwks)],
        middleware=[Middleware(Requests), *pages.middleware(https=serving.origin.startswith("https://"))],
    )
