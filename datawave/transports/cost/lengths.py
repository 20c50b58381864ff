"""How long pages and lists are, by the arguments of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

from graphql import FieldNode, GraphQLField, Undefined
from graphql.language import IntValueNode, ListValueNode, NullValueNode, ValueNode, VariableNode

from datawave.transports.cost.amounts import Amount, Values, product

PAGE_SIZE = 50
"""So many are in a page that was not given a length."""

_Number: TypeAlias = "int | Callable[[Values], int | None] | None"


def of_page(node: FieldNode, field: GraphQLField, *, most: int) -> Amount:
    first, last = (_number(node, name, field) for name in ("first", "last"))
    if not callable(first) and not callable(last):
        return _bounded(first, last, most)
    return lambda values: _bounded(_asked(first, values), _asked(last, values), most)


def of_arguments(node: FieldNode, names: Iterable[str]) -> Amount:
    """The product of the lengths of some arguments that are lists."""
    lengths: Amount = 1
    for name in names:
        lengths = product(lengths, _length(_argument(node, name)))
    return lengths


def _asked(number: _Number, values: Values) -> int | None:
    return number(values) if callable(number) else number


def _bounded(first: int | None, last: int | None, most: int) -> int:
    """The length of a page; one that is longer than any is refused when it is read."""
    length = last if last is not None else first
    return min(max(PAGE_SIZE if length is None else length, 0), most)


def _argument(node: FieldNode, name: str) -> ValueNode | None:
    return next((one.value for one in node.arguments or () if one.name.value == name), None)


def _number(node: FieldNode, name: str, field: GraphQLField) -> _Number:
    argument = field.args.get(name)
    if argument is None:
        return None
    otherwise = argument.default_value if argument.default_value is not Undefined else None
    given = _argument(node, name)
    if isinstance(given, IntValueNode):
        return int(given.value)
    if isinstance(given, NullValueNode):
        return None
    if isinstance(given, VariableNode):
        variable = given.name.value
        return lambda values: values.get(variable, otherwise)
    return otherwise


def _length(given: ValueNode | None) -> Amount:
    """How long a list is; a single value stands for a list of one."""
    if given is None or isinstance(given, NullValueNode):
        return 0
    if isinstance(given, ListValueNode):
        return len(given.values)
    if isinstance(given, VariableNode):
        variable = given.name.value
        return lambda values: _length_of(values.get(variable))
    return 1


def _length_of(value: Any) -> int:
    if isinstance(value, list):
        return len(cast("list[Any]", value))
    return 0 if value is None else 1
