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
from datawave.kit.given import among, containing
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from models import sources as rows
from schema.context import Info
from schema.fields import query, read
from schema.keys import key_in
from schema.shapes import Connection, given
from schema.sources import Connector, DataSource, connector_of

BY_NAME = [Key(rows.DataSource.name), Key(rows.DataSource.id)]


def data_source(of: Of, key: str) -> Rows:
    row = rows.DataSource
    return Rows(query=select(row).where(row.key == key, visible(row, of.viewer)), row=row)


def data_sources(
    of: Of,
    search: str | None = strawberry.UNSET,
    kinds: list[str] | None = strawberry.UNSET,
    states: list[rows.SourceState] | None = strawberry.UNSET,
    workspace_id: ID | None = strawberry.UNSET,
) -> Rows:
    source = rows.DataSource
    query = select(source).where(visible(source, of.viewer))
    if words := given(search):
        query = query.where(or_(containing(source.name, words), containing(source.key, words)))
    if wanted := given(kinds):
        query = query.where(among(source.kind, wanted))
    if wanted := given(states):
        query = query.where(among(source.state, wanted))
    else:
        query = query.where(source.state != rows.SourceState.DECOMMISSIONED)
    if workspace := given(workspace_id):
        query = query.where(source.workspace_id == key_in("workspace", workspace, "workspaceId"))
    return Rows(query=query, row=source, order=BY_NAME)


@strawberry.type
class Queries:
    data_source: DataSource | None = read(
        Shape.ONE, data_source, needs=Permission.DATASOURCE_READ, description="A source by its key."
    )
    data_sources: Connection[DataSource] = read(
        Shape.PAGE, data_sources, needs=Permission.DATASOURCE_READ, description="Sources."
    )

    @query(needs=SIGNED_IN, description="Kinds of source that can be connected.")
    async def connectors(self, info: Info, family: Family | None = strawberry.UNSET) -> list[Connector]:
        wanted = given(family)
        return [connector_of(kind) for kind, found in connectors().items() if wanted in (None, found.family)]
