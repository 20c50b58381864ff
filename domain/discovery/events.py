"""What happens in a run. Progress is not among them: it is told, not kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from datawave.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class RunEvent(Event):
    topics: ClassVar[tuple[str, ...]] = (
        "run:{run_id}",
        "runs",
        "source:{source_id}",
        "workspace:{workspace_id}",
    )
    subject: ClassVar[tuple[str, str] | None] = ("run", "run_id")
    run_id: UUID
    source_id: UUID
    workspace_id: UUID


@dataclass(frozen=True, kw_only=True)
class RunStateChanged(RunEvent):
    """A run went from one state to another."""

    before: str | None
    after: str
    failure: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class StageChanged(RunEvent):
    """A stage of a run started, finished, failed, or is to be done again."""

    stage_id: UUID
    key: str
    before: str
    after: str
    failure: dict[str, Any] | None = None
