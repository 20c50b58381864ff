"""Reads a GraphQL request from HTTP: bounded while it comes in, checked before anything is made of it."""

from __future__ import annotations

import asyncio
import zlib
from http import HTTPStatus
from typing import Any, cast

from starlette.requests import Request

from datawave.transports.door import Asked, Refused
from datawave.transports.json import decoded, half_character
from datawave.transports.limits import INVALID, TOO_COSTLY, Limits, bounded_depth, bounded_variables

# How long and how much of a refused body is thrown away, so that the client gets to read the refusal.
LINGER_SECONDS = 0.25
LINGER_BODIES = 4


class HttpRefused(Exception):
    """A request that HTTP itself refuses, by its status."""

    def __init__(
        self,
        status: HTTPStatus,
        message: str,
        *,
        code: str = INVALID,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers = headers or {}


async def read_post(request: Request, limits: Limits) -> Asked:
    _check_content_type(request)
    gzip = _is_gzip(request)
    body = await _read(request, limits)
    if gzip:
        body = _inflated(body, limits.body_bytes)
    return asked_of(_parsed(body), size=len(body), limits=limits, last_event_id=last_event_id(request))


def read_get(request: Request, limits: Limits) -> Asked:
    parameters = request.query_params
    if len(parameters) != len(parameters.multi_items()):
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "Give each parameter once.")
    given: dict[str, Any] = {
        "query": parameters.get("query"),
        "operationName": parameters.get("operationName") or None,
    }
    for name in ("variables", "extensions"):
        if text := parameters.get(name):
            given[name] = _parsed(text.encode(errors="replace"), what=f"The parameter `{name}`")
    size = len(request.scope["query_string"])
    return asked_of(given, size=size, limits=limits, last_event_id=last_event_id(request))


def last_event_id(request: Request) -> str | None:
    return request.headers.get("last-event-id") or None


def asked_of(given: Any, *, size: int, limits: Limits, last_event_id: str | None = None) -> Asked:
    """The request out of its JSON; `HttpRefused` where a member is not what it has to be."""
    if isinstance(given, list):
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "Batches are not accepted: send one operation a request.")
    if not isinstance(given, dict):
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "The request must be a JSON object.")
    members = cast("dict[str, Any]", given)
    query = _member(members, "query", str)
    if not query:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "The request has no `query`.")
    asked = Asked(
        query=query,
        operation_name=_member(members, "operationName", str),
        variables=_member(members, "variables", dict),
        extensions=_member(members, "extensions", dict),
        last_event_id=last_event_id,
    )
    try:
        bounded_variables(asked.variables, size=size, limits=limits)
        bounded_depth(asked.extensions, limits.json_depth, what="extensions")
    except Refused as refused:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, refused.message, code=refused.code) from None
    return asked


def _member(members: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = members.get(name)
    if value is not None and not isinstance(value, kind):
        shape = "a string" if kind is str else "an object"
        raise HttpRefused(HTTPStatus.BAD_REQUEST, f"`{name}` must be {shape}.")
    return value


def _check_content_type(request: Request) -> None:
    kind, *parameters = request.headers.get("content-type", "").lower().split(";")
    charset = [
        value.strip(' "') for name, _, value in (p.partition("=") for p in parameters) if "charset" in name
    ]
    if kind.strip() != "application/json" or any(one not in ("utf-8", "utf8") for one in charset):
        raise HttpRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Send the request as `application/json` in UTF-8.",
            headers={"accept": "application/json"},
        )


def _is_gzip(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise HttpRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Send the body plain or as `gzip`.",
            headers={"accept-encoding": "gzip"},
        )
    return encoding == "gzip"


async def _read(request: Request, limits: Limits) -> bytes:
    try:
        async with asyncio.timeout(limits.body_seconds):
            return await _read_bounded(request, limits.body_bytes)
    except TimeoutError:
        raise HttpRefused(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The body did not arrive within {limits.body_seconds:g} s.",
        ) from None


async def _read_bounded(request: Request, most: int) -> bytes:
    chunks: list[bytes] = []
    size = _announced(request)
    if size <= most:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                break
            chunks.append(chunk)
        else:
            return b"".join(chunks)
    chunks.clear()
    await _throw_away(request, most * LINGER_BODIES)
    raise _too_large(most)


def _announced(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


async def _throw_away(request: Request, most: int) -> None:
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while most > 0:
                message = await request.receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
                most -= len(message.get("body", b""))
    except TimeoutError:
        return


def _too_large(most: int) -> HttpRefused:
    return HttpRefused(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"The body is larger than {most:,} bytes.",
        code=TOO_COSTLY,
    )


def _inflated(body: bytes, most: int) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(body, most + 1)
    except zlib.error:
        raise HttpRefused(
            HTTPStatus.BAD_REQUEST, "The body is not gzip, though its header says so."
        ) from None
    if len(plain) > most:
        raise _too_large(most)
    if not inflate.eof or inflate.unused_data:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "The gzip body is cut short, or has something behind it.")
    return plain


def _parsed(text: bytes, *, what: str = "The body") -> Any:
    try:
        return decoded(text)
    except ValueError:
        words = f"{what} is not JSON in UTF-8."
        if place := half_character(text):
            words += f" At {place} stands half of a character (a lone surrogate)."
        raise HttpRefused(HTTPStatus.BAD_REQUEST, words) from None
