"""Reads that are described, not run: which rows, whose they are, in which order.

One description serves both who answers queries field by field (a dataloader runs it for the parents of one
request, `kit.kept`) and the planner, which asks only for the columns that a document needs and runs it for
whole levels.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Integer, Select, inspect, literal, select

from datawave.kit.access import Viewer, visible
from datawave.kit.database import Db
from datawave.kit.given import among, for_each
from datawave.kit.pages import Asked, Key


@dataclass(frozen=True, kw_only=True)
class Of:
    """For whom a read is described, as of when, and of which parents. In a plan all but the viewer's reach is
    known later (`kit.given`). `alone` says that there is one parent: what is found of it has not to be shared
    with others."""

    viewer: Viewer
    at: Any = None
    keys: Any = ()
    alone: bool = False


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Some rows. `row` is what their columns are found on: a class, an alias of it, or a subquery's columns.
    `by` is the column that holds the parent's key; `at` the time as of which they, and what is beneath them,
    are; `value` the one column that is meant, where a field is a number or a text.

    `spread` is columns with the values that each may have: a page is then taken from each combination by
    itself, as an index gives it, and put together; the whole list would be read otherwise.

    `of_keys` says that the query gives rows of these parents only as it is."""

    query: Select[Any]
    row: Any
    by: Any = None
    order: Sequence[Key] = ()
    at: Any = None
    value: Any = None
    spread: Sequence[tuple[Any, Any]] = ()
    of_keys: bool = False

    @property
    def whole(self) -> Select[Any]:
        """The query, of all values of its spread."""
        return self.query.where(*(among(column, values) for column, values in self.spread))

    @property
    def entity(self) -> type[Any] | None:
        """The mapped class behind the rows; None for columns put together."""
        found: Any = inspect(self.row, raiseerr=False)
        mapper = getattr(found, "mapper", None)
        return mapper.class_ if mapper is not None else None

    def only(self, *columns: Any) -> Any:
        return self.query.with_only_columns(*columns, maintain_column_froms=True)


class Shape(StrEnum):
    """How many rows a parent has, and how they are told."""

    ONE = "one"
    MANY = "many"
    PAGE = "page"
    VALUE = "value"


@dataclass(frozen=True, eq=False)
class Global:
    """The global id of a row."""


@dataclass(frozen=True, eq=False)
class Said:
    """The first of some columns that says something, or else what is said instead."""

    columns: tuple[str, ...]
    otherwise: Any = None

    def of(self, row: Any) -> Any:
        said = None
        for name in self.columns:
            said = getattr(row, name)
            if said:
                return said
        return said if self.otherwise is None else self.otherwise


@dataclass(frozen=True, eq=False)
class Computed:
    """Made from columns of the row, by a function that knows nothing else; or first, `asking`, the viewer."""

    columns: tuple[str, ...]
    by: Callable[..., Any]
    asking: bool = False


@dataclass(frozen=True, eq=False)
class Same:
    """Another view of the same row."""


@dataclass(frozen=True, eq=False)
class Related:
    """Rows that belong to this one: `describe` is given an `Of` and the field's arguments. The other rows are
    found by the value of the column `key`."""

    describe: Callable[..., Rows]
    shape: Shape
    key: str = "id"
    missing: Any = None
    each: bool = False
    """The column holds several keys: one row is found for each."""
    row: Any = None
    """The table, where the key is the id of one of its rows and nothing else is asked."""


@dataclass(frozen=True, eq=False)
class Pointed:
    """Whatever thing two columns name: the word of its id, and its key."""

    word: str
    key: str


@dataclass(frozen=True, eq=False)
class PointedEach:
    """Whatever things a column names: `named` makes of it their words and keys."""

    column: str
    named: Callable[[Any], Sequence[tuple[str, UUID]]]


@dataclass(frozen=True, eq=False)
class Loaded:
    """What a function finds for many keys at once, as of a time; a key may be made of several columns."""

    load: Callable[[Db, Sequence[Any], Any], Any]
    keys: tuple[str, ...] = ("id",)
    missing: Any = None


@dataclass(frozen=True, eq=False)
class Root:
    """Rows that a query begins with."""

    describe: Callable[..., Rows]
    shape: Shape
    from_end: bool = False
    """A page of which nothing is said is the last of its list, not the first."""

    def asked(self, asked: Asked) -> Asked:
        return asked.from_end() if self.from_end else asked


@dataclass(frozen=True, eq=False)
class ById:
    """Whatever thing an id names, or as many ids as `most`."""

    most: int | None = None


Declared = Global | Said | Computed | Same | Related | Pointed | PointedEach | Loaded | Root | ById
READ, GUARD, NEEDS, BEGINS = "read", "guard", "needs", "begins"
"""Where a field's declaration stands in its metadata, the permission of a root, that of a field that tells
more than its row, and the function that begins a field by its arguments."""


class Begun(Protocol):
    """A field with its arguments: what a dataloader finds for a thing, and how that is shown."""

    def load(self, thing: Any, context: Any) -> Future[Any] | None:
        """None where there is nothing to be looked for."""
        ...

    def shown(self, found: Any) -> Any: ...


def at_most(query: Select[Any], each: int, of: Of) -> Select[Any]:
    """The query, bounded for all parents together: a list without pages is never without an end."""
    return query.limit(literal(for_each(each, of.keys), Integer))


@cache
def by_id(row: Any) -> Callable[[Of], Rows]:
    """The rows of a table that the viewer may see, by their ids."""
    return lambda of: Rows(query=select(row).where(visible(row, of.viewer)), row=row, by=row.id)
