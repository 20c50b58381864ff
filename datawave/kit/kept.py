"""Whole rows by statements that are kept: made of a description once for each shape of its arguments and each
reach of the rights it touches, and run past the ORM, over the readers' connections.

For who answers field by field: types are made of whole rows there. The rows are instances of their class that
the ORM knows nothing of: to be read, never to be changed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import inspect

from datawave.kit.access import Reach, Viewer
from datawave.kit.database import Db
from datawave.kit.errors import UserError
from datawave.kit.given import AT, GIVEN, KEYS, Given, Moment, argument, is_shape
from datawave.kit.listing import Listing
from datawave.kit.pages import Asked, Page, paged
from datawave.kit.reads import Of, Rows
from datawave.kit.statements import Statement, Variants, open_viewer, python_of_driver

Describe = Callable[..., Rows]
Arguments = Mapping[str, Any]


class Kept:
    """The statements of one description."""

    def __init__(self, describe: Describe, *, of_parents: bool) -> None:
        self._describe, self._of_parents = describe, of_parents
        self._variants: Variants[_Variant] = Variants()

    async def listed(self, db: Db, arguments: Arguments) -> tuple[list[Any], Any]:
        """The rows in order, and as of when they are."""
        run = self._run(db, arguments)
        return run.variant.made(await run.listed()), run.at

    async def page(self, db: Db, asked: Asked, arguments: Arguments) -> tuple[Page[Any], Any]:
        run = self._run(db, arguments)
        rows = run.variant.made(await run.page(asked))

        async def total() -> int:
            return (await run.counted())[0][0]

        return paged(rows, run.order, asked, total=total), run.at

    async def grouped(
        self, db: Db, keys: Sequence[Any], at: Any, arguments: Arguments
    ) -> tuple[Mapping[Any, list[Any]], Any]:
        """The rows of each parent, in order."""
        run = self._run(db, arguments, keys, at)
        return run.variant.by_parent(await run.listed()), run.at

    async def pages(
        self, db: Db, asked: Asked, keys: Sequence[Any], at: Any, arguments: Arguments
    ) -> tuple[Mapping[Any, Page[Any]], Any]:
        """A page of each parent's rows, in one statement."""
        run = self._run(db, arguments, keys, at)
        of = run.variant.by_parent(await run.page(asked))
        totals = _Totals(run)
        pages = {
            key: paged(of.get(number, []), run.order, asked, total=lambda key=key: totals.of(key))
            for number, key in enumerate(keys, 1)
        }
        return pages, run.at

    def _run(self, db: Db, arguments: Arguments, keys: Sequence[Any] = (), at: Any = None) -> _Run:
        values: list[Any] = []
        try:
            shape = tuple((name, _parted(value, values)) for name, value in arguments.items())
        except _Unkept:
            variant = self._told(db.viewer, at, keys, arguments)
        else:
            variant = self._variants.find(
                (shape, at is None, db.viewer.signed_in),
                db,
                lambda: self._opened(db.viewer, arguments, timed=at is not None),
            )
        moment = Moment(db.viewer, arguments=values, keys=keys, at=at)

        def describe() -> Rows:
            return self._describe(Of(viewer=db.viewer, at=at, keys=keys), **arguments)

        return _Run(db, variant, moment, describe)

    def _opened(self, viewer: Viewer, arguments: Arguments, *, timed: bool) -> _Variant:
        opened, touched = open_viewer(viewer)
        places = iter(range(1_000_000))
        given = {name: _opened(value, places) for name, value in arguments.items()}
        rows = self._describe(Of(viewer=opened, at=AT if timed else None, keys=KEYS), **given)
        return _Variant(rows, touched, of_parents=self._of_parents)

    def _told(self, viewer: Viewer, at: Any, keys: Sequence[Any], arguments: Arguments) -> _Variant:
        """For arguments that cannot be left open: good for this once."""
        rows = self._describe(Of(viewer=viewer, at=at, keys=list(keys)), **arguments)
        return _Variant(rows, {}, of_parents=self._of_parents)


@dataclass(frozen=True)
class _Run:
    """A variant with the values that it runs with."""

    db: Db
    variant: _Variant
    moment: Moment
    describe: Callable[[], Rows]

    @property
    def order(self) -> Sequence[Any]:
        return self.variant.rows.order

    @property
    def at(self) -> Any:
        at = self.variant.rows.at
        return at.of(self.moment) if isinstance(at, Given) else at

    async def listed(self) -> list[Any]:
        return await self._fetch(lambda: self.variant.listing.whole)

    async def page(self, asked: Asked) -> list[Any]:
        asked = asked.checked()
        return await self._fetch(lambda: self.variant.listing.page(asked, self.moment))

    async def counted(self) -> list[Any]:
        return await self._fetch(lambda: self.variant.listing.counting)

    async def _fetch(self, found: Callable[[], Statement]) -> list[Any]:
        try:
            statement = found()
            values = statement.values(self.moment)
        except UserError:
            self.describe()  # of several values that will not do, it tells the first
            raise
        return await self.db.fetch(statement.text, values)


class _Variant:
    """A description in one shape: its statements, and what makes rows of their records."""

    def __init__(self, rows: Rows, touched: Mapping[str, Reach], *, of_parents: bool) -> None:
        self.rows, self.touched = rows, touched
        columns = _columns(rows)
        names = {name: f"c{at}" for at, name in enumerate(columns)}
        labelled = [column.label(name) for name, column in zip(names.values(), columns.values(), strict=True)]
        self.listing = Listing(rows, labelled, _labels(rows, names), of_parents=of_parents)
        self.made = _maker(rows, columns, first=1 if of_parents else 0)

    def by_parent(self, records: Sequence[Any]) -> dict[Any, list[Any]]:
        """By its key, or by its number where the records are a page's."""
        found: dict[Any, list[Any]] = defaultdict(list)
        for record, row in zip(records, self.made(records), strict=True):
            found[record[0]].append(row)
        return found


def _labels(rows: Rows, names: Mapping[str, str]) -> Sequence[str]:
    """What the columns of the order are called; nothing where one is not read: such a list has no pages."""
    found = [names[key.column.key] for key in rows.order if key.column.key in names]
    return found if len(found) == len(rows.order) else ()


class _Totals:
    """How many rows each parent has, asked once, when the first is read."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._asked: asyncio.Future[list[Any]] | None = None

    async def of(self, key: Any) -> int:
        if self._asked is None:
            self._asked = asyncio.ensure_future(self._run.counted())
        return dict(await asyncio.shield(self._asked)).get(key, 0)


@cache
def kept(describe: Describe, *, of_parents: bool) -> Kept:
    return Kept(describe, of_parents=of_parents)


# --- rows of what the driver gives


class _Together:
    """A row of columns that belong to no class."""


def _columns(rows: Rows) -> dict[str, Any]:
    """What is read of each row, by name."""
    if rows.value is not None:
        return {"value": rows.value}
    if (entity := rows.entity) is None:
        return dict(rows.row.items())
    mapper = cast("Any", inspect(entity))
    return {each.key: getattr(rows.row, each.key) for each in mapper.column_attrs}


Made = Callable[[Sequence[Any]], list[Any]]


def _maker(rows: Rows, columns: Mapping[str, Any], *, first: int) -> Made:
    """From records to rows; `first` is where in a record their columns begin."""
    names = list(columns)
    found = [(name, python_of_driver(column.type)) for name, column in columns.items()]
    changes = [(name, change) for name, change in found if change is not None]
    if rows.value is not None:
        change = dict(changes).get("value")
        return lambda records: _values(records, first, change)
    kind: type[Any] = rows.entity or _Together
    return lambda records: [_row(kind, names, changes, record[first:]) for record in records]


def _values(records: Sequence[Any], at: int, change: Callable[[Any], Any] | None) -> list[Any]:
    return [each[at] if change is None else change(each[at]) for each in records]


def _row(
    kind: type[Any], names: Sequence[str], changes: Sequence[tuple[str, Callable[[Any], Any]]], values: Any
) -> Any:
    row = object.__new__(kind)
    own = row.__dict__
    own.update(zip(names, values, strict=True))
    for name, change in changes:
        own[name] = change(own[name])
    return row


# --- arguments, as resolvers are given them


class _Unkept(Exception):
    """A value of which no shape can be told."""


def _parted(value: Any, values: list[Any]) -> Hashable:
    """The shape of a value; what is not part of it is put among the values."""
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value), *(_parted(getattr(value, each.name), values) for each in fields(value)))
    if isinstance(value, list) and any(is_dataclass(each) for each in cast("list[Any]", value)):
        raise _Unkept
    if is_shape(value):
        return () if isinstance(value, list) else value
    values.append(value)
    return GIVEN


def _opened(value: Any, places: Iterator[int]) -> Any:
    """The same walk, with open places for values."""
    if is_dataclass(value) and not isinstance(value, type):
        own = {each.name: _opened(getattr(value, each.name), places) for each in fields(value)}
        return type(value)(**own)
    return value if is_shape(value) else argument(next(places))
