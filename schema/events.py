"""The event log in the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import strawberry
from strawberry.scalars import ID

from datawave.kit import log, tables
from datawave.kit.access import visible
from datawave.kit.cursors import log_cursor, log_position
from datawave.kit.events import Logged
from datawave.kit.ids import global_id, taken_apart
from datawave.kit.pages import Asked, Page
from models import workspaces as workspace_rows
from schema.context import Info
from schema.reads import one, pointed
from schema.scalars import JSON
from schema.shapes import Node, TimeRangeInput, connection, given
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.audit import Command
    from schema.workspaces import Workspace


def _event_id(self: Any) -> ID:
    return ID(global_id("event", self.logged.id))


@strawberry.type(description="One entry of the event log, whole.")
class Event(FromLogged, Node, StreamEvent):
    id: ID = strawberry.field(resolver=_event_id)

    @strawberry.field
    def type(self) -> str:
        return self.logged.type

    subject: Node | None = pointed(
        "subject_word",
        "subject_id",
        description="What it is about; null where the viewer may not see that, or it is gone.",
    )
    workspace: Workspace | None = one("workspace_id", workspace_rows.Workspace)

    @strawberry.field
    def data(self) -> JSON | None:
        return JSON(self.logged.data)

    @strawberry.field
    def schema_version(self) -> int:
        return self.logged.schema_version

    command: Command | None = one("command_id", tables.Command)

    @strawberry.field(
        description="The trace of the request that led to it: everything a mutation brings about, in jobs and"
        " agents too, has the same."
    )
    def correlation_id(self) -> str | None:
        return self.logged.correlation_id


@strawberry.input(description="Which events are meant.")
class EventFilter:
    types: list[str] | None = strawberry.UNSET
    subject_ids: list[ID] | None = strawberry.UNSET
    actor_ids: list[ID] | None = strawberry.UNSET
    workspace_id: ID | None = strawberry.UNSET
    correlation_id: str | None = strawberry.UNSET
    range: TimeRangeInput | None = strawberry.UNSET

    def matches(self, event: Logged) -> bool:
        span = given(self.range)
        return (
            _among(self.types, event.type)
            and _keyed(self.subject_ids, event.subject_word, event.subject_id)
            and _keyed(self.actor_ids, event.actor_word, event.actor_id)
            and (not given(self.workspace_id) or _is(self.workspace_id, "workspace", event.workspace_id))
            and (not given(self.correlation_id) or self.correlation_id == event.correlation_id)
            and (span is None or _within(event.at, given(span.from_), given(span.to)))
        )


def _among(wanted: Sequence[str] | None, value: str) -> bool:
    return not given(wanted) or value in (wanted or ())


def _keyed(wanted: Sequence[ID] | None, word: str | None, key: object) -> bool:
    return not given(wanted) or (word, key) in {taken_apart(text) for text in wanted or ()}


def _is(wanted: ID | None, word: str, key: object) -> bool:
    return wanted is not None and taken_apart(wanted) == (word, key)


def _within(at: datetime, since: datetime | None, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


async def page_of_topic(info: Info, topic: str, first: int | None, after: str | None) -> Any:
    """Events of one topic, oldest first; the cursors are log cursors."""
    asked = Asked(first=first, after=after).checked()
    database = info.context.platform.database
    now = await log.standing(database)
    position = log_position(after)[1] if after is not None else 0
    found = await log.page(
        database, topic, after=position, most=asked.most + 1, where=visible(tables.Event, info.context.viewer)
    )
    logged = [replace(e, cursor=log_cursor(now.epoch, e.position)) for e in found[: asked.most]]
    page = Page(
        rows=logged,
        cursors=[each.cursor for each in logged],
        has_next=len(found) > asked.most,
        has_previous=after is not None,
        total=None,
    )
    return connection(page, Event.of)
