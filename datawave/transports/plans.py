"""What the transports ask of a planner: answers to queries without the executor, where it has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from graphql.execution.values import VariableValues


class Unplanned(Exception):
    """A document, or an answer, that is left to the ordinary executor; it makes the errors too. `reason` is
    one of a few words, for a counter."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class PlannedQuery(Protocol):
    """The plan of one operation of a document."""

    async def answer(
        self, context: Any, variables: VariableValues
    ) -> tuple[dict[str, Any], Sequence[GraphQLError]]:
        """The data and the errors of fields; `Unplanned` where the executor has to answer."""
        ...


class Plans(Protocol):
    def plan(self, text: str, document: DocumentNode, operation: OperationDefinitionNode) -> PlannedQuery: ...


def uncounted(_reason: str) -> None:
    """Nobody counts."""
