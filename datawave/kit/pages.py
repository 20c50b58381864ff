"""Pages of lists by keyset: stable under writes, one statement a page, cursors that belong to their list."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any, Generic, TypeVar, cast, overload
from uuid import UUID

from sqlalchemy import ColumnElement, false, literal, or_

from datawave.kit.cursors import list_cursor, list_place
from datawave.kit.errors import ErrorCode, InputError, invalid

T = TypeVar("T")
MOST = 500
DEFAULT = 50


@dataclass
class _Bound:
    """The largest page that this process gives."""

    most: int = MOST


_bound = _Bound()


@contextmanager
def bounded(most: int) -> Generator[None]:
    """Within this a page has at most so many rows; the program sets it once, for as long as it serves."""
    before, _bound.most = _bound.most, most
    try:
        yield
    finally:
        _bound.most = before


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a caller asked of a list: `first`/`after`, or `last`/`before`."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    @property
    def backwards(self) -> bool:
        return self.last is not None or (self.before is not None and self.first is None)

    @property
    def most(self) -> int:
        return (self.last if self.backwards else self.first) or DEFAULT

    def from_end(self) -> Asked:
        """The same of a list whose end is what one looks at first."""
        if self.first is None and self.after is None:
            return Asked(last=self.last or DEFAULT, before=self.before)
        return self

    def checked(self) -> Asked:
        for name in ("first", "last"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= _bound.most:
                said = f"{_bound.most:,}"
                raise invalid(f"{name} is between 1 and {said}.", path=[name], expected=f"1 to {said}")
        if self.first is not None and self.last is not None:
            raise invalid("Give first or last, not both.", path=["last"])
        return self


@dataclass(frozen=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of a list, in its order, and where they stand; `count` asks for the total only when it is
    read."""

    rows: Sequence[T]
    cursors: Sequence[str]
    has_next: bool
    has_previous: bool
    total: Any = None


@dataclass(frozen=True)
class Key:
    """One part of an order. The last part of an order is unique (the id). What is null stands above all that
    is not, as PostgreSQL sorts it."""

    column: Any
    descending: bool = False

    @cached_property
    def may_be_null(self) -> bool:
        return getattr(self.column.expression, "nullable", None) is not False

    @cached_property
    def kind(self) -> type[Any]:
        """Python's type of its values."""
        return cast("type[Any]", self.column.type.python_type)

    def literal(self, value: Any) -> Any:
        return literal(value, self.column.type)

    def equal(self, value: Any) -> ColumnElement[bool]:
        return self.column.is_(None) if value is None else self.column == self.literal(value)

    def above(self, value: Any) -> ColumnElement[bool]:
        if value is None:
            return false()
        higher = self.column > self.literal(value)
        return or_(higher, self.column.is_(None)) if self.may_be_null else higher

    def below(self, value: Any) -> ColumnElement[bool]:
        return self.column.is_not(None) if value is None else self.column < self.literal(value)


def comparable(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime() | date():
            return value.isoformat()
        case UUID():
            return value.hex
        case Decimal():
            return str(value)
        case _:
            return value


READ: dict[type[Any], Callable[[Any], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    UUID: UUID,
    Decimal: Decimal,
}


def _typed(key: Key, value: Any, path: Sequence[str]) -> Any:
    """A value of a cursor, as its column has it: a cursor may come from another list, or from anywhere."""
    if value is None and key.may_be_null:
        return None
    try:
        kind = key.kind
        if kind in READ:
            return READ[kind](value)
        if issubclass(kind, Enum):
            return kind(value)
        if isinstance(value, bool) is not (kind is bool):
            raise TypeError
        if not isinstance(value, kind) and not (kind is float and isinstance(value, int)):
            raise TypeError
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        raise InputError(ErrorCode.INVALID, "This cursor belongs to another list.", path=path) from None
    return value


def place_of(order: Sequence[Key], cursor: str, path: Sequence[str]) -> list[Any]:
    """The values of the order's parts at a cursor."""
    place = list_place(cursor, length=len(order), path=path)
    return [_typed(key, value, path) for key, value in zip(order, place, strict=True)]


class _Cursors(Sequence[str]):
    """Where rows stand, written when it is read: most pages say it of their last row alone."""

    def __init__(self, rows: Sequence[Any], names: Sequence[str]) -> None:
        self._rows, self._names = rows, names

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[str]: ...
    def __getitem__(self, at: int | slice) -> str | Sequence[str]:
        if isinstance(at, slice):
            return [self._of(row) for row in self._rows[at]]
        return self._of(self._rows[at])

    def _of(self, row: Any) -> str:
        return list_cursor([comparable(getattr(row, name)) for name in self._names])


def shown_of(rows: Sequence[T], asked: Asked) -> list[T]:
    """The rows that belong to a page, in their order, out of those that its statement gave: it reads one more
    than was asked for, and from where the page begins."""
    shown = list(rows[: asked.most])
    return shown[::-1] if asked.backwards else shown


def further(asked: Asked, *, more: bool) -> tuple[bool, bool]:
    """Whether there are rows after a page, and before it, where the statement gave `more` than the page."""
    if asked.backwards:
        return asked.before is not None, more
    return more, asked.after is not None


def paged(rows: Sequence[Any], order: Sequence[Key], asked: Asked, *, total: Any = None) -> Page[Any]:
    """The page from what its statement gave."""
    shown = shown_of(rows, asked)
    has_next, has_previous = further(asked, more=len(rows) > len(shown))
    return Page(
        rows=shown,
        cursors=_Cursors(shown, [key.column.key for key in order]),
        has_next=has_next,
        has_previous=has_previous,
        total=total,
    )
