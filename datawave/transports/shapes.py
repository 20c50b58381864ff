"""What subscriptions have in common: the normal form of an operation, by which equal ones find each other.

Its own name, what else its document holds, and the root's `after` make no difference to what a stream tells
once it is live.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    print_ast,
)
from graphql.language.ast import QUERY_DOCUMENT_KEYS

AFTER = "after"
MOST_KEPT = 1_000

Touched = Callable[[DocumentNode, OperationDefinitionNode], Any]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A subscription as others may have it too."""

    text: str
    variables: frozenset[str]
    """Those that make a difference."""
    touched: Any

    def key(self, variables: dict[str, Any], extensions: dict[str, Any] | None) -> Hashable:
        told = {name: value for name, value in variables.items() if name in self.variables}
        return self.text, _encoded(told), _encoded(extensions) if extensions else b""


def _encoded(value: dict[str, Any]) -> bytes:
    """Coerced values are more than JSON knows; what cannot be told from its text is told by what it is."""
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, default=repr, option=options)
    except TypeError:  # integers beyond 64 bits, lone surrogates
        return repr(sorted(value.items())).encode(errors="surrogatepass")


class Shapes:
    """The shapes of the documents in use."""

    def __init__(self, touched: Touched) -> None:
        self._touched = touched
        self._known: OrderedDict[tuple[str, str | None], Shape] = OrderedDict()

    def of(
        self, text: str, name: str | None, document: DocumentNode, operation: OperationDefinitionNode
    ) -> Shape:
        if known := self._known.get((text, name)):
            self._known.move_to_end((text, name))
            return known
        made = self._known[text, name] = shape_of(document, operation, self._touched)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return made


def shape_of(document: DocumentNode, operation: OperationDefinitionNode, touched: Touched) -> Shape:
    fragments = _fragments(document, operation)
    bare = _with(operation, name=None, selection_set=_without_after(operation.selection_set))
    used = {node.name.value for root in (bare.selection_set, *fragments) for node in _variables(root)}
    used |= {node.name.value for directive in bare.directives or () for node in _variables(directive)}
    defined = tuple(each for each in operation.variable_definitions or () if each.variable.name.value in used)
    bare = _with(bare, variable_definitions=defined)
    text = print_ast(DocumentNode(definitions=(bare, *fragments)))
    return Shape(text=text, variables=frozenset(used), touched=touched(document, operation))


def _fragments(document: DocumentNode, operation: OperationDefinitionNode) -> list[FragmentDefinitionNode]:
    """Those that the operation uses, by name."""
    known = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    found: dict[str, FragmentDefinitionNode] = {}
    rest: list[Node] = [operation]
    while rest:
        for spread in _nodes(rest.pop(), FragmentSpreadNode):
            name = spread.name.value
            if name in known and name not in found:
                found[name] = known[name]
                rest.append(known[name])
    return [found[name] for name in sorted(found)]


def _without_after(selections: SelectionSetNode) -> SelectionSetNode:
    return _with(selections, selections=tuple(map(_bare, selections.selections)))


def _bare(node: Any) -> Any:
    if not isinstance(node, FieldNode):
        return node
    return _with(node, arguments=tuple(a for a in node.arguments or () if a.name.value != AFTER))


def _with(node: Any, **changed: Any) -> Any:
    """A copy of a node: documents are kept and shared."""
    return type(node)(**{key: getattr(node, key) for key in node.keys if key != "loc"} | changed)


def _variables(node: Node) -> Iterator[VariableNode]:
    return _nodes(node, VariableNode)


def _nodes(root: Node, kind: Any) -> Iterator[Any]:
    rest: list[Any] = [root]
    while rest:
        node = rest.pop()
        if isinstance(node, kind):
            yield node
        for key in QUERY_DOCUMENT_KEYS.get(node.kind, ()):
            inner = getattr(node, key, None)
            if isinstance(inner, Node):
                rest.append(inner)
            elif inner:
                rest.extend(inner)
