"""What a document asks of one object: its fields in the order of the answer, fragments spread, duplicates
merged, as the specification's CollectFields does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    SelectionSetNode,
    VariableNode,
)
from graphql.language import BooleanValueNode, InlineFragmentNode
from graphql.type import is_abstract_type

from datawave.transports.plans import Unplanned

Selections = Sequence[SelectionSetNode]
Fields = dict[str, list[FieldNode]]


@dataclass(frozen=True)
class Collector:
    """Reads the selections of one document, with the values of the variables that skip and include."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    switches: Mapping[str, Any]

    def fields(self, kind: GraphQLObjectType, selections: Selections) -> Fields:
        """Response key → the nodes that ask for it."""
        found: Fields = {}
        met: set[str] = set()
        for each in selections:
            self._collect(kind, each, found, met)
        return found

    def _collect(
        self, kind: GraphQLObjectType, selections: SelectionSetNode, found: Fields, met: set[str]
    ) -> None:
        for node in selections.selections:
            if node.directives and not self._included(node.directives):
                continue
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                if condition is None or self._applies(condition.name.value, kind):
                    self._collect(kind, node.selection_set, found, met)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in met:
                met.add(node.name.value)
                fragment = self.fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, kind):
                    self._collect(kind, fragment.selection_set, found, met)

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        named: Any = self.schema.get_type(condition)
        return named is kind or (is_abstract_type(named) and self.schema.is_sub_type(named, kind))

    def _included(self, directives: Sequence[DirectiveNode]) -> bool:
        for each in directives:
            name = each.name.value
            if name not in ("skip", "include"):
                raise Unplanned("directive", name)
            [condition] = [one.value for one in each.arguments or () if one.name.value == "if"]
            if self._true(condition) is (name == "skip"):
                return False
        return True

    def _true(self, condition: Any) -> bool:
        if isinstance(condition, BooleanValueNode):
            return condition.value
        if isinstance(condition, VariableNode):
            value = self.switches.get(condition.name.value)
            if isinstance(value, bool):
                return value
        raise Unplanned("directive", "a condition that is no boolean")


def beneath(nodes: Sequence[FieldNode]) -> list[SelectionSetNode]:
    """What merged nodes ask of their value."""
    return [node.selection_set for node in nodes if node.selection_set is not None]
