"""What agents show of other tables: many agents, one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from datawave.kit.access import visible
from datawave.kit.database import Db
from domain.agents import DEFAULT_POLICY
from models.agents import AgentSource, Certificate, EdgeAgent, EdgePolicy
from models.sources import DataSource


async def certificates(db: Db, agent_ids: Sequence[UUID]) -> Mapping[UUID, Certificate]:
    """The newest of each."""
    newest = (
        select(Certificate)
        .where(Certificate.actor_id.in_(agent_ids), visible(Certificate, db.viewer))
        .ext(distinct_on(Certificate.actor_id))
        .order_by(Certificate.actor_id, Certificate.revoked_at.desc().nulls_first(), Certificate.id.desc())
    )
    return {row.actor_id: row for row in await db.scalars(newest)}


async def sources(db: Db, agent_ids: Sequence[UUID]) -> Mapping[UUID, list[DataSource]]:
    found = await db.rows(
        select(AgentSource.agent_id, DataSource)
        .join(DataSource, DataSource.id == AgentSource.source_id)
        .where(AgentSource.agent_id.in_(agent_ids), visible(DataSource, db.viewer))
        .order_by(DataSource.name, DataSource.id)
    )
    by_agent: dict[UUID, list[DataSource]] = defaultdict(list)
    for agent_id, source in found:
        by_agent[agent_id].append(source)
    return by_agent


async def policies(db: Db, agent_ids: Sequence[UUID]) -> Mapping[UUID, EdgePolicy]:
    """The policy each agent goes by: its own, or the default."""
    found = await db.rows(
        select(EdgeAgent.id, EdgePolicy)
        .join(
            EdgePolicy,
            (EdgePolicy.id == EdgeAgent.policy_id)
            | (EdgeAgent.policy_id.is_(None) & (EdgePolicy.name == DEFAULT_POLICY)),
        )
        .where(EdgeAgent.id.in_(agent_ids), visible(EdgeAgent, db.viewer))
    )
    return {row[0]: row[1] for row in found}
