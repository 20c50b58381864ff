"""What subscribers learn of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from schema.context import Info
from schema.shapes import FieldChange
from schema.sources.types import DataSource
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.events import Event


@strawberry.type(
    description="A source was made, changed, tested, rotated, or ended, or its health or state changed."
)
class DataSourceChanged(FromLogged, StreamEvent):
    @strawberry.field
    async def data_source(self, info: Info) -> DataSource | None:
        return await info.context.node_of(DataSource, self.logged.source_id)

    @strawberry.field
    def changes(self) -> list[FieldChange]:
        return FieldChange.all_of(self.logged.value("changes"))

    @strawberry.field
    def event(self) -> Event:
        from schema.events import Event

        return Event.of(self.logged)
