"""What lies under and about assets, described: now or as of a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Integer, Text, any_, case, func, literal, literal_column, select, true
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import distinct_on

from datawave.kit.access import visible
from datawave.kit.given import among
from datawave.kit.history import as_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, at_most
from domain.catalog import reads
from models.catalog import (
    Asset,
    AssetKind,
    AssetTag,
    ColumnProfile,
    DatasetProfile,
    ForeignKeyOfAsset,
    Ownership,
    Tag,
)
from models.classification import Classification, Label
from models.lineage import LineageEdge, LineageOrigin, ReviewState

MOST_FIELDS = 1_000
IMPACT_DEPTH = 10


def assets(of: Of) -> Rows:
    """Assets by id."""
    asset = as_of(Asset, of.at)
    return Rows(query=select(asset).where(visible(asset, of.viewer)), row=asset, by=asset.id, at=of.at)


def assets_now(of: Of) -> Rows:
    return Rows(query=select(Asset).where(visible(Asset, of.viewer)), row=Asset, by=Asset.id)


def paths(of: Of) -> Rows:
    """What holds an asset, from the top down."""
    above, asset = reads.chain(of.keys, of.at), as_of(Asset, of.at)
    query = (
        select(asset)
        .select_from(above)
        .join(asset, asset.id == above.c.node)
        .where(above.c.height > 0, visible(asset, of.viewer))
    )
    order = [Key(above.c.height, descending=True)]
    return Rows(query=query, row=asset, by=above.c.start, order=order, at=of.at, of_keys=True)


def owners(of: Of) -> Rows:
    """Owners of an asset, its own first, then those of what holds it; each person once, by the nearest."""
    holds = reads.holders(of.keys, of.at, alone=of.alone)
    owner = as_of(Ownership, of.at)
    # PostgreSQL cannot know how few there are, and would read the whole table.
    owned = (
        select(owner.asset_id, owner.actor_id, owner.actor_word, owner.kind)
        .where(owner.asset_id == holds.c.node)
        .offset(literal_column("0"))
        .lateral("owned")
    )
    nearest = (
        select(
            holds.c.start.label("asset_id"),
            holds.c.height.label("height"),
            case((holds.c.height > 0, holds.c.node)).label("inherited_from"),
            owned.c.actor_id,
            owned.c.actor_word,
            owned.c.kind,
        )
        .select_from(holds.join(owned, true()))
        .ext(distinct_on(holds.c.start, owned.c.actor_id))
        .order_by(holds.c.start, owned.c.actor_id, holds.c.height, owned.c.kind)
        .subquery("owners")
    )
    found = nearest.c
    order = [Key(found.height), Key(found.kind), Key(found.actor_id)]
    return Rows(query=select(nearest), row=found, by=found.asset_id, order=order, at=of.at, of_keys=True)


def tags(of: Of) -> Rows:
    tagged = as_of(AssetTag, of.at)
    query = select(Tag).join(tagged, tagged.tag_id == Tag.id)
    return Rows(query=query, row=Tag, by=tagged.asset_id, order=[Key(Tag.name)])


def labels(of: Of) -> Rows:
    """Labels that an asset or one of its columns carries, rejected ones apart; by name."""
    given, column = as_of(Classification, of.at), as_of(Asset, of.at)
    carried = [given.state != ReviewState.REJECTED, visible(given, of.viewer)]
    own = select(given.asset_id.label("on"), given.label_id.label("label_id")).where(
        among(given.asset_id, of.keys), *carried
    )
    below = (
        select(column.parent_id.label("on"), given.label_id.label("label_id"))
        .select_from(given)
        .join(column, column.id == given.asset_id)
        .where(among(column.parent_id, of.keys), column.kind == AssetKind.COLUMN, *carried)
    )
    both = own.union(below).subquery("carried")
    query = select(Label).join(both, Label.id == both.c.label_id)
    return Rows(query=query, row=Label, by=both.c.on, order=[Key(Label.name)])


def primary_keys(of: Of) -> Rows:
    """The columns of a dataset's primary key, in order."""
    column, dataset = as_of(Asset, of.at), reads.another(Asset, of.at)
    query = (
        select(column)
        .join(dataset, dataset.id == column.parent_id)
        .where(
            column.name == any_(dataset.primary_key),
            column.kind == AssetKind.COLUMN,
            visible(column, of.viewer),
        )
    )
    place = func.array_position(dataset.primary_key, column.name)
    return Rows(query=query, row=column, by=column.parent_id, order=[Key(place)], at=of.at)


def fields(of: Of) -> Rows:
    """What is inside a column."""
    inner = as_of(Asset, of.at)
    query = select(inner).where(inner.kind == AssetKind.COLUMN, visible(inner, of.viewer))
    order = [Key(inner.ordinal), Key(inner.id)]
    bounded = at_most(query, MOST_FIELDS, of)
    return Rows(query=bounded, row=inner, by=inner.parent_id, order=order, at=of.at)


def foreign_keys(of: Of) -> Rows:
    key = ForeignKeyOfAsset
    query = select(key).where(visible(key, of.viewer))
    return Rows(query=query, row=key, by=key.dataset_id, order=[Key(key.name), Key(key.id)])


def dataset_profiles(of: Of) -> Rows:
    """Of assets that were read for the viewer, so that nothing more is to be asked."""
    return Rows(query=select(DatasetProfile), row=DatasetProfile, by=DatasetProfile.asset_id)


def column_profiles(of: Of) -> Rows:
    """Of assets that were read for the viewer, so that nothing more is to be asked."""
    return Rows(query=select(ColumnProfile), row=ColumnProfile, by=ColumnProfile.asset_id)


def columns(of: Of, wanted: reads.Wanted) -> Rows:
    """The columns of a dataset, in their order."""
    asset = as_of(Asset, of.at)
    where = [*_within(of, asset, wanted), asset.kind == AssetKind.COLUMN]
    order = [Key(asset.ordinal), Key(asset.id)]
    return Rows(query=select(asset).where(*where), row=asset, by=asset.parent_id, order=order, at=of.at)


def children(of: Of, wanted: reads.Wanted) -> Rows:
    """What is in an asset, by name."""
    asset = as_of(Asset, of.at)
    order = [Key(asset.qualified_name), Key(asset.id)]
    query = select(asset).where(*_within(of, asset, wanted))
    return Rows(query=query, row=asset, by=asset.parent_id, order=order, at=of.at)


def assets_of_sources(of: Of, wanted: reads.Wanted, at: Any) -> Rows:
    """What discoveries found in sources, by name."""
    asset = as_of(Asset, at)
    there, spread = among(asset.state, wanted.states or reads.HERE), [reads.over_kinds(asset, wanted)]
    further = reads.conditions(asset, of.viewer, replace(wanted, kinds=None), at=at)
    query = select(asset).where(visible(asset, of.viewer), there, *further)
    order = [Key(asset.qualified_name), Key(asset.id)]
    return Rows(query=query, row=asset, by=asset.source_id, order=order, at=at, spread=spread)


def _within(of: Of, asset: Any, wanted: reads.Wanted) -> list[Any]:
    """In an asset that was read for the viewer: what is in it is of its source, and so seen by the same."""
    there = (
        among(asset.state, wanted.states) if wanted.states else reads.there_or_with_its_parent(asset, of.at)
    )
    return [there, *reads.conditions(asset, of.viewer, wanted, at=of.at)]


def tagged_assets(of: Of) -> Rows:
    """How many assets that the viewer may see have a tag."""
    query = (
        select(AssetTag.tag_id.label("tag_id"), func.count().label("count"))
        .join(Asset, Asset.id == AssetTag.asset_id)
        .where(among(AssetTag.tag_id, of.keys), Asset.state.in_(reads.HERE), visible(Asset, of.viewer))
        .group_by(AssetTag.tag_id)
        .subquery("tagged")
    )
    return Rows(query=select(query), row=query.c, by=query.c.tag_id, value=query.c.count)


def impacted(of: Of) -> Rows:
    """How many datasets are made of an asset (of a column: of its dataset), directly or not; keys are no
    flow."""
    edge = LineageEdge
    flow = [
        visible(edge, of.viewer),
        edge.origin != LineageOrigin.FOREIGN_KEY,
        edge.state != ReviewState.REJECTED,
    ]
    dataset = case((Asset.kind == AssetKind.COLUMN, Asset.parent_id), else_=Asset.id)
    first = select(
        Asset.id.label("start"),
        dataset.label("node"),
        as_type(literal(0), Integer).label("depth"),
    ).where(among(Asset.id, of.keys))
    walk = first.cte(recursive=True)
    walk = walk.union(
        select(walk.c.start, edge.to_id, walk.c.depth + 1).where(
            edge.from_id == walk.c.node, walk.c.depth < IMPACT_DEPTH, *flow
        )
    )
    found = (
        select(walk.c.start, func.count(walk.c.node.distinct()).label("count"))
        .join(Asset, Asset.id == walk.c.node)
        .where(walk.c.depth > 0, visible(Asset, of.viewer))
        .group_by(walk.c.start)
        .subquery("impacted")
    )
    return Rows(query=select(found), row=found.c, by=found.c.start, value=found.c.count)


def asset_counts(of: Of) -> Rows:
    """How much of each kind is in containers, at any depth."""
    return kinds_counted(reads.counted_by_kind(of.keys, of.viewer, of.at))


def kinds_counted(counted: Any, *, plural: bool = False) -> Rows:
    """Of (parent, kind, how many): the kind in words too, if asked in the number that goes with the count."""
    parent, kind, count = counted.subquery("counted").c
    name = as_type(kind, Text)
    words = func.replace(name, "_", " ")
    ending = case((count == 1, ""), else_="s") if plural else ""
    label = func.concat(func.upper(func.left(words, 1)), func.lower(func.substr(words, 2)), ending)
    told = select(
        parent.label("parent"),
        kind.label("kind"),
        name.label("key"),
        label.label("label"),
        count.label("count"),
    ).subquery("told")
    return Rows(query=select(told), row=told.c, by=told.c.parent, order=[Key(told.c.kind)])
