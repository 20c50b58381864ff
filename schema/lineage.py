"""Lineage in the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry

from datawave.kit.reads import Shape
from domain.lineage import graph
from models import lineage as rows
from models.catalog import Asset as AssetRow
from models.catalog import StrEnum
from models.lineage import ReviewState
from resolvers.loaders import catalog as loaders
from schema.context import Info
from schema.directives import ListSize
from schema.reads import computed, each, related
from schema.shapes import Node
from schema.times import AsOf

if TYPE_CHECKING:
    from schema.catalog import Asset, Column
    from schema.classification import Evidence

strawberry.enum(rows.LineageOrigin, name="LineageOrigin", description="Where lineage is known from.")
strawberry.enum(ReviewState, name="ReviewState", description="Where a suggestion stands.")


@strawberry.enum(description="Which way.")
class LineageDirection(StrEnum):
    UPSTREAM = "UPSTREAM"
    DOWNSTREAM = "DOWNSTREAM"
    BOTH = "BOTH"


@strawberry.type(
    description="One asset made from another; where we know it from and how sure it is. A foreign key is a"
    " relation"
    " (from the dataset pointed at to the one that points): shown, but no flow of data."
)
class LineageEdge(AsOf, Node, shows=rows.LineageEdge):
    origin: rows.LineageOrigin
    confidence: float
    state: ReviewState
    transformation: str | None
    first_seen_at: datetime
    last_seen_at: datetime = strawberry.field(
        description="When it was last found other than before; one that is found unchanged is not written."
    )

    source: Asset = related(Shape.ONE, loaders.assets, key="from_id")
    target: Asset = related(Shape.ONE, loaders.assets, key="to_id")

    @strawberry.field(description="Which columns flow into which.")
    def columns(self) -> list[ColumnLineage]:
        return [ColumnLineage.of(kept, self.at) for kept in self.row.columns]

    @computed
    @staticmethod
    def evidence(evidence: list[Any]) -> list[Evidence]:
        from schema.classification import Evidence

        return [Evidence.of(kept) for kept in evidence]


@strawberry.type(description="Columns that make a column.")
class ColumnLineage:
    source_ids: strawberry.Private[list[UUID]]
    target_id: strawberry.Private[UUID]
    at: strawberry.Private[datetime | None]
    transformation: str | None
    confidence: float

    @classmethod
    def of(cls, kept: dict[str, Any], at: datetime | None) -> ColumnLineage:
        return cls(
            source_ids=[UUID(each) for each in kept["sources"]],
            target_id=UUID(kept["target"]),
            at=at,
            transformation=kept.get("transformation"),
            confidence=kept.get("confidence", 1.0),
        )

    sources: list[Column] = each("source_ids", loaders.assets)
    target: Column = related(Shape.ONE, loaders.assets, key="target_id")

    @property
    def row(self) -> ColumnLineage:
        return self


@strawberry.type(
    description="An asset in a graph, with how far it is from the root (negative upstream) and how much"
    " lies beyond it."
)
class LineageNode:
    row: strawberry.Private[graph.Node]
    at: strawberry.Private[datetime | None]
    distance: int
    hidden_upstream: int
    hidden_downstream: int
    asset: Asset = related(Shape.ONE, loaders.assets, key="asset_id")


@strawberry.type(
    description="What an asset comes from and what comes from it. On columns the nodes are columns, and the"
    " edges those"
    " of their datasets."
)
class LineageGraph:
    found: strawberry.Private[graph.Graph]
    at: strawberry.Private[datetime | None]
    truncated: bool
    depth: int

    root: Asset = related(Shape.ONE, loaders.assets, key="root_id")

    @property
    def row(self) -> graph.Graph:
        return self.found

    @strawberry.field(description="Nearest first.", directives=[ListSize(assumed_size=100)])
    def nodes(self) -> list[LineageNode]:
        return [
            LineageNode(
                row=node,
                at=self.at,
                distance=node.distance,
                hidden_upstream=node.hidden_upstream,
                hidden_downstream=node.hidden_downstream,
            )
            for node in self.found.nodes
        ]

    @strawberry.field(directives=[ListSize(assumed_size=100)])
    def edges(self) -> list[LineageEdge]:
        return [LineageEdge.of(row, self.at) for row in self.found.edges]


async def graph_of(
    info: Info,
    root: AssetRow,
    *,
    direction: LineageDirection | None = None,
    depth: int | None = None,
    max_nodes: int | None = None,
    origins: Sequence[rows.LineageOrigin] | None = None,
    min_confidence: float | None = None,
    column_level: bool = False,
    as_of: datetime | None = None,
) -> LineageGraph:
    """The neighbourhood of an asset that the viewer may see."""
    asked = graph.Asked(
        direction=(direction or LineageDirection.BOTH).value,
        depth=3 if depth is None else depth,
        max_nodes=500 if max_nodes is None else max_nodes,
        origins=tuple(origins) if origins else None,
        min_confidence=min_confidence,
        column_level=column_level,
        as_of=as_of,
    )
    found = await graph.read(info.context.db, root, asked)
    return LineageGraph(found=found, at=as_of, truncated=found.truncated, depth=found.depth)
