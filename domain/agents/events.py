"""What happens to agents and to the work they are given."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from datawave.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class AgentEnrolled(Event):
    """An agent got a certificate: a new agent, or one that lost its key or renews."""

    topics = ("agent:{agent_id}", "agents")
    subject = ("agent", "agent_id")
    agent_id: UUID
    name: str
    fingerprint: str


@dataclass(frozen=True, kw_only=True)
class CertificatesRevoked(Event):
    """Certificates of an agent are good for nothing any more: whoever came in with one is out at once."""

    topics = ("access", "agent:{actor_id}", "agents")
    subject = ("agent", "actor_id")
    actor_id: UUID
    fingerprints: list[str]


@dataclass(frozen=True, kw_only=True)
class AgentStateChanged(Event):
    """An agent came, went silent, drains, or was shut out."""

    topics = ("agent:{agent_id}", "agents")
    subject = ("agent", "agent_id")
    agent_id: UUID
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class SourceAssigned(Event):
    """An agent reads a source from now on."""

    topics = ("agent:{agent_id}", "agents", "source:{source_id}")
    subject = ("agent", "agent_id")
    agent_id: UUID
    source_id: UUID
    workspace_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class TaskOffered(Event):
    """Work is there; told to every agent that may take it, and again when its lease has run out."""

    topics = ("agent:{agent_ids}", "agents")
    subject = ("task", "task_id")
    task_id: UUID
    kind: str
    agent_ids: list[UUID]
    run_id: UUID | None = None
    source_id: UUID | None = None
    workspace_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class TaskClaimed(Event):
    """An agent took a task, under a lease."""

    topics = ("agents",)
    subject = ("task", "task_id")
    task_id: UUID
    agent_id: UUID
    attempt: int
    run_id: UUID | None = None
    source_id: UUID | None = None
    workspace_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class TaskCancelled(Event):
    """Nobody wants the task's result any more; its holder stops."""

    topics = ("agent:{agent_id}", "agents")
    subject = ("task", "task_id")
    task_id: UUID
    agent_id: UUID | None = None
    run_id: UUID | None = None
    source_id: UUID | None = None
    workspace_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class TaskEnded(Event):
    """A task was completed, has failed, or was claimed by nobody in time."""

    topics = ("agents",)
    subject = ("task", "task_id")
    task_id: UUID
    state: str
    code: str | None = None
    agent_id: UUID | None = None
    run_id: UUID | None = None
    source_id: UUID | None = None
    workspace_id: UUID | None = None
