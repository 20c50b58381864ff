"""Sources and the kinds of them, read."""

from __future__ import annotations

import strawberry
from sqlalchemy import or_, select
from strawberry.scalars import ID

from auth.permissions import Permission
from connectors.base import Family
from connectors.registry import connectors
from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.ids import key_of
from datawave.kit.pages import Asked, Key, page_of
from models import sources as rows
from schema.context import Info
from schema.fields import query
from schema.scalars import Cursor
from schema.shapes import Connection, connection, given
from schema.sources import Connector, DataSource, connector_of

BY_NAME = [Key(rows.DataSource.name), Key(rows.DataSource.id)]


@strawberry.type
class Queries:
    @query(needs=SIGNED_IN, description="Kinds of source that can be connected.")
    async def connectors(self, info: Info, family: Family | None = strawberry.UNSET) -> list[Connector]:
        wanted = given(family)
        return [connector_of(kind) for kind, found in connectors().items() if wanted in (None, found.family)]

    @query(needs=Permission.DATASOURCE_READ, description="A source by its key.")
    async def data_source(self, info: Info, key: str) -> DataSource | None:
        found = select(rows.DataSource).where(
            rows.DataSource.key == key, visible(rows.DataSource, info.context.viewer)
        )
        return DataSource.of_maybe(await info.context.db.scalar(found))

    @query(needs=Permission.DATASOURCE_READ, description="Sources.")
    async def data_sources(
        self,
        info: Info,
        search: str | None = strawberry.UNSET,
        kinds: list[str] | None = strawberry.UNSET,
        states: list[rows.SourceState] | None = strawberry.UNSET,
        workspace_id: ID | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[DataSource]:
        source = rows.DataSource
        found = select(source).where(visible(source, info.context.viewer))
        if words := given(search):
            found = found.where(
                or_(
                    source.name.icontains(words, autoescape=True),
                    source.key.icontains(words, autoescape=True),
                )
            )
        if given(kinds):
            found = found.where(source.kind.in_(kinds or []))
        if given(states):
            found = found.where(source.state.in_(states or []))
        else:
            found = found.where(source.state != rows.SourceState.DECOMMISSIONED)
        if given(workspace_id):
            found = found.where(
                source.workspace_id == key_of("workspace", workspace_id or "", path=["workspaceId"])
            )
        page = await page_of(info.context.db, found, BY_NAME, Asked(first=first, after=given(after)))
        return connection(page, DataSource.of)
