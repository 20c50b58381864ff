"""What is seen of each request from outside: its id, its place in a trace, and how it went."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext

from graphql import FieldNode, GraphQLError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
    }
)
METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS"})


class Requests:
    """Gives each request its id, which is answered as `x-request-id`, and the trace its caller names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request = telemetry.request_id_of(headers.get("x-request-id"))

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request
                _count(scope, message["status"])
            await send(message)

        with telemetry.bound(request), _traced(scope, headers):
            await self.app(scope, receive, told)


def _traced(scope: Scope, headers: Headers):  # a context manager
    """Each operation on a socket is a trace of its own: the socket stays open for days."""
    if scope["type"] == "websocket":
        return nullcontext()
    return tracing.within(tracing.continued(headers.get("traceparent")) or tracing.begun())


def _count(scope: Scope, status: int) -> None:
    path, method = scope["path"], scope["method"]
    if path.startswith("/assets/"):
        path = "/assets"
    elif path not in KNOWN_PATHS:
        path = "other"
    metrics.REQUESTS.labels(path, method if method in METHODS else "other", status).inc()


@contextmanager
def watched(operation: Operation) -> Generator[Tell]:
    """Around the running of an operation: a span, its time, its outcome."""
    kind, field = operation.kind.value, first_field(operation)
    outcome = "CANCELLED"
    began = time.perf_counter()
    with (
        tracing.within(tracing.here() or tracing.begun()),
        tracing.span(f"{kind} {field}", "server", _told(operation)) as span,
    ):

        def tell(errors: Sequence[GraphQLError]) -> None:
            nonlocal outcome
            outcome = code_of(errors[0]) if errors else "DONE"
            if errors and span is not None:
                span.failed(outcome)

        try:
            yield tell
        finally:
            metrics.OPERATIONS.labels(kind).observe(time.perf_counter() - began)
            metrics.FIELDS.labels(kind, field, outcome).inc()


def _told(operation: Operation) -> dict[str, str]:
    told = {"graphql.operation.type": operation.kind.value}
    name = operation.executor.operation.name
    return told | {"graphql.operation.name": name.value[:100]} if name else told


def first_field(operation: Operation) -> str:
    """A name of our schema: the document is valid."""
    first = operation.executor.operation.selection_set.selections[0]
    return first.name.value if isinstance(first, FieldNode) else "fragment"


def code_of(error: GraphQLError) -> str:
    cause = root_cause(error)
    told = told_extensions(cause) if cause is not None else error.extensions
    return str((told or {}).get("code", "INTERNAL"))
