"""`/files/…`: what the platform keeps in files, for whoever has a link to it and may still read it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from uuid import UUID

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from auth.gate import Gate
from auth.permissions import Permission
from datawave.kit.access import NOBODY, Viewer
from datawave.kit.blobs import Blobs, FileLinks, Link
from datawave.kit.commands import Commands
from datawave.kit.database import Database
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.ids import taken_apart
from datawave.kit.tables import Outcome
from domain.exports import blob_of
from models.exports import Export

NEVER_KEPT = {"cache-control": "no-store"}
LONGEST_CLIENT = 200


def routes(
    *, blobs: Blobs, links: FileLinks, gate: Gate, database: Database, commands: Commands
) -> list[BaseRoute]:
    async def file(request: Request) -> Response:
        link = links.read(request.path_params["name"], request.query_params)
        viewer = _from_where(await _holder(gate, link) if link else NOBODY, request)
        export = await _export(database, link) if link and _may_read(viewer) else None
        path = await asyncio.to_thread(blobs.path, blob_of(export.id)) if export else None
        try:
            await _recorded(commands, viewer, export if path else None)
        except UnavailableError as refused:
            return PlainTextResponse(refused.message, 503, headers={**NEVER_KEPT, "retry-after": "5"})
        if export is None or path is None:
            return PlainTextResponse(
                "This link is not good, or no longer: ask for the file again.", 403, headers=NEVER_KEPT
            )
        return FileResponse(path, media_type=export.media_type, filename=export.file_name, headers=NEVER_KEPT)

    handler: Callable[[Request], Awaitable[Response]] = file
    return [Route("/files/{name}", handler, methods=["GET"])]


async def _holder(gate: Gate, link: Link) -> Viewer:
    """Whom the link was made for, with the rights they have now; nobody, once their session is over."""
    parts = taken_apart(link.holder)
    if parts is None:
        return NOBODY
    session_id = UUID(hex=link.session) if link.session else None
    if session_id is not None and await gate.sessions.by_id(session_id) is None:
        return NOBODY
    seat = await gate.actors.seat(parts[1], parts[0])
    return seat.actor.viewer(session_id=session_id) if seat.actor.active else NOBODY


def _from_where(viewer: Viewer, request: Request) -> Viewer:
    address = request.client.host if request.client else None
    client = request.headers.get("user-agent", "")[:LONGEST_CLIENT] or None
    return replace(viewer, address=address, client=client)


def _may_read(viewer: Viewer) -> bool:
    return all(
        viewer.rights.scope(permission).everywhere
        for permission in (Permission.EXPORT_CREATE, Permission.AUDIT_READ)
    )


async def _export(database: Database, link: Link) -> Export | None:
    """What the file is of, while it is kept."""
    try:
        export_id = UUID(hex=link.name.partition(".")[0])
    except ValueError:
        return None
    kept = (Export.id == export_id, Export.finished_at.is_not(None), Export.removed_at.is_(None))
    async with database.session() as session:
        return await session.scalar(select(Export).where(*kept))


async def _recorded(commands: Commands, viewer: Viewer, export: Export | None) -> None:
    await commands.refusals.write(
        viewer,
        action="download_file",
        permission=str(Permission.EXPORT_CREATE),
        outcome=Outcome.DONE if export else Outcome.REFUSED,
        code=None if export else ErrorCode.FORBIDDEN.value,
        subject=("export", export.id) if export else None,
        detail={"counts": {"bytes": export.size}} if export else None,
    )
