"""How the values of leaves are sent: as graphql-core would, with less ado about the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from graphql import GraphQLEnumType, Undefined

from datawave.planner.kinds import bare, is_composite, is_enum, is_list, is_required, member

Get = Callable[[Any], Any]
AS_THEY_ARE: dict[str, type[Any]] = {"String": str, "ID": str, "Cursor": str, "Boolean": bool}
LARGEST = 2**31 - 1


class _Unfit(Exception):
    """A value that graphql-core is to look at."""


def leaf(get: Get, kind: Any) -> Get | None:
    """What `get` finds, ready to be sent; None where that is no leaf. The usual value of a type goes as it
    is, any other is looked at."""
    wire = _wire(kind)
    if wire is None:
        return None
    name = getattr(bare(kind), "name", "")
    if (as_it_is := AS_THEY_ARE.get(name)) is not None:
        return lambda thing: value if (value := get(thing)).__class__ is as_it_is else wire(value)
    if name == "Int":
        return lambda thing: value if _is_plain_int(value := get(thing)) else wire(value)
    return lambda thing: wire(get(thing))


def _is_plain_int(value: Any) -> bool:
    return value.__class__ is int and -LARGEST <= value <= LARGEST


def _wire(kind: Any) -> Get | None:
    """How values of a leaf's type are sent, or lists of them; None where it is none."""
    if is_composite(kind):
        return None
    if is_required(kind):
        inner = _wire(bare(kind))
        return None if inner is None else lambda value: _there(inner(value))
    if is_list(kind):
        each = _wire(member(kind))
        return None if each is None else lambda value: _each(each, value)
    if is_enum(kind):
        return _names_of(kind)
    coerce = kind.coerce_output_value
    return lambda value: None if value is None else _there(coerce(value))


def _there(value: Any) -> Any:
    if value is None or value is Undefined:
        raise _Unfit
    return value


def _each(wire: Get, values: Any) -> list[Any] | None:
    if values is None:
        return None
    if values.__class__ is not list:
        raise _Unfit
    return [wire(each) for each in cast("list[Any]", values)]


def _names_of(kind: GraphQLEnumType) -> Get:
    known: dict[Any, str] = {}
    members: Any = getattr(kind, "wrapped_cls", None)

    def name(value: Any) -> str | None:
        if value is None:
            return None
        if value.__class__ is not members:
            return _there(kind.coerce_output_value(value))
        found = known.get(value)
        if found is None:
            found = known[value] = _there(kind.coerce_output_value(value))
        return found

    return name
