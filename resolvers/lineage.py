"""The root of lineage."""

from __future__ import annotations

from datetime import datetime

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.history import as_of as as_of_time
from datawave.kit.ids import key_of
from models import catalog as rows
from models.lineage import LineageOrigin
from schema.context import Info
from schema.fields import query
from schema.lineage import LineageDirection, LineageGraph, graph_of
from schema.shapes import given


@strawberry.type
class Queries:
    @query(
        needs=Permission.LINEAGE_READ,
        description="What an asset or column comes from, and what comes from it; null where there is no"
        " such asset or"
        " the viewer may not see it.",
        cost=50,
    )
    async def lineage(
        self,
        info: Info,
        id: ID,
        direction: LineageDirection = LineageDirection.BOTH,
        depth: int | None = 3,
        max_nodes: int | None = 500,
        origins: list[LineageOrigin] | None = strawberry.UNSET,
        min_confidence: float | None = strawberry.UNSET,
        column_level: bool | None = False,
        as_of: datetime | None = strawberry.UNSET,
    ) -> LineageGraph | None:
        at = given(as_of)
        asset = as_of_time(rows.Asset, at)
        key = key_of("asset", id)
        root = await info.context.db.scalar(
            select(asset).where(asset.id == key, visible(asset, info.context.viewer))
        )
        if root is None:
            return None
        return await graph_of(
            info,
            root,
            direction=direction,
            depth=depth,
            max_nodes=max_nodes,
            origins=given(origins),
            min_confidence=given(min_confidence),
            column_level=bool(column_level),
            as_of=at,
        )
