"""Drift in the API: what differs between readings of a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement, select

from datawave.kit.access import visible
from datawave.kit.given import among
from datawave.kit.kept import kept
from datawave.kit.pages import Asked, Key
from datawave.kit.reads import Of, Rows, Shape
from domain.catalog import drift
from models import discovery as rows
from models import sources as source_rows
from resolvers.loaders import catalog as loaders
from schema.context import Info
from schema.reads import computed, related
from schema.rows import FromRow
from schema.scalars import Cursor
from schema.shapes import Connection, FieldChange, connection, given

if TYPE_CHECKING:
    from schema.catalog import Asset
    from schema.sources import DataSource

strawberry.enum(rows.SchemaChangeKind, name="SchemaChangeKind", description="Kinds of difference.")


@dataclass(frozen=True, kw_only=True)
class Span:
    """Which readings are meant: that of one run, or those between two times."""

    source_id: UUID
    run_id: UUID | None = None
    since: datetime | None
    until: datetime

    @property
    def where(self) -> Sequence[ColumnElement[bool]]:
        change = rows.SchemaChange
        if self.run_id is not None:
            return [change.run_id == self.run_id]
        return [change.source_id == self.source_id, change.at > self.since, change.at <= self.until]


def changes_within(of: Of, span: Span, kinds: list[rows.SchemaChangeKind] | None = None) -> Rows:
    """What the readings found to differ, in the order in which they did."""
    change = rows.SchemaChange
    query = select(change).where(*span.where, visible(change, of.viewer))
    if kinds:
        query = query.where(among(change.kind, kinds))
    return Rows(query=query, row=change, order=[Key(change.at), Key(change.id)])


@strawberry.type(description="One difference of schema, and whether it breaks readers.")
class SchemaChange(FromRow):
    kind: rows.SchemaChangeKind
    breaking: bool

    asset: Asset = related(Shape.ONE, loaders.assets_now, key="asset_id")

    @computed
    @staticmethod
    def changes(changes: list[Any]) -> list[FieldChange]:
        return FieldChange.all_of(changes)

    impacted: int = related(
        Shape.VALUE,
        loaders.impacted,
        key="asset_id",
        missing=0,
        description="How many datasets are made of it, directly or not.",
        cost=2,
    )


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
        reading, asked = kept(changes_within, of_parents=False), Asked(first=first, after=given(after))
        wanted = {"span": self.span, "kinds": given(kinds)}
        page, _ = await reading.page(info.context.db, asked, wanted)
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
    span = Span(
        source_id=run.source_id,
        run_id=run.id,
        since=run.started_at,
        until=run.finished_at or run.updated_at,
    )
    found = await diff_of(info, span)
    return found if any(found.counted.values()) else None


async def diff_between(
    info: Info, source_id: UUID, since: datetime, until: datetime | None, now: datetime
) -> SchemaDiff:
    return await diff_of(info, Span(source_id=source_id, since=since, until=until or now))
