"""Copies of what is known, in files."""

from __future__ import annotations

import strawberry
from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain import exports as making
from models import exports as rows
from schema.context import Info
from schema.exports import Export, ExportInput, ExportPayload
from schema.fields import mutation, read
from schema.operations import Job
from schema.shapes import Connection, given

NEWEST = [Key(rows.Export.id, descending=True)]


def exports(of: Of) -> Rows:
    row = rows.Export
    return Rows(query=select(row).where(visible(row, of.viewer)), row=row, order=NEWEST)


@strawberry.type
class Queries:
    exports: Connection[Export] = read(
        Shape.PAGE,
        exports,
        needs=Permission.EXPORT_CREATE,
        description="The copies that were asked for, newest first, as far as the viewer may read what is"
        " in them.",
    )


@strawberry.type
class Mutations:
    @mutation(
        runs=making.export_metadata,
        description="Copy the audit trail to a file; needs `audit:read` as well.",
    )
    async def export_metadata(self, info: Info, input: ExportInput) -> ExportPayload:
        span = given(input.range)
        made = await info.context.run(
            making.export_metadata,
            idempotency_key=input.idempotency_key,
            kind=input.kind,
            since=given(span.from_) if span else None,
            until=given(span.to) if span else None,
        )
        return ExportPayload(export=Export.of(made.export), job=Job.of(made.job))
