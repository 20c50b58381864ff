"""A trail with entries, seals and anchors, and hands that tamper with it in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, text

from datawave.kit import audit as chain
from datawave.kit.ids import new_id
from datawave.kit.tables import AuditEntry
from domain import audit
from domain.workspaces import save_workspace
from models.audit import AuditAnchor
from tests.domain.conftest import Platform


async def sealed(platform: Platform, count: int = 6) -> int:
    """Some entries, sealed, with the event that says so in its place; the last sequence."""
    for at in range(count):
        await platform.run(save_workspace, name=f"Workspace {at} {new_id().hex}")
    await platform.duty("seal_audit")
    await platform.place()
    async with platform.database.session() as session:
        return await audit.sealed_to(session)


async def anchored(platform: Platform, count: int = 4) -> AuditAnchor:
    """A stretch of so many entries, closed; its own entry follows it, sealed."""
    await sealed(platform, count)
    anchor = await platform.run(audit.anchor_audit)
    await sealed(platform, 0)
    return anchor


async def touched(platform: Platform, statement: str, **given: object) -> None:
    async with platform.database.connection() as connection:
        await connection.execute(text(statement), given)


async def looked_at(platform: Platform, **more: Any) -> audit.Verification:
    return await audit.verification(platform.database, platform.keyring, **more)


async def rewritten(platform: Platform, begins: int, change: str | None = None) -> None:
    """From here on the chain is made anew, hashes and all, as somebody would who knows how it is made."""
    await touched(platform, change or f"UPDATE audit_entry SET action = 'x' WHERE sequence = {begins}")
    async with platform.database.session() as session:
        previous = await session.scalar(select(AuditEntry.hash).where(AuditEntry.sequence == begins - 1))
        rows = [SimpleNamespace(**row._mapping) async for row in chain.sealed_entries(session, begins, 10**9)]
    previous = previous or chain.GENESIS
    for row in rows:
        row.previous_hash = previous
        row.detail_digest = chain.detail_digest(row.salt, row.detail)
        previous = chain.chained(previous, row)
        await touched(
            platform,
            "UPDATE audit_entry SET hash = :hash, previous_hash = :before, detail_digest = :digest"
            " WHERE sequence = :at",
            hash=previous,
            before=row.previous_hash,
            digest=row.detail_digest,
            at=row.sequence,
        )


TABLES = ("audit_entry", "audit_anchor", "event", "event_topic")


class Undone:
    """Puts the trail back after each tampering."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def keep(self) -> None:
        for table in TABLES:
            await touched(self._platform, f"CREATE TABLE kept_{table} AS TABLE {table}")

    async def put_back(self) -> None:
        for table in TABLES:
            await touched(self._platform, f"TRUNCATE {table} CASCADE")
            await touched(
                self._platform, f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}"
            )


@asynccontextmanager
async def tampered(undone: Undone) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await undone.put_back()
