"""What sources show of other tables: many sources, one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from connectors.base import Capability, Family
from connectors.registry import UnknownConnector, config_schema, connector
from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.database import Db
from models.agents import AgentSource, EdgeAgent
from models.catalog import Asset, AssetState
from models.discovery import Run
from models.sources import ConnectionTest, DataSource, HealthSnapshot, HealthState, SecretVersion


@dataclass(frozen=True, kw_only=True)
class ConnectorFacts:
    display_name: str
    family: Family
    capabilities: frozenset[Capability]
    config_schema: dict[str, Any]
    run_live: bool


@cache
def connector_facts(kind: str) -> ConnectorFacts:
    try:
        found = connector(kind)
    except UnknownConnector:
        return ConnectorFacts(
            display_name=f"{kind} (not installed)",
            family=Family.DATABASE,
            capabilities=frozenset(),
            config_schema={},
            run_live=False,
        )
    return ConnectorFacts(
        display_name=found.display_name,
        family=found.family,
        capabilities=found.capabilities,
        config_schema=config_schema(kind),
        run_live=found.run_live,
    )


async def latest_tests(db: Db, source_ids: Sequence[UUID]) -> Mapping[UUID, ConnectionTest]:
    tests = select(ConnectionTest).where(
        ConnectionTest.source_id.in_(source_ids), visible(ConnectionTest, db.viewer)
    )
    newest = tests.ext(distinct_on(ConnectionTest.source_id)).order_by(
        ConnectionTest.source_id, ConnectionTest.tested_at.desc()
    )
    return {test.source_id: test for test in await db.scalars(newest)}


async def latest_runs(db: Db, source_ids: Sequence[UUID]) -> Mapping[UUID, Run]:
    runs = select(Run).where(Run.source_id.in_(source_ids), Run.kind == "discovery", visible(Run, db.viewer))
    newest = runs.ext(distinct_on(Run.source_id)).order_by(
        Run.source_id, Run.created_at.desc(), Run.id.desc()
    )
    return {run.source_id: run for run in await db.scalars(newest)}


async def agents(db: Db, source_ids: Sequence[UUID]) -> Mapping[UUID, list[EdgeAgent]]:
    found = await db.rows(
        select(AgentSource.source_id, EdgeAgent)
        .join(EdgeAgent, EdgeAgent.id == AgentSource.agent_id)
        .where(AgentSource.source_id.in_(source_ids), visible(EdgeAgent, db.viewer))
        .order_by(EdgeAgent.name)
    )
    by_source: dict[UUID, list[EdgeAgent]] = defaultdict(list)
    for source_id, agent in found:
        by_source[source_id].append(agent)
    return by_source


async def asset_counts(db: Db, source_ids: Sequence[UUID]) -> Mapping[UUID, list[tuple[str, int]]]:
    found = await db.rows(
        select(Asset.source_id, Asset.kind, func.count())
        .where(Asset.source_id.in_(source_ids), Asset.state == AssetState.ACTIVE, visible(Asset, db.viewer))
        .group_by(Asset.source_id, Asset.kind)
        .order_by(Asset.kind)
    )
    by_source: dict[UUID, list[tuple[str, int]]] = defaultdict(list)
    for source_id, kind, count in found:
        by_source[source_id].append((kind.value, count))
    return by_source


async def breakers(db: Db, source_ids: Sequence[UUID]) -> Mapping[UUID, tables.CircuitBreaker]:
    """The guard of each source; as visible as the source itself."""
    breaker = tables.CircuitBreaker
    found = await db.scalars(select(breaker).where(breaker.subject_id.in_(source_ids)))
    return {each.subject_id: each for each in found if each.subject_id}


async def uptime(db: Db, source_id: UUID, since: datetime | None, until: datetime | None) -> float | None:
    snapshot = HealthSnapshot
    since_or_month = since if since is not None else func.datawave_now() - timedelta(days=30)
    query = select(
        func.avg(case((snapshot.state.in_([HealthState.HEALTHY, HealthState.DEGRADED]), 1.0), else_=0.0))
    ).where(snapshot.source_id == source_id, snapshot.at >= since_or_month)
    if until is not None:
        query = query.where(snapshot.at < until)
    found = await db.scalar(query)
    return float(found) if found is not None else None


def rotate_after(source: DataSource, active: SecretVersion) -> datetime | None:
    days = source.rotate_after_days
    return active.created_at + timedelta(days=days) if days else None
