"""One's own things (SPINE 7): a stream that many share may show nothing that depends on who asks."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any, cast

import pytest
from graphql import GraphQLField, GraphQLNamedType, GraphQLObjectType, GraphQLSchema, get_named_type

from datawave.graphql import schema
from schema.own import DEFINITION, own_mark, possible

WHO = {"actor_id", "actor_word", "session_id", "address", "client"}
"""What a viewer has beside rights."""


def built() -> GraphQLSchema:
    made: Any = schema()
    return made._schema


def reachable() -> Iterator[tuple[str, GraphQLField]]:
    """Every field that a subscription can come to."""
    whole = built()
    root = whole.subscription_type
    assert root is not None
    known, rest = {root.name}, [cast("GraphQLObjectType", root)]
    while rest:
        kind = rest.pop()
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field
            answer = cast("GraphQLNamedType", get_named_type(cast("Any", field).type))
            for each in possible(whole, answer):
                if each.name not in known:
                    known.add(each.name)
                    rest.append(each)


def asks_who(field: GraphQLField) -> set[str]:
    """What a field's resolver reads of `viewer` beside its rights, as its own source says it."""
    resolver = getattr(field.extensions.get(DEFINITION), "base_resolver", None)
    if resolver is None:
        return set()
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(resolver.wrapped_func))))
    except (OSError, TypeError):
        return set()
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in WHO
        and (
            (isinstance(node.value, ast.Attribute) and node.value.attr == "viewer")
            or (isinstance(node.value, ast.Name) and node.value.id == "viewer")
        )
    }


def test_what_a_subscription_reaches_is_walked() -> None:
    names = {name for name, _ in reachable()}
    assert {
        "Subscription.agentAssigned",
        "AgentTask.known",
        "AuthSession.current",
        "User.displayName",
    } <= names


@pytest.mark.parametrize("name", ["AgentTask.known", "AgentTask.sealedCredentials", "AuthSession.current"])
def test_a_field_that_asks_who_it_is_is_found(name: str) -> None:
    [field] = [field for each, field in reachable() if each == name]
    assert asks_who(field)


def test_every_field_of_a_stream_that_asks_who_it_is_says_so() -> None:
    undeclared = [name for name, field in reachable() if asks_who(field) and own_mark(field) == (False, ())]
    assert undeclared == []
