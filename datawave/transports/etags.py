"""Tags of answers, by which a reader that has one already is spared it.

The tag is that of `data` without the fields that change with every answer though nothing did
(`Query.cursor`), together with who asks and what they may see. It is a weak one: the bytes may differ in just
those fields.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    SelectionSetNode,
)
from graphql.language import InlineFragmentNode

VOLATILE = frozenset({"cursor"})
"""Root fields of a query that say where the log stands, not what the answer is."""

_PLAIN_BEGINNING = b'{"data":{'
_BESIDE_DATA = (b'"errors":', b'"extensions":')


def tag_of(answer: bytes, *, volatile: Collection[str], whose: str, media: str) -> str | None:
    """The tag of an answer as it would be sent; None for one with errors, or without data."""
    plain = answer.startswith(_PLAIN_BEGINNING) and not any(word in answer for word in _BESIDE_DATA)
    if volatile or not plain:
        try:
            whole: dict[str, Any] = orjson.loads(answer)
        except ValueError:  # half of a character, which a resolver may give and JSON readers refuse
            return None
        data = whole.get("data")
        if whole.get("errors") or data is None:
            return None
        answer = orjson.dumps({"data": {key: value for key, value in data.items() if key not in volatile}})
    digest = blake2b(answer, digest_size=16)
    digest.update(f"\n{whose}\n{media}".encode())
    return f'W/"{digest.hexdigest()}"'


def same(if_none_match: str | None, tag: str) -> bool:
    """Whether the reader has it: `If-None-Match` compares weakly."""
    if not if_none_match:
        return False
    opaque = tag.removeprefix("W/")
    given = (each.strip() for each in if_none_match.split(","))
    return any(each == "*" or each.removeprefix("W/") == opaque for each in given)


def volatile_keys(document: DocumentNode, operation: OperationDefinitionNode) -> frozenset[str]:
    """The keys of the answer that stand for volatile fields, whatever they are called there."""
    fragments = {
        node.name.value: node.selection_set
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    keys, seen = set[str](), set[str]()
    look: list[SelectionSetNode] = [operation.selection_set]
    while look:
        for node in look.pop().selections:
            if isinstance(node, FieldNode):
                if node.name.value in VOLATILE:
                    keys.add(node.alias.value if node.alias else node.name.value)
            elif isinstance(node, InlineFragmentNode):
                look.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                look.append(fragments[node.name.value])
    return frozenset(keys)
