"""Argument values with variables in them, prepared so that each request only fills in the variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import graphql.utilities
from graphql import ObjectValueNode, Undefined, ValueNode, VariableNode

from datawave.planner.kinds import bare, is_input, is_required
from datawave.transports.plans import Unplanned

_coerce_literal = cast("Any", graphql.utilities).coerce_input_literal

Fill = Callable[[Mapping[str, Any]], Any]


class _Absent:
    """No value was given."""


ABSENT = _Absent()


def has_variables(value: ValueNode) -> bool:
    look: list[Any] = [value]
    while look:
        each = look.pop()
        if isinstance(each, VariableNode):
            return True
        look += getattr(each, "values", ())
        look += [field.value for field in getattr(each, "fields", ())]
    return False


def filling(value: ValueNode, kind: Any) -> Fill | None:
    """Of a variable, or of an input whose fields are variables or constants; None where it is more than that,
    which the specification's own coercion does as well."""
    if isinstance(value, VariableNode):
        return _variable(value.name.value, required=is_required(kind))
    if not isinstance(value, ObjectValueNode) or not is_input(bare(kind)):
        return None
    fields = bare(kind).fields
    fills: list[tuple[str, Fill]] = []
    constants: dict[str, Any] = {}
    for each in value.fields:
        name = each.name.value
        if not has_variables(each.value):
            constants[name] = _coerce_literal(each.value, fields[name].type)
        elif (fill := filling(each.value, fields[name].type)) is not None:
            fills.append((name, fill))
        else:
            return None
    given = {name for name, _ in fills} | constants.keys()
    if any(_has_default(field) for name, field in fields.items() if name not in given):
        return None
    return _input(constants, fills)


def _has_default(field: Any) -> bool:
    return field.default is not None or field.default_value is not Undefined


def _variable(name: str, *, required: bool) -> Fill:
    def fill(variables: Mapping[str, Any]) -> Any:
        value = variables.get(name, ABSENT)
        if required and (value is None or value is ABSENT):
            raise Unplanned("input", "null where none may be")
        return value

    return fill


def _input(constants: dict[str, Any], fills: list[tuple[str, Fill]]) -> Fill:
    def fill(variables: Mapping[str, Any]) -> Any:
        found = dict(constants)
        for name, each in fills:
            value = each(variables)
            if value is not ABSENT:
                found[name] = value
        return found

    return fill
