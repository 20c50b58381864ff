"""A source as the API shows it: how it is reached, how it is, what runs in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry

from auth.permissions import Permission
from connectors.base import Capability, Family
from datawave.kit.database import Db
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from models import agents as agent_rows
from models import discovery as run_rows
from models import sources as rows
from models import workspaces as workspace_rows
from resolvers.loaders import catalog as catalog_loaders
from resolvers.loaders import sources as loaders
from schema.catalog_filters import wanted_by
from schema.reads import actor, column, computed, loaded, many, one, page, related, same
from schema.rows import FromRow
from schema.scalars import JSON
from schema.shapes import (
    Actor,
    Connection,
    Count,
    Failure,
    Node,
    TimeRangeInput,
    Timestamped,
    Versioned,
    given,
)

if TYPE_CHECKING:
    from schema.agents import EdgeAgent, EdgePolicy
    from schema.catalog import Asset, AssetFilter
    from schema.discovery import Discovery
    from schema.operations import CircuitBreaker
    from schema.workspaces import Workspace

Kept = dict[str, Any] | None
"""What a row keeps as JSON."""

strawberry.enum(Family, name="ConnectorFamily", description="Families of connectors.")
strawberry.enum(Capability, name="ConnectorCapability", description="What a connector can do.")
strawberry.enum(rows.SourceState, name="DataSourceState", description="The life of a source.")
strawberry.enum(
    rows.SecretVersionState, name="SecretVersionState", description="Where a version stands in a rotation."
)


@strawberry.enum(description="Where secrets are kept.")
class VaultBackend(rows.StrEnum):
    LOCAL = "LOCAL"


@strawberry.type(description="A kind of source the platform can connect to; found by entry point.")
class Connector:
    kind: str
    display_name: str
    family: Family
    capabilities: list[Capability]
    config_schema: JSON = strawberry.field(
        description="JSON Schema of the configuration, to draw a form from."
    )
    run_live: bool = strawberry.field(
        description="False where the driver is built but has not been run against the real thing."
    )


@strawberry.type(description="One step of a test: name, DNS, TCP, TLS, sign-in, read, capability.")
class TestStep:
    __test__ = False
    name: str
    ok: bool
    duration_ms: float
    message: str | None


@strawberry.type(description="What trying a connection found.")
class ConnectionTest(FromRow):
    ok: bool
    latency_ms: float | None
    server_version: str | None
    read_only: bool | None
    tested_at: datetime
    tested_by: Actor | None = actor("tested_by")

    server_info: JSON | None = column("server_info")

    @computed
    @staticmethod
    def steps(steps: list[Any]) -> list[TestStep]:
        return [
            TestStep(name=s["name"], ok=s["ok"], duration_ms=s["duration_ms"], message=s.get("message"))
            for s in steps
        ]

    @computed
    @staticmethod
    def failure(failure: Kept) -> Failure | None:
        return Failure.of(failure)


@strawberry.type(description="One version of a secret.")
class SecretVersion(FromRow, shows=rows.SecretVersion):
    created_at: datetime
    state: rows.SecretVersionState
    created_by: Actor | None = actor("created_by")

    version: int = column("number")
    test: ConnectionTest | None = one("test_id", rows.ConnectionTest)


@strawberry.type(description="A secret in the vault; the value itself is not readable through the API.")
class SecretRef:
    reference: str
    backend: VaultBackend
    version: int
    created_at: datetime
    rotated_at: datetime | None
    rotate_after: datetime | None
    versions: list[SecretVersion]


@strawberry.type(description="What one ping found.")
class HealthSnapshot(FromRow, shows=rows.HealthSnapshot):
    state: rows.HealthState
    latency_ms: float | None
    at: datetime

    statistics: JSON | None = column("statistics")


def uptime(of: Of, range: TimeRangeInput | None = strawberry.UNSET) -> Rows:
    span = given(range)
    return loaders.uptime(of, given(span.from_) if span else None, given(span.to) if span else None)


@strawberry.type(description="The last snapshot of a source's health.")
class DataSourceHealth(FromRow):
    state: rows.HealthState = column("health_state")
    latency_ms: float | None = column("health_latency_ms")
    checked_at: datetime | None = column("health_checked_at")
    since: datetime | None = column("health_since")
    statistics: JSON | None = column("health_statistics")

    @computed
    @staticmethod
    def failure(health_failure: Kept) -> Failure | None:
        return Failure.of(health_failure)

    uptime_ratio: float | None = related(
        Shape.VALUE,
        uptime,
        description="The share of snapshots in the range (by default the last 30 days) that were healthy.",
    )

    history: Connection[HealthSnapshot] = page(
        rows.HealthSnapshot.source_id,
        order_by=[
            Key(rows.HealthSnapshot.at, descending=True),
            Key(rows.HealthSnapshot.id, descending=True),
        ],
    )


@strawberry.type(description="When something runs: a cron expression in a time zone.")
class Schedule(FromRow, shows=rows.Schedule):
    cron: str | None
    time_zone: str
    enabled: bool
    next_at: datetime | None


def assets(
    of: Of, filter: AssetFilter | None = strawberry.UNSET, as_of: datetime | None = strawberry.UNSET
) -> Rows:
    return catalog_loaders.assets_of_sources(of, wanted_by(filter), given(as_of))


async def secrets(db: Db, keys: Sequence[UUID], _at: Any) -> Mapping[UUID, SecretRef | None]:
    """The credentials of sources, with all their versions."""
    of_source, versions = await loaders.secret_versions(db, keys)
    return {key: secret_ref(source, versions[key]) for key, source in of_source.items()}


@strawberry.type(description="A system that holds data, under governance.")
class DataSource(FromRow, Node, Timestamped, Versioned, shows=rows.DataSource):
    key: str
    name: str
    description: str | None
    state: rows.SourceState
    workspace: Workspace | None = one("workspace_id", workspace_rows.Workspace)
    policy: EdgePolicy | None = one("policy_id", agent_rows.EdgePolicy)
    discoveries: Connection[Discovery] = page(
        run_rows.Run.source_id,
        order_by=[Key(run_rows.Run.created_at, descending=True), Key(run_rows.Run.id, descending=True)],
        description="Its discoveries, newest first.",
    )

    @computed
    @staticmethod
    def connector(kind: str) -> Connector:
        return connector_of(kind)

    config: JSON | None = column(
        "config",
        description="The configuration without its secrets.",
        needs=Permission.DATASOURCE_UPDATE,
    )
    secret: SecretRef | None = loaded(secrets)
    agents: list[EdgeAgent] = related(Shape.MANY, loaders.agents)
    health: DataSourceHealth = same()
    last_test: ConnectionTest | None = related(Shape.ONE, loaders.latest_tests)
    latest_discovery: Discovery | None = related(Shape.ONE, loaders.latest_runs)
    schedules: list[Schedule] = many(rows.Schedule.source_id, order_by=[Key(rows.Schedule.id)])

    assets: Connection[Asset] = related(
        Shape.PAGE, assets, description="What discoveries found in it, by name.", cost=2
    )
    asset_counts: list[Count] = related(Shape.MANY, loaders.asset_counts)
    circuit_breaker: CircuitBreaker | None = related(Shape.ONE, loaders.breakers)


def connector_of(kind: str) -> Connector:
    """What is known of a kind of source; a connector that was taken away still has its name."""
    found = loaders.connector_facts(kind)
    return Connector(
        kind=kind,
        display_name=found.display_name,
        family=found.family,
        capabilities=sorted(found.capabilities, key=lambda c: c.value),
        config_schema=JSON(found.config_schema),
        run_live=found.run_live,
    )


def secret_ref(source: Any, versions: list[rows.SecretVersion]) -> SecretRef | None:
    active = next((v for v in versions if v.number == source.credentials_version), None)
    if active is None:
        return None
    return SecretRef(
        reference=active.reference,
        backend=VaultBackend.LOCAL,
        version=active.number,
        created_at=min(v.created_at for v in versions),
        rotated_at=active.created_at if active.number > 1 else None,
        rotate_after=loaders.rotate_after(source.rotate_after_days, active),
        versions=[SecretVersion.of(v) for v in versions],
    )
