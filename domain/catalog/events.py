"""What happens to the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datawave.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class AssetsIngested(Event):
    """Assets came in, changed or went by a discovery, many at once; the rows' history says what exactly."""

    topics = ("source:{source_id}", "workspace:{workspace_id}", "catalog")
    subject = ("source", "source_id")
    source_id: UUID
    workspace_id: UUID
    run_id: UUID | None
    added: int
    changed: int
    removed: int
    sample_ids: list[UUID]


@dataclass(frozen=True, kw_only=True)
class AssetChanged(Event):
    """A person changed an asset: its description, owners, tags or state."""

    topics = ("asset:{asset_id}", "source:{source_id}", "workspace:{workspace_id}", "catalog")
    subject = ("asset", "asset_id")
    asset_id: UUID
    source_id: UUID
    workspace_id: UUID
    changes: list[dict[str, Any]]
    """[{"field": …, "before": …, "after": …}]"""


@dataclass(frozen=True, kw_only=True)
class SchemaDrifted(Event):
    """A reading of a source found its schema other than the one before."""

    topics = ("source:{source_id}", "workspace:{workspace_id}", "catalog")
    subject = ("source", "source_id")
    source_id: UUID
    workspace_id: UUID
    run_id: UUID
    added: int
    removed: int
    changed: int
    breaking: int
