"""The statements of described rows: all of them, a page between two places, how many there are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    and_,
    any_,
    bindparam,
    column,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
)

from datawave.kit.given import KEYS, MOST, Given, Moment, place
from datawave.kit.pages import Asked, Key, place_of
from datawave.kit.reads import Rows
from datawave.kit.statements import MOST_VARIANTS, Statement

Directions = Sequence[tuple[str, bool]]
"""The names of an order's columns, and whether they descend."""
Around = Callable[[Any, Directions], Any]
"""Puts more beside the rows that a query gives; it has to put them in this order then."""


class Listing:
    """The statements of one description, each made when it is first asked for. Of parents, a record begins
    with the key of its parent, or in a page with its number, from one."""

    def __init__(
        self,
        rows: Rows,
        columns: Sequence[Any],
        order: Sequence[str] = (),
        *,
        of_parents: bool,
        around: Around | None = None,
    ) -> None:
        """`columns` have names of their own; `order` is those of the rows' order, which a page needs."""
        self._rows, self._columns, self._order = rows, columns, order
        self._of_parents, self._around = of_parents, around
        self._pages: dict[Hashable, Statement] = {}

    @cached_property
    def whole(self) -> Statement:
        query: Any = self._linked
        if self._around is None:
            query = query.order_by(*_directed(self._rows.order, backwards=False))
        by = [self._rows.by.label("parent_key")] if self._of_parents else []
        columns = [*by, *self._columns] or [literal(1)]
        query = query.with_only_columns(*columns, maintain_column_froms=True)
        if self._around is not None:
            query = self._around(query, self._directions(backwards=False))
        return Statement.of(query)

    @cached_property
    def counting(self) -> Statement:
        """How many, or (parent, how many) of each parent that has any."""
        query, by = self._linked.order_by(None), self._rows.by
        if not self._of_parents:
            return Statement.of(select(func.count()).select_from(query.subquery()))
        counted = query.with_only_columns(by, func.count(), maintain_column_froms=True)
        return Statement.of(counted.group_by(by))

    def page(self, asked: Asked, moment: Moment) -> Statement:
        """With one row more than was asked for, to see whether there are further ones. Where the page begins
        and ends is put into the moment."""
        order = self._rows.order
        after = place_of(order, asked.after, ["after"]) if asked.after is not None else None
        before = place_of(order, asked.before, ["before"]) if asked.before is not None else None
        moment.most, moment.place = asked.most + 1, [*(after or ()), *(before or ())]
        key = (asked.backwards, _nulls_of(after), _nulls_of(before))
        found = self._pages.get(key)
        if found is None:
            if len(self._pages) >= MOST_VARIANTS:
                self._pages.clear()
            found = self._pages[key] = Statement.of(self._page(asked.backwards, after, before))
        return found

    @property
    def _linked(self) -> Select[Any]:
        """All rows, of these parents only."""
        rows = self._rows
        if not self._of_parents or rows.of_keys:
            return rows.whole
        return rows.whole.where(rows.by == any_(literal(KEYS, ARRAY(rows.by.type))))

    def _directions(self, *, backwards: bool) -> list[tuple[str, bool]]:
        pairs = zip(self._order, self._rows.order, strict=True)
        return [(name, key.descending is not backwards) for name, key in pairs]

    def _page(self, backwards: bool, after: Sequence[Any] | None, before: Sequence[Any] | None) -> Any:
        """Of the two places it matters here only what is null in them."""
        rows, order = self._rows, self._directions(backwards=backwards)
        spread = [_values(f"spread_{at}", *each) for at, each in enumerate(rows.spread)]
        pairs = zip(rows.spread, spread, strict=True)
        query = rows.query.where(*(column == values.c[0] for (column, _), values in pairs))
        query = _between(query, rows.order, _places(after, 0), _places(before, len(after or ())))
        query = query.order_by(*_directed(rows.order, backwards=backwards))
        query = _at_most(query).with_only_columns(*self._columns, maintain_column_froms=True)
        if self._of_parents:
            order = [("at", False), *order]
            query = self._page_of_each(query, spread, order)
        elif spread:
            query = _at_most(_in_order(_of_each(spread, query), order))
        return query if self._around is None else self._around(query, order)

    def _page_of_each(self, query: Select[Any], spread: Sequence[Any], order: Directions) -> Any:
        by = self._rows.by
        parents = _numbered_parents(by.type)
        number = type_coerce(parents.c.at, BigInteger).label("at")
        found = _of_each([parents, *spread], query.where(by == parents.c.key), number)
        # Without a spread one parent comes after the other, each in its order: so what is lateral is read.
        return _in_order(found, order) if spread else found


# --- parts of a statement


def _direction(column: Any, descending: bool) -> Any:
    return column.desc() if descending else column.asc()


def _directed(order: Sequence[Key], *, backwards: bool) -> list[Any]:
    return [_direction(key.column, key.descending is not backwards) for key in order]


def _in_order(query: Any, order: Directions) -> Any:
    columns = query.selected_columns
    return query.order_by(*(_direction(columns[name], down) for name, down in order))


def _at_most(query: Any) -> Any:
    return query.limit(literal(MOST, Integer))


def _numbered_parents(kind: Any) -> Any:
    """The keys of the parents, each with its number, from one."""
    keys = func.unnest(bindparam("parents", KEYS, ARRAY(kind)))
    return keys.table_valued(column("key", kind), with_ordinality="at").render_derived("parents")


def _values(name: str, column: Any, values: Any) -> Any:
    """Each value once, as rows."""
    listed = values if isinstance(values, Given) else list(values)
    each = func.unnest(bindparam(name, listed, ARRAY(column.type))).label("value")
    return select(each).distinct().subquery(name)


def _of_each(parts: Sequence[Any], inner: Any, *leading: Any) -> Any:
    """A page of each parent, and of each value over which the rows are spread."""
    page = inner.lateral("page")
    every, *further = parts
    for each in further:
        every = every.join(each, true())
    return select(*leading, *page.c).select_from(every.join(page, true()))


# --- places in an order


def _nulls_of(values: Sequence[Any] | None) -> Hashable:
    """What decides how the end of a page is written."""
    return None if values is None else tuple(value is None for value in values)


def _places(values: Sequence[Any] | None, start: int) -> list[Any] | None:
    """Given later; what is null there is null in the statement."""
    if values is None:
        return None
    return [None if value is None else place(start + at) for at, value in enumerate(values)]


def _between(
    query: Select[Any], order: Sequence[Key], after: Sequence[Any] | None, before: Sequence[Any] | None
) -> Select[Any]:
    if after is not None:
        query = query.where(_beyond(order, after, forwards=True))
    if before is not None:
        query = query.where(_beyond(order, before, forwards=False))
    return query


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
