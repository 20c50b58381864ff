"""Policies of what may leave a source, and rules of who sees values, in the API. The policy itself is shown
with agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from sqlalchemy import select
from strawberry.scalars import ID

from datawave.kit.access import visible
from datawave.kit.reads import Of, Rows
from domain.policies.rules import COUNTING
from models import agents as agent_rows
from models import classification as label_rows
from models import policies as rows
from models import sources as source_rows
from models import workspaces as workspace_rows
from models.classification import Severity
from schema.lineage import ReviewState
from schema.reads import computed, each, one
from schema.rows import FromRow
from schema.shapes import Node, Payload, Timestamped, Versioned, given

if TYPE_CHECKING:
    from schema.agents import EdgePolicy
    from schema.classification import Label
    from schema.sources import DataSource
    from schema.workspaces import Workspace

DAYS = tuple(range(1, 8))

strawberry.enum(
    rows.WithoutPermission,
    name="WithoutPermission",
    description="What a rule does to values for whoever has not its permission: mask them, or hide them.",
)


def labels_by_id(of: Of) -> Rows:
    row = label_rows.Label
    return Rows(query=select(row).where(visible(row, of.viewer)), row=row, by=row.id)


@strawberry.type(
    description="Values of columns with certain labels are told as they are only to who holds a permission on"
    " the column. Of several rules the strictest counts."
)
class AccessRule(FromRow, Node, Timestamped, Versioned, shows=rows.AccessRule):
    name: str
    description: str | None
    enabled: bool
    permission: str
    without: rows.WithoutPermission
    mask_with: agent_rows.MaskMethod | None = strawberry.field(description="Where it masks, how.")
    min_sensitivity: Severity | None = strawberry.field(
        description="Only labels that are at least so sensitive count."
    )
    labels: list[Label] = each(
        "label_ids",
        labels_by_id,
        description="Those that count, with all beneath them in the taxonomy; none: whatever label.",
    )
    workspace: Workspace | None = one(
        "workspace_id", workspace_rows.Workspace, description="Where it counts; null: everywhere."
    )
    data_source: DataSource | None = one(
        "source_id", source_rows.DataSource, description="The one source of the workspace where it counts."
    )

    @computed(description="Classifications in these states count.")
    @staticmethod
    def states(states: list[str]) -> list[ReviewState]:
        return [ReviewState(state) for state in states]

    @computed(description="Whether it came with the product: then it can be changed, not deleted.")
    @staticmethod
    def built_in(built_in: str | None) -> bool:
        return built_in is not None


@strawberry.input(
    description="A daily span in which nothing is read; `days`, when it begins, count from 1, Monday."
)
class QuietHoursInput:
    from_: str = strawberry.field(name="from", description="Such as 22:00.")
    to: str
    time_zone: str = "UTC"
    days: list[int] | None = strawberry.field(default=strawberry.UNSET, description="By default every day.")

    def told(self) -> dict[str, Any]:
        days = given(self.days)
        return {
            "from": self.from_,
            "to": self.to,
            "timeZone": self.time_zone,
            "days": DAYS if days is None else days,
        }


@strawberry.input(
    description="A policy to make or change: of one that is there, what is left out stays as it is."
)
class SaveEdgePolicyInput:
    name: str
    id: ID | None = strawberry.UNSET
    version: int | None = strawberry.UNSET
    sample_rows: int | None = strawberry.UNSET
    sample_patterns: list[str] | None = strawberry.UNSET
    never_sample: list[str] | None = strawberry.UNSET
    values_leave: agent_rows.ValuesLeave | None = strawberry.UNSET
    mask_with: agent_rows.MaskMethod | None = strawberry.UNSET
    max_query_seconds: int | None = strawberry.UNSET
    quiet_hours: list[QuietHoursInput] | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(
    description="A rule to make or change, whole: `labels` and what is beneath them, or a least sensitivity,"
    " or both of one label. `scopeId` is a workspace or a source; without it the rule is for everywhere."
)
class SaveAccessRuleInput:
    name: str
    permission: str
    id: ID | None = strawberry.UNSET
    version: int | None = strawberry.UNSET
    description: str | None = strawberry.UNSET
    labels: list[str] | None = strawberry.UNSET
    min_sensitivity: Severity | None = strawberry.UNSET
    states: list[ReviewState] | None = strawberry.UNSET
    without: rows.WithoutPermission = rows.WithoutPermission.MASK
    mask_with: agent_rows.MaskMethod | None = strawberry.UNSET
    enabled: bool = True
    scope_id: ID | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET

    def told(self, scope: tuple[str, UUID] | None) -> dict[str, Any]:
        return {
            "name": self.name,
            "permission": self.permission,
            "description": given(self.description),
            "labels": given(self.labels) or [],
            "min_sensitivity": given(self.min_sensitivity),
            "states": COUNTING if given(self.states) is None else given(self.states),
            "without": self.without,
            "mask_with": given(self.mask_with),
            "enabled": self.enabled,
            "scope": scope,
        }


@strawberry.type(description="The policy as it now is.")
class EdgePolicyPayload(Payload):
    policy: EdgePolicy | None = None


@strawberry.type(description="The rule as it now is.")
class AccessRulePayload(Payload):
    rule: AccessRule | None = None
