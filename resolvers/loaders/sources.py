"""What sources show of other tables: many sources, one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Float, case, cast, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from connectors.base import Capability, Family
from connectors.registry import UnknownConnector, config_schema, connector
from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.given import among
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows
from models.agents import AgentSource, EdgeAgent
from models.catalog import Asset, AssetState
from models.discovery import Run
from models.sources import ConnectionTest, DataSource, HealthSnapshot, HealthState, SecretVersion
from resolvers.loaders.catalog import kinds_counted


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


def latest_tests(of: Of) -> Rows:
    test = ConnectionTest
    newest = (
        select(test)
        .where(among(test.source_id, of.keys), visible(test, of.viewer))
        .ext(distinct_on(test.source_id))
        .order_by(test.source_id, test.tested_at.desc())
    )
    return Rows(query=newest, row=test, by=test.source_id)


def latest_runs(of: Of) -> Rows:
    run = Run
    newest = (
        select(run)
        .where(among(run.source_id, of.keys), run.kind == "discovery", visible(run, of.viewer))
        .ext(distinct_on(run.source_id))
        .order_by(run.source_id, run.created_at.desc(), run.id.desc())
    )
    return Rows(query=newest, row=run, by=run.source_id)


def agents(of: Of) -> Rows:
    query = (
        select(EdgeAgent)
        .join(AgentSource, EdgeAgent.id == AgentSource.agent_id)
        .where(visible(EdgeAgent, of.viewer))
    )
    return Rows(query=query, row=EdgeAgent, by=AgentSource.source_id, order=[Key(EdgeAgent.name)])


async def secret_versions(
    db: Db, source_ids: Sequence[UUID]
) -> tuple[Mapping[UUID, Any], Mapping[UUID, list[SecretVersion]]]:
    """What a source says of its credentials, and their versions, the newest first."""
    source, version = DataSource, SecretVersion
    said = await db.rows(
        select(source.id, source.credentials_version, source.rotate_after_days).where(
            source.id.in_(source_ids), visible(source, db.viewer)
        )
    )
    found: dict[UUID, list[SecretVersion]] = defaultdict(list)
    query = select(version).where(version.source_id.in_(source_ids), visible(version, db.viewer))
    for each in await db.scalars(query.order_by(version.source_id, version.number.desc())):
        found[each.source_id].append(each)
    return {row.id: row for row in said}, found


def asset_counts(of: Of) -> Rows:
    """How much of each kind is in sources."""
    counted = (
        select(Asset.source_id, Asset.kind, func.count())
        .where(among(Asset.source_id, of.keys), Asset.state == AssetState.ACTIVE, visible(Asset, of.viewer))
        .group_by(Asset.source_id, Asset.kind)
    )
    return kinds_counted(counted, plural=True)


def breakers(of: Of) -> Rows:
    """The guard of each source; as visible as the source itself."""
    breaker = tables.CircuitBreaker
    return Rows(query=select(breaker), row=breaker, by=breaker.subject_id)


def uptime(of: Of, since: datetime | None, until: datetime | None) -> Rows:
    """The share of snapshots that were healthy; as visible as the source itself."""
    snapshot = HealthSnapshot
    well = case((snapshot.state.in_([HealthState.HEALTHY, HealthState.DEGRADED]), 1.0), else_=0.0)
    where = [snapshot.at >= (since if since is not None else func.datawave_now() - timedelta(days=30))]
    if until is not None:
        where.append(snapshot.at < until)
    ratio = (
        select(snapshot.source_id, cast(func.avg(well), Float).label("ratio"))
        .where(among(snapshot.source_id, of.keys), *where)
        .group_by(snapshot.source_id)
        .subquery("uptime")
    )
    return Rows(query=select(ratio), row=ratio.c, by=ratio.c.source_id, value=ratio.c.ratio)


def rotate_after(days: int | None, active: SecretVersion) -> datetime | None:
    return active.created_at + timedelta(days=days) if days else None
