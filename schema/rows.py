"""Types made of rows: a field with a column's name is that column."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, Self


class FromRow:
    """Mixin of the types that show a row. `shows` is the row class; the type of an interface chooses in
    `of`."""

    shows: ClassVar[type[Any] | None] = None
    row: Any

    def __init_subclass__(cls, *, shows: type[Any] | None = None) -> None:
        super().__init_subclass__()
        if shows is not None:
            cls.shows = shows
            SHOWN.setdefault(shows, cls)

    @classmethod
    def of(cls, row: Any) -> Self:
        made = cls.__new__(cls)
        own, names = made.__dict__, plain_fields(cls)
        own["row"] = row
        own.update(zip(names, _values(row, names), strict=True))
        return made

    @classmethod
    def of_maybe(cls, row: Any | None) -> Self | None:
        return cls.of(row) if row is not None else None


SHOWN: dict[type[Any], type[FromRow]] = {}
"""Row class → the type that shows it: how `node(id:)` and relations find it."""


def _values(row: Any, names: Sequence[str]) -> Sequence[Any]:
    """Most rows hold their columns themselves: the mapper's descriptors would be asked for each."""
    try:
        held = row.__dict__
        return [held[name] for name in names]
    except (AttributeError, KeyError):
        return [getattr(row, name) for name in names]


@cache
def plain_fields(cls: type[Any]) -> tuple[str, ...]:
    """Fields without a resolver: each has a column of the same name (a test holds types against tables)."""
    return tuple(
        field.python_name for field in cls.__strawberry_definition__.fields if field.base_resolver is None
    )


@cache
def row_shown_by(kind: type[Any]) -> type[Any]:
    """The row class behind a type, or behind an interface that the type of one row implements."""
    [row] = [row for row, shown in SHOWN.items() if issubclass(shown, kind)]
    return row


def shown(row: Any) -> Any:
    """The type instance of any row."""
    return SHOWN[type(row)].of(row)
