"""How a type says where its fields come from, so that nobody has to fetch them one by one.

`computed` columns of the row, the `same` row seen another way, `one`, `many`, `page` and `related` rows, an
`actor`, what is `loaded` for many at once. From each declaration come the field, its dataloader, and its part
in plans (`datawave.planner`).
"""

from __future__ import annotations

import asyncio
import inspect
from asyncio import Future, shield
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.loaders import Loader
from datawave.kit.pages import Asked, Key
from datawave.kit.reads import (
    Begun,
    Computed,
    Declared,
    Loaded,
    Of,
    Pointed,
    PointedEach,
    Related,
    Rows,
    Said,
    Same,
    Shape,
    by_id,
)
from schema.context import Info
from schema.directives import Cost
from schema.fields import field
from schema.rows import shown
from schema.shapes import connection
from schema.showing import field_of, paging, showing, shown_by, signature, taken_asked
from schema.texts import refuse_unfit


def declared(read: Declared, resolve: Any, *, description: str | None, **more: Any) -> Any:
    return field(resolve, description=description, read=read, **more)


# --- of the row itself


def computed(
    by: Any = None,
    *,
    description: str | None = None,
    cost: int | Cost | None = None,
    own: bool = False,
    needs: Permission | None = None,
) -> Any:
    """A field made from columns: the parameters of the function are their names. A first one called `viewer`
    is who asks; then it may be one's `own`."""

    def made(by: Callable[..., Any]) -> Any:
        names = tuple(inspect.signature(by).parameters)
        asking = names[:1] == ("viewer",)
        read = Computed(names[asking:], by, asking)

        def resolve(self: Any) -> Any:
            return by(*(getattr(self.row, name) for name in read.columns))

        def resolve_asked(self: Any, info: Info) -> Any:
            return by(info.context.viewer, *(getattr(self.row, name) for name in read.columns))

        like = _like(resolve_asked, by, [_INFO]) if asking else _like(resolve, by, [])
        return declared(read, like, description=description, cost=cost, own=own, needs=needs)

    return made(by) if by is not None else made


_INFO = inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info)


def column(
    *names: str, otherwise: Any = None, description: str | None = None, needs: Permission | None = None
) -> Any:
    """A column of another name, or one that needs a permission of its own; of several the first that says
    something, or else what is said `otherwise`."""
    read = Said(names, otherwise)

    def resolve(self: Any) -> Any:
        return read.of(self.row)

    return field(_untyped(resolve), description=description, needs=needs, read=read)


def same(*, description: str | None = None) -> Any:
    """Another view of the row."""

    def resolve(self: Any, info: Info) -> Any:
        return shown_by(field_of(info)).of(self.row)

    return declared(Same(), _untyped(resolve), description=description)


# --- of other rows


def one(key: str, row: type[Any], *, description: str | None = None) -> Any:
    """The row that a column of this one refers to; null where there is none or the viewer may not see it."""
    read = Related(by_id(row), Shape.ONE, key, row=row)
    return _related(read, signature([]), description=description)


def each(key: str, describe: Callable[[Of], Rows], *, description: str | None = None) -> Any:
    """The rows that a column names by several keys, in their order; those apart that may not be seen."""
    read = Related(describe, Shape.ONE, key, each=True)
    return _related(read, signature([]), description=description)


def many(column: Any, *, order_by: Sequence[Key] = (), description: str | None = None) -> Any:
    """The few rows that refer to this one."""
    return _related(Related(_children(column, order_by), Shape.MANY), signature([]), description=description)


def page(
    column: Any, *, order_by: Sequence[Key], description: str | None = None, cost: int | Cost | None = None
) -> Any:
    """A page of the rows that refer to this one, in this order."""
    read = Related(_children(column, order_by), Shape.PAGE)
    return _related(read, signature(paging()), description=description, cost=cost)


def _children(column: Any, order: Sequence[Key]) -> Callable[[Of], Rows]:
    row = column.class_

    def describe(of: Of) -> Rows:
        return Rows(query=select(row).where(visible(row, of.viewer)), row=row, by=column, order=order)

    return describe


def related(
    shape: Shape,
    describe: Callable[..., Rows],
    *,
    key: str = "id",
    missing: Any = None,
    description: str | None = None,
    cost: int | Cost | None = None,
    needs: Permission | None = None,
) -> Any:
    """Rows that a function describes, given an `Of` and the field's arguments."""
    own = list(inspect.signature(describe).parameters.values())[1:]
    full = signature([*own, *(paging() if shape is Shape.PAGE else [])])
    read = Related(describe, shape, key, missing)
    return _related(read, full, description=description, cost=cost, needs=needs, like=describe)


def _related(
    read: Related,
    signature: inspect.Signature,
    *,
    description: str | None,
    cost: int | Cost | None = None,
    needs: Permission | None = None,
    like: Any = None,
) -> Any:
    def begins(field: Any, arguments: dict[str, Any]) -> _RelatedBegun:
        refuse_unfit(arguments)
        asked = taken_asked(arguments) if read.shape is Shape.PAGE else None
        return _RelatedBegun(read, field, arguments, asked)

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        begun = begins(field_of(info), arguments)
        if not read.each:
            return await _awaited(begun, self, info)
        found = await begun.loader(self, info.context).load_many(getattr(self.row, read.key) or [])
        return [begun.shown(each) for each in found if each is not None]

    if like is not None:
        resolve.__module__, resolve.__name__ = like.__module__, like.__name__
    resolve.__annotations__.clear()
    cast("Any", resolve).__signature__ = signature
    begun = None if read.each else begins
    return declared(read, resolve, description=description, cost=cost, needs=needs, begins=begun)


class _RelatedBegun:
    def __init__(self, read: Related, field: Any, arguments: dict[str, Any], asked: Asked | None) -> None:
        self.read, self._field = read, field
        self._arguments, self._asked = arguments, asked
        self._last: tuple[Any, Any, Loader] | None = None
        """Of which request's loaders, and as of when: many things in turn need the same."""

    def loader(self, thing: Any, context: Any) -> Loader:
        at, loaders = getattr(thing, "at", None), context.loaders
        last = self._last
        if last is not None and last[0] is loaders and last[1] is at:
            return last[2]
        found = loaders.related(self.read, at, self._arguments, self._asked)
        self._last = loaders, at, found
        return found

    def load(self, thing: Any, context: Any) -> Future[Any] | None:
        key = getattr(thing.row, self.read.key)
        return self.loader(thing, context).found(key) if key else None

    def shown(self, found: Any) -> Any:
        return _as_shown(self.read, self._field, found)


async def _awaited(begun: Begun, thing: Any, info: Info) -> Any:
    coming = begun.load(thing, info.context)
    return begun.shown(None if coming is None else await shield(coming))


def _as_shown(read: Related, field: Any, found: Any) -> Any:
    """From (what was found, as of when) to the field's value."""
    if found is None:
        return [] if read.shape is Shape.MANY else read.missing
    value, at = found
    if read.shape is Shape.VALUE:
        return value
    show = showing(field, at)
    if read.shape is Shape.PAGE:
        return connection(value, show)
    return [show(row) for row in value] if read.shape is Shape.MANY else show(value)


def actor(prefix: str, *, description: str | None = None) -> Any:
    """Who acted: from the columns `<prefix>_word` and `<prefix>_id`, or `<prefix>` where that says it
    (`made_by`)."""
    key = prefix if prefix.endswith("_by") else f"{prefix}_id"
    return pointed(f"{prefix}_word", key, description=description)


def pointed(word: str, key: str, *, description: str | None = None) -> Any:
    """Whatever thing two columns name; null where there is none or the viewer may not see it."""

    begun = _PointedBegun(word, key)

    async def resolve(self: Any, info: Info) -> Any:
        return await _awaited(begun, self, info)

    def begins(_field: Any, _given: dict[str, Any]) -> Begun:
        return begun

    return declared(Pointed(word, key), _untyped(resolve), description=description, begins=begins)


@dataclass(frozen=True, slots=True)
class _PointedBegun:
    word: str
    key: str

    def load(self, thing: Any, context: Any) -> Future[Any] | None:
        named, key = getattr(thing.row, self.word), getattr(thing.row, self.key)
        row = context.row_of(named) if named and key else None
        return context.loaders.row(row).found(key) if row is not None else None

    def shown(self, found: Any) -> Any:
        return shown(found) if found is not None else None


def pointed_each(
    column: str, named: Callable[[Any], Sequence[tuple[str, UUID]]], *, description: str | None = None
) -> Any:
    """Whatever things a column names; those apart that are gone or that the viewer may not see."""

    async def resolve(self: Any, info: Info) -> Any:
        things = [info.context.node(*each) for each in named(getattr(self.row, column))]
        return [each for each in await asyncio.gather(*things) if each is not None]

    return declared(PointedEach(column, named), _untyped(resolve), description=description)


def loaded(
    load: Callable[..., Any],
    *,
    keys: tuple[str, ...] = ("id",),
    missing: Any = None,
    description: str | None = None,
    cost: int | Cost | None = None,
    needs: Permission | None = None,
    own: bool = False,
) -> Any:
    """What a function finds for many rows at once, given the values of these columns."""

    read = Loaded(load, keys, missing)
    begun = _LoadedBegun(read)

    async def resolve(self: Any, info: Info) -> Any:
        return await _awaited(begun, self, info)

    def begins(_field: Any, _given: dict[str, Any]) -> Begun:
        return begun

    return declared(
        read, _untyped(resolve), description=description, cost=cost, needs=needs, own=own, begins=begins
    )


@dataclass(frozen=True, slots=True)
class _LoadedBegun:
    read: Loaded

    def load(self, thing: Any, context: Any) -> Future[Any]:
        values = tuple(getattr(thing.row, name) for name in self.read.keys)
        key = values[0] if len(values) == 1 else values
        return context.loaders.loaded(self.read, getattr(thing, "at", None)).found(key)

    def shown(self, found: Any) -> Any:
        return found


def _like(resolve: Any, by: Callable[..., Any], own: Sequence[inspect.Parameter]) -> Any:
    """With the place and the return type of the function that it runs, or, of a lambda, of the annotation."""
    resolve.__module__, resolve.__name__ = by.__module__, by.__name__
    returned = inspect.signature(by).return_annotation
    plain = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    resolve.__annotations__.clear()
    resolve.__wrapped__ = by
    resolve.__signature__ = inspect.Signature([plain, *own], return_annotation=returned)
    return resolve


def _untyped(resolve: Any) -> Any:
    """The type of a declared field is its annotation in the class, so the resolver must not have one."""
    resolve.__annotations__.pop("return", None)
    return resolve
