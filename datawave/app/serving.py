"""The API as one ASGI application, and the standing tasks that live beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.types import ASGIApp

from auth.gate import Gate
from auth.oidc import LoginServices
from auth.rates import Rates
from auth.sessions import Lifetimes, lasting
from connectors.base import Guard
from datawave.app import files, oauth, oidc, pages
from datawave.app.core import Core
from datawave.app.door import CookieStyle, FrontDoor, is_agents
from datawave.app.introspection import Introspection, Policy
from datawave.app.rates import Points
from datawave.app.readiness import Readiness
from datawave.app.watching import Front, Requests, planned, watched
from datawave.graphql import schema, touched
from datawave.kit import pages as pages_of_lists
from datawave.kit.blobs import FileLinks
from datawave.kit.duties import Duties
from datawave.kit.ending import ended
from datawave.kit.jobs import arq_queue, queue_name
from datawave.kit.relay import Relay
from datawave.planner.plans import Planner
from datawave.transports import routing
from datawave.transports.bounding import Bounded
from datawave.transports.credentials import Cookies
from datawave.transports.crossing import CrossOrigin
from datawave.transports.forwarding import Forwarded, Network
from datawave.transports.lifetime import Clock, wall_clock
from datawave.transports.limits import Limits
from datawave.transports.persisted import Persisted
from domain.identity import Links, ProviderSignIns
from domain.operations import Examiner
from domain.policies.values import KEPT_DAYS, Telling
from schema.context import Platform

log = structlog.get_logger(__name__)

MANIFEST = "documents.json"
"""The dashboard's documents, in its build."""


@dataclass(frozen=True, kw_only=True)
class Serving:
    """What the API needs to know of where it runs."""

    redis_url: str
    origin: str
    port: int
    web: Path
    documents: tuple[Path, ...] = ()
    "Manifests of registered documents beside the dashboard's, or folders with them."
    registered_only: bool = False
    introspection: Policy = "everybody"
    "Who may look at the schema."
    cors_origins: tuple[str, ...] = ()
    "Other origins whose pages may ask."
    proxies: tuple[Network, ...] = ()
    "Whose word on the client's address is taken."
    limits: Limits = field(default_factory=Limits)
    page_size: int = pages_of_lists.MOST
    planned_reads: bool = True
    points_per_minute: int = 3_000_000
    unsigned_points_per_minute: int = 300_000
    tell_cost: bool = False
    "Whether answers have `extensions.cost`."
    failures_per_minute: int = 10
    guard: Guard = field(default_factory=Guard)
    "Where login services may be."
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    extras: dict[str, Any] = field(default_factory=dict[str, Any])
    duties: bool = True
    event_retention: timedelta | None = None
    relay_look: float = 0.2
    now: Clock = wall_clock
    "By which an open connection sees its session's end."


@dataclass(frozen=True, kw_only=True)
class Served:
    app: ASGIApp
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
    services = LoginServices(
        replace(serving.guard, own_ports=serving.guard.own_ports | {serving.port}), now=gate.now
    )
    sign_ins = ProviderSignIns(
        core.commands,
        gate,
        services,
        Rates(core.valkey, prefix=core.prefix),
        callback=serving.origin + oidc.CALLBACK,
    )
    platform = Platform(
        database=core.database,
        commands=core.commands,
        live=core.live,
        extras={
            "gate": gate,
            "oidc": sign_ins,
            "core": core,
            "started_at": None,
            "links": Links(origin=serving.origin),
            "file_links": FileLinks(core.keyring, origin=serving.origin, now=gate.now),
            "examiner": Examiner(core.database, core.valkey, core.keyring, queue=queue_name(core.prefix)),
            "telling": Telling(
                keyring=core.keyring,
                record=core.commands.refusals,
                days=serving.extras.get("values_days", KEPT_DAYS),
            ),
            **serving.extras,
        },
    )
    arq = arq_queue(serving.redis_url, prefix=core.prefix)
    relay = Relay(core.database, core.live, arq, look=serving.relay_look)
    core.database.after_commit.append(relay.wake)
    core.live.listen("wake", lambda _message: relay.wake())
    await gate.start(core.live)
    duties = Duties(
        core.database, core.commands, event_retention=serving.event_retention, extras=platform.extras
    )
    relaying = asyncio.create_task(relay.run(), name="relay")
    if serving.duties:
        duties.start()
    readiness = Readiness(
        database=platform.database,
        live=platform.live,
        examiner=platform.extras["examiner"],
        relays=lambda: not relaying.done(),
    )
    measuring = asyncio.create_task(readiness.keep_measuring(), name="measuring")
    try:
        with pages_of_lists.bounded(serving.page_size), lasting(serving.lifetimes):
            app = _application(core, serving, gate, platform, readiness)
            yield Served(app=app, gate=gate, relay=relay, platform=platform)
    finally:
        await ended([relaying, measuring])
        await duties.stop()
        await gate.stop()
        await services.close()
        core.database.after_commit.remove(relay.wake)
        await arq.aclose()


def _application(
    core: Core, serving: Serving, gate: Gate, platform: Platform, readiness: Readiness
) -> ASGIApp:
    cookie = CookieStyle.of(serving.origin, serving.port)
    door = FrontDoor(gate, platform, cookie)
    points = Points(
        rates=Rates(core.valkey, prefix=core.prefix),
        per_minute=serving.points_per_minute,
        unsigned=serving.unsigned_points_per_minute,
        tell=serving.tell_cost,
    )
    origins = [serving.origin, *serving.cors_origins]
    introspection = Introspection(
        policy=serving.introspection,
        door=door,
        cookies=Cookies([cookie.name], origins),
        enter_seconds=serving.limits.enter_seconds,
    )
    graphql = routing.routes(
        schema(),
        door,
        limits=serving.limits,
        cookie_names=[cookie.name],
        origins=origins,
        refuse_look=introspection.refuse_look,
        admit=points.admit,
        persisted=Persisted([serving.web / MANIFEST, *serving.documents], only=serving.registered_only),
        free=is_agents,
        watch=watched,
        plans=Planner(schema()) if serving.planned_reads else None,
        counted=planned,
        now=serving.now,
        touched=touched,
    )
    others = pages.routes(
        web=serving.web, readiness=readiness, jwks=gate.tokens.jwks, introspection=introspection
    )
    if (kept := platform.extras.get("files")) is not None:
        links = platform.extras["file_links"]
        others += files.routes(
            blobs=kept.blobs, links=links, gate=gate, database=core.database, commands=core.commands
        )
    programs = oauth.routes(gate, platform, issuer=serving.origin, limits=serving.limits)
    people = oidc.routes(platform.extras["oidc"], core.commands, gate, cookie, serving.origin)
    routes = Starlette(routes=[*graphql, *programs, *people, *others])
    # The OAuth server bounds its bodies itself, and refuses in its own words.
    own = frozenset(route.path for route in programs)
    beside = Bounded(routes, seconds=serving.limits.body_seconds, but=own)
    return _as_seen_from_outside(Front(routing.endpoints_of(graphql), beside), serving)


def _as_seen_from_outside(app: ASGIApp, serving: Serving) -> ASGIApp:
    """With the headers of every answer, behind proxies where there are some, for pages of other origins where
    they are let in."""
    if serving.cors_origins:
        app = CrossOrigin(app, serving.cors_origins)
    https = serving.origin.startswith("https://")
    editors = pages.security_headers(https=https, policy=pages.EDITORS_POLICY)
    app = Requests(app, headers=pages.security_headers(https=https), at={pages.GRAPHIQL: editors})
    return Forwarded(app, serving.proxies) if serving.proxies else app
