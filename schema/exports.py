"""Exports in the API."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, cast

import strawberry

from datawave.kit import tables
from datawave.kit.blobs import FileLinks
from datawave.kit.ids import global_id
from domain import exports
from models import exports as rows
from schema.context import Info
from schema.fields import field
from schema.reads import actor as acting
from schema.reads import column, one
from schema.rows import FromRow
from schema.scalars import BigInt
from schema.shapes import Actor, Node, Payload, TimeRangeInput

if TYPE_CHECKING:
    from schema.files import StoredFile
    from schema.operations import Job

strawberry.enum(rows.ExportKind, name="ExportKind", description="What is copied.")


@strawberry.enum(
    description="How a copy is written: JSON is JSON Lines, packed by gzip, the last one signed."
)
class ReportFormat(StrEnum):
    JSON = "JSON"


@strawberry.type(description="A bulk copy of the audit trail in a file.")
class Export(FromRow, Node, shows=rows.Export):
    kind: rows.ExportKind
    as_of: datetime
    finished_at: datetime | None
    removed_at: datetime | None = strawberry.field(description="When the file went.")
    created_by: Actor | None = acting("made_by")
    job: Job | None = one("job_id", tables.Job, description="The work that makes it, with its progress.")

    first_sequence: BigInt = column("first_sequence")
    last_sequence: BigInt = column("last_sequence")

    @field(description="Once it is made, and until it is gone.", own=True)
    async def file(self, info: Info) -> StoredFile | None:
        from schema.files import StoredFile

        row: rows.Export = self.row
        links = cast("FileLinks | None", info.context.platform.extras.get("file_links"))
        if links is None or row.finished_at is None or row.removed_at is not None:
            return None
        viewer = info.context.viewer
        if viewer.actor_id is None or viewer.actor_word is None:
            return None
        url, until = links.to(
            exports.blob_of(row.id),
            holder=global_id(viewer.actor_word, viewer.actor_id),
            session=viewer.session_id.hex if viewer.session_id else "",
        )
        return StoredFile(
            name=row.file_name or "",
            media_type=row.media_type or "",
            size=BigInt(row.size or 0),
            sha256=row.sha256 or "",
            url=url,
            url_expires_at=until,
            expires_at=row.expires_at,
        )


@strawberry.input(description="What to copy.")
class ExportInput:
    kind: rows.ExportKind
    range: TimeRangeInput | None = strawberry.UNSET
    format: ReportFormat = ReportFormat.JSON
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="The export that is being made.")
class ExportPayload(Payload):
    export: Export | None = None
    job: Job | None = None
