"""The request's dataloaders: what many parents ask of one table becomes one statement.

All of them put the viewer's predicate into the statement: a row that may not be seen is not loaded.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, cast
from uuid import UUID

from strawberry.dataloader import DataLoader

from datawave.kit.database import Db
from datawave.kit.kept import kept
from datawave.kit.pages import Asked
from datawave.kit.reads import Loaded, Related, Shape, by_id

K = TypeVar("K")
V = TypeVar("V")

Batch = Callable[[Db, Sequence[Any]], Awaitable[Mapping[Any, Any]]]
"""A loader for what cannot be declared: from keys to what was found."""


def _frozen(value: Any) -> Hashable:
    """Arguments as something to find their loader by; inputs are dataclasses."""
    if is_dataclass(value) and not isinstance(value, type):
        return (type(value), *(_frozen(getattr(value, each.name)) for each in fields(value)))
    if isinstance(value, Mapping):
        return tuple((name, _frozen(each)) for name, each in cast("Mapping[str, Any]", value).items())
    if isinstance(value, list | tuple):
        return tuple(_frozen(each) for each in cast("Sequence[Any]", value))
    return value


class Loader(DataLoader[Any, Any]):
    """What several ask for is not taken from all when one of them is cancelled: the executor cancels what
    stands beside an error."""

    def load(self, key: Any) -> Awaitable[Any]:
        return asyncio.shield(self.found(key))

    def found(self, key: Any) -> Future[Any]:
        """Everybody's own; whoever awaits it shields it."""
        return cast("Future[Any]", super().load(key))


class Loaders:
    def __init__(self, db: Db) -> None:
        self._db = db
        self._made: dict[Hashable, Loader] = {}

    def row(self, row: type[Any]) -> Loader:
        """A row by its id; None where it is gone or not the viewer's to see."""
        return self._loader(("row", row), lambda keys: self._rows(row, keys))

    def related(self, read: Related, at: Any, arguments: Mapping[str, Any], asked: Asked | None) -> Loader:
        """What a type declares to belong to its rows: for each key the rows, and as of when they are."""

        reading = kept(read.describe, of_parents=True)

        async def load(keys: list[Any]) -> list[Any]:
            if asked is not None:
                pages, then = await reading.pages(self._db, asked, keys, at, arguments)
                return [(pages[key], then) for key in keys]
            found, then = await reading.grouped(self._db, keys, at, arguments)
            if read.shape is Shape.MANY:
                return [(found.get(key, []), then) for key in keys]
            return [(found[key][0], then) if key in found else None for key in keys]

        return self._loader(("related", read, at, _frozen(arguments), asked), load)

    def loaded(self, read: Loaded, at: Any) -> Loader:
        """What a function finds for many keys."""

        async def found(keys: list[Any]) -> list[Any]:
            values = await read.load(self._db, keys, at)
            return [values.get(key, read.missing) for key in keys]

        return self._loader(("loaded", read, at), found)

    def _loader(self, key: Hashable, load: Callable[[list[Any]], Awaitable[list[Any]]]) -> Loader:
        if key not in self._made:
            self._made[key] = Loader(load_fn=load)
        return self._made[key]

    async def _rows(self, row: type[Any], keys: list[UUID]) -> list[Any]:
        found, _ = await kept(by_id(row), of_parents=True).grouped(self._db, keys, None, {})
        return [found[key][0] if key in found else None for key in keys]
