"""The API's own scalars."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

from datawave.kit.secrets import Secret

RFC3339 = "https://www.rfc-editor.org/rfc/rfc3339"

Cursor = NewType("Cursor", str)
BigInt = NewType("BigInt", int)
Base64 = NewType("Base64", bytes)
JSON = NewType("JSON", object)


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _read_instant(value: Any) -> datetime:
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value)
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise GraphQLError("This is not an instant: give RFC 3339, as 2026-01-31T12:00:00Z.")


def _big(value: int) -> int | str:
    return value if -(2**53) < value < 2**53 else str(value)


def _read_big(value: Any) -> int:
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
    except ValueError:
        raise GraphQLError("This is not an integer.") from None
    if not -(2**63) <= number < 2**63:
        raise GraphQLError("This integer does not fit into 64 bits.")
    return number


def _read_bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise GraphQLError("This is not base64 (RFC 4648).") from None


def _read_secret(value: Any) -> Secret:
    if not isinstance(value, str):
        raise GraphQLError("A secret is a string.")
    return Secret(value)


def _shown_secret(_value: Any) -> str:
    raise GraphQLError("A secret is never returned.")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError("A cursor is a string.")
    return value


def _any(value: Any) -> Any:
    return value


SCALARS: dict[object, Any] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant in UTC, RFC 3339 with microseconds, as `2026-01-31T12:00:00.000000Z`.",
        specified_by_url=RFC3339,
        serialize=_instant,
        parse_value=_read_instant,
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value; used only where the shape belongs to somebody else.",
        serialize=_any,
        parse_value=_any,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A 64-bit signed integer, sent as a string when it does not fit a double exactly,"
        " accepted as either.",
        serialize=_big,
        parse_value=_read_big,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="An opaque place: in a list, good for the field that gave it; in the event log,"
        " good for every stream.",
        serialize=str,
        parse_value=_text,
    ),
    Base64: strawberry.scalar(
        name="Base64",
        description="Bytes in base64 (RFC 4648).",
        serialize=lambda value: base64.b64encode(value).decode(),
        parse_value=_read_bytes,
    ),
    Secret: strawberry.scalar(
        name="Secret",
        description="A string that is accepted and never returned, logged,"
        " traced or stored outside the vault.",
        serialize=_shown_secret,
        parse_value=_read_secret,
    ),
}

CONFIG = StrawberryConfig(scalar_map=SCALARS)
