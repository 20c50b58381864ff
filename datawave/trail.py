"""The audit trail from the command line: verified, anchored, copied to a file, and such a file verified."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import text

from auth.signatures import NotSigned, signer
from datawave.bootstrap import House, house
from datawave.embedded.processes import CannotRun
from datawave.kit import audit as chain
from datawave.kit import duties
from datawave.kit.access import SYSTEM
from datawave.kit.errors import UserError
from datawave.kit.tables import Outcome
from domain import audit
from domain.audit import anchors, lines

if TYPE_CHECKING:
    from datawave.settings import Settings

GZIP = b"\x1f\x8b"


async def verify(settings: Settings, *, kept: Path | None = None) -> audit.Verification:
    """Of the database, and of anchors that were kept elsewhere."""
    known = kept_in(kept)
    async with house(settings.database().reveal(), settings.master_key()) as made:
        return await audit.verification(made.database, made.keyring, kept=known)


def kept_in(file: Path | None) -> list[audit.KeptAnchor]:
    if file is None:
        return []
    try:
        return audit.kept_anchors(file.read_bytes())
    except OSError as refused:
        raise CannotRun(f"{file} cannot be read: {refused.strerror}.") from None
    except NotSigned as wrong:
        raise CannotRun(
            f"{file} holds no anchors as `datawave audit anchors --json` writes them: {wrong}"
        ) from None


def verify_file(file: Path, *, kept: Path | None = None) -> lines.FileVerified:
    """An export, without any database."""
    known = kept_in(kept)
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            with gzip.open(raw) if packed else raw as content:
                return lines.verify_lines(content, known)
    except (OSError, EOFError) as refused:
        raise CannotRun(f"{file} cannot be read: {refused}.") from None


async def anchor(settings: Settings) -> dict[str, Any]:
    """Closes the present stretch, what waits to be sealed with it."""
    async with house(settings.database().reveal(), settings.master_key()) as made:
        await _sealed(made)
        try:
            done = await made.commands.run(audit.anchor_audit, SYSTEM, {})
        except UserError as refused:
            raise CannotRun(refused.message) from None
        return anchors.shown(done.value)


async def _sealed(made: House) -> None:
    [sealing] = [standing for standing in duties.DUTIES if standing.step is duties.seal_audit]
    while await sealing.is_due(made.database):
        if await duties.do(sealing, made.database, made.commands):
            return


async def all_anchors(settings: Settings) -> list[dict[str, Any]]:
    async with (
        house(settings.database().reveal(), settings.master_key()) as made,
        made.database.session() as session,
    ):
        return [anchors.shown(each) for each in await anchors.in_order(session)]


async def export(settings: Settings, to: BinaryIO, *, since: datetime | None, until: datetime | None) -> int:
    """Writes the trail as JSON Lines; how many entries. That it was read is itself in the trail."""
    async with house(settings.database().reveal(), settings.master_key()) as made:
        await _sealed(made)
        async with made.database.session() as session:
            of = await lines.stretch(session, since, until)
            if of is None:
                raise CannotRun("There are no entries in that time.")
            now = (await session.execute(text("SELECT datawave_now()"))).scalar_one()
            key = await signer(session, made.keyring)
            to.write(lines.begin_line(of, now))
            head = of.previous
            async for row in chain.sealed_entries(session, of.first, of.last):
                to.write(lines.entry_line(row))
                head = row.hash
            to.write(lines.end_line(of, head, now, key))
        await made.commands.refusals.write(
            SYSTEM,
            action="export_audit",
            outcome=Outcome.DONE,
            code=None,
            detail={"counts": {"entries": of.entries, "first": of.first, "last": of.last}},
        )
        return of.entries
