"""Every place of the API where a value goes in, found in the schema, with a request that puts a value
there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    get_nullable_type,
    is_required_argument,
    is_required_input_field,
)

from datawave.graphql import schema

Known = Callable[[str, str], Any]
"""A value that is right, for a root field and the name of an argument or input field."""

KINDS = ("query", "mutation", "subscription")


@dataclass(frozen=True)
class Raw:
    """A GraphQL literal as it is written."""

    text: str


@dataclass(frozen=True)
class Place:
    """One value that goes in: of a root field, along names and list indices, of a scalar type."""

    kind: str
    root: str
    path: tuple[str, ...]
    type: str

    def __str__(self) -> str:
        return f"{self.root}({'.'.join(self.path)}: {self.type})"

    @property
    def told_path(self) -> list[str]:
        """As errors name it: within the input of a mutation, from the argument elsewhere."""
        return list(self.path[1:] if self.path[0] == "input" else self.path)

    def document(self, value: Any, known: Known) -> tuple[str, dict[str, Any]]:
        """The request with the value in a variable."""
        field = _root(self.kind)[self.root]
        given = self._arguments(value, known)
        declared = ", ".join(f"${name}: {field.args[name].type}" for name in given)
        passed = ", ".join(f"{name}: ${name}" for name in given)
        return f"{self.kind} ({declared}) {{ {self.root}({passed}) {_selected(field.type)} }}", given

    def literal(self, value: Any, known: Known) -> str:
        """The request with the value written into it."""
        field = _root(self.kind)[self.root]
        passed = ", ".join(
            f"{name}: {_written(each)}" for name, each in self._arguments(value, known).items()
        )
        return f"{self.kind} {{ {self.root}({passed}) {_selected(field.type)} }}"

    def _arguments(self, value: Any, known: Known) -> dict[str, Any]:
        given: dict[str, Any] = {}
        for name, argument in _root(self.kind)[self.root].args.items():
            along = self.path[1:] if name == self.path[0] else None
            if along is not None or is_required_argument(argument):
                given[name] = _value(argument.type, along, value, lambda n: known(self.root, n), name)
        return given


def places() -> Iterator[Place]:
    """All of them, by kind of operation and name."""
    for kind in KINDS:
        for root, field in sorted(_root(kind).items()):
            for name, argument in field.args.items():
                for path, scalar in _leaves(argument.type, (name,)):
                    yield Place(kind, root, path, scalar)


def _root(kind: str) -> dict[str, Any]:
    built: Any = schema()._schema  # pyright: ignore[reportPrivateUsage]  # graphql-core's own, to be walked
    return {
        "query": built.query_type,
        "mutation": built.mutation_type,
        "subscription": built.subscription_type,
    }[kind].fields


def _leaves(kind: GraphQLInputType, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    plain: Any = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        yield from _leaves(plain.of_type, (*path, "0"))
    elif isinstance(plain, GraphQLInputObjectType):
        for name, field in plain.fields.items():
            yield from _leaves(field.type, (*path, name))
    elif not isinstance(plain, GraphQLEnumType):
        yield path, plain.name


def _value(
    kind: GraphQLInputType, along: tuple[str, ...] | None, value: Any, known: Callable[[str], Any], name: str
) -> Any:
    """The value where the path ends; beside the path the least that is valid."""
    if along == ():
        return value
    plain: Any = get_nullable_type(kind)
    if isinstance(plain, GraphQLList):
        return [_value(plain.of_type, along[1:] if along else None, value, known, name)]
    if isinstance(plain, GraphQLInputObjectType):
        return _object(plain, along, value, known)
    if isinstance(plain, GraphQLEnumType):
        return Enum(next(iter(plain.values)))
    return known(name)


def _object(
    kind: GraphQLInputObjectType, along: tuple[str, ...] | None, value: Any, known: Callable[[str], Any]
) -> dict[str, Any]:
    if kind.extensions["strawberry-definition"].is_one_of:
        name = along[0] if along else next(iter(kind.fields))
        return {name: _value(kind.fields[name].type, along[1:] if along else None, value, known, name)}
    made: dict[str, Any] = {}
    for name, field in kind.fields.items():
        within = along[1:] if along and along[0] == name else None
        if within is not None or is_required_input_field(field):
            made[name] = _value(field.type, within, value, known, name)
    return made


class Enum(str):
    """A value of an enum: written without quotes."""


def _written(value: Any) -> str:
    match value:
        case Raw():
            return value.text
        case Enum():
            return value
        case dict():
            return "{" + ", ".join(f"{name}: {_written(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ", ".join(_written(each) for each in value) + "]"
        case _:
            return json.dumps(value)


def _selected(kind: Any) -> str:
    """The least that makes the field do all it does."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for wanted, inner in (("errors", "code message path"), ("nodes", "__typename")):
            if wanted in named.fields:
                return f"{{ {wanted} {{ {inner} }} }}"
    return (
        "{ __typename }"
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        else ""
    )
