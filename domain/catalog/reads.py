"""Questions to the catalog: which assets are meant by a filter, now or as of a time, and what lies above
and beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, func, literal, or_, select
from sqlalchemy import cast as as_type
from sqlalchemy.orm import aliased

from datawave.kit.access import Viewer, visible
from datawave.kit.database import Base
from datawave.kit.history import as_of
from models.catalog import Asset, AssetKind, AssetState, AssetTag, Ownership, Tag
from models.classification import Classification, Label
from models.lineage import ReviewState
from models.sources import DataSource

HERE = (AssetState.ACTIVE, AssetState.DEPRECATED)
"""States of what is there; the others are shown to who asks for them."""
DEEPEST = 8


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which assets are meant; None of a part is any."""

    kinds: Sequence[AssetKind] | None = None
    states: Sequence[AssetState] | None = None
    source_ids: Sequence[UUID] | None = None
    workspace_id: UUID | None = None
    owner_ids: Sequence[UUID] | None = None
    tags: Sequence[str] | None = None
    labels: Sequence[str] | None = None
    min_confidence: float | None = None
    unowned: bool | None = None
    under_id: UUID | None = None
    name_pattern: str | None = None
    changed_from: datetime | None = None
    changed_to: datetime | None = None


ANY = Wanted()


def assets(viewer: Viewer, wanted: Wanted = ANY, *, at: datetime | None = None) -> tuple[Select[Any], Any]:
    """The query of all assets that are meant and may be seen, and the class to order it by."""
    asset = as_of(Asset, at)
    states = wanted.states or HERE
    where = [visible(asset, viewer), asset.state.in_(states), *conditions(asset, viewer, wanted, at=at)]
    return select(asset).where(*where), asset


def conditions(
    asset: Any, viewer: Viewer, wanted: Wanted, *, at: datetime | None = None
) -> list[ColumnElement[bool]]:
    """What a filter asks of an asset, its state apart."""
    where = [*_plain(asset, wanted), *_people(asset, wanted, at)]
    if wanted.labels or wanted.min_confidence is not None:
        where.append(_labelled(asset, viewer, wanted, at))
    if wanted.under_id is not None:
        where.append(asset.id.in_(beneath(wanted.under_id, at)))
    return where


def _plain(asset: Any, wanted: Wanted) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if wanted.kinds:
        where.append(asset.kind.in_(wanted.kinds))
    if wanted.source_ids is not None:
        where.append(asset.source_id.in_(wanted.source_ids))
    if wanted.workspace_id is not None:
        sources = select(DataSource.id).where(DataSource.workspace_id == wanted.workspace_id)
        where.append(asset.source_id.in_(sources))
    if wanted.name_pattern:
        pattern = like(wanted.name_pattern)
        where.append(
            or_(asset.name.ilike(pattern, escape="\\"), asset.qualified_name.ilike(pattern, escape="\\"))
        )
    if wanted.changed_from is not None:
        where.append(asset.valid_from >= wanted.changed_from)
    if wanted.changed_to is not None:
        where.append(asset.valid_from < wanted.changed_to)
    return where


def like(pattern: str) -> str:
    """`*` and `?` as people write them; without either, the words anywhere in the name."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if "*" not in pattern and "?" not in pattern:
        return f"%{escaped}%"
    return escaped.replace("*", "%").replace("?", "_")


def _people(asset: Any, wanted: Wanted, at: datetime | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    owner, tagged = as_of(Ownership, at), as_of(AssetTag, at)
    owned = select(literal(1)).where(owner.asset_id == asset.id)
    if wanted.owner_ids:
        where.append(owned.where(owner.actor_id.in_(wanted.owner_ids)).exists())
    if wanted.unowned is not None:
        where.append(~owned.exists() if wanted.unowned else owned.exists())
    if wanted.tags:
        named = select(literal(1)).select_from(tagged).join(Tag, Tag.id == tagged.tag_id)
        where.append(named.where(tagged.asset_id == asset.id, Tag.name.in_(wanted.tags)).exists())
    return where


def _labelled(asset: Any, viewer: Viewer, wanted: Wanted, at: datetime | None) -> ColumnElement[bool]:
    """The asset carries the label, or one of its columns does."""
    given, column = as_of(Classification, at), another(Asset, at)
    where = [visible(given, viewer), given.state != ReviewState.REJECTED]
    if wanted.labels:
        where.append(given.label_id.in_(select(Label.id).where(Label.name.in_(wanted.labels))))
    if wanted.min_confidence is not None:
        where.append(given.confidence >= wanted.min_confidence)
    own = select(given.asset_id).where(*where)
    above = select(column.parent_id).join(given, given.asset_id == column.id)
    return asset.id.in_(own.union_all(above.where(column.kind == AssetKind.COLUMN, *where)))


def another(row: type[Base], at: datetime | None) -> Any:
    """The class once more beside itself in a statement."""
    return aliased(row) if at is None else as_of(row, at)


def beneath(asset_id: UUID, at: datetime | None = None) -> Select[Any]:
    """Ids of everything in an asset, at any depth."""
    first, further = as_of(Asset, at), as_of(Asset, at)
    tree = select(first.id).where(first.parent_id == asset_id).cte(recursive=True)
    tree = tree.union(select(further.id).where(further.parent_id == tree.c.id))
    return select(tree.c.id)


def chain(asset_ids: Sequence[UUID], at: datetime | None = None) -> Any:
    """(start, node, height) for assets and all that holds them: the asset itself has height 0."""
    first, further = as_of(Asset, at), as_of(Asset, at)
    up = select(
        first.id.label("start"),
        first.id.label("node"),
        first.parent_id.label("above"),
        as_type(literal(0), Integer).label("height"),
    ).where(first.id.in_(asset_ids))
    found = up.cte(recursive=True)
    step = select(found.c.start, further.id, further.parent_id, found.c.height + 1).where(
        further.id == found.c.above, found.c.height < DEEPEST
    )
    return found.union_all(step)


def there_or_with_its_parent(asset: Any, at: datetime | None = None) -> ColumnElement[bool]:
    """Of a parent that is there, what is there; of one that is gone, what went with it."""
    parent = another(Asset, at)
    gone = select(literal(1)).where(parent.id == asset.parent_id, parent.state.not_in(HERE))
    return or_(asset.state.in_(HERE), gone.exists())


def counted_by_kind(container_ids: Sequence[UUID], viewer: Viewer, at: datetime | None = None) -> Any:
    """(container, kind, how many) of what is in containers, at any depth."""
    first, further, shown = as_of(Asset, at), as_of(Asset, at), as_of(Asset, at)
    tree = select(first.parent_id.label("top"), first.id.label("node")).where(
        first.parent_id.in_(container_ids)
    )
    found = tree.cte(recursive=True)
    found = found.union_all(select(found.c.top, further.id).where(further.parent_id == found.c.node))
    return (
        select(found.c.top, shown.kind, func.count())
        .select_from(found)
        .join(shown, shown.id == found.c.node)
        .where(shown.state.in_(HERE), visible(shown, viewer))
        .group_by(found.c.top, shown.kind)
        .order_by(found.c.top, shown.kind)
    )
