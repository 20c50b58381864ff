"""What follows the days of grace: the secrets of a decommissioned source are destroyed, for good."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from datawave.kit.access import SYSTEM
from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.duties import Duty, duty
from domain.catalog import archive
from domain.sources.events import SourceDestroyed
from domain.sources.testing import forget_tests_of
from models.sources import DataSource, SecretVersion, SecretVersionState, SourceState


@duty(every=60.0)
async def destroy_due(standing: Duty) -> None:
    due = await standing.session.scalars(
        select(DataSource.id)
        .where(
            DataSource.state == SourceState.DECOMMISSIONED,
            DataSource.destroyed_at.is_(None),
            DataSource.destroy_after <= standing.now,
        )
        .limit(20)
    )
    for source_id in due.all():
        await standing.commands.run(destroy_source, SYSTEM, {"source_id": source_id})


@command(needs=INSIDE)
async def destroy_source(tx: Tx, *, source_id: UUID) -> None:
    """The secrets go, and the catalog where it was not to be kept; undo answers NOT_REVERSIBLE from here
    on."""
    source = await tx.session.get(DataSource, source_id, with_for_update=True)
    if source is None or source.destroyed_at is not None or source.state is not SourceState.DECOMMISSIONED:
        return
    versions = (
        await tx.session.scalars(select(SecretVersion).where(SecretVersion.source_id == source_id))
    ).all()
    await tx.vault.destroy(tx.session, *(version.reference for version in versions))
    for version in versions:
        version.state = SecretVersionState.RETIRED
    await forget_tests_of(tx, source_id)
    deleted = 0 if source.keep_catalog else await archive.delete(tx, source)
    source.destroyed_at = tx.now
    tx.counts(secrets=len(versions), assets=deleted)
    tx.emit(
        SourceDestroyed(
            source_id=source.id, workspace_id=source.workspace_id, kept_catalog=source.keep_catalog
        )
    )
