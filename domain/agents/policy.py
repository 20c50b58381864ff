"""By which policies an agent reads a source: its own and the source's, and of both the narrower.

An agent or a source that has none of its own goes by the default. So values leave a source only where its
agent and the source itself both say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from datawave.kit.masking import STRICTNESS, MaskMethod, ValuesLeave
from domain.agents.identity import DEFAULT_POLICY
from models.agents import EdgeAgent, EdgePolicy
from models.sources import DataSource

NOTHING_LEAVES = 9
"""Stricter than any method."""


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """How strictly values must be hidden before they leave."""

    strictness: int

    @classmethod
    def by(cls, *policies: EdgePolicy | None) -> Leaving:
        return cls(strictness=max(map(_strictness, policies)))

    @property
    def is_anything(self) -> bool:
        return self.strictness < NOTHING_LEAVES

    @property
    def method(self) -> MaskMethod | None:
        [method] = [each for each, strict in STRICTNESS.items() if strict == self.strictness]
        return method

    def lets(self, masked_with: MaskMethod | None) -> bool:
        """Whether values that were hidden so may leave."""
        return self.is_anything and STRICTNESS[masked_with] >= self.strictness


def _strictness(policy: EdgePolicy | None) -> int:
    if policy is None or policy.values_leave is ValuesLeave.NEVER:
        return NOTHING_LEAVES
    return STRICTNESS[policy.mask_with] if policy.values_leave is ValuesLeave.MASKED else 0


async def policies_of(
    session: AsyncSession, *, agent_id: UUID, source_id: UUID
) -> tuple[EdgePolicy | None, EdgePolicy | None, str]:
    """The agent's, the source's, and the source's key."""
    agents, sources = aliased(EdgePolicy), aliased(EdgePolicy)
    default = select(EdgePolicy.id).where(EdgePolicy.name == DEFAULT_POLICY).scalar_subquery()
    query = (
        select(agents, sources, DataSource.key)
        .select_from(EdgeAgent)
        .join(DataSource, DataSource.id == source_id)
        .outerjoin(agents, agents.id == func.coalesce(EdgeAgent.policy_id, default))
        .outerjoin(sources, sources.id == func.coalesce(DataSource.policy_id, default))
        .where(EdgeAgent.id == agent_id)
        .execution_options(autoflush=False)
    )
    of_agent, of_source, key = (await session.execute(query)).one()
    return of_agent, of_source, key


async def leaving_of(session: AsyncSession, *, agent_id: UUID, source_id: UUID) -> Leaving:
    """How values of the source may leave by way of the agent, as of now."""
    of_agent, of_source, _ = await policies_of(session, agent_id=agent_id, source_id=source_id)
    return Leaving.by(of_agent, of_source)


async def told_of(session: AsyncSession, *, agent_id: UUID, source_id: UUID) -> dict[str, Any]:
    """What a reading agent is told with its task: the source's policy, with values as narrow as both say."""
    of_agent, of_source, key = await policies_of(session, agent_id=agent_id, source_id=source_id)
    told = _told(of_source) if of_source is not None else {}
    return {"source": key, "policy": told | _values_told(Leaving.by(of_agent, of_source))}


def _told(policy: EdgePolicy) -> dict[str, Any]:
    return {
        "sampleRows": policy.sample_rows,
        "samplePatterns": policy.sample_patterns,
        "neverSample": policy.never_sample,
        "maxQuerySeconds": policy.max_query_seconds,
        "quietHours": policy.quiet_hours,
    }


def _values_told(leaving: Leaving) -> dict[str, Any]:
    if not leaving.is_anything:
        return {"valuesLeave": ValuesLeave.NEVER.value}
    method = leaving.method
    if method is None:
        return {"valuesLeave": ValuesLeave.SAMPLES.value}
    return {"valuesLeave": ValuesLeave.MASKED.value, "maskWith": method.value}


# --- the same of values that are kept, said in SQL

STRICTER = [each.value for each in sorted(MaskMethod, key=STRICTNESS.__getitem__)]


def _of_method(method: str) -> str:
    methods = ", ".join(repr(each) for each in STRICTER)
    return f"coalesce(array_position(ARRAY[{methods}], {method}), 0)"


def _of_policy(policy: str) -> str:
    method = _of_method(f"coalesce({policy}.mask_with, kept_by.mask_with)")
    return (
        f"CASE coalesce({policy}.values_leave, kept_by.values_leave) WHEN 'SAMPLES' THEN 0"
        f" WHEN 'MASKED' THEN {method} ELSE {NOTHING_LEAVES} END"
    )


WITH_POLICIES = f"""
column_values v JOIN data_source s ON s.id = v.source_id
LEFT JOIN edge_agent brought_by ON brought_by.id = v.agent_id
LEFT JOIN edge_policy kept_by ON kept_by.name = '{DEFAULT_POLICY}'
LEFT JOIN edge_policy of_agent ON of_agent.id = brought_by.policy_id
LEFT JOIN edge_policy of_source ON of_source.id = s.policy_id"""
"""Kept values with the policies that they are kept by: the agent's that brought them, and the source's."""

MAY_BE_KEPT = (
    f"{_of_method('v.masked_with')} >= greatest({_of_policy('of_agent')}, {_of_policy('of_source')})"
)
