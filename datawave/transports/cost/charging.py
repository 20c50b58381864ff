"""What one operation costs with its variables, and that it may cost so much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphql import GraphQLError

from datawave.transports.cost.amounts import Amount, Values, value_of
from datawave.transports.door import OperationContext
from datawave.transports.errors import Rejected
from datawave.transports.limits import TOO_COSTLY

HEADER = b"x-query-cost"


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a document: what it costs with all that is beneath it, and how often that is counted."""

    name: str
    points: Amount
    count: Amount
    beneath: Sequence[Part]


class Cost:
    """The price of one operation."""

    __slots__ = ("_parts", "points")

    def __init__(self, points: Amount, parts: Sequence[Part]) -> None:
        self.points, self._parts = points, parts

    def of(self, values: Values) -> int:
        return value_of(self.points, values)

    def costliest(self, values: Values) -> str:
        """The path of the field that most of the points go to: the deepest that still has half of its
        parent's."""
        path, parts, least = list[str](), self._parts, 0.0
        while parts:
            part = max(parts, key=lambda one: value_of(one.points, values))
            points = value_of(part.points, values)
            if points <= least:
                break
            path.append(part.name)
            parts, least = part.beneath, points / 2 / max(1, value_of(part.count, values))
        return ".".join(path)


def charged(cost: Cost, values: Values, context: OperationContext, *, most: int) -> int:
    """What the operation costs, told in its headers; `Rejected` where that is too much for one."""
    points = cost.of(values)
    context.headers.append((HEADER, b"%d" % points))
    if points <= most:
        return points
    costliest = cost.costliest(values)
    raise Rejected(
        [
            GraphQLError(
                f"This costs {points:,} points, of at most {most:,}; most of them go to `{costliest}`:"
                " ask for shorter pages there, or for less at once.",
                extensions={"code": TOO_COSTLY, "points": points, "maximum": most, "costliest": costliest},
            )
        ],
        headers=context.headers,
    )
