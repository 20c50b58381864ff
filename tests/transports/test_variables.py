"""Variables coerced quickly are what the specification's own way makes of them, or are left to it."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import OperationDefinitionNode, build_schema, parse
from graphql.execution import get_variable_values
from hypothesis import given
from hypothesis import strategies as some

from datawave.transports.variables import Plain

SCHEMA = build_schema(
    "scalar Cursor enum Kind { A B } input In { a: Int }"
    " type Query { a: Int, i: ID, f: Float, b: Boolean, s: String, c: Cursor }"
)
TYPES = [
    "Int",
    "Int!",
    "String",
    "ID!",
    "Boolean",
    "Float",
    "Cursor",
    "[Int]",
    "[ID!]!",
    "[[String!]]",
    "Kind",
    "In",
]
VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**40), 2**40)
    | some.floats()
    | some.text(max_size=3)
    | some.sampled_from(["A", 2**31 - 1, 2**31, -(2**31), 1.0]),
    lambda inner: (
        some.lists(inner, max_size=3) | some.dictionaries(some.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=5,
)


def _operation(text: str) -> OperationDefinitionNode:
    [operation] = parse(text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


@given(some.sampled_from(TYPES), some.fixed_dictionaries({}, optional={"v": VALUES}))
def test_quick_is_as_slow_would_be(kind: str, variables: dict[str, Any]) -> None:
    operation = _operation(f"query ($v: {kind}) {{ a }}")
    quick = Plain(SCHEMA, operation).coerced(variables)
    if quick is not None:
        slow = get_variable_values(SCHEMA, operation.variable_definitions or (), variables)
        assert not isinstance(slow, list)
        assert repr(quick.coerced) == repr(slow.coerced)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("Int", 3), ("ID!", "x"), ("[String!]", ["a"]), ("Float", 1), ("Boolean!", False), ("Cursor", None)],
)
def test_what_is_plain_is_quick(kind: str, value: Any) -> None:
    quick = Plain(SCHEMA, _operation(f"query ($v: {kind}) {{ a }}")).coerced({"v": value})
    assert quick is not None
    assert quick.coerced == {"v": value}


def test_a_default_goes_the_long_way() -> None:
    assert Plain(SCHEMA, _operation("query ($v: Int = 3) { a }")).coerced({}) is None
