"""Commands and the audit trail in the API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from datawave.kit import log, tables
from datawave.kit.access import visible
from datawave.kit.cursors import log_cursor, log_position
from datawave.kit.events import from_row
from datawave.kit.given import later
from datawave.kit.ids import global_id, taken_apart
from datawave.kit.pages import Asked, Page
from datawave.kit.reads import Shape
from domain import audit
from models import audit as rows
from resolvers.loaders import audit as loaders
from schema.context import Context, Info
from schema.reads import actor as acting
from schema.reads import column, computed, one, pointed, pointed_each, related
from schema.rows import FromRow
from schema.scalars import JSON, BigInt, Cursor
from schema.shapes import (
    Actor,
    Connection,
    FieldChange,
    Node,
    Payload,
    TimeRangeInput,
    connection,
    given,
)
from schema.streams import FromLogged, StreamEvent

if TYPE_CHECKING:
    from schema.events import Event
    from schema.operations import Job

strawberry.enum(tables.Outcome, name="AuditOutcome", description="How it went.")


def _subjects(kept: Sequence[tuple[str, str, int]]) -> list[tuple[str, UUID]]:
    return [(word, UUID(hex=key)) for word, key, _ in kept]


@strawberry.type(description="One mutation as it was carried out; its id is the `trackingId`.")
class Command(FromRow, Node, shows=tables.Command):
    name: str
    at: datetime
    erased_at: datetime | None
    actor: Actor | None = acting("actor")
    undone_by: Command | None = one("undone_by", tables.Command)
    undoes: Command | None = one("undoes", tables.Command)

    input: JSON | None = column("input", description="As it was given, without secrets; null once erased.")

    @computed
    @staticmethod
    def changes(changes: list[Any] | None) -> list[FieldChange]:
        return FieldChange.all_of(changes)

    subjects: list[Node] = pointed_each(
        "subjects", _subjects, description="What it changed, as far as the viewer may see it."
    )

    @strawberry.field(description="What it made happen, in order.")
    async def events(
        self, info: Info, first: int | None = 50, after: Cursor | None = strawberry.UNSET
    ) -> Connection[Event]:
        from schema.events import Event

        asked = Asked(first=first, after=given(after)).checked()
        return connection(await _events_of(info.context, self.row, asked), Event.of)

    jobs: list[Job] = related(Shape.MANY, loaders.jobs_of)

    reversible: bool = related(
        Shape.VALUE,
        loaders.reversible,
        missing=False,
        description="Whether it could be taken back, by who may.",
    )

    @computed(description="A command that was refused or failed is only in the audit trail.")
    @staticmethod
    def outcome() -> tables.Outcome:
        return tables.Outcome.DONE


async def _events_of(context: Context, command: Any, asked: Asked) -> Page[Any]:
    """A page of the command's events; the cursors are log cursors, as everywhere."""
    from dataclasses import replace

    now = await log.standing(context.platform.database)
    event = tables.Event
    query = select(event).where(
        event.command_id == command.id, event.position.is_not(None), visible(event, context.viewer)
    )
    if asked.after is not None:
        query = query.where(event.position > log_position(asked.after)[1])
    rows = await context.db.scalars(query.order_by(event.position).limit(asked.most + 1))
    logged = [replace(each, cursor=log_cursor(now.epoch, each.position)) for each in map(from_row, rows)]
    kept = logged[: asked.most]
    return Page(
        rows=kept,
        cursors=[each.cursor for each in kept],
        has_next=len(logged) > asked.most,
        has_previous=asked.after is not None,
    )


@strawberry.type(description="One link of the audit chain: who did, tried, or was refused what, from where.")
class AuditEntry(FromRow, Node, shows=tables.AuditEntry):
    at: datetime
    action: str
    permission: str | None
    outcome: tables.Outcome
    address: str | None
    client: str | None
    count: int = strawberry.field(description="How many alike share this entry.")
    erased_at: datetime | None
    actor: Actor | None = acting("actor")
    command: Command | None = one("command_id", tables.Command)

    sequence: BigInt = column("sequence")
    subject: Node | None = pointed("subject_word", "subject_id")

    @computed
    @staticmethod
    def session(session_id: UUID | None) -> ID | None:
        return ID(global_id("session", session_id)) if session_id else None

    @computed(description="What it changed, field by field; empty once erased.")
    @staticmethod
    def changes(detail: dict[str, Any] | None) -> list[FieldChange]:
        return FieldChange.all_of((detail or {}).get("changes"))

    @computed(description="Input, changes, reasons; null once erased, which leaves the chain whole.")
    @staticmethod
    def detail(detail: dict[str, Any] | None, code: str | None) -> JSON | None:
        kept = dict(detail or {}) | ({"code": code} if code else {})
        return JSON(kept) if detail is not None or code else None

    @computed
    @staticmethod
    def hash(hash: bytes) -> str:
        return hash.hex()

    @computed
    @staticmethod
    def previous_hash(previous_hash: bytes) -> str:
        return previous_hash.hex()


@strawberry.type(description="Whether the chain is whole, and where it breaks if not.")
class AuditVerification:
    intact: bool
    checked: BigInt
    anchors: int = strawberry.field(description="Anchors that the chain was held against.")
    first_sequence: BigInt
    last_sequence: BigInt
    broken_at: BigInt | None = strawberry.field(
        description="The first entry that is not as it was; of entries that were written anew with all their"
        " hashes, the first of the stretch whose anchor does not fit."
    )
    problem: str | None = strawberry.field(description="What is wrong there, in words.")
    head_hash: str
    verified_at: datetime

    @classmethod
    def of(cls, found: audit.Verification) -> AuditVerification:
        return cls(
            intact=found.intact,
            checked=BigInt(found.checked),
            anchors=found.anchors,
            first_sequence=BigInt(found.first_sequence),
            last_sequence=BigInt(found.last_sequence),
            broken_at=BigInt(found.broken_at) if found.broken_at is not None else None,
            problem=found.problem,
            head_hash=found.head_hash,
            verified_at=found.verified_at,
        )


@strawberry.input(description="Which audit entries are meant.")
class AuditFilter:
    actions: list[str] | None = strawberry.UNSET
    actor_ids: list[ID] | None = strawberry.UNSET
    subject_ids: list[ID] | None = strawberry.UNSET
    outcomes: list[tables.Outcome] | None = strawberry.UNSET
    permission: str | None = strawberry.UNSET
    address: str | None = strawberry.UNSET
    session_ids: list[ID] | None = strawberry.UNSET
    command_ids: list[ID] | None = strawberry.UNSET
    range: TimeRangeInput | None = strawberry.UNSET

    def wanted(self) -> audit.Wanted:
        span = given(self.range)
        return audit.Wanted(
            actions=given(self.actions) or (),
            actors=later(_places, given(self.actor_ids) or ()),
            subjects=later(_places, given(self.subject_ids) or ()),
            sessions=later(_keys, given(self.session_ids) or ()),
            commands=later(_keys, given(self.command_ids) or ()),
            outcomes=given(self.outcomes) or (),
            permission=given(self.permission),
            address=given(self.address),
            since=given(span.from_) if span else None,
            until=given(span.to) if span else None,
        )


def _places(ids: Sequence[ID]) -> list[Any]:
    """An id that is none of ours matches nothing, rather than being left out and matching everything."""
    return [taken_apart(each) or ("", None) for each in ids]


def _keys(ids: Sequence[ID]) -> list[Any]:
    return [key for _, key in _places(ids)]


@strawberry.type(
    description="A stretch of the trail that was closed by a signed statement of where the chain stood then."
    " Keep `statement` and `publicKey` somewhere else: with them a chain that was written anew is found."
)
class AuditAnchor(FromRow, Node, shows=rows.AuditAnchor):
    at: datetime
    statement: str = strawberry.field(description="A compact JWS (Ed25519) of all that.")

    number: BigInt = column("number")
    first_sequence: BigInt = column("first_sequence")
    last_sequence: BigInt = column("last_sequence")

    @computed(description="The hash of the last entry.")
    @staticmethod
    def head_hash(head_hash: bytes) -> str:
        return head_hash.hex()

    @computed(description="SHA-256 of the statement; the next anchor names it as `previousDigest`.")
    @staticmethod
    def digest(digest: bytes) -> str:
        return digest.hex()

    @computed
    @staticmethod
    def previous_digest(previous_digest: bytes | None) -> str | None:
        return previous_digest.hex() if previous_digest else None

    public_key: JSON = column("public_key", description="The key that signed, as a JSON Web Key.")
    entries_removed_at: datetime | None = column(
        "removed_at", description="When its entries went, being older than the trail is kept."
    )


@strawberry.type(description="The anchor that was made.")
class AuditAnchorPayload(Payload):
    anchor: AuditAnchor | None = None


@strawberry.type(description="Audit entries were sealed.")
class AuditRecorded(FromLogged, StreamEvent):
    entries: list[AuditEntry]


@strawberry.input(description="A command to take back, or to do again.")
class ReverseInput:
    command_id: ID
    reason: str | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The command that took another back or did it again.")
class CommandPayload(Payload):
    command: Command | None = None
    job: Job | None = None
