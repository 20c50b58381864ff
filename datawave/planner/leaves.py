"""How values become JSON, as the executor would serialise them: the driver's values, and Python's."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Any, cast
from uuid import UUID

import orjson
from graphql import GraphQLEnumType, GraphQLScalarType
from sqlalchemy import ARRAY, Boolean, DateTime, Float, Integer, String, Uuid
from sqlalchemy import Enum as EnumOf
from sqlalchemy.dialects.postgresql import JSONB

from datawave.kit.pages import comparable
from datawave.kit.statements import python_of_driver
from datawave.planner.kinds import bare, is_enum, is_list, is_required, member
from datawave.transports.plans import Unplanned

Wire = Callable[[Any], Any]


class TellsItself:
    """Stands for a column that the database tells as the answer does: an instant, of which the driver takes
    four times as long to make a value of Python's, which would only be told in turn."""


Of = Wire | type[Unplanned] | type[TellsItself] | None
TEXTS = frozenset({"String", "ID", "Cursor"})


def as_it_is(value: Any) -> Any:
    return value


def required(value: Any) -> Any:
    """The executor would carry this null upwards: that is its business."""
    if value is None:
        raise Unplanned("null", "where none may be")
    return value


def finite(value: Any) -> Any:
    if value is not None and not math.isfinite(value):
        raise Unplanned("value", "a number that is none")
    return value


def json_text(value: str | None) -> Any:
    return orjson.Fragment(value) if value is not None else None


def of_driver(column: Any, kind: Any) -> Of:
    """What makes the driver's value of a column the leaf; None where it is that already, Unplanned where the
    value has to become Python's first, TellsItself where the column can be told instead."""
    kind = bare(kind)
    if is_list(kind):
        plain = isinstance(column, ARRAY) and of_driver(cast("Any", column).item_type, member(kind)) is None
        return None if plain else Unplanned
    if is_enum(kind):
        return None if isinstance(column, EnumOf) and _same_names(column, kind) else Unplanned
    match kind.name:
        case "String" | "ID" | "Cursor" if isinstance(column, String) and not isinstance(column, EnumOf):
            return None
        case "Boolean" if isinstance(column, Boolean):
            return None
        case "Int" if type(column) is Integer:
            return None
        case "DateTime" if isinstance(column, DateTime):
            return TellsItself
        case "Float" if isinstance(column, Float | Integer):
            return finite
        case "JSON" if isinstance(column, JSONB):
            return json_text
        case _:
            return Unplanned


def _same_names(column: Any, kind: GraphQLEnumType) -> bool:
    """The database keeps the names of members."""
    members = column.enum_class
    return members is not None and all(
        (value := kind.values.get(member.name)) is not None and value.value == member.value
        for member in members
    )


def place_of_driver(column: Any) -> Wire | None:
    """What makes the driver's value of a column a part of a cursor; None where it is one as it is."""
    if isinstance(column, Uuid):
        return hex_of
    if isinstance(column, String | Integer | Boolean) and not isinstance(column, EnumOf):
        return None
    made = python_of_driver(column) or as_it_is
    return lambda value: comparable(made(value))


def hex_of(key: UUID | None) -> str | None:
    return key.hex if key is not None else None


def of_python(kind: Any) -> Wire:
    """Python's value as the leaf of this type; raises where null may not be."""
    if is_required(kind):
        inner = of_python(bare(kind))
        return lambda value: inner(required(value))
    if is_list(kind):
        each = of_python(member(kind))
        return lambda values: [each(value) for value in values] if values is not None else None
    if is_enum(kind):
        return _names_of(kind)
    serialize = cast("GraphQLScalarType", kind).serialize
    if kind.name in TEXTS:
        return lambda value: value if value.__class__ is str or value is None else serialize(value)
    if kind.name == "JSON":
        return lambda value: value
    return lambda value: serialize(value) if value is not None else None


def _names_of(kind: GraphQLEnumType) -> Wire:
    known: dict[Any, str] = {}

    def name(value: Any) -> str | None:
        if value is None:
            return None
        if isinstance(value, Enum) and (found := known.get(value)) is not None:
            return found
        found = kind.serialize(value)
        if isinstance(value, Enum):
            known[value] = found
        return found

    return name
