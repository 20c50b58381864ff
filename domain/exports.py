"""Copies of what is known, in files: asked for, made by a job, kept for some days."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import select

from auth.permissions import Permission
from datawave.kit.access import SYSTEM
from datawave.kit.blobs import Blobs
from datawave.kit.commands import INSIDE, Tx, command, result
from datawave.kit.duties import NOW, Duty, duty
from datawave.kit.errors import ConflictError, ErrorCode, forbidden, invalid
from datawave.kit.events import Event
from datawave.kit.ids import new_id
from datawave.kit.jobs import Job
from datawave.kit.tables import Job as JobRow
from domain.audit import lines
from models.exports import Export, ExportKind

log = structlog.get_logger(__name__)

KEPT = timedelta(days=7)
JSON_LINES = "application/gzip"


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """Where files are kept and how long, as the program was told; found as `files` by whoever needs it."""

    blobs: Blobs
    kept: timedelta = KEPT


@dataclass(frozen=True, kw_only=True)
class MakeExport(Job):
    export_id: UUID


@dataclass(frozen=True, kw_only=True)
class ExportRequested(Event):
    """Somebody asked for a copy in a file."""

    topics = ("exports", "export:{export_id}")
    subject = ("export", "export_id")
    export_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class ExportFinished(Event):
    """The file is there."""

    topics = ("exports", "export:{export_id}")
    subject = ("export", "export_id")
    export_id: UUID
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ExportRemoved(Event):
    """The file was kept as long as files are, and is gone."""

    topics = ("exports", "export:{export_id}")
    subject = ("export", "export_id")
    export_id: UUID


@result
@dataclass(frozen=True, kw_only=True)
class Requested:
    export: Export
    job: JobRow


def blob_of(export_id: UUID) -> str:
    """The name of its file in the store."""
    return f"{export_id.hex}.jsonl.gz"


@command(needs=Permission.EXPORT_CREATE)
async def export_metadata(
    tx: Tx, *, kind: ExportKind, since: datetime | None = None, until: datetime | None = None
) -> Requested:
    """Copies what the viewer may read anyway: to read it is a permission of its own."""
    if not tx.viewer.rights.scope(Permission.AUDIT_READ).everywhere:
        raise forbidden(Permission.AUDIT_READ)
    if since is not None and until is not None and since >= until:
        raise invalid("The range ends before it begins.", path=["range", "to"])
    of = await lines.stretch(tx.session, since, until)
    if of is None:
        raise invalid("There are no entries in that time.", path=["range"])
    export_id = new_id()
    job = tx.enqueue(MakeExport(export_id=export_id), subject=("export", export_id))
    await tx.session.flush()
    export = await tx.add(
        Export(
            id=export_id,
            kind=kind,
            as_of=tx.now,
            made_by=tx.viewer.actor_id,
            made_by_word=tx.viewer.actor_word,
            job_id=job.id,
            first_sequence=of.first,
            last_sequence=of.last,
        )
    )
    tx.counts(entries=of.entries, first=of.first, last=of.last)
    tx.emit(ExportRequested(export_id=export.id, kind=kind.value))
    return Requested(export=export, job=job)


@command(needs=INSIDE, recorded=False)
async def keep_part(tx: Tx, *, export_id: UUID, written: dict[str, Any]) -> None:
    """How far the file has come: what is told here is on the disk."""
    export = await tx.get(Export, export_id)
    export.written = written


@command(needs=INSIDE)
async def finish_export(tx: Tx, *, export_id: UUID, size: int, sha256: str, days: float) -> None:
    export = await tx.get(Export, export_id)
    if export.finished_at is not None:
        raise ConflictError(ErrorCode.WRONG_STATE, "This export is finished already.")
    export.written = None
    export.file_name = f"audit-{export.first_sequence}-{export.last_sequence}.jsonl.gz"
    export.media_type, export.size, export.sha256 = JSON_LINES, size, sha256
    export.finished_at, export.expires_at = tx.now, tx.now + timedelta(days=days)
    tx.emit(ExportFinished(export_id=export.id, size=size, sha256=sha256))


@command(needs=INSIDE)
async def remove_export(tx: Tx, *, export_id: UUID) -> None:
    export = await tx.get(Export, export_id)
    export.removed_at = tx.now
    tx.emit(ExportRemoved(export_id=export.id))


OVER = select(Export.id).where(Export.removed_at.is_(None), Export.expires_at < NOW)


@duty(every=60.0, when=OVER)
async def remove_expired_exports(standing: Duty) -> None:
    """The file first: what the rows still name is looked for again, what nobody names is found by nobody."""
    files: Keeping | None = standing.extras.get("files")
    if files is None:
        return
    expired = (await standing.session.scalars(OVER.limit(100))).all()
    for export_id in expired:
        await asyncio.to_thread(files.blobs.remove, blob_of(export_id))
        await standing.commands.run(remove_export, SYSTEM, {"export_id": export_id})
    swept = await asyncio.to_thread(files.blobs.sweep)
    log.info("exports.removed", count=len(expired), unfinished=swept)
