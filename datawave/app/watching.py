"""What is seen of each request from outside: its id, its place in a trace, and how it went."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from types import TracebackType

from graphql import FieldNode, GraphQLError
from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datawave.app.addresses import has_key_in_address, refuse_key_in_address
from datawave.kit import metrics, telemetry, tracing
from datawave.transports.errors import root_cause, told_extensions
from datawave.transports.execution import Operation, Tell

KNOWN_PATHS = frozenset(
    {
        "/",
        "/graphql",
        "/graphiql",
        "/healthz",
        "/readyz",
        "/metrics",
        "/schema.graphql",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/auth/token",
        "/auth/revoke",
    }
)
METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS"})


RawHeaders = Sequence[tuple[bytes, bytes]]


class Requests:
    """Gives each request its id, which is answered as `x-request-id`, and the trace its caller names; puts
    `headers` on every answer."""

    def __init__(
        self, app: ASGIApp, *, headers: RawHeaders = (), at: Mapping[str, RawHeaders] | None = None
    ) -> None:
        """`at` are the paths whose headers are others."""
        self.app, self.headers, self.at = app, tuple(headers), at or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given, traceparent = _identified(scope["headers"])
        request = telemetry.request_id_of(given)
        more = self.at.get(scope["path"], self.headers)
        app = refuse_key_in_address if has_key_in_address(scope) else self.app

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = (b"x-request-id", request.encode())
                message["headers"] = [*message.get("headers", ()), *more, own]
                _count(scope["path"], scope["method"], message["status"])
            elif message["type"] == "websocket.http.response.start":
                message["headers"] = [*message.get("headers", ()), *more]
            await send(message)

        with telemetry.bound(request):
            if kind == "websocket":
                # Each operation on a socket is a trace of its own: the socket stays open for days.
                await app(scope, receive, told)
                return
            with tracing.within(tracing.continued(traceparent) or tracing.begun()):
                await app(scope, receive, told)


def _identified(lines: RawHeaders) -> tuple[str | None, str | None]:
    """The request's id and trace, as its caller names them."""
    id = traceparent = None
    for name, value in lines:
        if name == b"x-request-id":
            id = value.decode("latin-1")
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
    return id, traceparent


class Front:
    """What asks GraphQL goes straight to its endpoint, all others by the routes: the way through them takes
    time, and memory for as long as a socket is open."""

    def __init__(self, graphql: Mapping[str, ASGIApp], others: ASGIApp, *, path: str = "/graphql") -> None:
        self._graphql, self._others, self._path = graphql, others, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._graphql.get(scope["type"], self._others)
        await (endpoint if scope.get("path") == self._path else self._others)(scope, receive, send)


def _count(path: str, method: str, status: int) -> None:
    if path.startswith("/assets/"):
        path = "/assets"
    elif path.startswith("/files/"):
        path = "/files"
    elif path not in KNOWN_PATHS:
        path = "other"
    _requests(path, method if method in METHODS else "other", status).inc()


@cache
def _requests(path: str, method: str, status: int) -> Counter:
    """Looking a series up by its labels takes longer than counting in it."""
    return metrics.REQUESTS.labels(path, method, status)


@cache
def _durations(kind: str) -> Histogram:
    return metrics.OPERATIONS.labels(kind)


@cache
def _outcomes(kind: str, field: str, outcome: str) -> Counter:
    return metrics.FIELDS.labels(kind, field, outcome)


@cache
def _plans(reason: str) -> Counter:
    return metrics.PLANS.labels(reason)


class watched:  # it is used as a function
    """Around the running of an operation: a span, its time, its outcome."""

    __slots__ = ("_began", "_field", "_kind", "_operation", "_outcome", "_span", "_surroundings")

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._kind, self._field = operation.kind.value, first_field(operation)
        self._outcome = "CANCELLED"
        self._span: tracing.Span | None = None

    def __enter__(self) -> Tell:
        self._surroundings = ExitStack() if self._is_recorded() else None
        self._began = time.perf_counter()
        if self._surroundings is not None:
            self._surroundings.enter_context(tracing.within(tracing.here() or tracing.begun()))
            named = tracing.span(f"{self._kind} {self._field}", "server", _told(self._operation))
            self._span = self._surroundings.enter_context(named)
        return self._tell

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._surroundings is not None:
                self._surroundings.__exit__(kind, error, trace)
        finally:
            _durations(self._kind).observe(time.perf_counter() - self._began)
            _outcomes(self._kind, self._field, self._outcome).inc()

    def _is_recorded(self) -> bool:
        """Most requests' traces are not: then there is nothing to surround them with."""
        here = tracing.here()
        return here is None or here.recorded

    def _tell(self, errors: Sequence[GraphQLError]) -> None:
        self._outcome = code_of(errors[0]) if errors else "DONE"
        if errors and self._span is not None:
            self._span.failed(self._outcome)


def planned(reason: str) -> None:
    """Of each query why it was not planned; nothing where it was."""
    _plans(reason or "planned").inc()


def _told(operation: Operation) -> dict[str, str]:
    told = {"graphql.operation.type": operation.kind.value}
    name = operation.node.name
    return told | {"graphql.operation.name": name.value[:100]} if name else told


def first_field(operation: Operation) -> str:
    """A name of our schema: the document is valid."""
    first = operation.node.selection_set.selections[0]
    return first.name.value if isinstance(first, FieldNode) else "fragment"


def code_of(error: GraphQLError) -> str:
    cause = root_cause(error)
    told = told_extensions(cause) if cause is not None else error.extensions
    return str((told or {}).get("code", "INTERNAL"))
