"""Documents, parsed and validated once, and refused before they cost anything.

Sizes and the bare text are looked at before the parser runs, tokens while it reads, and the shape on a walk
that spreads fragments as execution would: naming an operation `__schema` buys nothing, and a fragment counts
wherever it is spread, at the depth it is spread at.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    parse,
    specified_rules,
    validate,
)
from graphql.language import InlineFragmentNode
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from datawave.transports.cost import Cost, Prices, Pricing
from datawave.transports.errors import Rejected, of_request, rejection
from datawave.transports.etags import volatile_keys
from datawave.transports.limits import TOO_COSTLY, Limits
from datawave.transports.scanning import scan
from datawave.transports.variables import Plain

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
TEXT_PER_TOKEN = 20
INTROSPECTION = frozenset({"__schema", "__type"})


class Document:
    """A valid document, and what has been found out about its operations: kept as long as it is."""

    __slots__ = ("_costs", "_plain", "_prices", "_schema", "_volatile", "looks", "node", "weight")

    def __init__(self, schema: GraphQLSchema, node: DocumentNode, weight: int, prices: Prices) -> None:
        self._schema = schema
        self.node, self.weight, self._prices = node, weight, prices
        self.looks = any(
            isinstance(each, FieldNode) and each.name.value in INTROSPECTION for each in _written(node)
        )
        """Whether it looks at the schema anywhere: in a fragment or under another name, too."""
        self._plain: dict[str | None, Plain] = {}
        self._costs: dict[str | None, Cost] = {}
        self._volatile: dict[str | None, frozenset[str]] = {}

    def cost(self, operation: OperationDefinitionNode) -> Cost:
        name = operation.name.value if operation.name else None
        cost = self._costs.get(name)
        if cost is None:
            cost = self._costs[name] = Pricing(self._prices, self.node).price(operation)
        return cost

    def plain(self, operation: OperationDefinitionNode) -> Plain:
        name = operation.name.value if operation.name else None
        plain = self._plain.get(name)
        if plain is None:
            plain = self._plain[name] = Plain(self._schema, operation)
        return plain

    def volatile(self, operation: OperationDefinitionNode) -> frozenset[str]:
        """The keys of its answer that differ though nothing else does."""
        name = operation.name.value if operation.name else None
        keys = self._volatile.get(name)
        if keys is None:
            keys = self._volatile[name] = volatile_keys(self.node, operation)
        return keys


class Documents:
    """Texts to valid documents. Only valid ones are remembered, so rubbish does not push them out."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema, self._limits = schema, limits
        self._prices = Prices(schema, longest_page=limits.page_size)
        self._known: OrderedDict[str, Document] = OrderedDict()
        self._weight = 0

    @property
    def known(self) -> int:
        """How many are remembered."""
        return len(self._known)

    @property
    def weight(self) -> int:
        """What they weigh together, in tokens."""
        return self._weight

    def get(self, text: str, *, frank: bool) -> Document:
        """The document, or `Rejected` with what is wrong with it."""
        if known := self._known.get(text):
            self._known.move_to_end(text)
            return known
        node, weight = self._parsed(text, frank=frank)
        self._validate(node, frank=frank)
        document = Document(self._schema, node, weight, self._prices)
        self._remember(text, document)
        return document

    def _parsed(self, text: str, *, frank: bool) -> tuple[DocumentNode, int]:
        limits = self._limits
        if len(text) > limits.document_bytes or len(text.encode(errors="replace")) > limits.document_bytes:
            raise rejection(TOO_COSTLY, f"The document is larger than {limits.document_bytes:,} bytes.")
        scan(text, limits)
        try:
            document = parse(text, max_lexical_tokens=limits.tokens, max_comments=limits.comments)
        except GraphQLError as error:
            raise Rejected([_too_long(error, limits) or of_request(error, frank=frank)]) from None
        weigh(document, limits)
        return document, _weight_of(text, document)

    def _validate(self, document: DocumentNode, *, frank: bool) -> None:
        errors = validate(
            self._schema, document, RULES, max_errors=self._limits.errors, hide_suggestions=not frank
        )
        if errors:
            raise Rejected([of_request(error, frank=frank) for error in errors])

    def _remember(self, text: str, document: Document) -> None:
        self._known[text] = document
        self._weight += document.weight
        while len(self._known) > self._limits.cached_documents or self._weight > self._limits.cached_tokens:
            _, dropped = self._known.popitem(last=False)
            self._weight -= dropped.weight


def _too_long(error: GraphQLError, limits: Limits) -> GraphQLError | None:
    if "Parsing aborted" not in error.message:
        return None
    message = f"The document has more than {limits.tokens:,} tokens or {limits.comments:,} comments."
    return GraphQLError(message, extensions={"code": TOO_COSTLY})


def _weight_of(text: str, document: DocumentNode) -> int:
    """What remembering it costs, in tokens: a long string is one token, but no small one."""
    token, count = document.loc.start_token if document.loc else None, len(text) // TEXT_PER_TOKEN
    while token is not None:
        token, count = token.next, count + 1
    return count


def weigh(document: DocumentNode, limits: Limits) -> None:
    """Refuses a document too deep, too wide, or too repetitive to be validated and run."""
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    _count_written(document, limits)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            _Weighing(fragments, limits).weigh(definition)


def _count_written(document: DocumentNode, limits: Limits) -> None:
    spreads = sum(isinstance(node, FragmentSpreadNode) for node in _written(document))
    if spreads > limits.spreads:
        raise rejection(TOO_COSTLY, f"The document spreads fragments more than {limits.spreads} times.")


def _written(document: DocumentNode) -> Iterator[SelectionNode]:
    """Every selection as it stands in the text."""
    sets = [node.selection_set for node in document.definitions if isinstance(node, _WITH_SELECTIONS)]
    while sets:
        for node in sets.pop().selections:
            yield node
            inner = node.selection_set if isinstance(node, FieldNode | InlineFragmentNode) else None
            if inner:
                sets.append(inner)


_WITH_SELECTIONS = (OperationDefinitionNode, FragmentDefinitionNode)


class _Place:
    """One place of the answer: how often each field is asked for there."""

    __slots__ = ("asked", "beneath", "depth", "introspection")

    def __init__(self, depth: int, *, introspection: bool) -> None:
        self.depth, self.introspection = depth, introspection
        self.asked: dict[str, int] = {}
        self.beneath: dict[str, _Place] = {}


class _Weighing:
    """Counts one definition with its fragments spread, and stops at the first bound it meets."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode], limits: Limits) -> None:
        self._fragments, self._limits = fragments, limits
        self._fields = self._aliases = self._directives = self._mutations = 0
        self._is_mutation = False
        self._rest: list[tuple[SelectionSetNode, _Place]] = []

    def weigh(self, definition: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        self._count_directives(len(definition.directives or ()))
        if isinstance(definition, OperationDefinitionNode):
            self._is_mutation = definition.operation is OperationType.MUTATION
        for variable in definition.variable_definitions or ():
            self._count_directives(len(variable.directives or ()))
        self._rest.append((definition.selection_set, _Place(1, introspection=False)))
        while self._rest:
            selections, place = self._rest.pop()
            for node in selections.selections:
                self._select(node, place)

    def _select(self, node: SelectionNode, place: _Place) -> None:
        self._fields += 1
        if self._fields > self._limits.fields:
            self._refuse(f"asks for more than {self._limits.fields:,} fields, its fragments spread")
        self._count_directives(len(node.directives or ()))
        if isinstance(node, FieldNode):
            self._field(node, place)
        elif isinstance(node, InlineFragmentNode):
            self._rest.append((node.selection_set, place))
        elif isinstance(node, FragmentSpreadNode) and (fragment := self._fragments.get(node.name.value)):
            self._rest.append((fragment.selection_set, place))

    def _field(self, node: FieldNode, place: _Place) -> None:
        if self._is_mutation and place.depth == 1:
            self._mutations += 1
            if self._mutations > self._limits.mutations:
                self._refuse(f"has more than {self._limits.mutations} mutations")
        if node.alias:
            self._aliases += 1
            if self._aliases > self._limits.aliases:
                self._refuse(f"has more than {self._limits.aliases} aliases")
        key = node.alias.value if node.alias else node.name.value
        place.asked[key] = place.asked.get(key, 0) + 1
        if place.asked[key] > self._limits.repeats:
            self._refuse(f"asks for one field at one place more than {self._limits.repeats} times")
        self._check_depth(node, place)
        if node.selection_set:
            self._rest.append((node.selection_set, self._beneath(node, place, key)))

    def _check_depth(self, node: FieldNode, place: _Place) -> None:
        meta = place.introspection or node.name.value in INTROSPECTION
        deepest = self._limits.introspection_depth if meta else self._limits.depth
        if place.depth > deepest:
            self._refuse(f"is nested deeper than {deepest} levels")

    def _beneath(self, node: FieldNode, place: _Place, key: str) -> _Place:
        beneath = place.beneath.get(key)
        if beneath is None:
            meta = place.introspection or node.name.value in INTROSPECTION
            beneath = place.beneath[key] = _Place(place.depth + 1, introspection=meta)
        return beneath

    def _count_directives(self, count: int) -> None:
        self._directives += count
        if self._directives > self._limits.directives:
            self._refuse(f"has more than {self._limits.directives} directives")

    def _refuse(self, what: str) -> None:
        raise rejection(TOO_COSTLY, f"The document {what}; ask for less at once.")
