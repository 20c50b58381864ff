"""Puts a price on the operations of a document, by the prices of its schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    OperationDefinitionNode,
    is_abstract_type,
)

from datawave.transports.cost import lengths
from datawave.transports.cost.amounts import Amount, greatest, product, total, value_of
from datawave.transports.cost.charging import Cost, Part
from datawave.transports.cost.prices import Price, Prices
from datawave.transports.cost.selections import Selection, Selections

INTROSPECTION = 100
"""What a look at the schema costs, whatever is asked of it: its answer is as long as the schema."""

_IN_PAGES = frozenset({"edges", "nodes"})
_ABOUT_SCHEMA = frozenset({"__schema", "__type"})


class Pricing:
    """Prices the operations of one valid document."""

    def __init__(self, prices: Prices, document: DocumentNode) -> None:
        self._prices, self._schema = prices, prices.schema
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._selections = Selections(self._schema, fragments)

    def price(self, operation: OperationDefinitionNode) -> Cost:
        root = self._schema.get_root_type(operation.operation)
        assert root is not None, "a valid document has no operation without its root type"
        asked = self._selections.of(root, [operation.selection_set])
        return Cost(*self._priced(asked, None, frozenset()))

    def _priced(
        self, asked: Selection, page: Amount | None, counted: frozenset[str]
    ) -> tuple[Amount, list[Part]]:
        """`counted` are the keys that an enclosing selection of the same object has paid for."""
        parts = [self._part(asked, key, nodes, page, counted) for key, nodes in asked.fields.items()]
        amounts: list[Amount] = [part.points for part in parts]
        counted = counted | asked.fields.keys()
        for (variable, wanted), inside in asked.guarded.items():
            points, more = self._priced(inside, page, counted)
            amounts.append(_where(variable, points, wanted=wanted))
            parts += more
        if asked.narrowed:
            by_type = dict[str, Amount]()
            for name, inside in asked.narrowed.items():
                by_type[name], more = self._priced(inside, page, counted)
                parts += more
            amounts.append(self._dearest(asked.kind, by_type))
        return total(amounts), parts

    def _dearest(self, kind: GraphQLNamedType, by_type: Mapping[str, Amount]) -> Amount:
        """An object is of one type: only the selections that apply to it together are paid for."""
        together = {
            frozenset(name for name in by_type if self._applies(name, one)) for one in self._possible(kind)
        }
        return greatest([total(by_type[name] for name in names) for names in together])

    def _applies(self, condition: str, kind: GraphQLObjectType) -> bool:
        return condition == kind.name or self._selections.includes(self._schema.type_map[condition], kind)

    def _possible(self, kind: GraphQLNamedType) -> Sequence[GraphQLObjectType]:
        if is_abstract_type(kind):
            return self._schema.get_possible_types(cast("Any", kind))
        return [cast("GraphQLObjectType", kind)]

    def _part(
        self, asked: Selection, key: str, nodes: list[FieldNode], page: Amount | None, counted: frozenset[str]
    ) -> Part:
        name = nodes[0].name.value
        if name in _ABOUT_SCHEMA:
            return Part(key, 0 if key in counted else INTROSPECTION, 1, ())
        field = self._field(asked.kind, name)
        if field is None:
            return Part(key, 0, 1, ())
        price = self._prices.of(asked.kind, name, field)
        count = self._count(price, nodes[0], page if name in _IN_PAGES else None)
        own = 0 if key in counted else self._own(price, nodes[0], count)
        if not price.composite:
            return Part(key, own, count, ())
        points, parts = self._beneath(price, field, nodes)
        return Part(key, total((own, product(count, points))), count, parts)

    def _beneath(
        self, price: Price, field: GraphQLField, nodes: Sequence[FieldNode]
    ) -> tuple[Amount, list[Part]]:
        """What is asked of one of the things that the field holds."""
        asked = self._selections.of(price.kind, [node.selection_set for node in nodes])
        longest = self._prices.longest_page
        page = lengths.of_page(nodes[0], field, most=longest) if price.connection else None
        return self._priced(asked, page, frozenset())

    def _field(self, kind: GraphQLNamedType, name: str) -> GraphQLField | None:
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return kind.fields.get(name)
        return None  # `__typename` of a union

    def _own(self, price: Price, node: FieldNode, count: Amount) -> Amount:
        if price.weight is not None:
            return product(price.weight, lengths.of_arguments(node, price.times))
        return count if price.composite else 0

    def _count(self, price: Price, node: FieldNode, page: Amount | None) -> Amount:
        if not price.listed:
            return 1
        if page is not None:
            return page
        return lengths.of_arguments(node, price.times) if price.times else price.size


def _where(variable: str, points: Amount, *, wanted: bool) -> Amount:
    return lambda values: value_of(points, values) if values.get(variable) is wanted else 0
