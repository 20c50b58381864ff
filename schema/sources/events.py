"""What subscribers learn of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

import strawberry

from models import sources as rows
from schema.reads import one
from schema.shapes import FieldChange
from schema.sources.types import DataSource
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.events import Event


@strawberry.type(
    description="A source was made, changed, tested, rotated, or ended, or its health or state changed."
)
class DataSourceChanged(FromLogged, StreamEvent):
    data_source: DataSource | None = one("source_id", rows.DataSource)

    @strawberry.field
    def changes(self) -> list[FieldChange]:
        return FieldChange.all_of(self.logged.value("changes"))

    @strawberry.field
    def event(self) -> Event:
        from schema.events import Event

        return Event.of(self.logged)
