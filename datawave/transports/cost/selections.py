"""What a document asks of one object, sorted by what decides whether it is paid for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    SelectionSetNode,
    is_abstract_type,
)
from graphql.language import BooleanValueNode, DirectiveNode, InlineFragmentNode, VariableNode


class Selection:
    """Fields by their key, those for some types, those under a condition."""

    __slots__ = ("fields", "guarded", "kind", "narrowed", "spread")

    def __init__(self, kind: GraphQLNamedType) -> None:
        self.kind = kind
        self.fields: dict[str, list[FieldNode]] = {}
        self.narrowed: dict[str, Selection] = {}
        self.guarded: dict[tuple[str, bool], Selection] = {}
        self.spread: set[str] = set()


class Selections:
    """Those of one valid document."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema, self._fragments = schema, fragments

    def of(self, kind: GraphQLNamedType, sets: Iterable[SelectionSetNode | None]) -> Selection:
        """What several places ask together of an object of this type."""
        asked = Selection(kind)
        for each in sets:
            if each:
                self._collect(each, asked)
        return asked

    def _collect(self, selections: SelectionSetNode, into: Selection) -> None:
        for node in selections.selections:
            place = self._guarded(node.directives or (), into)
            if place is None:
                continue
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                place.fields.setdefault(key, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition.name.value if node.type_condition else None
                self._collect(node.selection_set, self._narrowed(condition, place))
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in place.spread:
                place.spread.add(node.name.value)
                fragment = self._fragments[node.name.value]
                place = self._narrowed(fragment.type_condition.name.value, place)
                self._collect(fragment.selection_set, place)

    def _guarded(self, directives: Sequence[DirectiveNode], place: Selection) -> Selection | None:
        """Where a selection belongs by its `@skip` and `@include`; None where it never counts."""
        for directive in directives:
            name = directive.name.value
            if name not in ("skip", "include") or not directive.arguments:
                continue
            wanted, value = name == "include", directive.arguments[0].value
            if isinstance(value, BooleanValueNode) and value.value is not wanted:
                return None
            if isinstance(value, VariableNode):
                guard = (value.name.value, wanted)
                place = place.guarded.setdefault(guard, Selection(place.kind))
        return place

    def _narrowed(self, condition: str | None, place: Selection) -> Selection:
        if condition is None or condition == place.kind.name:
            return place
        kind = self._schema.type_map[condition]
        if self.includes(kind, place.kind):
            return place
        return place.narrowed.setdefault(condition, Selection(kind))

    def includes(self, wide: GraphQLNamedType, narrow: GraphQLNamedType) -> bool:
        """Whether whatever is of the narrow type is of the wide one too."""
        return is_abstract_type(wide) and self._schema.is_sub_type(wide, cast("Any", narrow))
