"""The arguments of a field, apart: their shape, which decides the statement, and the values it is run with.

What is given is known by its shape alone; a boolean, an enum, and whatever is null, empty or zero counts as
shape, because those who describe reads look at them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, TypeAlias, cast

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLField,
    NameNode,
    get_argument_values,
)
from graphql.execution.values import VariableValues
from strawberry.types.base import StrawberryList, StrawberryOptional, get_object_definition
from strawberry.types.field import StrawberryField

from datawave.kit.given import GIVEN, argument, is_shape
from datawave.kit.pages import Asked
from datawave.planner.filling import ABSENT, filling, has_variables
from datawave.planner.kinds import is_required
from datawave.transports.plans import Unplanned

PAGING = ("first", "after", "last", "before")
Coerced = dict[str, Any]


class Arguments:
    """The arguments that one field of a document is given."""

    def __init__(self, field: Any, node: FieldNode, declared: StrawberryField) -> None:
        self._field, self._node = field, node
        self._own = [
            (name, each) for each in declared.arguments if (name := _graphql_name(each)) not in PAGING
        ]
        self._parts = [(name, _parting(each.type)) for name, each in self._own]
        named = {each.name.value: each.value for each in node.arguments or ()}
        varied = {name: value for name, value in named.items() if has_variables(value)}
        filled = {name: filling(value, field.args[name].type) for name, value in varied.items()}
        self._plain = all(each is not None for each in filled.values())
        self._constant = _constants(field, node, leave_out=set(varied))
        self._variables = [
            (name, fill, _default(field, name)) for name, fill in filled.items() if fill is not None
        ]

    def coerced(self, variables: VariableValues) -> Coerced:
        """By their names in the schema, as the specification coerces them."""
        if not self._plain:
            return get_argument_values(self._field, self._node, variables)
        if not self._variables:
            return self._constant
        found = dict(self._constant)
        for name, fill, default in self._variables:
            value = fill(variables.coerced)
            if value is ABSENT:
                value = default
            if value is not ABSENT:
                found[name] = value
        return found

    def described(self, coerced: Coerced) -> Coerced:
        """As the field's own function takes them, with open places for values, in the order of `parted`."""
        places = iter(range(1_000_000))
        return {
            each.python_name: _opened(coerced[name], each.type, places)
            for name, each in self._own
            if name in coerced
        }

    def parted(self, coerced: Coerced) -> tuple[Hashable, list[Any]]:
        """The shape, and the values that are not part of it."""
        values: list[Any] = []
        shape = tuple([(name, part(coerced[name], values)) for name, part in self._parts if name in coerced])
        return shape, values


def asked_of(coerced: Coerced) -> Asked:
    return Asked(**{name: coerced.get(name) for name in PAGING}).checked()


def _constants(field: Any, node: FieldNode, *, leave_out: set[str]) -> Coerced:
    """What does not depend on variables: literals and defaults."""
    kept: dict[str, GraphQLArgument] = {n: each for n, each in field.args.items() if n not in leave_out}
    nodes = [each for each in node.arguments or () if each.name.value in kept]
    return get_argument_values(
        GraphQLField(field.type, args=kept), FieldNode(name=node.name, arguments=tuple(nodes))
    )


def _default(field: Any, name: str) -> Any:
    definition = field.args[name]
    if is_required(definition.type):
        return ABSENT
    one = GraphQLField(field.type, args={name: definition})
    return get_argument_values(one, FieldNode(name=NameNode(value=name))).get(name, ABSENT)


@cache
def _fields(definition: Any) -> list[tuple[str, Any]]:
    return [(_graphql_name(each), each) for each in definition.fields]


def _graphql_name(named: Any) -> str:
    first, *rest = named.python_name.rstrip("_").split("_")
    return named.graphql_name or first + "".join(part.capitalize() for part in rest)


Part: TypeAlias = Callable[[Any, list[Any]], Hashable]
"""Gives the shape of a value, and puts what is not part of it into the list."""


def _parting(kind: Any) -> Part:
    """Of a type of argument, made once."""
    definition = get_object_definition(_bare(kind))
    if definition is None:
        return _leaf
    fields: list[tuple[str, Part]] = []  # known when one is met: an input may hold one of its own kind

    def part(value: Any, values: list[Any]) -> Hashable:
        if value is None:
            return None
        if not fields:
            fields.extend((name, _parting(each.type)) for name, each in _fields(definition))
        return tuple([(name, each(value[name], values)) for name, each in fields if name in value])

    return part


def _leaf(value: Any, values: list[Any]) -> Hashable:
    if is_shape(value):
        return () if isinstance(value, list) else value
    values.append(value)
    return GIVEN


def _opened(value: Any, kind: Any, places: Any) -> Any:
    """The same walk as that of `_parting`."""
    kind = _bare(kind)
    definition = get_object_definition(kind)
    if value is None or definition is None:
        if isinstance(kind, StrawberryList) and get_object_definition(_bare(kind.of_type)) is not None:
            raise Unplanned("arguments", "a list of inputs")
        return value if is_shape(value) else argument(next(places))
    members: dict[str, Any] = {
        each.python_name: _opened(value[name], each.type, places)
        for name, each in _fields(definition)
        if name in value
    }
    return cast("Any", definition.origin)(**members)


def _bare(kind: Any) -> Any:
    while isinstance(kind, StrawberryOptional):
        kind = kind.of_type
    return kind
