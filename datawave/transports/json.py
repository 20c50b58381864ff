"""JSON, quickly, and never a failure over a value that a resolver was allowed to give."""

from __future__ import annotations

import json
import re
from typing import Any, cast

import orjson


def encoded(value: Any) -> bytes:
    """orjson where it can; the slow way for what it refuses: integers beyond 64 bits, lone surrogates."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()


def encoded_whole(value: Any) -> bytes:
    """Only what orjson takes, parts that are JSON already and instants in UTC among it; `TypeError` for the
    rest."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z)


HALF = re.compile("[\ud800-\udfff]")


def half_character(text: bytes | str) -> str | None:
    """Where JSON that was refused holds half of a character, as `variables.input.name`; None if nowhere."""
    try:
        look: list[tuple[str, Any]] = [("", json.loads(text))]
    except (ValueError, RecursionError):
        return None
    while look:
        place, value = look.pop()
        if isinstance(value, str) and HALF.search(value):
            return place
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            if any(HALF.search(name) for name in members):
                return place
            look += [(f"{place}.{name}" if place else name, member) for name, member in members.items()]
        elif isinstance(value, list):
            look += [(f"{place}.{at}", member) for at, member in enumerate(cast("list[Any]", value))]
    return None


def decoded(text: bytes | str) -> Any:
    """`ValueError` for whatever is not JSON, lone surrogates and bottomless nesting included."""
    return orjson.loads(text)
