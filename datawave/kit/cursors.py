"""Cursors: a place in the log (good for any stream) or in one list, opaque to clients.

A log cursor is base64url of version, epoch, position; a list cursor of version and the sort key's values. One
is never taken for the other.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any, cast

import orjson
from sqlalchemy import ColumnElement, func

from datawave.kit.errors import ErrorCode, InputError

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
LOG = "l1"
LIST = "p1"


def _packed(kind: str, *parts: Any) -> str:
    encoded = binascii.b2a_base64(orjson.dumps([kind, *parts]), newline=False)
    return encoded.translate(_URL_SAFE, b"=").decode()


def _unpacked(kind: str, cursor: str, path: Sequence[str]) -> list[Any]:
    refused = InputError(
        ErrorCode.INVALID,
        "This is not a cursor of this kind; pass on what the API gave, unchanged.",
        path=path,
        expected="a cursor that the API gave",
    )
    if len(cursor) > 4096:
        raise refused
    try:
        parts = orjson.loads(
            base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        )
    except (binascii.Error, orjson.JSONDecodeError, UnicodeEncodeError, ValueError):
        raise refused from None
    if not isinstance(parts, list) or not parts or parts[0] != kind:
        raise refused
    return cast("list[Any]", parts[1:])


def log_cursor(epoch: str, position: int) -> str:
    return _packed(LOG, epoch, position)


def log_cursor_sql(epoch: Any, position: Any) -> ColumnElement[str]:
    """The same cursor made by the database, which breaks base64 into lines."""
    parts = func.concat(f'["{LOG}",', func.to_json(epoch), ",", position, "]")
    encoded = func.encode(func.convert_to(parts, "UTF8"), "base64")
    return func.rtrim(func.translate(encoded, "+/\n", "-_"), "=")


def log_position(cursor: str, *, path: Sequence[str] = ("after",)) -> tuple[str, int]:
    """The epoch and position; INVALID where it is none of ours."""
    parts = _unpacked(LOG, cursor, path)
    match parts:
        case [str(epoch), int(position)] if 0 <= position < 2**63 and not isinstance(position, bool):
            return epoch, position
        case _:
            raise InputError(ErrorCode.INVALID, "This is not a cursor of the log.", path=path)


def list_cursor(values: Sequence[Any]) -> str:
    return _packed(LIST, *values)


def list_place(cursor: str, *, length: int, path: Sequence[str] = ("after",)) -> list[Any]:
    parts = _unpacked(LIST, cursor, path)
    if len(parts) != length:
        raise InputError(ErrorCode.INVALID, "This cursor belongs to another list.", path=path)
    return parts


def expired(why: str) -> InputError:
    return InputError(
        ErrorCode.CURSOR_EXPIRED,
        f"{why} Query again and go on from the cursor of that answer.",
        path=["after"],
    )
