"""GraphQL over HTTP: POST and GET, one answer or a stream of them, with the statuses of the specification."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from graphql import GraphQLError, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from datawave.transports.bodies import HttpRefused, read_get, read_post
from datawave.transports.credentials import Cookies, bearer
from datawave.transports.door import Asked, Door, Position, Session, entered
from datawave.transports.errors import Rejected, failure
from datawave.transports.execution import Engine, Operation, WrongMethod
from datawave.transports.framing import FRAMINGS
from datawave.transports.json import encoded
from datawave.transports.lifetime import Clock, Lifetime
from datawave.transports.negotiation import STREAMED, Accepted, Media
from datawave.transports.streaming import Streamed, one, refused

# A query that takes longer is watched, so that it ends when nobody waits for it any more.
PATIENCE_SECONDS = 1.0

_STATUS = {
    "UNAUTHENTICATED": HTTPStatus.UNAUTHORIZED,
    "FORBIDDEN": HTTPStatus.FORBIDDEN,
    "NOT_FOUND": HTTPStatus.NOT_FOUND,
    "RATE_LIMITED": HTTPStatus.TOO_MANY_REQUESTS,
    "UNAVAILABLE": HTTPStatus.SERVICE_UNAVAILABLE,
    "CIRCUIT_OPEN": HTTPStatus.SERVICE_UNAVAILABLE,
    "INTERNAL": HTTPStatus.INTERNAL_SERVER_ERROR,
}
_BODY_UNREAD = (
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_ACCEPTABLE,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)
_NOT_ACCEPTABLE = (
    "Accept one of application/graphql-response+json, application/json, text/event-stream or multipart/mixed."
)
_STREAM_ONLY = (
    "A subscription is told as text/event-stream or multipart/mixed, or over a WebSocket: accept one."
)


class ClientGone(Exception):
    """Nobody waits for the answer."""


@dataclass(frozen=True, kw_only=True)
class HttpEndpoint:
    """The ASGI application behind `/graphql` for HTTP."""

    engine: Engine
    door: Door
    cookies: Cookies
    now: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        accepted = Accepted(", ".join(request.headers.getlist("accept")) or None)
        try:
            answer = await self._answer(request, accepted)
        except (ClientDisconnect, ClientGone):
            return
        except HttpRefused as problem:
            answer = self._refusal(problem, accepted)
        except Exception as error:
            answer = self._failed(failure(error), accepted.refusal())
        await answer(scope, receive, send)

    async def _answer(self, request: Request, accepted: Accepted) -> ASGIApp:
        if request.method not in ("GET", "POST"):
            raise HttpRefused(
                HTTPStatus.METHOD_NOT_ALLOWED, "Use POST or GET.", headers={"allow": "GET, POST"}
            )
        if not accepted:
            raise HttpRefused(HTTPStatus.NOT_ACCEPTABLE, _NOT_ACCEPTABLE)
        reading = request.method == "GET"
        limits = self.engine.limits
        asked = read_get(request, limits) if reading else await read_post(request, limits)
        session = await self._enter(request)
        return await self._executed(request, asked, session, accepted, queries_only=reading)

    async def _enter(self, request: Request) -> Session:
        token, cookie = bearer(request), self.cookies.counted(request)
        seconds = self.engine.limits.enter_seconds
        return await entered(self.door, request, token=token, cookie=cookie, seconds=seconds)

    async def _executed(
        self, request: Request, asked: Asked, session: Session, accepted: Accepted, *, queries_only: bool
    ) -> ASGIApp:
        try:
            operation = await self.engine.prepare(asked, session, queries_only=queries_only)
        except WrongMethod:
            raise HttpRefused(
                HTTPStatus.METHOD_NOT_ALLOWED, "Send mutations by POST.", headers={"allow": "POST"}
            ) from None
        except Rejected as rejected:
            return self._rejected(rejected, session, accepted)
        if operation.kind is OperationType.SUBSCRIPTION:
            media = accepted.streamed()
            if media is None:
                raise HttpRefused(HTTPStatus.NOT_ACCEPTABLE, _STREAM_ONLY)
            return self._streamed(operation.stream(), media, session, operation)
        return await self._single(request, operation, session, accepted)

    async def _single(
        self, request: Request, operation: Operation, session: Session, accepted: Accepted
    ) -> ASGIApp:
        if operation.kind is OperationType.QUERY:
            async with given_up_with(request.receive):
                answer = await operation.once()
        else:
            # A change is carried through though its client went: the client cannot know how far it had come.
            answer = await operation.once()
        media = accepted.single() or Media.JSON
        if media in STREAMED:
            return self._streamed(one(answer), media, session, operation)
        return _json(answer, media, HTTPStatus.OK, operation.context.headers)

    def _rejected(self, rejected: Rejected, session: Session, accepted: Accepted) -> ASGIApp:
        media = accepted.single() or Media.JSON
        if media in STREAMED:
            return self._streamed(refused(rejected), media, session, None, rejected.headers)
        return self._failed(rejected, media)

    def _failed(self, rejected: Rejected, media: Media) -> Response:
        """By the document alone a request fails with 400, or in the older media type with 200."""
        told = self.engine.told(rejected.errors)
        status = _status(told) or (HTTPStatus.BAD_REQUEST if media is Media.RESPONSE else HTTPStatus.OK)
        headers = list(rejected.headers)
        if status is HTTPStatus.UNAUTHORIZED:
            headers.append(("www-authenticate", "Bearer"))
        return _json(encoded({"errors": told}), media, status, headers)

    def _streamed(
        self,
        answers: AsyncGenerator[bytes, None],
        media: Media,
        session: Session,
        operation: Operation | None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> Streamed:
        return Streamed(
            answers=answers,
            framing=FRAMINGS[media],
            engine=self.engine,
            lifetime=Lifetime(session, now=self.now, notice_seconds=self.engine.limits.notice_seconds),
            ended=session.ended,
            position=operation.context.position if operation else Position(),
            headers=operation.context.headers if operation else headers,
        )

    def _refusal(self, problem: HttpRefused, accepted: Accepted) -> Response:
        error = GraphQLError(problem.message, extensions={"code": problem.code})
        body = self.engine.failed([error])
        headers = dict(problem.headers)
        if problem.status in _BODY_UNREAD:
            # Otherwise the server reads on to the body's end, which may never come.
            headers["connection"] = "close"
        return _json(body, accepted.refusal(), problem.status, list(headers.items()))


def _json(body: bytes, media: Media, status: HTTPStatus, headers: Sequence[tuple[str, str]] = ()) -> Response:
    response = Response(body, status_code=status, media_type=f"{media}; charset=utf-8")
    response.headers["cache-control"] = "no-store"
    response.headers["vary"] = "accept"
    for name, value in headers:
        response.headers.append(name, value)
    return response


def _status(told: Sequence[dict[str, Any]]) -> HTTPStatus | None:
    """The status of a refusal that is not about the document: who asks, how often, or our state."""
    codes = (str(error.get("extensions", {}).get("code")) for error in told)
    return next((_STATUS[code] for code in codes if code in _STATUS), None)


@asynccontextmanager
async def given_up_with(receive: Receive) -> AsyncGenerator[None]:
    """Ends the block with `ClientGone` when the client goes; short blocks pay one timer for it."""
    task = asyncio.current_task()
    assert task is not None
    watch = _Watch(receive, task)
    timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, watch.start)
    try:
        yield
    except asyncio.CancelledError:
        if watch.gone and task.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        timer.cancel()
        watch.stop()


class _Watch:
    """Cancels a task when the client has gone."""

    def __init__(self, receive: Receive, task: asyncio.Task[object]) -> None:
        self._receive, self._task = receive, task
        self._watching: asyncio.Task[None] | None = None
        self.gone = False

    def start(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self._task.cancel()
