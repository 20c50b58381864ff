"""Anything by id, and the log: where it stands, its pages, its stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import strawberry
from sqlalchemy import Select, func, select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit import log, tables
from datawave.kit.access import visible
from datawave.kit.commands import SIGNED_IN
from datawave.kit.cursors import log_cursor, log_cursor_sql, log_position
from datawave.kit.errors import invalid
from datawave.kit.events import ALL, Logged, from_row
from datawave.kit.ids import key_of, taken_apart
from datawave.kit.pages import Asked, Page
from datawave.kit.reads import ById, Of, Rows, Shape
from schema.context import Context, Info
from schema.directives import Cost, DeliveryMode
from schema.events import Event, EventFilter
from schema.fields import query, read, subscription
from schema.scalars import Cursor
from schema.shapes import Connection, Node, connection, given

MOST_IDS = 500


def cursor(_of: Of) -> Rows:
    whole = tables.EventLog
    return Rows(query=select(whole), row=whole, value=log_cursor_sql(whole.epoch, whole.head))


def settled_at(_of: Of) -> Rows:
    whole = tables.EventLog
    return Rows(query=select(whole), row=whole, value=whole.settled_at)


@strawberry.type
class Queries:
    @query(needs=SIGNED_IN, description="Anything, by its global id.", read=ById())
    async def node(self, info: Info, id: ID) -> Node | None:
        return await info.context.by_id(id)

    @query(
        needs=SIGNED_IN,
        description="Several things, by their global ids, in the order asked.",
        cost=Cost(weight=1, times=["ids"]),
        read=ById(most=MOST_IDS),
    )
    async def nodes(self, info: Info, ids: list[ID]) -> list[Node | None]:
        if len(ids) > MOST_IDS:
            raise invalid("Ask for at most 500 ids at once.", path=["ids"], expected="at most 500")
        return list(await asyncio.gather(*(info.context.by_id(each) for each in ids)))

    cursor: Cursor = read(
        Shape.VALUE,
        cursor,
        needs=SIGNED_IN,
        description="Where the event log stands as this answer is read: a stream begun `after` it misses"
        " nothing in between.",
    )
    settled_at: datetime = read(
        Shape.VALUE,
        settled_at,
        needs=SIGNED_IN,
        description="As-of answers up to here never change again.",
    )

    @query(needs=Permission.EVENT_READ, description="The event log.")
    async def events(
        self,
        info: Info,
        filter: EventFilter | None = strawberry.UNSET,
        first: int | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
        last: int | None = strawberry.UNSET,
        before: Cursor | None = strawberry.UNSET,
    ) -> Connection[Event]:
        asked = Asked(
            first=given(first), after=given(after), last=given(last), before=given(before)
        ).checked()
        if asked.first is None and asked.after is None:
            asked = Asked(last=asked.last or 50, before=asked.before)
        return connection(await _page(info.context, given(filter), asked), _event)


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.EVENT_READ,
        delivery=DeliveryMode.EVERY,
        description="Anything that happens, whole, by filter: the stream beneath all the others.",
    )
    async def event_recorded(
        self,
        info: Info,
        filter: EventFilter | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[Event]:
        context, wanted = info.context, given(filter)

        def matches(event: Logged) -> bool:
            return context.may_see_event(event, Permission.EVENT_READ) and (
                wanted is None or wanted.matches(event)
            )

        async for event in context.follow(ALL, given(after), wanted=matches):
            yield Event.of(event)


def _event(event: Logged) -> Event:
    return Event.of(event)


async def _page(context: Context, wanted: EventFilter | None, asked: Asked) -> Page[Logged]:
    """A page of the log; its cursors are log cursors, good for every stream."""
    now = await log.standing(context.platform.database)
    event = tables.Event
    query = select(event).where(event.position.is_not(None), visible(event, context.viewer))
    total_query = query = _filtered(query, wanted)
    for name in ("after", "before"):
        cursor = getattr(asked, name)
        if cursor is not None:
            _, position = log_position(cursor, path=[name])
            query = query.where(event.position > position if name == "after" else event.position < position)
    order = event.position.desc() if asked.backwards else event.position.asc()
    rows = list(await context.db.scalars(query.order_by(order).limit(asked.most + 1)))
    more, rows = len(rows) > asked.most, rows[: asked.most]
    if asked.backwards:
        rows.reverse()
    logged = [_placed(row, now.epoch) for row in rows]

    async def total() -> int:
        return await context.db.scalar(select(func.count()).select_from(total_query.subquery()))

    return Page(
        rows=logged,
        cursors=[each.cursor for each in logged],
        has_next=more if not asked.backwards else asked.before is not None,
        has_previous=more if asked.backwards else asked.after is not None,
        total=total,
    )


def _placed(row: tables.Event, epoch: str) -> Logged:
    logged = from_row(row)
    return replace(logged, cursor=log_cursor(epoch, logged.position))


def _filtered(query: Select[Any], wanted: EventFilter | None) -> Select[Any]:
    if wanted is None:
        return query
    event = tables.Event
    if types := given(wanted.types):
        query = query.where(event.type.in_(types))
    if subjects := given(wanted.subject_ids):
        query = query.where(
            event.subject_id.in_([parts[1] for text in subjects if (parts := taken_apart(text))])
        )
    if actors := given(wanted.actor_ids):
        query = query.where(event.actor_id.in_([parts[1] for text in actors if (parts := taken_apart(text))]))
    if workspace := given(wanted.workspace_id):
        query = query.where(
            event.workspace_id == key_of("workspace", workspace, path=["filter", "workspaceId"])
        )
    if correlation := given(wanted.correlation_id):
        query = query.where(event.correlation_id == correlation)
    if (span := given(wanted.range)) is not None:
        if given(span.from_):
            query = query.where(event.at >= span.from_)
        if given(span.to):
            query = query.where(event.at < span.to)
    return query
