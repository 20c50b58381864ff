"""Sources followed as they change."""

from __future__ import annotations

from collections.abc import AsyncIterator

import strawberry
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.events import Logged
from domain.sources.events import SOURCE_EVENTS
from models import sources as rows
from models.workspaces import Workspace
from schema.context import Info
from schema.directives import DeliveryMode
from schema.fields import subscription
from schema.scalars import Cursor
from schema.shapes import given
from schema.sources import DataSourceChanged

SHOWN_EVENTS = frozenset(event.__name__ for event in SOURCE_EVENTS) | {"RunStateChanged"}


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.DATASOURCE_READ,
        delivery=DeliveryMode.EVERY,
        description="One source, or all of a workspace, or all.",
    )
    async def data_source_changed(
        self,
        info: Info,
        id: ID | None = strawberry.UNSET,
        workspace_id: ID | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[DataSourceChanged]:
        context = info.context
        if given(id):
            topic = f"source:{(await context.see(rows.DataSource, id or '')).id}"
        elif given(workspace_id):
            topic = f"workspace:{(await context.see(Workspace, workspace_id or '', path=['workspaceId'])).id}"
        else:
            topic = "sources"

        def wanted(event: Logged) -> bool:
            return event.type in SHOWN_EVENTS and context.may_see_event(event, Permission.DATASOURCE_READ)

        async for event in context.follow(topic, given(after), wanted=wanted):
            yield DataSourceChanged.of(event)
