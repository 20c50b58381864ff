"""What agents show of other tables, described."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from datawave.kit.access import visible
from datawave.kit.given import among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows
from domain.agents import DEFAULT_POLICY
from models.agents import AgentSource, Certificate, EdgeAgent, EdgePolicy
from models.sources import DataSource


def certificates(of: Of) -> Rows:
    """The newest of each."""
    newest = (
        select(Certificate)
        .where(among(Certificate.actor_id, of.keys), visible(Certificate, of.viewer))
        .ext(distinct_on(Certificate.actor_id))
        .order_by(Certificate.actor_id, Certificate.revoked_at.desc().nulls_first(), Certificate.id.desc())
    )
    return Rows(query=newest, row=Certificate, by=Certificate.actor_id)


def sources(of: Of) -> Rows:
    query = (
        select(DataSource)
        .join(AgentSource, DataSource.id == AgentSource.source_id)
        .where(visible(DataSource, of.viewer))
    )
    order = [Key(DataSource.name), Key(DataSource.id)]
    return Rows(query=query, row=DataSource, by=AgentSource.agent_id, order=order)


def policies(of: Of) -> Rows:
    """The policy each agent goes by: its own, or the default."""
    query = (
        select(EdgePolicy)
        .join(
            EdgeAgent,
            (EdgePolicy.id == EdgeAgent.policy_id)
            | (EdgeAgent.policy_id.is_(None) & (EdgePolicy.name == DEFAULT_POLICY)),
        )
        .where(visible(EdgeAgent, of.viewer))
    )
    return Rows(query=query, row=EdgePolicy, by=EdgeAgent.id)
