"""Interfaces and shapes that all domains share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import ColumnElement
from strawberry.scalars import ID

from datawave.kit.ids import global_id
from datawave.kit.pages import Page
from datawave.kit.reads import READ, Global
from models.classification import Severity
from models.sources import HealthState
from schema.directives import Cost
from schema.errors import UserError
from schema.rows import FromRow
from schema.scalars import JSON, BigInt, Cursor

T = TypeVar("T")

# Declared before any type uses them: Strawberry would otherwise make an enum of its own, without these words.
strawberry.enum(Severity, name="Severity", description="How much something matters.")
strawberry.enum(HealthState, name="HealthState", description="Well or not.")


def _global_id(self: Any) -> ID:
    """Every type with a global id is a FromRow; the interfaces themselves hold no row."""
    return ID(global_id(self.row.__word__, self.row.id))


@strawberry.interface(
    description="Anything with a global id: opaque, stable, good for `node(id:)`; never to be taken apart or"
    " made up by clients."
)
class Node:
    id: ID = strawberry.field(resolver=_global_id, metadata={READ: Global()})


@strawberry.interface(description="Anything that knows when it was made and last changed.")
class Timestamped:
    created_at: datetime
    updated_at: datetime


@strawberry.interface(
    description="Anything people edit together: an edit names the version it was based on, a stale one is"
    " refused with the current state."
)
class Versioned:
    version: int


@strawberry.interface(description="Who acted: a person, a partner's program, an agent.")
class Actor:
    id: ID = strawberry.field(resolver=_global_id, metadata={READ: Global()})
    display_name: str


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool
    has_previous_page: bool
    start_cursor: Cursor | None = None
    end_cursor: Cursor | None = None


@strawberry.interface(name="Connection", description="A page of a list.")
class PageOf:
    @strawberry.field
    def page_info(self) -> PageInfo:
        return _info(_page(self))

    @strawberry.field(directives=[Cost(weight=5)])
    async def total_count(self) -> int | None:
        page = _page(self)
        return await page.total() if page.total else len(page.rows)


def _page(self: Any) -> Page[Any]:
    return self.page


def _info(page: Page[Any]) -> PageInfo:
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=Cursor(page.cursors[0]) if page.cursors else None,
        end_cursor=Cursor(page.cursors[-1]) if page.cursors else None,
    )


@strawberry.type(description="A thing in a page, with its place.")
class Edge(Generic[T]):
    cursor: Cursor
    node: T


class _Paged:
    """What a connection keeps: the page and how a row becomes a type."""

    page: Page[Any]
    make: Callable[[Any], Any]


@strawberry.type(description="A page of a list.")
class Connection(_Paged, PageOf, Generic[T]):
    @strawberry.field
    def edges(self) -> list[Edge[T]]:
        return [
            Edge(cursor=Cursor(cursor), node=self.make(row))
            for cursor, row in zip(self.page.cursors, self.page.rows, strict=True)
        ]

    @strawberry.field
    def nodes(self) -> list[T]:
        return [self.make(row) for row in self.page.rows]


def connection(page: Page[Any], make: Callable[[Any], Any]) -> Any:
    """A connection over a page of rows."""
    blank: type[Any] = Connection
    made = object.__new__(blank)
    made.page, made.make = page, make
    return made


def whole(rows: Sequence[Any], make: Callable[[Any], Any]) -> Any:
    """A connection over a list that is there in full."""
    from datawave.kit.cursors import list_cursor

    cursors = [list_cursor([at]) for at in range(len(rows))]
    return connection(Page(rows=rows, cursors=cursors, has_next=False, has_previous=False), make)


@strawberry.interface(description="What every mutation answers.")
class Payload:
    errors: list[UserError] = strawberry.field(default_factory=list)
    tracking_id: ID = ID("")


@strawberry.type(description="Only that it was done; `deletedId` names what is gone.")
class DonePayload(Payload):
    deleted_id: ID | None = None
    done: bool = False


@strawberry.type(description="How far work has come; `total` is null while it is not known.")
class Progress:
    done: BigInt
    total: BigInt | None = None
    unit: str = "items"
    rate_per_second: float | None = None
    eta_seconds: int | None = None
    message: str | None = None

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> Progress | None:
        if not kept:
            return None
        return cls(
            done=BigInt(kept.get("done") or 0),
            total=BigInt(kept["total"]) if kept.get("total") is not None else None,
            unit=kept.get("unit") or "items",
            rate_per_second=kept.get("rate"),
            eta_seconds=kept.get("eta"),
            message=kept.get("message"),
        )


@strawberry.type(description="Why work failed, in words for a person and a code for a program.")
class Failure:
    code: str
    message: str
    hint: str | None
    retryable: bool
    at: datetime

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> Failure | None:
        if not kept:
            return None
        return cls(
            code=kept["code"],
            message=kept["message"],
            hint=kept.get("hint"),
            retryable=bool(kept.get("retryable")),
            at=datetime.fromisoformat(kept["at"]),
        )


@strawberry.type(description="One try.")
class Attempt:
    number: int
    started_at: datetime
    finished_at: datetime | None
    failure: Failure | None
    next_at: datetime | None = None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Attempt:
        ended = kept.get("finishedAt")
        return cls(
            number=kept["number"],
            started_at=datetime.fromisoformat(kept["startedAt"]),
            finished_at=datetime.fromisoformat(ended) if ended else None,
            failure=Failure.of(kept.get("failure")),
        )


@strawberry.type(description="How a count is split.")
class Count(FromRow):
    key: str
    label: str
    count: BigInt


@strawberry.type(description="A number with a name and a unit.")
class Measure:
    name: str
    value: float
    unit: str


@strawberry.type(description="One field before and after.")
class FieldChange:
    field: str
    before: JSON | None
    after: JSON | None

    @classmethod
    def all_of(cls, kept: Sequence[dict[str, Any]] | None) -> list[FieldChange]:
        return [
            cls(field=_camel(c["field"]), before=c.get("before"), after=c.get("after")) for c in kept or ()
        ]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


@strawberry.input(description="A span of time, from inclusive, to exclusive.")
class TimeRangeInput:
    from_: datetime | None = strawberry.field(name="from", default=strawberry.UNSET)
    to: datetime | None = strawberry.UNSET


@strawberry.input(description="A simple action on one thing.")
class NodeInput:
    id: ID
    version: int | None = strawberry.UNSET
    reason: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="A simple action on the platform itself.")
class ReasonInput:
    reason: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


def within(column: Any, range: TimeRangeInput | None) -> list[ColumnElement[bool]]:
    """What a span of time asks of a column."""
    span = given(range)
    if span is None:
        return []
    since, until = given(span.from_), given(span.to)
    return [*([column >= since] if since else []), *([column < until] if until else [])]


def given(value: Any) -> Any:
    """An optional input's value: None where it was left out."""
    return None if value is strawberry.UNSET else value


def id_of(word: str, key: UUID | None) -> ID | None:
    return ID(global_id(word, key)) if key else None
