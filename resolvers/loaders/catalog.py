"""Batch reads under assets: what many of them ask becomes one statement, now or as of a time.

A loader for a time is made once for that time (`lru_cache`), so that the request finds it again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Uuid,
    bindparam,
    case,
    func,
    literal,
    select,
    true,
    tuple_,
)
from sqlalchemy import cast as as_type
from sqlalchemy.orm import aliased

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.history import as_of
from datawave.kit.pages import Asked, Key, Page, paged, windowed
from domain.catalog import reads
from models.catalog import (
    Asset,
    AssetKind,
    AssetTag,
    ColumnProfile,
    DatasetProfile,
    ForeignKeyOfAsset,
    Ownership,
    OwnershipKind,
    Tag,
)
from models.classification import Classification, Label
from models.lineage import LineageEdge, LineageOrigin, ReviewState

Load = Callable[[Db, Sequence[Any]], Awaitable[Mapping[Any, Any]]]
TIMES = 256
MOST_FIELDS = 1_000
IMPACT_DEPTH = 10


@lru_cache(TIMES)
def assets(at: datetime | None) -> Load:
    """Assets by id."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, Asset]:
        asset = as_of(Asset, at)
        found = await db.scalars(select(asset).where(asset.id.in_(keys), visible(asset, db.viewer)))
        return {each.id: each for each in found}

    return load


@lru_cache(TIMES)
def paths(at: datetime | None) -> Load:
    """What holds an asset, from the top down."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[Asset]]:
        above, asset = reads.chain(keys, at), as_of(Asset, at)
        query = (
            select(above.c.start, asset)
            .select_from(above)
            .join(asset, asset.id == above.c.node)
            .where(above.c.height > 0, visible(asset, db.viewer))
            .order_by(above.c.start, above.c.height.desc())
        )
        return _grouped(await db.rows(query))

    return load


@dataclass(frozen=True, slots=True)
class Owned:
    """Somebody's responsibility, and the container it comes from where it is not the asset's own."""

    actor_id: UUID
    actor_word: str
    kind: OwnershipKind
    inherited_from: UUID | None


@lru_cache(TIMES)
def owners(at: datetime | None) -> Load:
    """Owners of an asset, its own first, then those of what holds it."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[Owned]]:
        above, owner = reads.chain(keys, at), as_of(Ownership, at)
        query = (
            select(above.c.start, above.c.node, owner.actor_id, owner.actor_word, owner.kind)
            .select_from(above)
            .join(owner, owner.asset_id == above.c.node)
            .order_by(above.c.start, above.c.height, owner.kind, owner.actor_id)
        )
        found: dict[UUID, dict[UUID, Owned]] = defaultdict(dict)
        for row in await db.rows(query):
            inherited = row.node if row.node != row.start else None
            found[row.start].setdefault(
                row.actor_id, Owned(row.actor_id, row.actor_word, row.kind, inherited)
            )
        return {key: list(each.values()) for key, each in found.items()}

    return load


@lru_cache(TIMES)
def tags(at: datetime | None) -> Load:
    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[Tag]]:
        tagged = as_of(AssetTag, at)
        query = (
            select(tagged.asset_id, Tag)
            .join(Tag, Tag.id == tagged.tag_id)
            .where(tagged.asset_id.in_(keys))
            .order_by(Tag.name)
        )
        return _grouped(await db.rows(query))

    return load


@lru_cache(TIMES)
def labels(at: datetime | None) -> Load:
    """Labels that an asset or one of its columns carries, rejected ones apart; by name."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[Label]]:
        given, column = as_of(Classification, at), as_of(Asset, at)
        own = select(given.asset_id.label("on"), given.label_id).where(
            given.asset_id.in_(keys), given.state != ReviewState.REJECTED, visible(given, db.viewer)
        )
        below = (
            select(column.parent_id.label("on"), given.label_id)
            .select_from(given)
            .join(column, column.id == given.asset_id)
            .where(
                column.parent_id.in_(keys),
                column.kind == AssetKind.COLUMN,
                given.state != ReviewState.REJECTED,
                visible(given, db.viewer),
            )
        )
        both = own.union(below).subquery()
        query = select(both.c.on, Label).join(Label, Label.id == both.c.label_id).order_by(Label.name)
        return _grouped(await db.rows(query))

    return load


@lru_cache(TIMES)
def primary_keys(at: datetime | None) -> Load:
    """The columns of a dataset's primary key, in order; keyed by (dataset, names)."""

    async def load(
        db: Db, keys: Sequence[tuple[UUID, tuple[str, ...]]]
    ) -> Mapping[tuple[UUID, tuple[str, ...]], list[Asset]]:
        column = as_of(Asset, at)
        wanted = [(dataset, name) for dataset, names in keys for name in names]
        query = select(column).where(
            tuple_(column.parent_id, column.name).in_(wanted),
            column.kind == AssetKind.COLUMN,
            visible(column, db.viewer),
        )
        found = {(each.parent_id, each.name): each for each in await db.scalars(query)} if wanted else {}
        return {key: [found[key[0], name] for name in key[1] if (key[0], name) in found] for key in keys}

    return load


@lru_cache(TIMES)
def fields(at: datetime | None) -> Load:
    """What is inside a column."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[Asset]]:
        inner = as_of(Asset, at)
        query = (
            select(inner.parent_id, inner)
            .where(inner.parent_id.in_(keys), inner.kind == AssetKind.COLUMN, visible(inner, db.viewer))
            .order_by(inner.parent_id, inner.ordinal)
            .limit(MOST_FIELDS * len(keys))
        )
        return _grouped(await db.rows(query))

    return load


@lru_cache(TIMES)
def counts(at: datetime | None) -> Load:
    """How much of each kind is in a container."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[tuple[AssetKind, int]]]:
        found: dict[UUID, list[tuple[AssetKind, int]]] = defaultdict(list)
        for top, kind, number in await db.rows(reads.counted_by_kind(keys, db.viewer, at)):
            found[top].append((kind, number))
        return found

    return load


async def foreign_keys(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[ForeignKeyOfAsset]]:
    key = ForeignKeyOfAsset
    query = select(key).where(key.dataset_id.in_(keys), visible(key, db.viewer))
    found: dict[UUID, list[ForeignKeyOfAsset]] = defaultdict(list)
    for each in await db.scalars(query.order_by(key.dataset_id, key.name, key.id)):
        found[each.dataset_id].append(each)
    return found


async def dataset_profiles(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, DatasetProfile]:
    """Of assets that were loaded for the viewer, so that nothing more is to be asked."""
    found = await db.scalars(select(DatasetProfile).where(DatasetProfile.asset_id.in_(keys)))
    return {each.asset_id: each for each in found}


async def column_profiles(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, ColumnProfile]:
    """Of assets that were loaded for the viewer, so that nothing more is to be asked."""
    found = await db.scalars(select(ColumnProfile).where(ColumnProfile.asset_id.in_(keys)))
    return {each.asset_id: each for each in found}


async def tagged_assets(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many assets that the viewer may see have a tag."""
    query = (
        select(AssetTag.tag_id, func.count())
        .join(Asset, Asset.id == AssetTag.asset_id)
        .where(AssetTag.tag_id.in_(keys), Asset.state.in_(reads.HERE), visible(Asset, db.viewer))
        .group_by(AssetTag.tag_id)
    )
    return {row[0]: row[1] for row in await db.rows(query)}


async def impacted(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many datasets are made of an asset (of a column: of its dataset), directly or not; keys are no
    flow."""
    edge = LineageEdge
    flow = [
        visible(edge, db.viewer),
        edge.origin != LineageOrigin.FOREIGN_KEY,
        edge.state != ReviewState.REJECTED,
    ]
    dataset = case((Asset.kind == AssetKind.COLUMN, Asset.parent_id), else_=Asset.id)
    first = select(
        Asset.id.label("start"),
        dataset.label("node"),
        as_type(literal(0), Integer).label("depth"),
    ).where(Asset.id.in_(keys))
    walk = first.cte(recursive=True)
    walk = walk.union(
        select(walk.c.start, edge.to_id, walk.c.depth + 1).where(
            edge.from_id == walk.c.node, walk.c.depth < IMPACT_DEPTH, *flow
        )
    )
    query = (
        select(walk.c.start, func.count(walk.c.node.distinct()))
        .join(Asset, Asset.id == walk.c.node)
        .where(walk.c.depth > 0, visible(Asset, db.viewer))
        .group_by(walk.c.start)
    )
    return {row[0]: row[1] for row in await db.rows(query)}


COLUMNS, CHILDREN = "columns", "children"


@lru_cache(TIMES)
def pages(of: str, asked: Asked, wanted: reads.Wanted, at: datetime | None) -> Load:
    """A page of what is in each asset: its columns in their order, or its children by name."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, Page[Asset]]:
        asset = as_of(Asset, at)
        where = _within(db, asset, of, wanted, at)
        order = _order(asset, of)
        parents = select(
            func.unnest(bindparam("parents", list(keys), ARRAY(Uuid()))).label("parent")
        ).subquery()
        inner = select(asset).where(asset.parent_id == parents.c.parent, *where)
        window = windowed(inner, order, asked).lateral("found")
        child = aliased(Asset, window)
        directions = [
            each.column.desc() if asked.backwards else each.column.asc() for each in _order(child, of)
        ]
        query = select(parents.c.parent, child).select_from(parents.join(window, true()))
        rows = _grouped(await db.rows(query.order_by(parents.c.parent, *directions)))

        async def total(key: UUID) -> int:
            counted = select(func.count()).select_from(asset).where(asset.parent_id == key, *where)
            return await db.scalar(counted)

        return {key: paged(rows.get(key, []), order, asked, total=lambda key=key: total(key)) for key in keys}

    return load


def _order(asset: Any, of: str) -> list[Key]:
    first = asset.ordinal if of == COLUMNS else asset.qualified_name
    return [Key(first), Key(asset.id)]


def _within(
    db: Db, asset: Any, of: str, wanted: reads.Wanted, at: datetime | None
) -> list[ColumnElement[bool]]:
    states = asset.state.in_(wanted.states) if wanted.states else reads.there_or_with_its_parent(asset, at)
    where = [visible(asset, db.viewer), states, *reads.conditions(asset, db.viewer, wanted, at=at)]
    if of == COLUMNS:
        where.append(asset.kind == AssetKind.COLUMN)
    return where


def _grouped(rows: Sequence[Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = defaultdict(list)
    for key, each in rows:
        found[key].append(each)
    return found
