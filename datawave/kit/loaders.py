"""The request's dataloaders: what many parents ask of one table becomes one statement.

All of them put the viewer's predicate into the statement: a row that may not be seen is not loaded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, bindparam, func, select, true
from sqlalchemy.orm import aliased
from strawberry.dataloader import DataLoader

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.pages import Asked, Key, Page, paged, windowed

K = TypeVar("K")
V = TypeVar("V")

Batch = Callable[[Db, Sequence[Any]], Awaitable[Mapping[Any, Any]]]
"""A loader for what cannot be declared: from keys to what was found."""


class Loaders:
    def __init__(self, db: Db) -> None:
        self._db = db
        self._made: dict[Hashable, DataLoader[Any, Any]] = {}

    def row(self, row: type[Any]) -> DataLoader[UUID, Any]:
        """A row by its id; None where it is gone or not the viewer's to see."""
        return self._loader(("row", row), lambda keys: self._rows(row, keys))

    def rows_of(self, column: Any, order: Sequence[Any] = ()) -> DataLoader[UUID, list[Any]]:
        """The few rows that refer to a parent, in order."""
        return self._loader(
            ("rows", column.class_, column.key, tuple(str(each) for each in order)),
            lambda keys: self._children(column, order, keys),
        )

    def page_of(
        self, column: Any, order: Sequence[Key], asked: Asked, where: Sequence[ColumnElement[bool]] = ()
    ) -> DataLoader[UUID, Page[Any]]:
        """A page of the rows that refer to a parent: for many parents one statement with a page each."""
        where_text = tuple(
            str(part.compile(compile_kwargs={"literal_binds": False})) + repr(part.compile().params)
            for part in where
        )
        key = (
            "page",
            column.class_,
            column.key,
            asked,
            where_text,
            tuple((k.column.key, k.descending) for k in order),
        )
        return self._loader(key, lambda keys: self._pages(column, order, asked, where, keys))

    def batch(self, load: Batch, missing: Any = None) -> DataLoader[Any, Any]:
        async def found(keys: list[Any]) -> list[Any]:
            values = await load(self._db, keys)
            return [values.get(key, missing) for key in keys]

        return self._loader(("batch", load), found)

    def _loader(
        self, key: Hashable, load: Callable[[list[Any]], Awaitable[list[Any]]]
    ) -> DataLoader[Any, Any]:
        if key not in self._made:
            self._made[key] = DataLoader(load_fn=load)
        return self._made[key]

    async def _rows(self, row: type[Any], keys: list[UUID]) -> list[Any]:
        found = await self._db.scalars(select(row).where(row.id.in_(keys), visible(row, self._db.viewer)))
        by_id = {each.id: each for each in found}
        return [by_id.get(key) for key in keys]

    async def _children(self, column: Any, order: Sequence[Any], keys: list[UUID]) -> list[list[Any]]:
        row = column.class_
        found = await self._db.scalars(
            select(row).where(column.in_(keys), visible(row, self._db.viewer)).order_by(*order)
        )
        by_parent: dict[UUID, list[Any]] = defaultdict(list)
        for each in found:
            by_parent[getattr(each, column.key)].append(each)
        return [by_parent[key] for key in keys]

    async def _pages(
        self,
        column: Any,
        order: Sequence[Key],
        asked: Asked,
        where: Sequence[ColumnElement[bool]],
        keys: list[UUID],
    ) -> list[Page[Any]]:
        row = column.class_
        mine = [visible(row, self._db.viewer), *where]
        parents = select(func.unnest(bindparam("parents", keys, ARRAY(Uuid()))).label("parent")).subquery()
        window = windowed(select(row).where(column == parents.c.parent, *mine), order, asked).lateral(
            "window"
        )
        child = aliased(row, window)
        directions = [
            getattr(child, key.column.key).desc()
            if key.descending is not asked.backwards
            else getattr(child, key.column.key).asc()
            for key in order
        ]
        found = await self._db.rows(
            select(parents.c.parent, child)
            .select_from(parents.join(window, true()))
            .order_by(parents.c.parent, *directions)
        )
        by_parent: dict[UUID, list[Any]] = defaultdict(list)
        for parent, each in found:
            by_parent[parent].append(each)
        counts = self._counts(column, mine)
        return [paged(by_parent[key], order, asked, total=lambda key=key: counts.load(key)) for key in keys]

    def _counts(self, column: Any, where: Sequence[ColumnElement[bool]]) -> DataLoader[UUID, int]:
        async def count(keys: list[UUID]) -> list[int]:
            found = await self._db.rows(
                select(column, func.count()).where(column.in_(keys), *where).group_by(column)
            )
            by_parent: dict[UUID, int] = dict(found)
            return [by_parent.get(key, 0) for key in keys]

        return DataLoader(load_fn=count)
