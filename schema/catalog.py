"""Assets in the API. One table, one interface; the kind of an asset says which type shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import strawberry

from auth.permissions import Permission
from datawave.kit.pages import Asked, Key, page_of
from domain.catalog import reads
from domain.catalog import versions as history
from models import catalog as rows
from models import discovery as run_rows
from models import sources as source_rows
from resolvers.loaders import catalog as loaders
from resolvers.loaders import classification as label_loaders
from schema.context import Info
from schema.fields import field
from schema.lineage import LineageDirection, ReviewState
from schema.profiles import AssetVersion, ColumnProfile, DatasetProfile
from schema.rows import FromRow
from schema.scalars import JSON, BigInt, Cursor
from schema.shapes import (
    Actor,
    Connection,
    Count,
    Node,
    Timestamped,
    Versioned,
    connection,
    given,
)
from schema.times import AsOf

if TYPE_CHECKING:
    from schema.catalog_filters import AssetFilter
    from schema.classification import Classification, Label
    from schema.drift import SchemaDiff
    from schema.lineage import LineageGraph
    from schema.sources import DataSource

strawberry.enum(rows.AssetKind, name="AssetKind", description="What kind of thing an asset is.")
strawberry.enum(rows.AssetState, name="AssetState", description="Whether it is still there.")
strawberry.enum(rows.DataType, name="DataType", description="Types common to all sources.")
strawberry.enum(rows.OwnershipKind, name="OwnershipKind", description="Kinds of responsibility.")


@strawberry.interface(description="A thing with data in it, or made of data, that is governed.")
class Asset(AsOf, Node, Timestamped, Versioned, shows=rows.Asset):
    kind: rows.AssetKind
    name: str
    qualified_name: str = strawberry.field(
        description="The source's key and the names within, joined by dots; names with other than letters,"
        " digits and"
        " `_` in double quotes."
    )
    state: rows.AssetState

    @classmethod
    def of(cls, row: Any, at: datetime | None = None) -> Self:
        """As the type that its kind asks for."""
        shows: Any = _type_of(row) if cls is Asset else super()
        return shows.of(row, at)

    @strawberry.field(
        description="A person's words; where nobody has said anything, the source's own comment."
    )
    def description(self) -> str | None:
        return self.row.description or self.row.comment

    @strawberry.field(description="What else the source says of it.")
    def attributes(self) -> JSON:
        return self.row.attributes

    @strawberry.field
    async def data_source(self, info: Info) -> DataSource | None:
        from schema.sources import DataSource

        return await info.context.node_of(DataSource, self.row.source_id)

    @strawberry.field(description="What it is in.")
    async def parent(self, info: Info) -> Asset | None:
        return await asset_by_id(info, self.row.parent_id, self.at)

    @strawberry.field(description="All that it is in, from the top down.")
    async def path(self, info: Info) -> list[Asset]:
        found = await info.context.loaders.batch(loaders.paths(self.at), []).load(self.row.id)
        return [Asset.of(row, self.at) for row in found]

    @field(description="What is in it, by name.", cost=2)
    async def children(
        self,
        info: Info,
        filter: AssetFilter | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[Asset]:
        return await _within(self, info, loaders.CHILDREN, given(filter), first, given(after))

    @strawberry.field(description="Who is responsible: its own owners, then those of what it is in.")
    async def owners(self, info: Info) -> list[Ownership]:
        found = await info.context.loaders.batch(loaders.owners(self.at), []).load(self.row.id)
        return [Ownership(owned=each, at=self.at, kind=each.kind) for each in found]

    @strawberry.field
    async def tags(self, info: Info) -> list[Tag]:
        found = await info.context.loaders.batch(loaders.tags(self.at), []).load(self.row.id)
        return [Tag.of(row) for row in found]

    @strawberry.field(
        description="Labels that it or one of its columns carries, those apart that a person rejected; for"
        " whoever may"
        " read classifications."
    )
    async def labels(self, info: Info) -> list[Label]:
        from schema.classification import Label

        found = await info.context.loaders.batch(loaders.labels(self.at), []).load(self.row.id)
        return [Label.of(row) for row in found]

    @field(description="What it is taken to be, the surest first.", cost=2)
    async def classifications(
        self,
        info: Info,
        states: list[ReviewState] | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[Classification]:
        from schema.classification import Classification

        asked = Asked(first=first, after=given(after)).checked()
        load = label_loaders.pages(asked, tuple(given(states) or ()), self.at)
        page = await info.context.loaders.batch(load).load(self.row.id)
        return connection(page, lambda row: Classification.of(row, self.at))

    @field(
        description="What it comes from and what comes from it.",
        needs=Permission.LINEAGE_READ,
        cost=50,
    )
    async def lineage(
        self,
        info: Info,
        direction: LineageDirection = LineageDirection.BOTH,
        depth: int | None = 1,
        max_nodes: int | None = 100,
    ) -> LineageGraph | None:
        from schema.lineage import graph_of

        return await graph_of(
            info, self.row, direction=direction, depth=depth, max_nodes=max_nodes, as_of=self.at
        )

    @field(description="The asset as it was, newest first.", cost=5)
    async def versions(
        self, info: Info, first: int | None = 50, after: Cursor | None = strawberry.UNSET
    ) -> Connection[AssetVersion]:
        asked = Asked(first=first, after=given(after)).checked()
        return connection(await history.versions(info.context.db, self.row, asked), AssetVersion.of)


@strawberry.type(
    description="A database, schema, bucket, folder, project or workspace of reports: assets that hold"
    " assets."
)
class Container(Asset):
    @field(description="How much of each kind is in it, at any depth.", cost=5)
    async def asset_counts(self, info: Info) -> list[Count]:
        found = await info.context.loaders.batch(loaders.counts(self.at), []).load(self.row.id)
        return [
            Count(key=kind.value, label=kind.value.replace("_", " ").capitalize(), count=BigInt(number))
            for kind, number in found
        ]


@strawberry.type(description="A table, view, file, or topic: rows with columns.")
class Dataset(Asset):
    @strawberry.field(description="The statement of a view, as the source gives it.")
    def definition(self) -> str | None:
        return self.row.definition

    @field(description="Its columns, in their order.", cost=2)
    async def columns(
        self,
        info: Info,
        filter: AssetFilter | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[Column]:
        return await _within(self, info, loaders.COLUMNS, given(filter), first, given(after))

    @strawberry.field
    async def primary_key(self, info: Info) -> list[Column]:
        names = tuple(self.row.primary_key or ())
        if not names:
            return []
        found = await info.context.loaders.batch(loaders.primary_keys(self.at), []).load((self.row.id, names))
        return [Column.of(row, self.at) for row in found]

    @strawberry.field(description="Its present foreign keys; they have no history of their own.")
    async def foreign_keys(self, info: Info) -> list[ForeignKey]:
        found = await info.context.loaders.batch(loaders.foreign_keys, []).load(self.row.id)
        return [ForeignKey.of(row) for row in found]

    @strawberry.field(description="The latest profile; profiles have no history.")
    async def profile(self, info: Info) -> DatasetProfile | None:
        found = await info.context.loaders.batch(loaders.dataset_profiles).load(self.row.id)
        return DatasetProfile.of_maybe(found)


@strawberry.type(description="A column, or a field inside one.")
class Column(Asset):
    nullable: bool

    @strawberry.field
    def ordinal(self) -> int:
        return self.row.ordinal or 0

    @strawberry.field
    def native_type(self) -> str:
        return self.row.native_type or ""

    @strawberry.field
    def data_type(self) -> rows.DataType:
        return self.row.data_type or rows.DataType.OTHER

    @strawberry.field
    def default_expression(self) -> str | None:
        return self.row.default_expression

    @strawberry.field
    async def dataset(self, info: Info) -> Dataset:
        return await asset_by_id(info, self.row.parent_id, self.at)

    @strawberry.field(description="What is inside it.")
    async def fields(self, info: Info) -> list[Column]:
        found = await info.context.loaders.batch(loaders.fields(self.at), []).load(self.row.id)
        return [Column.of(row, self.at) for row in found]

    @strawberry.field(description="The latest profile; profiles have no history.")
    async def profile(self, info: Info) -> ColumnProfile | None:
        found = await info.context.loaders.batch(loaders.column_profiles).load(self.row.id)
        return ColumnProfile.of_row(found) if found is not None else None


def _type_of(row: rows.Asset) -> type[Asset]:
    if row.kind is rows.AssetKind.COLUMN:
        return Column
    return Container if row.kind in rows.CONTAINERS else Dataset


async def asset_by_id(info: Info, key: Any, at: datetime | None) -> Any:
    """An asset as of a time; null where there is none or the viewer may not see it."""
    if key is None:
        return None
    row = await info.context.loaders.batch(loaders.assets(at)).load(key)
    return Asset.of(row, at) if row is not None else None


async def columns_by_id(info: Info, keys: Sequence[Any], at: datetime | None) -> list[Column]:
    found = await info.context.loaders.batch(loaders.assets(at)).load_many(keys)
    return [Column.of(row, at) for row in found if row is not None]


async def _within(
    asset: Asset, info: Info, of: str, wanted: AssetFilter | None, first: int | None, after: str | None
) -> Any:
    asked = Asked(first=first, after=after).checked()
    load = loaders.pages(of, asked, wanted.wanted() if wanted is not None else reads.ANY, asset.at)
    page = await info.context.loaders.batch(load).load(asset.row.id)
    return connection(page, lambda row: Asset.of(row, asset.at))


async def page_of_assets(
    info: Info,
    wanted: reads.Wanted,
    *,
    at: datetime | None,
    first: int | None,
    after: str | None,
    by_change: bool = False,
) -> Any:
    """A page of all assets that are meant: by name, or the last changed first."""
    query, asset = reads.assets(info.context.viewer, wanted, at=at)
    order = [Key(asset.valid_from, descending=True)] if by_change else [Key(asset.qualified_name)]
    order.append(Key(asset.id, descending=by_change))
    page = await page_of(info.context.db, query, order, Asked(first=first, after=after).checked())
    return connection(page, lambda row: Asset.of(row, at))


async def assets_of_source(
    info: Info,
    source: source_rows.DataSource,
    wanted: AssetFilter | None,
    at: datetime | None,
    first: int | None,
    after: str | None,
) -> Connection[Asset]:
    """What discoveries found in one source."""
    from dataclasses import replace

    asked = wanted.wanted() if wanted is not None else reads.ANY
    return await page_of_assets(
        info, replace(asked, source_ids=(source.id,)), at=at, first=first, after=after
    )


@strawberry.type(description="Somebody's responsibility for an asset.")
class Ownership:
    owned: strawberry.Private[loaders.Owned]
    at: strawberry.Private[datetime | None]
    kind: rows.OwnershipKind

    @strawberry.field(description="Who; null for whoever may not see people.")
    async def actor(self, info: Info) -> Actor | None:
        return await info.context.node(self.owned.actor_word, self.owned.actor_id)

    @strawberry.field(description="The asset above that it comes from; null where it is the asset's own.")
    async def inherited_from(self, info: Info) -> Asset | None:
        return await asset_by_id(info, self.owned.inherited_from, self.at)


@strawberry.type(description="A free word on assets.")
class Tag(FromRow, Node, shows=rows.Tag):
    name: str
    description: str | None
    color: str | None

    @field(description="How many assets have it.", cost=1)
    async def asset_count(self, info: Info) -> int:
        return await info.context.loaders.batch(loaders.tagged_assets, 0).load(self.row.id)


@strawberry.type(description="Rows that point at other rows.")
class ForeignKey(FromRow):
    name: str | None
    enforced: bool

    @strawberry.field
    async def columns(self, info: Info) -> list[Column]:
        return await columns_by_id(info, self.row.columns, None)

    @strawberry.field(description="The columns pointed at; empty where the catalog does not know them.")
    async def references(self, info: Info) -> list[Column]:
        return await columns_by_id(info, self.row.references, None)


async def drift_of_run(info: Info, run: run_rows.Run) -> SchemaDiff | None:
    """What a discovery found to differ from the reading before."""
    from schema.drift import diff_of_run

    return await diff_of_run(info, run)
