"""What was done and tried; taken back and done again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import func, select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit import tables
from datawave.kit.access import Viewer, visible
from datawave.kit.commands import COMMANDS, PUBLIC, SIGNED_IN
from datawave.kit.events import Logged
from datawave.kit.given import among, later
from datawave.kit.ids import key_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import audit, undo
from models import audit as rows
from schema.audit import (
    AuditAnchor,
    AuditAnchorPayload,
    AuditEntry,
    AuditFilter,
    AuditRecorded,
    AuditVerification,
    Command,
    CommandPayload,
    ReverseInput,
)
from schema.context import Info
from schema.directives import DeliveryMode
from schema.fields import mutation, query, read, subscription
from schema.gate import gate_of
from schema.keys import any_key_in
from schema.operations import Job
from schema.scalars import Cursor
from schema.shapes import Connection, ReasonInput, TimeRangeInput, given

NEWEST = [Key(tables.Command.id, descending=True)]
IN_ORDER = [Key(tables.AuditEntry.sequence)]
NEWEST_ANCHOR = [Key(rows.AuditAnchor.number, descending=True)]


def commands(
    of: Of,
    actor_id: ID | None = strawberry.UNSET,
    subject_id: ID | None = strawberry.UNSET,
    reversible_only: bool = False,
) -> Rows:
    row = tables.Command
    query = select(row).where(visible(row, of.viewer))
    if actor := given(actor_id):
        query = query.where(row.actor_id == any_key_in(actor, "actorId"))
    if subject := given(subject_id):
        query = query.where(row.subject_ids.contains(later(_alone, any_key_in(subject, "subjectId"))))
    if reversible_only:
        # None is kept as JSON's null, which is not SQL's.
        kept = func.jsonb_typeof(row.inverse) == "object"
        query = query.where(kept, row.undone_by.is_(None), among(row.name, _names_within_reach(of.viewer)))
    return Rows(query=query, row=row, order=NEWEST)


def _alone(key: UUID) -> list[UUID]:
    return [key]


def _names_within_reach(viewer: Viewer) -> list[str]:
    """Commands that the viewer may take back somewhere; on which thing is asked when it is done."""
    rights = viewer.rights
    if not rights.anywhere(Permission.COMMAND_UNDO):
        return []
    return [
        name
        for name, each in COMMANDS.items()
        if name != undo.UNDO and (each.needs in (PUBLIC, SIGNED_IN) or rights.anywhere(each.needs))
    ]


def audit_entries(of: Of, filter: AuditFilter | None = strawberry.UNSET) -> Rows:
    row, asked = tables.AuditEntry, given(filter)
    wanted = asked.wanted() if asked is not None else audit.Wanted()
    query = select(row).where(row.sequence.is_not(None), visible(row, of.viewer), *wanted.conditions())
    return Rows(query=query, row=row, order=IN_ORDER)


def audit_anchors(of: Of) -> Rows:
    row = rows.AuditAnchor
    query = select(row).where(visible(row, of.viewer))
    return Rows(query=query, row=row, order=NEWEST_ANCHOR)


@strawberry.type
class Queries:
    commands: Connection[Command] = read(
        Shape.PAGE,
        commands,
        needs=Permission.EVENT_READ,
        description="Commands, newest first; `reversibleOnly` is what the viewer could undo.",
    )
    audit_entries: Connection[AuditEntry] = read(
        Shape.PAGE,
        audit_entries,
        needs=Permission.AUDIT_READ,
        description="The audit trail, in its order.",
        from_end=True,
    )

    audit_anchors: Connection[AuditAnchor] = read(
        Shape.PAGE,
        audit_anchors,
        needs=Permission.AUDIT_READ,
        description="The signed statements of where the audit chain stood, newest first.",
    )

    @query(
        needs=Permission.AUDIT_READ,
        description="Walks the audit chain and holds it against its anchors.",
        cost=100,
    )
    async def audit_verification(
        self, info: Info, range: TimeRangeInput | None = strawberry.UNSET
    ) -> AuditVerification:
        span = given(range)
        found = await audit.verification(
            info.context.platform.database,
            info.context.platform.commands.keyring,
            since=given(span.from_) if span else None,
            until=given(span.to) if span else None,
        )
        return AuditVerification.of(found)


@strawberry.type
class Mutations:
    @mutation(
        runs=undo.undo_command,
        description="Take a command back; needs the permission of the command itself as well.",
    )
    async def undo_command(self, info: Info, input: ReverseInput) -> CommandPayload:
        await info.context.run(undo.undo_command, idempotency_key=input.idempotency_key, **_what(input))
        return await _reversed(info)

    @mutation(runs=undo.redo_command, description="Do again a command that was taken back.")
    async def redo_command(self, info: Info, input: ReverseInput) -> CommandPayload:
        await info.context.run(undo.redo_command, idempotency_key=input.idempotency_key, **_what(input))
        return await _reversed(info)

    @mutation(
        runs=audit.anchor_audit,
        description="Close the present stretch of the audit trail with a signed statement, before its time.",
    )
    async def anchor_audit(self, info: Info, input: ReasonInput) -> AuditAnchorPayload:
        anchor = await info.context.run(
            audit.anchor_audit, idempotency_key=input.idempotency_key, reason=given(input.reason)
        )
        return AuditAnchorPayload(anchor=AuditAnchor.of(anchor))


def _what(input: ReverseInput) -> dict[str, Any]:
    key = key_of("command", input.command_id, path=["commandId"])
    return {"command_id": key, "reason": given(input.reason)}


async def _reversed(info: Info) -> CommandPayload:
    """The command that has just been carried out, and the first work it began."""
    context = info.context
    await gate_of(info).actors.refresh()
    command = await context.db.scalar(select(tables.Command).where(tables.Command.id == context.tracking_id))
    began = select(tables.Job).where(tables.Job.command_id == context.tracking_id).order_by(tables.Job.id)
    job = await context.db.scalar(began.limit(1))
    return CommandPayload(command=Command.of_maybe(command), job=Job.of_maybe(job))


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.AUDIT_READ,
        delivery=DeliveryMode.EVERY,
        description="The audit trail: a message for each batch that was sealed, with the entries that match.",
    )
    async def audit_recorded(
        self,
        info: Info,
        filter: AuditFilter | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[AuditRecorded]:
        context, chosen = info.context, given(filter)
        wanted = chosen.wanted() if chosen is not None else audit.Wanted()
        async for event in context.follow(audit.AUDIT, given(after), wanted=_is_sealing):
            first, last = event.data["first"], event.data["last"]
            entries = await audit.sealed_between(context.db, first, last, wanted)
            if entries:
                yield AuditRecorded.of(event, entries=[AuditEntry.of(each) for each in entries])


def _is_sealing(event: Logged) -> bool:
    return event.type == "AuditSealed"
