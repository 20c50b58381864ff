"""Drift in the API: what differs between readings of a source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import strawberry
from sqlalchemy import ColumnElement, select

from datawave.kit.access import visible
from datawave.kit.pages import Asked, Key, page_of
from domain.catalog import drift
from models import discovery as rows
from models import sources as source_rows
from resolvers.loaders import catalog as loaders
from schema.context import Info
from schema.fields import field
from schema.rows import FromRow
from schema.scalars import Cursor
from schema.shapes import Connection, FieldChange, connection, given

if TYPE_CHECKING:
    from schema.catalog import Asset
    from schema.sources import DataSource

strawberry.enum(rows.SchemaChangeKind, name="SchemaChangeKind", description="Kinds of difference.")


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which readings are meant: those of one run, or those between two times."""

    source_id: Any
    where: tuple[ColumnElement[bool], ...]
    since: datetime | None
    until: datetime


@strawberry.type(description="One difference of schema, and whether it breaks readers.")
class SchemaChange(FromRow):
    kind: rows.SchemaChangeKind
    breaking: bool

    @strawberry.field
    async def asset(self, info: Info) -> Asset:
        from schema.catalog import asset_by_id

        return await asset_by_id(info, self.row.asset_id, None)

    @strawberry.field
    def changes(self) -> list[FieldChange]:
        return FieldChange.all_of(self.row.changes)

    @field(description="How many datasets are made of it, directly or not.", cost=2)
    async def impacted(self, info: Info) -> int:
        return await info.context.loaders.batch(loaders.impacted, 0).load(self.row.asset_id)


@strawberry.type(
    description="What differs between two readings of a source: every difference that the readings in"
    " between have found."
)
class SchemaDiff:
    span: strawberry.Private[Span]
    counted: strawberry.Private[Mapping[str, int]]
    from_: datetime | None = strawberry.field(name="from")
    to: datetime

    @strawberry.field
    async def data_source(self, info: Info) -> DataSource:
        from schema.sources import DataSource

        row = await info.context.loaders.row(source_rows.DataSource).load(self.span.source_id)
        return DataSource.of(row)

    @strawberry.field(description="Assets that came, or came back.")
    def added(self) -> int:
        return self.counted["added"]

    @strawberry.field(description="Assets that went.")
    def removed(self) -> int:
        return self.counted["removed"]

    @strawberry.field(description="Assets that changed.")
    def changed(self) -> int:
        return self.counted["changed"]

    @strawberry.field(description="Differences that break readers.")
    def breaking(self) -> int:
        return self.counted["breaking"]

    @strawberry.field
    async def changes(
        self,
        info: Info,
        kinds: list[rows.SchemaChangeKind] | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[SchemaChange]:
        change = rows.SchemaChange
        query = select(change).where(*self.span.where, visible(change, info.context.viewer))
        if wanted := given(kinds):
            query = query.where(change.kind.in_(wanted))
        asked = Asked(first=first, after=given(after)).checked()
        page = await page_of(info.context.db, query, [Key(change.at), Key(change.id)], asked)
        return connection(page, SchemaChange.of)


async def diff_of(info: Info, span: Span) -> SchemaDiff:
    change = rows.SchemaChange
    query = select(
        drift.ADDED.label("added"),
        drift.REMOVED.label("removed"),
        drift.CHANGED.label("changed"),
        drift.BREAKING.label("breaking"),
    ).where(*span.where, visible(change, info.context.viewer))
    [counted] = await info.context.db.rows(query)
    return SchemaDiff(span=span, counted=dict(counted._mapping), from_=span.since, to=span.until)


async def diff_of_run(info: Info, run: rows.Run) -> SchemaDiff | None:
    """What one reading found to differ; null where nothing does, or the viewer may not see the catalog."""
    change = rows.SchemaChange
    span = Span(
        source_id=run.source_id,
        where=(change.run_id == run.id,),
        since=run.started_at,
        until=run.finished_at or run.updated_at,
    )
    found = await diff_of(info, span)
    return found if any(found.counted.values()) else None


async def diff_between(
    info: Info, source_id: Any, since: datetime, until: datetime | None, now: datetime
) -> SchemaDiff:
    change = rows.SchemaChange
    end = until or now
    span = Span(
        source_id=source_id,
        where=(change.source_id == source_id, change.at > since, change.at <= end),
        since=since,
        until=end,
    )
    return await diff_of(info, span)
