"""Pages of lists by keyset: stable under writes, one statement a page, cursors that belong to their list."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, tuple_

from datawave.kit.cursors import list_cursor, list_place
from datawave.kit.database import Db
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

    @property
    def may_be_null(self) -> bool:
        return getattr(self.column.expression, "nullable", None) is not False

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


def _comparable(value: Any) -> Any:
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
        kind = cast("type[Any]", key.column.type.python_type)
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


def _beyond(order: Sequence[Key], values: Sequence[Any], *, forwards: bool) -> ColumnElement[bool]:
    """Rows after (or before) a place. One comparison of rows where all parts run the same way and none may be
    null."""
    if len({key.descending for key in order}) == 1 and not any(key.may_be_null for key in order):
        left = tuple_(*(key.column for key in order))
        right = tuple_(*(key.literal(value) for key, value in zip(order, values, strict=True)))
        return left < right if order[0].descending is forwards else left > right
    clauses: list[ColumnElement[bool]] = []
    for at, (key, value) in enumerate(zip(order, values, strict=True)):
        same = [k.equal(v) for k, v in zip(order[:at], values[:at], strict=True)]
        further = key.below(value) if key.descending is forwards else key.above(value)
        clauses.append(and_(*same, further))
    return or_(*clauses)


def windowed(
    query: Select[Any], order: Sequence[Key], asked: Asked, *, path: Sequence[str] = ()
) -> Select[Any]:
    """The query bounded to the page asked for, with one row more to see whether there is a next page."""
    asked = asked.checked()
    for name, forwards in (("after", True), ("before", False)):
        cursor = getattr(asked, name)
        if cursor is not None:
            where = [*path, name]
            place = list_place(cursor, length=len(order), path=where)
            values = [_typed(key, value, where) for key, value in zip(order, place, strict=True)]
            query = query.where(_beyond(order, values, forwards=forwards))
    for key in order:
        descending = key.descending is not asked.backwards
        query = query.order_by(key.column.desc() if descending else key.column.asc())
    return query.limit(asked.most + 1)


def paged(rows: Sequence[Any], order: Sequence[Key], asked: Asked, *, total: Any = None) -> Page[Any]:
    """The page from what `windowed` found."""
    more = len(rows) > asked.most
    kept = list(rows[: asked.most])
    if asked.backwards:
        kept.reverse()
    cursors = [list_cursor([_comparable(getattr(row, key.column.key)) for key in order]) for row in kept]
    return Page(
        rows=kept,
        cursors=cursors,
        has_next=more if not asked.backwards else asked.before is not None,
        has_previous=more if asked.backwards else asked.after is not None,
        total=total,
    )


async def page_of(db: Db, query: Select[Any], order: Sequence[Key], asked: Asked) -> Page[Any]:
    """One page of one list; the total is counted only if somebody reads it."""
    rows = await db.scalars(windowed(query, order, asked))

    async def total() -> int:
        return await db.scalar(select(func.count()).select_from(query.order_by(None).subquery()))

    return paged(rows, order, asked, total=total)
