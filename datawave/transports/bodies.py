"""Reads a GraphQL request from HTTP: bounded while it comes in, checked before anything is made of it."""

from __future__ import annotations

import asyncio
import zlib
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

from starlette.requests import ClientDisconnect, Request

from datawave.transports.asking import Within
from datawave.transports.door import Asked, Refused
from datawave.transports.json import decoded, half_character
from datawave.transports.limits import INVALID, TOO_COSTLY, Limits, bounded_depth, bounded_variables
from datawave.transports.persisted import SHA256, id_of, same_id
from datawave.transports.serving import response_wire_of

LONGEST_DOCUMENT_ID = 200
PLAIN = frozenset({"query", "operationName", "variables"})
"""With these alone a request brings its own document."""

_NO_UPLOADS = " Files are not uploaded here: nothing takes them."

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
    try:
        _check_content_type(request)
        gzip = _is_gzip(request)
    except HttpRefused:
        await _throw_away(request, limits.body_bytes * LINGER_BODIES)
        raise
    body = await read_body(request, limits)
    if gzip:
        body = _inflated(body, limits.body_bytes)
    return asked_of(_parsed(body), size=len(body), limits=limits, last_event_id=last_event_id(request))


def read_get(request: Request, limits: Limits) -> Asked:
    parameters = request.query_params
    if len(parameters) != len(parameters.multi_items()):
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "Give each parameter once.")
    given: dict[str, Any] = {
        "query": parameters.get("query"),
        "documentId": parameters.get("documentId"),
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
    document_id = None if members.keys() <= PLAIN else document_id_of(members)
    if not query and document_id is None:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "The request has no `query`.")
    if query and document_id is not None:
        _check_hash(query, document_id)
    asked = Asked(
        query=query or None,
        document_id=document_id,
        operation_name=_member(members, "operationName", str),
        variables=_member(members, "variables", dict),
        extensions=_member(members, "extensions", dict),
        last_event_id=last_event_id,
    )
    try:
        bounded_variables(asked.variables, size=size, limits=limits)
        if asked.extensions:
            bounded_depth(asked.extensions, limits.json_depth, what="extensions")
    except Refused as refused:
        raise HttpRefused(HTTPStatus.BAD_REQUEST, refused.message, code=refused.code) from None
    return asked


def document_id_of(members: dict[str, Any]) -> str | None:
    """The id of a registered document: `documentId`, or Apollo's `extensions.persistedQuery`."""
    given = members.get("documentId")
    extensions: Any = members.get("extensions")
    if given is None and isinstance(extensions, dict):
        persisted: Any = cast("dict[str, Any]", extensions).get("persistedQuery")
        if persisted is None:
            return None
        if not isinstance(persisted, dict) or cast("dict[str, Any]", persisted).get("version") != 1:
            raise HttpRefused(HTTPStatus.BAD_REQUEST, "`extensions.persistedQuery` must have `version` 1.")
        given = cast("dict[str, Any]", persisted).get("sha256Hash")
        if not isinstance(given, str) or not SHA256.match(given):
            raise HttpRefused(HTTPStatus.BAD_REQUEST, "`persistedQuery.sha256Hash` must be 64 hex digits.")
    if given is None:
        return None
    if not isinstance(given, str) or not 0 < len(given) <= LONGEST_DOCUMENT_ID:
        raise HttpRefused(
            HTTPStatus.BAD_REQUEST, f"`documentId` must be a string of 1 to {LONGEST_DOCUMENT_ID} characters."
        )
    return given


def _check_hash(query: str, document_id: str) -> None:
    """A text that comes with a hash has it: otherwise it is another document than its sender thinks."""
    if SHA256.match(same_id(document_id)) and same_id(document_id) != id_of(query):
        raise HttpRefused(HTTPStatus.BAD_REQUEST, "The `query` is not the one that the hash beside it names.")


def _member(members: dict[str, Any], name: str, kind: type[Any]) -> Any:
    value = members.get(name)
    if value is not None and not isinstance(value, kind):
        shape = "a string" if kind is str else "an object"
        raise HttpRefused(HTTPStatus.BAD_REQUEST, f"`{name}` must be {shape}.")
    return value


@lru_cache(maxsize=64)
def _is_json(content_type: str) -> bool:
    kind, *parameters = content_type.lower().split(";")
    charset = [
        value.strip(' "') for name, _, value in (p.partition("=") for p in parameters) if "charset" in name
    ]
    return kind.strip() == "application/json" and all(one in ("utf-8", "utf8") for one in charset)


def _check_content_type(request: Request) -> None:
    given = request.headers.get("content-type")
    if given != "application/json" and not _is_json(given or ""):
        is_upload = (given or "").lower().startswith("multipart/form-data")
        raise HttpRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Send the request as `application/json` in UTF-8." + _NO_UPLOADS * is_upload,
            headers={"accept": "application/json"},
        )


def _is_gzip(request: Request) -> bool:
    given = request.headers.get("content-encoding")
    if given is None:
        return False
    encoding = given.strip().lower()
    if encoding not in ("identity", "gzip"):
        raise HttpRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "Send the body plain or as `gzip`.",
            headers={"accept-encoding": "gzip"},
        )
    return encoding == "gzip"


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body as it came, within the bounds of size and time."""
    wire = response_wire_of(request.scope)
    here = wire.body(limits.body_bytes) if wire is not None else None
    if here is not None:
        return here
    try:
        with Within(limits.body_seconds):
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
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > most:
                break
            if not message.get("more_body", False):
                return b"".join((*chunks, chunk)) if chunks else chunk
            chunks.append(chunk)
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
