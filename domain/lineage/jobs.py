"""The order to read lineage out of view definitions, and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from datawave.kit.commands import Tx
from datawave.kit.events import Event
from datawave.kit.jobs import Job
from models.discovery import Run
from models.sources import DataSource


@dataclass(frozen=True, kw_only=True)
class ParseViews(Job):
    """Reads the views of a source whose statement is new or changed, and brings the edges of its keys up
    to date."""

    tries: ClassVar[int] = 3
    source_id: UUID
    run_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class LineageChanged(Event):
    """Edges of lineage appeared, changed or went; at most a hundred of each are named."""

    topics = ("source:{source_id}", "workspace:{workspace_id}", "catalog")
    subject = ("source", "source_id")
    source_id: UUID
    workspace_id: UUID
    edge_ids: list[UUID]
    removed_ids: list[UUID]
    changed: int
    removed: int


def enqueue_parsing(tx: Tx, *, source: DataSource, run: Run | None = None) -> None:
    tx.enqueue(
        ParseViews(source_id=source.id, run_id=run.id if run is not None else None),
        subject=("source", source.id),
        workspace_id=source.workspace_id,
        source_id=source.id,
    )
