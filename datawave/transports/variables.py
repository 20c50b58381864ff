"""Variables coerced, quickly where they are plain: what is anything else goes the specification's own way."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

import graphql.type
import graphql.utilities
from graphql import GraphQLSchema, OperationDefinitionNode
from graphql.execution.values import VariableValues

_types = cast("Any", graphql.type)
_type_from_ast = cast("Any", graphql.utilities).type_from_ast

TEXTS = frozenset({"String", "ID", "Cursor"})
GREATEST, LEAST = 2**31 - 1, -(2**31)


class NotPlain(Exception):
    """A value that is for the specification's own way: it may be wrong, or only unusual."""


Coerce = Callable[[Any], Any]


class Plain:
    """The variables of one operation, where all of them are of plain types without defaults."""

    def __init__(self, schema: GraphQLSchema, operation: OperationDefinitionNode) -> None:
        self._coerce: list[tuple[str, Coerce, bool]] | None = []
        for each in operation.variable_definitions or ():
            kind: Any = _type_from_ast(schema, each.type)
            coerce = plain(kind) if each.default_value is None and not each.directives else None
            if coerce is None:
                self._coerce = None
                return
            self._coerce.append((each.variable.name.value, coerce, _types.is_non_null_type(kind)))

    def coerced(self, given: Mapping[str, Any]) -> VariableValues | None:
        """None where it has to be done the long way."""
        if self._coerce is None:
            return None
        found: dict[str, Any] = {}
        try:
            for name, coerce, required in self._coerce:
                if name in given:
                    found[name] = coerce(given[name])
                elif required:
                    return None
        except NotPlain:
            return None
        return VariableValues({}, found)


def plain(kind: Any) -> Coerce | None:
    if _types.is_non_null_type(kind):
        inner = plain(kind.of_type)
        return _required(inner) if inner is not None else None
    if _types.is_list_type(kind):
        inner = plain(kind.of_type)
        return _list(inner) if inner is not None else None
    if kind.name in TEXTS:
        return _text
    return {"Int": _int, "Boolean": _boolean, "Float": _float}.get(kind.name)


def _required(inner: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if value is None:
            raise NotPlain
        return inner(value)

    return coerce


def _list(inner: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, list):
            raise NotPlain
        return [inner(each) for each in cast("list[Any]", value)]

    return coerce


def _text(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise NotPlain
    return value


def _int(value: Any) -> Any:
    if value is not None and (type(value) is not int or not LEAST <= value <= GREATEST):
        raise NotPlain
    return value


def _boolean(value: Any) -> Any:
    if value is not None and not isinstance(value, bool):
        raise NotPlain
    return value


def _float(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise NotPlain
    return float(value)
