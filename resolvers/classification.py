"""The roots of classification."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import classification as domain
from models import classification as rows
from schema.classification import Classification, ClassificationFilter, Label
from schema.fields import read
from schema.shapes import Connection, given

LEAST_SURE_FIRST = [Key(rows.Classification.confidence), Key(rows.Classification.id)]


def labels(of: Of) -> Rows:
    label = rows.Label
    query = select(label).where(label.parent_id.is_(None), visible(label, of.viewer))
    return Rows(query=query, row=label, order=[Key(label.name)])


def classifications(of: Of, filter: ClassificationFilter | None = strawberry.UNSET) -> Rows:
    asked = given(filter)
    query = domain.meant(of.viewer, asked.wanted() if asked is not None else domain.Wanted())
    return Rows(query=query, row=rows.Classification, order=LEAST_SURE_FIRST)


@strawberry.type
class Queries:
    labels: list[Label] = read(
        Shape.MANY, labels, needs=Permission.ASSET_READ, description="The taxonomy: labels at the top."
    )
    classifications: Connection[Classification] = read(
        Shape.PAGE,
        classifications,
        needs=Permission.CLASSIFICATION_READ,
        description="Classifications, the least sure first for who reviews.",
        cost=2,
    )
