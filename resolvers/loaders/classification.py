"""Labels and classifications, described."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select

from datawave.kit.access import visible
from datawave.kit.given import among
from datawave.kit.history import as_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows
from models.classification import Classification, Label
from models.lineage import ReviewState


def children(of: Of) -> Rows:
    query = select(Label).where(visible(Label, of.viewer))
    return Rows(query=query, row=Label, by=Label.parent_id, order=[Key(Label.name)])


def asset_counts(of: Of) -> Rows:
    """How many assets that the viewer may see carry a label."""
    query = (
        select(Classification.label_id.label("label_id"), func.count().label("count"))
        .where(
            among(Classification.label_id, of.keys),
            Classification.state != ReviewState.REJECTED,
            visible(Classification, of.viewer),
        )
        .group_by(Classification.label_id)
        .subquery("carried")
    )
    return Rows(query=select(query), row=query.c, by=query.c.label_id, value=query.c.count)


def classifications(of: Of, states: Sequence[Any] | None) -> Rows:
    """An asset's classifications, the surest first."""
    given = as_of(Classification, of.at)
    where = [visible(given, of.viewer), *([among(given.state, states)] if states else [])]
    order = [Key(given.confidence, descending=True), Key(given.id)]
    return Rows(query=select(given).where(*where), row=given, by=given.asset_id, order=order, at=of.at)
