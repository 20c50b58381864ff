"""What happens to policies and rules of access."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from datawave.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class EdgePolicySaved(Event):
    """A policy of what may be read and leave was made or changed; agents fetch it with their next sign of
    life."""

    topics = ("policies", "agents", "agent:{agent_ids}")
    subject = ("policy", "policy_id")
    policy_id: UUID
    name: str
    values_leave: str
    agent_ids: Sequence[UUID]


@dataclass(frozen=True, kw_only=True)
class EdgePolicyRemoved(Event):
    """The making of a policy was taken back."""

    topics = ("policies", "agents")
    subject = ("policy", "policy_id")
    policy_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class AccessRuleSaved(Event):
    """A rule of who sees values was made or changed; it counts from the next read on."""

    topics = ("access", "policies", "workspace:{workspace_id}", "source:{source_id}")
    subject = ("accessrule", "rule_id")
    rule_id: UUID
    name: str
    enabled: bool
    workspace_id: UUID | None
    source_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class AccessRuleDeleted(Event):
    """A rule of who sees values was deleted."""

    topics = ("access", "policies", "workspace:{workspace_id}", "source:{source_id}")
    subject = ("accessrule", "rule_id")
    rule_id: UUID
    name: str
    workspace_id: UUID | None
    source_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class ValuesForgotten(Event):
    """Kept values of a source's columns were removed: a policy lets them leave no longer, or the source
    ended."""

    topics = ("source:{source_id}", "workspace:{workspace_id}", "policies")
    subject = ("source", "source_id")
    source_id: UUID
    workspace_id: UUID
    columns: int
