"""What happens in the catalog, as subscribers get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from datawave.kit.ids import global_id
from models import discovery as run_rows
from models import sources as source_rows
from models.classification import Classification as ClassificationRow
from models.lineage import LineageEdge as EdgeRow
from schema.context import Info
from schema.reads import one
from schema.shapes import FieldChange
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from datawave.kit.events import Logged
    from schema.catalog import Asset
    from schema.classification import Classification
    from schema.drift import SchemaDiff
    from schema.lineage import LineageEdge
    from schema.sources import DataSource


@strawberry.interface(description="What happens in the catalog.")
class CatalogEvent(FromLogged, StreamEvent):
    data_source: DataSource | None = one("source_id", source_rows.DataSource)


@strawberry.type(description="Assets came in or were changed by a discovery, many at once.")
class AssetsIngested(CatalogEvent):
    @strawberry.field
    def added(self) -> int:
        return self.logged.value("added")

    @strawberry.field
    def changed(self) -> int:
        return self.logged.value("changed")

    @strawberry.field
    def removed(self) -> int:
        return self.logged.value("removed")

    @strawberry.field(description="Some of them, at most 20.")
    async def sample(self, info: Info) -> list[Asset]:
        from schema.catalog import asset_by_id

        found = [await asset_by_id(info, key, None) for key in _keys(self.logged, "sample_ids")]
        return [asset for asset in found if asset is not None]


@strawberry.type(description="One asset was changed.")
class AssetChanged(CatalogEvent):
    @strawberry.field
    async def asset(self, info: Info) -> Asset:
        from schema.catalog import asset_by_id

        return await asset_by_id(info, self.logged.key("asset_id"), None)

    @strawberry.field
    def changes(self) -> list[FieldChange]:
        return FieldChange.all_of(self.logged.value("changes"))


@strawberry.type(description="A source's schema is not what it was.")
class SchemaDrifted(CatalogEvent):
    @strawberry.field
    async def diff(self, info: Info) -> SchemaDiff | None:
        from schema.drift import diff_of_run

        key = self.logged.key("run_id")
        run = await info.context.loaders.row(run_rows.Run).load(key) if key else None
        return await diff_of_run(info, run) if run is not None else None


@strawberry.type(description="Edges of lineage appeared, were reviewed, or went.")
class LineageChanged(CatalogEvent):
    @strawberry.field(description="Those that are new or other than before, at most 100.")
    async def edges(self, info: Info) -> list[LineageEdge]:
        from schema.lineage import LineageEdge

        rows = await _rows(info, EdgeRow, _keys(self.logged, "edge_ids"))
        return [LineageEdge.of(row) for row in rows]

    @strawberry.field(description="Those that went, at most 100.")
    def removed(self) -> list[ID]:
        return [ID(global_id("edge", key)) for key in _keys(self.logged, "removed_ids")]


@strawberry.type(description="Classifications were suggested, accepted or rejected.")
class ClassificationsChanged(CatalogEvent):
    @strawberry.field(description="Those that are new or other than before, at most 100.")
    async def classifications(self, info: Info) -> list[Classification]:
        from schema.classification import Classification

        rows = await _rows(info, ClassificationRow, _keys(self.logged, "classification_ids"))
        return [Classification.of(row) for row in rows]


TYPES: dict[str, type[CatalogEvent]] = {
    each.__name__: each
    for each in (AssetsIngested, AssetChanged, SchemaDrifted, LineageChanged, ClassificationsChanged)
}
"""The events of the log that are events of the catalog: both have the same names."""


def _keys(logged: Logged, name: str) -> list[UUID]:
    return [UUID(key) for key in logged.value(name) or ()]


async def _rows(info: Info, row: type[Any], keys: list[UUID]) -> list[Any]:
    found = await info.context.loaders.row(row).load_many(keys)
    return [each for each in found if each is not None]
