"""Assets in the API. One table, one interface; the kind of an asset says which type shows it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

import strawberry

from auth.permissions import Permission
from datawave.kit.pages import Asked
from datawave.kit.reads import Of, Related, Rows, Shape
from domain.catalog import versions as history
from models import catalog as rows
from models import discovery as run_rows
from models import sources as source_rows
from resolvers.loaders import catalog as loaders
from resolvers.loaders import classification as label_loaders
from schema.catalog_filters import wanted_by
from schema.context import Info
from schema.fields import field
from schema.lineage import LineageDirection, ReviewState
from schema.profiles import AssetVersion, ColumnProfile, DatasetProfile
from schema.reads import column, each, one, pointed, related
from schema.rows import FromRow
from schema.scalars import JSON, Cursor
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

strawberry.enum(rows.DataType, name="DataType", description="Types common to all sources.")
strawberry.enum(rows.OwnershipKind, name="OwnershipKind", description="Kinds of responsibility.")


def children(of: Of, filter: AssetFilter | None = strawberry.UNSET) -> Rows:
    return loaders.children(of, wanted_by(filter))


def columns(of: Of, filter: AssetFilter | None = strawberry.UNSET) -> Rows:
    return loaders.columns(of, wanted_by(filter))


def classifications(of: Of, states: list[ReviewState] | None = strawberry.UNSET) -> Rows:
    return label_loaders.classifications(of, given(states))


def _name_of_type(kind: rows.AssetKind) -> str:
    if kind is rows.AssetKind.COLUMN:
        return "Column"
    return "Container" if kind in rows.CONTAINERS else "Dataset"


@strawberry.interface(description="A thing with data in it, or made of data, that is governed.")
class Asset(AsOf, Node, Timestamped, Versioned, shows=rows.Asset):
    told_apart: ClassVar[tuple[str, dict[str, str]]] = (
        "kind",
        {kind.name: _name_of_type(kind) for kind in rows.AssetKind},
    )
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

    description: str | None = column(
        "description",
        "comment",
        description="A person's words; where nobody has said anything, the source's own comment.",
    )
    attributes: JSON = column("attributes", description="What else the source says of it.")
    data_source: DataSource | None = one("source_id", source_rows.DataSource)
    parent: Asset | None = related(Shape.ONE, loaders.assets, key="parent_id", description="What it is in.")
    path: list[Asset] = related(
        Shape.MANY, loaders.paths, description="All that it is in, from the top down."
    )
    owners: list[Ownership] = related(
        Shape.MANY,
        loaders.owners,
        description="Who is responsible: its own owners, then those of what it is in.",
    )
    tags: list[Tag] = related(Shape.MANY, loaders.tags)
    labels: list[Label] = related(
        Shape.MANY,
        loaders.labels,
        description="Labels that it or one of its columns carries, those apart that a person rejected; for"
        " whoever may"
        " read classifications.",
    )

    children: Connection[Asset] = related(Shape.PAGE, children, description="What is in it, by name.", cost=2)
    classifications: Connection[Classification] = related(
        Shape.PAGE, classifications, description="What it is taken to be, the surest first.", cost=2
    )

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
    asset_counts: list[Count] = related(
        Shape.MANY, loaders.asset_counts, description="How much of each kind is in it, at any depth.", cost=5
    )


@strawberry.type(description="A table, view, file, or topic: rows with columns.")
class Dataset(Asset):
    definition: str | None = column(
        "definition", description="The statement of a view, as the source gives it."
    )

    columns: Connection[Column] = related(
        Shape.PAGE, columns, description="Its columns, in their order.", cost=2
    )
    primary_key: list[Column] = related(Shape.MANY, loaders.primary_keys)
    foreign_keys: list[ForeignKey] = related(
        Shape.MANY,
        loaders.foreign_keys,
        description="Its present foreign keys; they have no history of their own.",
    )
    profile: DatasetProfile | None = related(
        Shape.ONE, loaders.dataset_profiles, description="The latest profile; profiles have no history."
    )


@strawberry.type(description="A column, or a field inside one.")
class Column(Asset):
    nullable: bool

    ordinal: int = column("ordinal", otherwise=0)
    native_type: str = column("native_type", otherwise="")
    data_type: rows.DataType = column("data_type", otherwise=rows.DataType.OTHER)
    default_expression: str | None = column("default_expression")
    dataset: Dataset = related(Shape.ONE, loaders.assets, key="parent_id")
    fields: list[Column] = related(Shape.MANY, loaders.fields, description="What is inside it.")
    profile: ColumnProfile | None = related(
        Shape.ONE, loaders.column_profiles, description="The latest profile; profiles have no history."
    )


def _type_of(row: rows.Asset) -> type[Asset]:
    return TYPES[_name_of_type(row.kind)]


TYPES: dict[str, type[Asset]] = {"Column": Column, "Container": Container, "Dataset": Dataset}


async def asset_by_id(info: Info, key: Any, at: datetime | None) -> Any:
    """An asset as of a time; null where there is none or the viewer may not see it."""
    if key is None:
        return None
    found = await info.context.loaders.related(ASSET, at, {}, None).load(key)
    return Asset.of(found[0], at) if found is not None else None


ASSET = Related(loaders.assets, Shape.ONE)


@strawberry.type(description="Somebody's responsibility for an asset.")
class Ownership(AsOf):
    kind: rows.OwnershipKind
    actor: Actor | None = pointed(
        "actor_word", "actor_id", description="Who; null for whoever may not see people."
    )
    inherited_from: Asset | None = related(
        Shape.ONE,
        loaders.assets,
        key="inherited_from",
        description="The asset above that it comes from; null where it is the asset's own.",
    )


@strawberry.type(description="A free word on assets.")
class Tag(FromRow, Node, shows=rows.Tag):
    name: str
    description: str | None
    color: str | None

    asset_count: int = related(
        Shape.VALUE, loaders.tagged_assets, missing=0, description="How many assets have it.", cost=1
    )


@strawberry.type(description="Rows that point at other rows.")
class ForeignKey(FromRow):
    name: str | None
    enforced: bool
    columns: list[Column] = each("columns", loaders.assets_now)
    references: list[Column] = each(
        "references",
        loaders.assets_now,
        description="The columns pointed at; empty where the catalog does not know them.",
    )


async def drift_of_run(info: Info, run: run_rows.Run) -> SchemaDiff | None:
    """What a discovery found to differ from the reading before."""
    from schema.drift import diff_of_run

    return await diff_of_run(info, run)
