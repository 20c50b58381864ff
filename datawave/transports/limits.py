"""How much one client may ask of a process, and the checks that need no GraphQL."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any, cast

from datawave.transports.door import Refused

TOO_COSTLY = "TOO_COSTLY"
INVALID = "INVALID"


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The bounds of every transport; sizes in bytes, times in seconds."""

    header_bytes: int = 16_384
    "The request line and the header lines."
    header_seconds: float = 10.0
    body_bytes: int = 2_000_000
    body_seconds: float = 30.0
    document_bytes: int = 100_000
    tokens: int = 5_000
    comments: int = 1_000
    depth: int = 15
    introspection_depth: int = 20
    aliases: int = 100
    directives: int = 50
    spreads: int = 200
    fields: int = 5_000
    "After fragments are spread; without fragments the tokens bound it."
    repeats: int = 100
    "Of one field at one place of the answer: comparing them is quadratic."
    mutations: int = 10
    "Of one request: they run one after the other, and what is refused waits for its entry in the trail."
    variables_bytes: int = 1_000_000
    json_depth: int = 64
    points: int = 100_000
    "What one operation may cost."
    page_size: int = 500
    "The longest page of a list: a longer one is refused when it is read, and priced as this."
    errors: int = 20
    cached_documents: int = 1_000
    cached_tokens: int = 100_000
    "Some 0.6 kB each."
    enter_seconds: float = 10.0
    init_seconds: float = 5.0
    frame_bytes: int = 1_000_000
    operations: int = 100
    messages_per_second: float = 20.0
    message_burst: int = 200
    beat_seconds: float = 15.0
    stall_seconds: float = 30.0
    notice_seconds: float = 60.0
    farewell_seconds: float = 1.0
    "What the last errors of a socket may take before it is closed."


def bounded_variables(variables: dict[str, Any] | None, *, size: int, limits: Limits) -> None:
    """Refuses variables too large or nested too deeply; `size` is what they took, or more."""
    if not variables:
        return
    if size > limits.variables_bytes and _json_size(variables) > limits.variables_bytes:
        raise Refused(INVALID, f"The variables are larger than {limits.variables_bytes:,} bytes.")
    bounded_depth(variables, limits.json_depth, what="variables")


def bounded_depth(value: Any, deepest: int, *, what: str) -> None:
    """Walks without recursion: depth is what is in doubt."""
    if value is None:
        return
    level = _containers([value])
    for _ in range(deepest):
        if not level:
            return
        level = _containers(chain.from_iterable(map(_inside, level)))
    if level:
        raise Refused(INVALID, f"The {what} are nested deeper than {deepest} levels.")


def _containers(values: Iterable[Any]) -> list[Any]:
    """Those that hold others, picked out without a call for each: a batch of an agent has 300,000 values."""
    found = list(values)
    return list(compress(found, map(CONTAINERS.__contains__, map(type, found))))


CONTAINERS = frozenset({dict, list})


def _inside(container: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _json_size(value: Any) -> int:
    size, rest = 0, [value]
    while rest:
        one = rest.pop()
        size += len(one) + 2 if isinstance(one, str) else 4
        if isinstance(one, dict):
            size += sum(len(key) + 3 for key in cast("dict[str, Any]", one))
        rest.extend(_children(one))
    return size


class Bucket:
    """A token bucket: `burst` at once, then `rate` a second."""

    __slots__ = ("_burst", "_left", "_rate", "_since")

    def __init__(self, *, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._left, self._since = float(burst), time.monotonic()

    def take(self) -> bool:
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
