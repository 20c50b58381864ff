"""Documents made from the schema at random, with all it knows: arguments, variables, fragments, switches."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any, cast

import graphql.type
import orjson
from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
)

types = cast("Any", graphql.type)

UNSTEADY = frozenset({"cursor", "settledAt", "health", "auditVerification", "auditEntries"})
"""Roots whose answers differ from one moment to the next, or by the asking itself."""

STEADYING = frozenset({"to"})
"""Arguments without which an answer would tell the present moment."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Values that mean something, so that not every answer is empty."""

    ids: list[str]
    names: list[str]
    words: list[str]
    cursors: list[str]
    instants: list[str]


@dataclass
class Made:
    """A document and its variables."""

    text: str
    variables: dict[str, Any]


@dataclass
class Maker:
    schema: GraphQLSchema
    pool: Pool
    random: Random
    variables: dict[str, Any] = field(default_factory=dict[str, Any])
    declared: list[str] = field(default_factory=list[str])
    fragments: list[str] = field(default_factory=list[str])

    def document(self) -> Made:
        query = cast("GraphQLObjectType", self.schema.query_type)
        roots = [name for name in query.fields if name not in UNSTEADY]
        chosen = self.random.sample(roots, k=self.random.choice([1, 1, 1, 2, 3]))
        body = " ".join(self._field(name, query.fields[name], depth=4) for name in chosen)
        head = f"query({', '.join(self.declared)})" if self.declared else "query"
        return Made(f"{head} {{ {body} }} {' '.join(self.fragments)}", self.variables)

    # --- selections

    def _field(self, name: str, field: GraphQLField, *, depth: int, prefix: str = "") -> str:
        alias = f"{prefix}{name}{self.random.randint(0, 9)}: " if prefix or self.random.random() < 0.2 else ""
        text = alias + name + self._arguments(field) + self._switch()
        kind = types.get_named_type(field.type)
        if types.is_composite_type(kind):
            text += self._selection(kind, depth - 1)
        return text

    def _selection(self, kind: Any, depth: int) -> str:
        if kind.name.endswith("Connection"):
            return self._page(kind, depth)
        parts = self._fields(kind, depth)
        if types.is_abstract_type(kind):
            possible = list(self.schema.get_possible_types(kind))
            for each in self.random.sample(possible, k=min(len(possible), self.random.choice([0, 1, 2]))):
                parts.append(self._fragment(each, depth))
        if self.random.random() < 0.3:
            parts.append("__typename")
        if parts and self.random.random() < 0.2:
            parts.append(self.random.choice(parts))
        return "{ " + " ".join(parts or ["__typename"]) + " }"

    def _fields(self, kind: Any, depth: int, prefix: str = "") -> list[str]:
        there = [
            (name, each)
            for name, each in kind.fields.items()
            if depth > 0 or not types.is_composite_type(types.get_named_type(each.type))
        ]
        chosen = self.random.sample(there, k=min(len(there), self.random.randint(1, 5)))
        return [self._field(name, each, depth=depth, prefix=prefix) for name, each in chosen]

    def _fragment(self, kind: Any, depth: int) -> str:
        inner = "{ " + " ".join(self._fields(kind, depth, prefix=kind.name) or ["__typename"]) + " }"
        if self.random.random() < 0.5:
            return f"... on {kind.name}{self._switch()} {inner}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {kind.name} {inner}")
        return f"...{name}"

    def _page(self, kind: Any, depth: int) -> str:
        node = types.get_named_type(kind.fields["nodes"].type)
        parts = self.random.sample(
            [
                "totalCount",
                "pageInfo { hasNextPage hasPreviousPage startCursor endCursor }",
                f"nodes {self._selection(node, depth)}",
                f"edges {{ cursor node {self._selection(node, depth)} }}",
            ],
            k=self.random.randint(1, 3),
        )
        return "{ " + " ".join(parts) + " }"

    def _switch(self) -> str:
        if self.random.random() > 0.08:
            return ""
        name = self.random.choice(["skip", "include"])
        return f" @{name}(if: {self._value(types.GraphQLNonNull(GraphQLBoolean), 'if')})"

    # --- arguments

    def _arguments(self, field: GraphQLField) -> str:
        given: list[str] = []
        for name, each in field.args.items():
            if types.is_required_argument(each) or name in STEADYING or self.random.random() < 0.4:
                given.append(f"{name}: {self._argument(name, each)}")
        return f"({', '.join(given)})" if given else ""

    def _argument(self, name: str, argument: GraphQLArgument) -> str:
        return self._value(argument.type, name)

    def _value(self, kind: Any, name: str) -> str:
        """A variable, or a literal."""
        value = self._made(kind, name)
        if self.random.random() < 0.5:
            variable = f"v{len(self.variables)}"
            self.variables[variable] = _plain(value)
            self.declared.append(f"${variable}: {kind}")
            return f"${variable}"
        return _literal(value)

    def _made(self, kind: Any, name: str) -> Any:
        if types.is_non_null_type(kind):
            return (
                self._made(kind.of_type, name)
                if types.is_list_type(kind.of_type)
                else self._leaf(kind.of_type, name)
            )
        if name not in STEADYING and self.random.random() < 0.08:
            return None
        if types.is_list_type(kind):
            return [self._made(kind.of_type, name) for _ in range(self.random.choice([0, 1, 1, 2, 3]))]
        return self._leaf(kind, name)

    def _id(self, name: str) -> str:
        """Mostly of the kind that the argument asks for."""
        if self.random.random() < 0.05:
            return self.random.choice(["nobody_1", ""])
        word = next((of for part, of in WORDS.items() if part in name.lower()), "")
        return self.random.choice([each for each in self.pool.ids if each.startswith(word)])

    def _leaf(self, kind: Any, name: str) -> Any:
        if isinstance(kind, GraphQLInputObjectType):
            return {
                each: self._made(inner.type, each)
                for each, inner in kind.fields.items()
                if types.is_required_input_field(inner) or self.random.random() < 0.25
            }
        if isinstance(kind, GraphQLEnumType):
            return Word(self.random.choice(list(kind.values)))
        choose = self.random.choice
        match kind.name:
            case "Boolean":
                return choose([True, False])
            case "Int" if name in ("first", "last"):
                return choose([1, 2, 3, 50] * 4 + [0, 501])
            case "Int":
                return choose([0, 1, 2, 3])
            case "Float":
                return choose([0, 0.5, 1])
            case "DateTime":
                return choose(self.pool.instants)
            case "Cursor":
                return choose([*self.pool.cursors * 4, "nonsense"])
            case "ID":
                return self._id(name)
            case _:
                return choose(
                    self.pool.names if name in ("qualifiedName", "key", "name") else self.pool.words
                )


WORDS = {"source": "source_", "workspace": "workspace_", "owner": "user_", "actor": "user_", "role": "role_"}


class Word(str):
    """A name without quotes: a member of an enum."""


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_SUBCLASS))


def _literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Word():
            return str(value)
        case str():
            return orjson.dumps(value).decode()
        case list():
            return "[" + ", ".join(_literal(each) for each in cast("list[Any]", value)) + "]"
        case dict():
            members = cast("dict[str, Any]", value).items()
            return "{" + ", ".join(f"{name}: {_literal(each)}" for name, each in members) + "}"
        case _:
            return str(value)
