"""The roots of classification."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.pages import Asked, Key, page_of
from domain import classification as domain
from models import classification as rows
from schema.classification import Classification, ClassificationFilter, Label
from schema.context import Info
from schema.fields import query
from schema.scalars import Cursor
from schema.shapes import Connection, connection, given

LEAST_SURE_FIRST = [Key(rows.Classification.confidence), Key(rows.Classification.id)]


@strawberry.type
class Queries:
    @query(needs=Permission.ASSET_READ, description="The taxonomy: labels at the top.")
    async def labels(self, info: Info) -> list[Label]:
        label = rows.Label
        top = select(label).where(label.parent_id.is_(None), visible(label, info.context.viewer))
        return [Label.of(row) for row in await info.context.db.scalars(top.order_by(label.name))]

    @query(
        needs=Permission.CLASSIFICATION_READ,
        description="Classifications, the least sure first for who reviews.",
        cost=2,
    )
    async def classifications(
        self,
        info: Info,
        filter: ClassificationFilter | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[Classification]:
        asked = Asked(first=first, after=given(after)).checked()
        wanted = given(filter)
        found = domain.meant(info.context.viewer, wanted.wanted() if wanted is not None else domain.Wanted())
        page = await page_of(info.context.db, found, LEAST_SURE_FIRST, asked)
        return connection(page, Classification.of)
