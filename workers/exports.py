"""Exports: written part by part, so that what is done stays done when the job dies."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from auth.permissions import Permission
from auth.signatures import signer
from datawave.kit import audit as chain
from datawave.kit.blobs import TooLarge
from datawave.kit.work import Failure, Work, handles
from domain import exports
from domain.audit import lines
from domain.exports import MakeExport
from models.exports import Export

PART = 5_000
"""Entries that are held in memory at once, and that a death costs at most."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """How far a file has come: so many bytes of this one are good, up to this entry."""

    file: str
    size: int
    last: int
    head: str


@handles(MakeExport)
async def make_export(work: Work, job: MakeExport) -> None:
    if not work.viewer.rights.scope(Permission.AUDIT_READ).everywhere:
        message = f"Whoever asked for this no longer holds {Permission.AUDIT_READ}."
        raise Failure("FORBIDDEN", message, retryable=False)
    try:
        await _Writing(work, await _row(work, job)).write()
    except TooLarge as refused:
        hint = "Export a shorter range, or raise DATAWAVE_LIMIT_BLOB_BYTES."
        raise Failure("TOO_LARGE", str(refused), hint=hint, retryable=False) from None


async def _row(work: Work, job: MakeExport) -> Export:
    async with work.database.session() as session:
        return (await session.scalars(select(Export).where(Export.id == job.export_id))).one()


class _Writing:
    """One attempt at a file."""

    def __init__(self, work: Work, export: Export) -> None:
        files: exports.Keeping | None = work.extras.get("files")
        if files is None:
            raise Failure("NO_STORE", "This worker was given no place for files.", retryable=False)
        self._work, self._export, self._files = work, export, files
        self._name = f"{export.id.hex}.{work.attempt}"

    async def write(self) -> None:
        export, blobs = self._export, self._files.blobs
        async with self._work.database.session() as session:
            of = await self._stretch(session)
            key = await signer(session, self._work.commands.keyring)
            after, head = await self._begun(of)
            async for rows in lines.parts(session, after + 1, of.last, of=PART):
                await self._keep(rows, of)
                head = rows[-1].hash
        await self._append(lines.end_line(of, head, export.as_of, key))
        stored = await asyncio.to_thread(blobs.finish, self._name, exports.blob_of(export.id))
        await self._work.run(
            exports.finish_export,
            export_id=export.id,
            size=stored.size,
            sha256=stored.sha256,
            days=self._files.kept.total_seconds() / 86_400,
        )

    async def _stretch(self, session: Any) -> lines.Stretch:
        first = self._export.first_sequence
        row = chain.tables.AuditEntry
        previous = await session.scalar(select(row.previous_hash).where(row.sequence == first))
        if previous is None:
            raise Failure("GONE", f"Entry {first} is no longer kept.", retryable=False)
        return lines.Stretch(first=first, last=self._export.last_sequence, previous=previous)

    async def _begun(self, of: lines.Stretch) -> tuple[int, bytes]:
        """The last entry that is in the file already, and its hash."""
        blobs, told = self._files.blobs, self._export.written
        if told is not None:
            before = Written(**told)
            if await asyncio.to_thread(blobs.go_on, self._name, after=before.file, size=before.size):
                return before.last, bytes.fromhex(before.head)
        await asyncio.to_thread(blobs.go_on, self._name)
        await self._append(lines.begin_line(of, self._export.as_of))
        return of.first - 1, of.previous

    async def _keep(self, rows: Sequence[Any], of: lines.Stretch) -> None:
        size = await self._append(await asyncio.to_thread(_joined, rows))
        last = rows[-1].sequence
        written = {"file": self._name, "size": size, "last": last, "head": rows[-1].hash.hex()}
        await self._work.run(exports.keep_part, export_id=self._export.id, written=written)
        await self._work.progress(last - of.first + 1, of.entries, unit="entries")

    async def _append(self, content: bytes) -> int:
        """Each part is packed by itself; together they are one file all the same."""
        packed = await asyncio.to_thread(gzip.compress, content, 6, mtime=0)
        return await asyncio.to_thread(self._files.blobs.append, self._name, packed)


def _joined(rows: Sequence[Any]) -> bytes:
    return b"".join(map(lines.entry_line, rows))
