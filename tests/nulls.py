"""What errors say of the nulls in an answer, as far as the specification leaves no choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Place = tuple[str | int, ...]

BENEATH = "something beneath"


def nulls(data: Any, errors: Iterable[Mapping[str, Any]]) -> dict[Place, Any]:
    """Each null of which errors tell, with what is said of it: the error of its own field, or that something
    beneath it failed.

    Where a null has come up from beneath, nothing else of what was asked there remains. Whoever answers may
    end it or let it go on, and so tell one of the errors there or several, whichever came first (section
    6.4.4). The place that became null, and that an error there says why, is the same for all."""
    found: dict[Place, Any] = {}
    for error in errors:
        path = error.get("path") or []
        place = _place(data, path)
        said = error if len(place) == len(path) else BENEATH
        known = found.setdefault(place, said)
        assert known is said, f"told twice: {place}"
    return found


def _place(data: Any, path: Sequence[str | int]) -> Place:
    """Where the null is that an error leads to."""
    for at, key in enumerate(path):
        if data is None:
            return tuple(path[:at])
        data = data[key]
    assert data is None, f"an error tells of what is there: {path}"
    return tuple(path)
