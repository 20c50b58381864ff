"""The neighbourhood of an asset in the lineage: a walk in the database, bounded in depth and size.

A step is only taken where the viewer may see the edge and what lies beyond it, so a graph tells nothing
of the rest, not even by its counts. On columns the edges between their datasets are taken apart into
pairs of columns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Integer,
    Select,
    Uuid,
    bindparam,
    func,
    literal,
    select,
)
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import JSONB

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.errors import invalid
from datawave.kit.history import as_of
from models.catalog import Asset, AssetKind
from models.lineage import LineageEdge, LineageOrigin

DEEPEST = 50
LARGEST = 5_000
ROWS_A_NODE = 4
"""Rows the walk may make for each node asked for: a node at several depths is several rows."""
MOST_EDGES = 20_000

UPSTREAM, DOWNSTREAM, BOTH = "UPSTREAM", "DOWNSTREAM", "BOTH"


@dataclass(frozen=True, slots=True)
class Node:
    """An asset in a graph: how far from the root (negative upstream), how many neighbours are left out of
    it."""

    asset_id: UUID
    distance: int
    hidden_upstream: int
    hidden_downstream: int


@dataclass(frozen=True, kw_only=True)
class Graph:
    root_id: UUID
    nodes: list[Node]
    edges: list[LineageEdge]
    truncated: bool
    depth: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which part of the lineage is wanted."""

    direction: str = BOTH
    depth: int = 3
    max_nodes: int = 500
    origins: Sequence[LineageOrigin] | None = None
    min_confidence: float | None = None
    column_level: bool = False
    as_of: datetime | None = None

    def checked(self) -> Asked:
        if not 1 <= self.depth <= DEEPEST:
            raise invalid(f"The depth is 1 to {DEEPEST}.", path=["depth"], expected=f"1 to {DEEPEST}")
        if not 1 <= self.max_nodes <= LARGEST:
            raise invalid(f"A graph has 1 to {LARGEST} nodes.", path=["maxNodes"], expected=f"1 to {LARGEST}")
        if self.min_confidence is not None and not 0 <= self.min_confidence <= 1:
            raise invalid("A confidence is between 0 and 1.", path=["minConfidence"], expected="0 to 1")
        return self


async def read(db: Db, root: Asset, asked: Asked) -> Graph:
    """The graph around an asset; a column is always walked column by column."""
    asked = asked.checked()
    by_column = asked.column_level or root.kind is AssetKind.COLUMN
    links = _links(db, asked, by_column=by_column)
    starts = [root.id]
    if by_column and root.kind is not AssetKind.COLUMN:
        starts = list(await db.scalars(_columns_of(db, root, asked)))
    ways = [way for way in (UPSTREAM, DOWNSTREAM) if asked.direction in (way, BOTH)]
    walked = await asyncio.gather(
        *(_walk(db, links, starts, asked, way, by_column=by_column) for way in ways)
    )
    distances, truncated = _merged(starts, walked, asked.max_nodes)
    edges, above, below = await asyncio.gather(
        db.scalars(_edges(db, links, distances, asked)),
        db.rows(_left_out(links, distances, links.c.target, links.c.source)),
        db.rows(_left_out(links, distances, links.c.source, links.c.target)),
    )
    upstream, downstream = dict(map(tuple, above)), dict(map(tuple, below))
    return Graph(
        root_id=root.id,
        nodes=[
            Node(key, distance, upstream.get(key, 0), downstream.get(key, 0))
            for key, distance in distances.items()
        ],
        edges=list(edges),
        truncated=truncated or len(edges) >= MOST_EDGES,
        depth=max((abs(distance) for distance in distances.values()), default=0),
    )


def _links(db: Db, asked: Asked, *, by_column: bool) -> Any:
    """The edges that may be walked, as (edge id, source, target): of datasets, or of columns."""
    edge = as_of(LineageEdge, asked.as_of)
    where = [visible(edge, db.viewer), edge.state != "REJECTED"]
    if asked.origins:
        where.append(edge.origin.in_(asked.origins))
    if asked.min_confidence is not None:
        where.append(edge.confidence >= asked.min_confidence)
    if not by_column:
        query = select(edge.id.label("edge_id"), edge.from_id.label("source"), edge.to_id.label("target"))
        query = query.add_columns(edge.from_id.label("above"), edge.to_id.label("below"))
        return query.where(*where).subquery("links")
    mapping = func.jsonb_array_elements(edge.columns).table_valued("value").lateral("mapping")
    mapped = as_type(mapping.c.value, JSONB)
    origin = func.jsonb_array_elements_text(mapped["sources"]).table_valued("value").lateral("origin")
    query = (
        select(
            edge.id.label("edge_id"),
            as_type(origin.c.value, Uuid).label("source"),
            as_type(mapped["target"].astext, Uuid).label("target"),
            edge.from_id.label("above"),
            edge.to_id.label("below"),
        )
        .select_from(edge)
        .join(mapping, literal(True))
        .join(origin, literal(True))
    )
    return query.where(*where).subquery("links")


def _columns_of(db: Db, root: Asset, asked: Asked) -> Select[Any]:
    asset = as_of(Asset, asked.as_of)
    return (
        select(asset.id)
        .where(asset.parent_id == root.id, asset.kind == AssetKind.COLUMN, visible(asset, db.viewer))
        .order_by(asset.ordinal)
        .limit(asked.max_nodes)
    )


async def _walk(
    db: Db, links: Any, starts: Sequence[UUID], asked: Asked, way: str, *, by_column: bool
) -> tuple[dict[UUID, int], bool]:
    """Nodes with their least distance, nearest first. UNION drops a node met again at the same depth, so
    a cycle ends with the depth; the rows come in breadth-first order, so the limit keeps the nearest."""
    here, there = (links.c.source, links.c.target) if way == DOWNSTREAM else (links.c.target, links.c.source)
    first = select(
        func.unnest(bindparam(f"starts_{way}", list(starts), ARRAY(Uuid()))).label("node"),
        as_type(literal(0), Integer).label("depth"),
    )
    walk = first.cte(f"walk_{way}".lower(), recursive=True)
    step = select(there, walk.c.depth + 1).where(here == walk.c.node, walk.c.depth < asked.depth)
    if by_column:
        step = _by_parent(step, links, walk, way, asked)
    walk = walk.union(step)
    most = (asked.max_nodes + 1) * ROWS_A_NODE + len(starts)
    met = select(walk.c.node, walk.c.depth).limit(most).subquery()
    rows = await db.rows(
        select(met.c.node, func.min(met.c.depth).label("depth"), func.count().label("times"))
        .group_by(met.c.node)
        .order_by(func.min(met.c.depth), met.c.node)
    )
    sign = 1 if way == DOWNSTREAM else -1
    full = sum(row.times for row in rows) >= most
    return {row.node: sign * row.depth for row in rows}, full


def _by_parent(step: Any, links: Any, walk: Any, way: str, asked: Asked) -> Any:
    """Columns are found by way of their dataset, which is what edges are indexed by."""
    column = as_of(Asset, asked.as_of)
    end = links.c.above if way == DOWNSTREAM else links.c.below
    return step.where(column.id == walk.c.node, end == column.parent_id)


def _merged(
    roots: Iterable[UUID], walked: Iterable[tuple[dict[UUID, int], bool]], most: int
) -> tuple[dict[UUID, int], bool]:
    """Both directions as one, nearest first, the root among them whatever was met."""
    distances = dict.fromkeys(roots, 0)
    truncated = False
    for found, full in walked:
        truncated = truncated or full
        for node, distance in found.items():
            known = distances.get(node)
            if known is None or abs(distance) < abs(known):
                distances[node] = distance
    nearest = sorted(distances.items(), key=lambda each: (abs(each[1]), each[1] < 0))
    return dict(nearest[:most]), truncated or len(nearest) > most


def _edges(db: Db, links: Any, distances: dict[UUID, int], asked: Asked) -> Select[Any]:
    """The edges between what the graph holds."""
    edge = as_of(LineageEdge, asked.as_of)
    nodes = _listed("nodes", distances)
    ids = select(links.c.edge_id).where(links.c.source.in_(nodes), links.c.target.in_(nodes))
    return select(edge).where(edge.id.in_(ids), visible(edge, db.viewer)).order_by(edge.id).limit(MOST_EDGES)


def _left_out(links: Any, distances: dict[UUID, int], inside: Any, outside: Any) -> Any:
    nodes = _listed("nodes", distances)
    return (
        select(inside, func.count(outside.distinct()))
        .where(inside.in_(nodes), outside.not_in(nodes))
        .group_by(inside)
    )


def _listed(name: str, ids: Iterable[UUID]) -> Any:
    return select(func.unnest(bindparam(name, list(ids), ARRAY(Uuid()))))
