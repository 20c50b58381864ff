"""What is known of a field, whoever asks for it: how its value is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from typing import Any

from graphql import GraphQLObjectType

from datawave.executor.leaves import Get, leaf
from datawave.kit.ids import global_id
from datawave.kit.reads import BEGINS, READ, Begun, Global, Said


@dataclass(frozen=True, slots=True)
class Means:
    """How a field of a type is found: as a `leaf` that is ready to be sent, by a function of the thing alone
    (`get`), or by what is begun (`begins`); else on the ordinary way."""

    leaf: Get | None = None
    get: Get | None = None
    begins: Callable[[Any, dict[str, Any]], Begun] | None = None


@cache
def means(parent: GraphQLObjectType, name: str) -> Means:
    if name == "__typename":
        return Means(leaf=lambda _thing: parent.name)
    field = parent.fields.get(name)
    declared: Any = field.extensions.get("strawberry-definition") if field else None
    if field is None or declared is None or declared.extensions:
        return Means()
    if (begins := declared.metadata.get(BEGINS)) is not None:
        return Means(begins=begins)
    get = _get(declared)
    if get is None:
        return Means()
    ready = leaf(get, field.type)
    return Means(get=get) if ready is None else Means(leaf=ready)


def _get(declared: Any) -> Get | None:
    """The function of the thing alone that says the value; None where the field asks for more."""
    read = declared.metadata.get(READ)
    if isinstance(read, Global):
        return lambda thing: global_id(thing.row.__word__, thing.row.id)
    if isinstance(read, Said):
        return _said(read)
    resolver = declared.base_resolver
    if resolver is None:
        return attrgetter(declared.python_name)
    asks = resolver.info_parameter or resolver.parent_parameter or resolver.root_parameter
    if resolver.is_async or asks or declared.arguments or not resolver.self_parameter:
        return None
    return resolver.wrapped_func


def _said(read: Said) -> Get:
    """From what the row holds: the mapper's descriptors would be asked for each."""
    names, otherwise = read.columns, read.otherwise

    def get(thing: Any) -> Any:
        held, said = thing.row.__dict__, None
        for name in names:
            said = held[name]
            if said:
                return said
        return said if otherwise is None else otherwise

    return get
