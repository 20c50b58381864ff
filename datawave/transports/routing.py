"""The routes of one GraphQL endpoint."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import strawberry
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from datawave.transports.credentials import Cookies
from datawave.transports.door import Door, Session
from datawave.transports.errors import Present, present
from datawave.transports.execution import (
    Admit,
    Engine,
    Watch,
    admit_all,
    everybody_is_a_stranger,
    everybody_may_look,
    unwatched,
)
from datawave.transports.http import HttpEndpoint
from datawave.transports.lifetime import Clock, wall_clock
from datawave.transports.limits import Limits
from datawave.transports.persisted import Persisted
from datawave.transports.plans import Plans, uncounted
from datawave.transports.shapes import Touched
from datawave.transports.websocket import SocketEndpoint


def endpoints_of(routes: Sequence[BaseRoute]) -> dict[str, ASGIApp]:
    """What answers among them, by the type of the scope: for whoever knows the path already."""
    kinds = {"http": Route, "websocket": WebSocketRoute}
    return {name: next(r.app for r in routes if isinstance(r, kind)) for name, kind in kinds.items()}


def routes(
    schema: strawberry.Schema,
    door: Door,
    *,
    path: str = "/graphql",
    limits: Limits | None = None,
    cookie_names: Collection[str] = (),
    origins: Collection[str] = (),
    present: Present = present,
    frank: Callable[[Session], bool] = everybody_is_a_stranger,
    refuse_look: Callable[[Session], None] = everybody_may_look,
    admit: Admit = admit_all,
    watch: Watch = unwatched,
    plans: Plans | None = None,
    counted: Callable[[str], None] = uncounted,
    persisted: Persisted | None = None,
    free: Callable[[Session], bool] = everybody_is_a_stranger,
    touched: Touched | None = None,
    now: Clock = wall_clock,
) -> list[BaseRoute]:
    """HTTP and WebSocket at one path.

    `cookie_names` are those a session's cookie may have; `origins` the addresses the program is known by
    beside the one a request names (behind a proxy). The others are explained at `Engine`.
    """
    engine = Engine(
        schema=schema,
        limits=limits or Limits(),
        present=present,
        frank=frank,
        refuse_look=refuse_look,
        admit=admit,
        watch=watch,
        plans=plans,
        counted=counted,
        persisted=persisted or Persisted(),
        free=free,
        touched=touched,
    )
    cookies = Cookies(cookie_names, origins)
    http = HttpEndpoint(engine=engine, door=door, cookies=cookies, now=now)
    socket = SocketEndpoint(engine=engine, door=door, cookies=cookies, now=now)
    return [Route(path, http), WebSocketRoute(path, socket)]
