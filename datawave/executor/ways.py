"""What is known of the fields that one document asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLObjectType, get_argument_values
from graphql.execution.values import VariableValues
from strawberry.types.arguments import convert_arguments

from datawave.executor.fields import Means, means
from datawave.executor.leaves import Get
from datawave.kit.reads import Begun


class Way:
    """One field that is asked of things of one type."""

    __slots__ = ("begun", "details", "get", "info", "kind", "leaf", "name")

    def __init__(self, name: str, details: Any, known: Means, kind: Any, begun: Begun | None) -> None:
        self.name, self.details, self.kind = name, details, kind
        self.leaf, self.get, self.begun = known.leaf, known.get, begun
        self.info: Any = None
        """What messages need to know, and the path of whichever thing was first."""


class Ways:
    """All fields that are asked of things of one type."""

    __slots__ = ("all", "grouped", "leaves", "parent")

    def __init__(self, parent: GraphQLObjectType, grouped: Any, ways: Sequence[Way]) -> None:
        self.parent, self.all = parent, ways
        self.grouped = grouped
        """As graphql-core has them: kept, so that their place in memory stays their own."""
        leaves = [(way.name, way.leaf) for way in ways if way.leaf is not None]
        self.leaves: Sequence[tuple[str, Get]] | None = leaves if len(leaves) == len(ways) else None


class WaysOfDocument:
    """Each made when it is first gone."""

    __slots__ = ("_converter", "_known", "_variables")

    def __init__(self, schema: Any, variables: VariableValues) -> None:
        self._converter, self._variables = schema._strawberry_schema.schema_converter, variables
        self._known: dict[int, Ways] = {}

    def of(self, parent: GraphQLObjectType, grouped: Any) -> Ways:
        known = self._known.get(id(grouped))
        if known is None:
            ways = [self._way(parent, key, details) for key, details in grouped.items()]
            known = self._known[id(grouped)] = Ways(parent, grouped, ways)
        return known

    def _way(self, parent: GraphQLObjectType, key: str, details: Any) -> Way:
        name = details[0].node.name.value
        field: Any = parent.fields.get(name)
        known = means(parent, name)
        begun = self._begun(known.begins, field, details[0]) if known.begins is not None else None
        return Way(key, details, known, field.type if field is not None else None, begun)

    def _begun(self, begins: Any, field: Any, details: Any) -> Begun | None:
        """With its arguments; None where they will not do, which the ordinary way tells of each thing."""
        declared, converter = field.extensions["strawberry-definition"], self._converter
        try:
            given = get_argument_values(
                field, details.node, self._variables, details.fragment_variable_values
            )
            arguments = convert_arguments(
                given,
                declared.arguments,
                scalar_registry=converter.scalar_registry,
                config=converter.config,
            )
            return begins(declared, arguments)
        except Exception:
            return None
