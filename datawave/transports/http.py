"""GraphQL over HTTP: POST and GET, one answer or a stream of them, with the statuses of the specification."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any

from graphql import GraphQLError, OperationType
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from datawave.transports.answers import Answer, json_answer
from datawave.transports.asking import Asking
from datawave.transports.bodies import HttpRefused, read_get, read_post
from datawave.transports.conditional import conditional
from datawave.transports.credentials import Cookies, bearer
from datawave.transports.door import Asked, Door, Session, entered, raw
from datawave.transports.errors import Rejected, failure
from datawave.transports.execution import Engine, Operation, WrongMethod
from datawave.transports.framing import FRAMINGS
from datawave.transports.json import encoded
from datawave.transports.lifetime import Clock, Lifetime
from datawave.transports.negotiation import STREAMED, Accepted, Media
from datawave.transports.negotiation import accepted as media_accepted
from datawave.transports.streaming import Streamed, one, refused

LONGEST_ACCEPT = 2_000

# A query that takes longer is watched, so that it ends when nobody waits for it any more.
PATIENCE_SECONDS = 1.0

PARTIAL_SUCCESS = 294
"""Of GraphQL over HTTP alone, and only in its own media type: data with errors beside it."""

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
_NO_SINGLE_CONNECTION = (
    " The single connection mode of graphql-sse, which reserves a stream by PUT, is not offered:"
    " send each operation by itself (distinct connections), or use the WebSocket."
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
        request = Asking(scope, receive)
        accepted = media_accepted(", ".join(request.headers.getlist("accept"))[:LONGEST_ACCEPT])
        try:
            answer = await self._answer(request, accepted)
        except (ClientDisconnect, ClientGone):
            return
        except HttpRefused as problem:
            answer = self._refusal(problem, accepted)
        except Exception as error:
            answer = self._failed(failure(error), accepted.refusal())
        del request  # a stream is told for hours
        await answer(scope, receive, send)

    async def _answer(self, request: Request, accepted: Accepted) -> ASGIApp:
        if request.method not in ("GET", "POST"):
            words = "Use POST or GET." + _NO_SINGLE_CONNECTION * (request.method in ("PUT", "DELETE"))
            raise HttpRefused(HTTPStatus.METHOD_NOT_ALLOWED, words, headers={"allow": "GET, POST"})
        if not accepted:
            raise HttpRefused(HTTPStatus.NOT_ACCEPTABLE, _NOT_ACCEPTABLE)
        reading = request.method == "GET"
        limits = self.engine.limits
        asked = read_get(request, limits) if reading else await read_post(request, limits)
        session = await self._enter(request)
        return await self._executed(request, asked, session, accepted, queries_only=reading)

    async def _enter(self, request: Request) -> Session:
        token = bearer(request)
        if token is not None and (session := self.door.lately(request, token=token)) is not None:
            return session
        cookie = self.cookies.counted(request)
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
            return self._streamed(None, media, session, operation)
        return await self._single(request, operation, session, accepted)

    async def _single(
        self, request: Request, operation: Operation, session: Session, accepted: Accepted
    ) -> ASGIApp:
        if operation.kind is OperationType.QUERY:
            with given_up_with(request.receive):
                answer = await operation.once()
        else:
            # A change is carried through though its client went: the client cannot know how far it had come.
            answer = await operation.once()
        media = accepted.single() or Media.JSON
        if media in STREAMED:
            return self._streamed(one(answer), media, session, operation)
        if operation.context.partial and media is Media.RESPONSE:
            return json_answer(answer, media, PARTIAL_SUCCESS, operation.context.headers)
        if request.method == "GET":
            known = request.headers.get("if-none-match")
            return conditional(answer, media, operation, session, known=known)
        return json_answer(answer, media, HTTPStatus.OK, operation.context.headers)

    def _rejected(self, rejected: Rejected, session: Session, accepted: Accepted) -> ASGIApp:
        media = accepted.single() or Media.JSON
        if media in STREAMED:
            return self._streamed(refused(rejected), media, session, None, rejected.headers)
        return self._failed(rejected, media)

    def _failed(self, rejected: Rejected, media: Media) -> Answer:
        """By the document alone a request fails with 400, or in the older media type with 200.

        The first edition of GraphQL over HTTP would rather see 422 where the document can be parsed; the
        audit of its working group, and clients written by it, ask for 400.
        """
        told = self.engine.told(rejected.errors)
        status = _status(told) or (HTTPStatus.BAD_REQUEST if media is Media.RESPONSE else HTTPStatus.OK)
        headers = list(rejected.headers)
        if status is HTTPStatus.UNAUTHORIZED:
            headers.append((b"www-authenticate", b"Bearer"))
        if (seconds := _wait(told)) is not None and b"retry-after" not in dict(headers):
            headers.append((b"retry-after", b"%d" % seconds))
        return json_answer(encoded({"errors": told}), media, status, headers)

    def _streamed(
        self,
        answers: AsyncGenerator[bytes, None] | None,
        media: Media,
        session: Session,
        operation: Operation | None,
        headers: Sequence[tuple[bytes, bytes]] = (),
    ) -> Streamed:
        return Streamed(
            operation=operation if answers is None else None,
            answers=answers,
            framing=FRAMINGS[media],
            engine=self.engine,
            session=session,
            lifetime=Lifetime(session, now=self.now, notice_seconds=self.engine.limits.notice_seconds),
            headers=operation.context.headers if operation else headers,
        )

    def _refusal(self, problem: HttpRefused, accepted: Accepted) -> Answer:
        error = GraphQLError(problem.message, extensions={"code": problem.code})
        body = self.engine.failed([error])
        headers = dict(problem.headers)
        if problem.status in _BODY_UNREAD:
            # Otherwise the server reads on to the body's end, which may never come.
            headers["connection"] = "close"
        return json_answer(body, accepted.refusal(), problem.status, [raw(*line) for line in headers.items()])


def _wait(told: Sequence[dict[str, Any]]) -> int | None:
    """After how many seconds it is worth asking again."""
    waits = (error.get("extensions", {}).get("retryAfterSeconds") for error in told)
    return next((wait for wait in waits if isinstance(wait, int)), None)


def _status(told: Sequence[dict[str, Any]]) -> HTTPStatus | None:
    """The status of a refusal that is not about the document: who asks, how often, or our state."""
    codes = (str(error.get("extensions", {}).get("code")) for error in told)
    return next((_STATUS[code] for code in codes if code in _STATUS), None)


class given_up_with:  # it is used as a function
    """Ends the block with `ClientGone` when the client goes; short blocks pay one timer for it."""

    __slots__ = ("_gone", "_receive", "_task", "_timer", "_watching")

    def __init__(self, receive: Receive) -> None:
        self._receive, self._gone = receive, False
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._start)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        cancelled = kind is not None and issubclass(kind, asyncio.CancelledError)
        if cancelled and self._gone and self._task.uncancel() == 0:
            raise ClientGone from None

    def _start(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
