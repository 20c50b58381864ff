"""One's own things: which documents answer by who asks, beyond what they may (SPINE 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_abstract_type,
    visit,
)

from datawave.kit.access import Viewer
from datawave.kit.reads import NEEDS

DEFINITION = "strawberry-definition"
OWN = "own"
"""The mark in a field's metadata: True, or the rows of which it answers by whose they are."""


@dataclass(frozen=True, kw_only=True)
class Touched:
    """What a document touches of things that one may own."""

    own: bool = False
    """Its answer is the viewer's alone, whatever they may."""
    reads: frozenset[str] = frozenset()
    """Permissions: who holds one of them not everywhere sees their own things beyond it."""

    def own_of(self, viewer: Viewer) -> bool:
        return self.own or any(not viewer.rights.scope(each).everywhere for each in self.reads)


def touched_by(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> Touched:
    """Of the whole document: that it holds other operations too only makes fewer share it."""
    types = TypeInfo(schema)
    found = _Finder(schema, types)
    visit(document, TypeInfoVisitor(types, found))
    return Touched(own=found.own, reads=frozenset(found.reads))


class _Finder(Visitor):
    def __init__(self, schema: GraphQLSchema, types: TypeInfo) -> None:
        super().__init__()
        self._schema, self._types = schema, types
        self.own = False
        self.reads: set[str] = set()

    def enter_field(self, _node: FieldNode, *_: Any) -> None:
        field = self._types.get_field_def()
        if field is None:
            return
        own, rows = own_mark(field)
        self.own = self.own or own
        self._needed(field)
        for row in rows:
            self._row(row)
        kind = cast("GraphQLNamedType", get_named_type(cast("Any", field).type))
        for each in possible(self._schema, kind):
            self._row(row_of(each))

    def _needed(self, field: GraphQLField) -> None:
        """One's own row tells what others need a permission for."""
        needs = _metadata(field).get(NEEDS)
        parents = possible(self._schema, cast("GraphQLNamedType", self._types.get_parent_type()))
        rows = [row for each in parents if (row := row_of(each)) is not None]
        if needs is not None and any(row.__access__.own is not None for row in rows):
            self.reads.add(needs)

    def _row(self, row: Any) -> None:
        if row is not None and row.__access__.own is not None and row.__access__.read is not None:
            self.reads.add(row.__access__.read)


def own_mark(field: GraphQLField) -> tuple[bool, Sequence[type[Any]]]:
    """What the field declared: whether it is the viewer's own, and the rows."""
    mark = _metadata(field).get(OWN)
    return (True, ()) if mark is True else (False, mark or ())


def _metadata(field: GraphQLField) -> Any:
    return getattr(field.extensions.get(DEFINITION), "metadata", {})


def row_of(kind: GraphQLObjectType) -> Any:
    """The row that a type shows."""
    definition = kind.extensions.get(DEFINITION)
    return getattr(definition.origin, "shows", None) if definition is not None else None


def possible(schema: GraphQLSchema, kind: GraphQLNamedType) -> list[GraphQLObjectType]:
    if isinstance(kind, GraphQLObjectType):
        return [kind]
    return list(schema.get_possible_types(kind)) if is_abstract_type(kind) else []
