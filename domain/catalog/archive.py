"""A source's assets as a whole: set aside when it is decommissioned, brought back by undo, destroyed at
the end."""

from __future__ import annotations

from typing import Any

from sqlalchemy import TextClause, text

from datawave.kit.commands import Tx
from domain.catalog import writing
from domain.catalog.events import AssetsIngested
from models.sources import DataSource

ARCHIVE = text(
    "UPDATE asset SET state_before = state, state = 'ARCHIVED', version = version + 1, updated_at = :at"
    " WHERE source_id = :source AND state <> 'ARCHIVED'"
)
UNARCHIVE = text(
    "UPDATE asset SET state = coalesce(state_before, 'ACTIVE'), state_before = NULL, version = version + 1,"
    " updated_at = :at WHERE source_id = :source AND state = 'ARCHIVED'"
)

OF_ASSETS = ("ownership", "asset_tag", "dataset_profile", "column_profile")
OF_SOURCE = ("lineage_edge", "classification", "view_reading", "asset_foreign_key", "schema_change")
HISTORIES = ("lineage_edge", "classification", "asset")
HISTORIES_OF_ASSETS = ("ownership", "asset_tag")


async def archive(tx: Tx, source: DataSource) -> int:
    count = await _moved(tx, source, ARCHIVE)
    _tell(tx, source, removed=count)
    return count


async def unarchive(tx: Tx, source: DataSource) -> int:
    """Each asset returns to the state it was set aside in."""
    count = await _moved(tx, source, UNARCHIVE)
    _tell(tx, source, added=count)
    return count


async def _moved(tx: Tx, source: DataSource, statement: TextClause) -> int:
    await tx.session.flush()
    at = await writing.lock(tx, source.id)
    done: Any = await tx.session.execute(statement, {"source": source.id, "at": at})
    return int(done.rowcount)


async def delete(tx: Tx, source: DataSource) -> int:
    """Destroys the source's part of the catalog, its history with it: what was asked not to be kept
    leaves nothing."""
    await tx.session.flush()
    await writing.lock(tx, source.id)
    place = {"source": source.id}
    mine = "asset_id IN (SELECT id FROM asset WHERE source_id = :source)"
    ends = (
        "(from_id IN (SELECT id FROM asset WHERE source_id = :source)"
        " OR to_id IN (SELECT id FROM asset WHERE source_id = :source))"
    )
    statements = [
        f"DELETE FROM lineage_edge WHERE {ends}",
        *(f"DELETE FROM {table} WHERE source_id = :source" for table in OF_SOURCE),
        *(f"DELETE FROM {table} WHERE {mine}" for table in OF_ASSETS),
        *(f"DELETE FROM {table}_history WHERE {mine}" for table in HISTORIES_OF_ASSETS),
        f"DELETE FROM lineage_edge_history WHERE {ends}",
    ]
    for statement in statements:
        await tx.session.execute(text(statement), place)
    done: Any = await tx.session.execute(text("DELETE FROM asset WHERE source_id = :source"), place)
    for table in HISTORIES:
        await tx.session.execute(text(f"DELETE FROM {table}_history WHERE source_id = :source"), place)
    count = int(done.rowcount)
    _tell(tx, source, removed=count)
    return count


def _tell(tx: Tx, source: DataSource, *, added: int = 0, removed: int = 0) -> None:
    if added or removed:
        tx.emit(
            AssetsIngested(
                source_id=source.id,
                workspace_id=source.workspace_id,
                run_id=None,
                added=added,
                changed=0,
                removed=removed,
                sample_ids=[],
            )
        )
