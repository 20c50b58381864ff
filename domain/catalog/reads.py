"""Questions to the catalog: which assets are meant by a filter, now or as of a time, and what lies above
and beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, func, literal, or_, select, union_all
from sqlalchemy import cast as as_type
from sqlalchemy.orm import aliased

from datawave.kit.access import Viewer, visible
from datawave.kit.database import Base
from datawave.kit.given import among, later
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


Spread = list[tuple[Any, Any]]


def assets(
    viewer: Viewer, wanted: Wanted = ANY, *, at: datetime | None = None
) -> tuple[Select[Any], Any, Spread]:
    """The query of all assets that are meant and may be seen, the class to order it by, and over what it is
    spread: the sources and kinds, where sources are named."""
    asset, spread = as_of(Asset, at), []
    if wanted.source_ids is not None:
        spread = [(asset.source_id, wanted.source_ids), over_kinds(asset, wanted)]
        wanted = replace(wanted, source_ids=None, kinds=None)
    states = wanted.states or HERE
    where = [visible(asset, viewer), among(asset.state, states), *conditions(asset, viewer, wanted, at=at)]
    return select(asset).where(*where), asset, spread


def over_kinds(asset: Any, wanted: Wanted) -> tuple[Any, Any]:
    return asset.kind, wanted.kinds or tuple(AssetKind)


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
        where.append(among(asset.kind, wanted.kinds))
    if wanted.source_ids is not None:
        where.append(among(asset.source_id, wanted.source_ids))
    if wanted.workspace_id is not None:
        sources = select(DataSource.id).where(DataSource.workspace_id == wanted.workspace_id)
        where.append(asset.source_id.in_(sources))
    if wanted.name_pattern:
        pattern = later(like, wanted.name_pattern)
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
        where.append(owned.where(among(owner.actor_id, wanted.owner_ids)).exists())
    if wanted.unowned is not None:
        where.append(~owned.exists() if wanted.unowned else owned.exists())
    if wanted.tags:
        named = select(literal(1)).select_from(tagged).join(Tag, Tag.id == tagged.tag_id)
        where.append(named.where(tagged.asset_id == asset.id, among(Tag.name, wanted.tags)).exists())
    return where


def _labelled(asset: Any, viewer: Viewer, wanted: Wanted, at: datetime | None) -> ColumnElement[bool]:
    """The asset carries the label, or one of its columns does."""
    given, column = as_of(Classification, at), another(Asset, at)
    where = [visible(given, viewer), given.state != ReviewState.REJECTED]
    if wanted.labels:
        where.append(given.label_id.in_(select(Label.id).where(among(Label.name, wanted.labels))))
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
    tree = tree.union(select(further.id).join(tree, tree.c.id == further.parent_id))
    return select(tree.c.id)


def chain(asset_ids: Sequence[UUID], at: datetime | None = None) -> Any:
    """(start, node, height) for assets and all that holds them: the asset itself has height 0."""
    first, further = as_of(Asset, at), as_of(Asset, at)
    up = select(
        first.id.label("start"),
        first.id.label("node"),
        first.parent_id.label("above"),
        as_type(literal(0), Integer).label("height"),
    ).where(among(first.id, asset_ids))
    found = up.cte(recursive=True)
    step = select(found.c.start, further.id, further.parent_id, found.c.height + 1)
    step = step.join(further, further.id == found.c.above).where(found.c.height < DEEPEST)
    return found.union_all(step)


def holders(asset_ids: Any, at: datetime | None = None, *, alone: bool = False) -> Any:
    """(start, node, height) as `chain`, of many assets in few things: what holds them is walked once. Where
    there is one asset `alone`, nothing has to be shared."""
    asset, further = another(Asset, at), another(Asset, at)
    assets = select(asset.id, asset.parent_id).where(among(asset.id, asset_ids)).cte("assets")
    above = assets.c.id if alone else assets.c.parent_id
    parents = select(above.label("start"), assets.c.parent_id).where(assets.c.parent_id.is_not(None))
    first = (parents if alone else parents.distinct()).subquery("parents")
    height = as_type(literal(1), Integer).label("height")
    up = select(first.c.start, first.c.parent_id.label("node"), height).cte(recursive=True)
    step = (
        select(up.c.start, further.parent_id, up.c.height + 1)
        .join(further, further.id == up.c.node)
        .where(further.parent_id.is_not(None), up.c.height < DEEPEST)
    )
    up = up.union_all(step)
    own = select(
        assets.c.id.label("start"), assets.c.id.label("node"), as_type(literal(0), Integer).label("height")
    )
    above = select(up.c.start, up.c.node, up.c.height)
    if not alone:
        above = select(assets.c.id, up.c.node, up.c.height).join(up, up.c.start == assets.c.parent_id)
    return union_all(own, above).subquery("holders")


def there_or_with_its_parent(asset: Any, at: datetime | None = None) -> ColumnElement[bool]:
    """Of a parent that is there, what is there; of one that is gone, what went with it."""
    parent = another(Asset, at)
    gone = select(literal(1)).where(parent.id == asset.parent_id, parent.state.not_in(HERE))
    return or_(asset.state.in_(HERE), gone.exists())


def counted_by_kind(container_ids: Sequence[UUID], viewer: Viewer, at: datetime | None = None) -> Any:
    """(container, kind, how many) of what is in containers, at any depth."""
    first, further, shown = as_of(Asset, at), as_of(Asset, at), as_of(Asset, at)
    tree = select(first.parent_id.label("top"), first.id.label("node")).where(
        among(first.parent_id, container_ids)
    )
    found = tree.cte(recursive=True)
    step = select(found.c.top, further.id).join(further, further.parent_id == found.c.node)
    found = found.union_all(step)
    return (
        select(found.c.top, shown.kind, func.count())
        .select_from(found)
        .join(shown, shown.id == found.c.node)
        .where(shown.state.in_(HERE), visible(shown, viewer))
        .group_by(found.c.top, shown.kind)
    )
