"""What a schema says of the cost of its fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLWrappingType,
    get_named_type,
    is_composite_type,
)

LIST_SIZE = 5
"""So many things are counted in a list that is no page and declares no size."""


@dataclass(frozen=True, slots=True)
class Price:
    """What the schema says of one field."""

    kind: GraphQLNamedType
    """The type of what it holds, one or many."""
    weight: int | None
    times: tuple[str, ...]
    composite: bool
    connection: bool
    size: int
    """How many things it holds: 1, unless it is a list."""
    listed: bool


class Prices:
    """The declarations of a schema, each read once."""

    def __init__(self, schema: GraphQLSchema, *, longest_page: int) -> None:
        self.schema, self.longest_page = schema, longest_page
        self._known: dict[tuple[str, str], Price] = {}

    def of(self, parent: GraphQLNamedType, name: str, field: GraphQLField) -> Price:
        key = (parent.name, name)
        price = self._known.get(key)
        if price is None:
            price = self._known[key] = _price(field)
        return price


def _price(field: GraphQLField) -> Price:
    declared = _declared(field)
    kind, lists = _kind(field), _lists(field)
    cost, sized = declared.get("Cost"), declared.get("ListSize")
    return Price(
        kind=kind,
        weight=cost.weight if cost else None,
        times=tuple(cost.times) if cost else (),
        composite=is_composite_type(kind),
        connection=not lists and kind.name.endswith("Connection"),
        size=(sized.assumed_size if sized else LIST_SIZE) ** lists if lists else 1,
        listed=lists > 0,
    )


def _declared(field: GraphQLField) -> dict[str, Any]:
    """Strawberry's directives of a field, by the name of their class."""
    definition: Any = (field.extensions or {}).get("strawberry-definition")
    return {type(one).__name__: one for one in definition.directives} if definition is not None else {}


def _kind(field: GraphQLField) -> GraphQLNamedType:
    return cast("GraphQLNamedType", cast("Any", get_named_type)(cast("Any", field).type))


def _lists(field: GraphQLField) -> int:
    depth, inside = 0, cast("Any", field).type
    while isinstance(inside, GraphQLWrappingType):
        depth += isinstance(inside, GraphQLList)
        inside = cast("Any", inside).of_type
    return depth
