"""The states of a source, as far as the platform changes them by itself, and where the vault keeps its
credentials."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update

from datawave.kit.commands import Tx
from datawave.kit.errors import ConflictError, ErrorCode
from domain.sources.events import SourceStateChanged
from models.sources import DataSource, SourceState


async def set_state(tx: Tx, source: DataSource, state: SourceState, *, reason: str | None = None) -> None:
    """A change of state that the platform makes: an event, no new version (versions are for people's
    edits)."""
    if source.state is state or source.state is SourceState.DECOMMISSIONED:
        return
    before = source.state
    await tx.session.execute(
        update(DataSource)
        .where(DataSource.id == source.id)
        .values(state=state, state_before=before, updated_at=tx.now)
    )
    tx.emit(
        SourceStateChanged(
            source_id=source.id,
            workspace_id=source.workspace_id,
            before=before.value,
            after=state.value,
            reason=reason,
        )
    )


def refuse_ended(source: DataSource) -> None:
    if source.state is SourceState.DECOMMISSIONED:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "This source is decommissioned; undo that within its days of grace, or configure it anew.",
            current=("source", source.id),
            current_version=source.version,
        )


def reference_of(source_id: UUID, number: int) -> str:
    """Where the vault keeps a version of a source's credentials."""
    return f"source/{source_id.hex}/{number}"


def active_reference(source: DataSource) -> str | None:
    return reference_of(source.id, source.credentials_version) if source.credentials_version else None
