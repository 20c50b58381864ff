"""The messages of `graphql-transport-ws`: what clients may send, checked, and what the server says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, cast

from datawave.transports.bodies import HttpRefused, asked_of
from datawave.transports.door import Asked, Refused
from datawave.transports.json import decoded, encoded, half_character
from datawave.transports.limits import INVALID, Limits

SUBPROTOCOL = "graphql-transport-ws"
LONGEST_ID = 200
LONGEST_REASON = 120
ACK = encoded({"type": "connection_ack"})
PONG = encoded({"type": "pong"})


class Code(IntEnum):
    """Why a socket is closed."""

    GOING_AWAY = 1001
    TRY_LATER = 1013
    RESUME = 4290
    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    INIT_TIMEOUT = 4408
    SUBSCRIBER_EXISTS = 4409
    TOO_MANY = 4429
    FAILED = 4500


class Closed(Exception):
    """The socket is to be closed, with a code and a reason short enough for a close frame."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:LONGEST_REASON].decode(errors="ignore")


@dataclass(frozen=True)
class Said:
    """A message of the client whose envelope is sound."""

    type: str
    message: dict[str, Any]
    half: str | None = None
    """Where half of a character stands, which no JSON of ours has: what was said is known, and cannot be
    done."""

    @property
    def payload(self) -> dict[str, Any]:
        payload = self.message.get("payload")
        if payload is not None and not isinstance(payload, dict):
            raise Closed(Code.BAD_REQUEST, "`payload` must be an object.")
        return cast("dict[str, Any]", payload or {})

    @property
    def id(self) -> str:
        given = self.message.get("id")
        if not isinstance(given, str) or not given or len(given) > LONGEST_ID:
            raise Closed(Code.BAD_REQUEST, f"`id` must be a string of 1 to {LONGEST_ID} characters.")
        return given


def read(text: str | None, limits: Limits) -> Said:
    if text is None:
        raise Closed(Code.BAD_REQUEST, "Messages are JSON in text frames.")
    if len(text) > limits.frame_bytes:
        raise Closed(Code.BAD_REQUEST, f"A message is larger than {limits.frame_bytes:,} bytes.")
    half = None
    try:
        message = decoded(text)
    except ValueError:
        if (half := half_character(text)) is None:
            raise Closed(Code.BAD_REQUEST, "A message is not JSON.") from None
        message = json.loads(text)
    if not isinstance(message, dict):
        raise Closed(Code.BAD_REQUEST, "A message must be a JSON object.")
    members = cast("dict[str, Any]", message)
    kind = members.get("type")
    if not isinstance(kind, str):
        raise Closed(Code.BAD_REQUEST, "A message has no `type`.")
    if half is not None and kind != "subscribe":
        raise Closed(Code.BAD_REQUEST, f"At {half} stands half of a character.")
    return Said(kind, members, half)


def subscription_of(said: Said, limits: Limits) -> Asked:
    """The operation asked for: a wrong shape breaks the protocol (4400), a broken bound only it."""
    payload = said.payload
    if said.half is not None:
        place = said.half.removeprefix("payload.")
        raise Refused(INVALID, f"At {place} stands half of a character (a lone surrogate).")
    for name, kind in (("operationName", str), ("variables", dict), ("extensions", dict)):
        if payload.get(name) is not None and not isinstance(payload[name], kind):
            raise Closed(Code.BAD_REQUEST, f"`payload.{name}` is not what it has to be.")
    if not isinstance(payload.get("query"), str) and not _names_document(payload):
        raise Closed(Code.BAD_REQUEST, "`payload.query` must be a string.")
    try:
        return asked_of(payload, size=limits.frame_bytes, limits=limits)
    except HttpRefused as refused:
        raise Refused(INVALID, refused.message) from None


def _names_document(payload: dict[str, Any]) -> bool:
    """A registered document is named instead of being sent."""
    if payload.get("query") is not None:
        return False
    return "documentId" in payload or "persistedQuery" in (payload.get("extensions") or {})


def next_frame(quoted_id: bytes, answer: bytes) -> bytes:
    return b'{"id":' + quoted_id + b',"type":"next","payload":' + answer + b"}"


def error_frame(quoted_id: bytes, errors: list[dict[str, Any]]) -> bytes:
    return b'{"id":' + quoted_id + b',"type":"error","payload":' + encoded(errors) + b"}"


def complete_frame(quoted_id: bytes) -> bytes:
    return b'{"id":' + quoted_id + b',"type":"complete"}'


def ping(payload: dict[str, Any]) -> bytes:
    return encoded({"type": "ping", "payload": payload})
