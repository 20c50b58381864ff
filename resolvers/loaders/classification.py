"""Batch reads of labels and classifications."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, select, true
from sqlalchemy.orm import aliased

from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.history import as_of
from datawave.kit.pages import Asked, Key, Page, paged, windowed
from models.classification import Classification, Label
from models.lineage import ReviewState
from resolvers.loaders.catalog import TIMES, Load


async def children(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, list[Label]]:
    found: dict[UUID, list[Label]] = defaultdict(list)
    query = select(Label).where(Label.parent_id.in_(keys), visible(Label, db.viewer)).order_by(Label.name)
    for label in await db.scalars(query):
        if label.parent_id is not None:
            found[label.parent_id].append(label)
    return found


async def asset_counts(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, int]:
    """How many assets that the viewer may see carry a label."""
    query = (
        select(Classification.label_id, func.count())
        .where(
            Classification.label_id.in_(keys),
            Classification.state != ReviewState.REJECTED,
            visible(Classification, db.viewer),
        )
        .group_by(Classification.label_id)
    )
    return {row[0]: row[1] for row in await db.rows(query)}


@lru_cache(TIMES)
def pages(asked: Asked, states: tuple[ReviewState, ...], at: datetime | None) -> Load:
    """A page of each asset's classifications, the surest first."""

    async def load(db: Db, keys: Sequence[UUID]) -> Mapping[UUID, Page[Classification]]:
        given = as_of(Classification, at)
        where = [visible(given, db.viewer), *([given.state.in_(states)] if states else [])]
        parents = select(
            func.unnest(bindparam("parents", list(keys), ARRAY(Uuid()))).label("parent")
        ).subquery()
        inner = select(given).where(given.asset_id == parents.c.parent, *where)
        window = windowed(inner, _order(given), asked).lateral("found")
        found = aliased(Classification, window)
        directions = [
            each.column.desc() if each.descending is not asked.backwards else each.column.asc()
            for each in _order(found)
        ]
        query = select(parents.c.parent, found).select_from(parents.join(window, true()))
        rows: dict[UUID, list[Any]] = defaultdict(list)
        for parent, row in await db.rows(query.order_by(parents.c.parent, *directions)):
            rows[parent].append(row)

        async def total(key: UUID) -> int:
            return await db.scalar(
                select(func.count()).select_from(given).where(given.asset_id == key, *where)
            )

        return {key: paged(rows[key], _order(given), asked, total=lambda key=key: total(key)) for key in keys}

    return load


def _order(given: Any) -> list[Key]:
    return [Key(given.confidence, descending=True), Key(given.id)]
