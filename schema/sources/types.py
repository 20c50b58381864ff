"""A source as the API shows it: how it is reached, how it is, what runs in it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import strawberry

from auth.permissions import Permission
from connectors.base import Capability, Family
from datawave.kit.pages import Asked, Key
from models import agents as agent_rows
from models import discovery as run_rows
from models import sources as rows
from models import workspaces as workspace_rows
from resolvers.loaders import sources as loaders
from schema.context import Info
from schema.fields import actor, field, one, page
from schema.rows import FromRow
from schema.scalars import JSON, BigInt, Cursor
from schema.shapes import (
    Actor,
    Connection,
    Count,
    Failure,
    Node,
    TimeRangeInput,
    Timestamped,
    Versioned,
    connection,
    given,
)

if TYPE_CHECKING:
    from schema.agents import EdgeAgent, EdgePolicy
    from schema.catalog import Asset, AssetFilter
    from schema.discovery import Discovery
    from schema.operations import CircuitBreaker
    from schema.workspaces import Workspace

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

    @strawberry.field
    def server_info(self) -> JSON | None:
        return self.row.server_info

    @strawberry.field
    def steps(self) -> list[TestStep]:
        return [
            TestStep(name=s["name"], ok=s["ok"], duration_ms=s["duration_ms"], message=s.get("message"))
            for s in self.row.steps
        ]

    @strawberry.field
    def failure(self) -> Failure | None:
        return Failure.of(self.row.failure)


@strawberry.type(description="One version of a secret.")
class SecretVersion(FromRow, shows=rows.SecretVersion):
    created_at: datetime
    state: rows.SecretVersionState
    created_by: Actor | None = actor("created_by")

    @strawberry.field
    def version(self) -> int:
        return self.row.number

    @strawberry.field
    async def test(self, info: Info) -> ConnectionTest | None:
        key = self.row.test_id
        return (
            ConnectionTest.of_maybe(await info.context.loaders.row(rows.ConnectionTest).load(key))
            if key
            else None
        )


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

    @strawberry.field
    def statistics(self) -> JSON | None:
        return self.row.statistics


@strawberry.type(description="The last snapshot of a source's health.")
class DataSourceHealth(FromRow):
    @strawberry.field
    def state(self) -> rows.HealthState:
        return self.row.health_state

    @strawberry.field
    def latency_ms(self) -> float | None:
        return self.row.health_latency_ms

    @strawberry.field
    def checked_at(self) -> datetime | None:
        return self.row.health_checked_at

    @strawberry.field
    def since(self) -> datetime | None:
        return self.row.health_since

    @strawberry.field
    def statistics(self) -> JSON | None:
        return self.row.health_statistics

    @strawberry.field
    def failure(self) -> Failure | None:
        return Failure.of(self.row.health_failure)

    @strawberry.field(
        description="The share of snapshots in the range (by default the last 30 days) that were healthy."
    )
    async def uptime_ratio(self, info: Info, range: TimeRangeInput | None = strawberry.UNSET) -> float | None:
        wanted = given(range)
        since, until = (given(wanted.from_), given(wanted.to)) if wanted else (None, None)
        return await loaders.uptime(info.context.db, self.row.id, since, until)

    @strawberry.field
    async def history(
        self, info: Info, first: int | None = 50, after: Cursor | None = strawberry.UNSET
    ) -> Connection[HealthSnapshot]:
        snapshot = rows.HealthSnapshot
        order = [Key(snapshot.at, descending=True), Key(snapshot.id, descending=True)]
        asked = Asked(first=first, after=given(after)).checked()
        found = await info.context.loaders.page_of(snapshot.source_id, order, asked).load(self.row.id)
        return connection(found, HealthSnapshot.of)


@strawberry.type(description="When something runs: a cron expression in a time zone.")
class Schedule(FromRow, shows=rows.Schedule):
    cron: str | None
    time_zone: str
    enabled: bool
    next_at: datetime | None


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

    @strawberry.field
    def connector(self) -> Connector:
        return connector_of(self.row.kind)

    @field(description="The configuration without its secrets.", needs=Permission.DATASOURCE_UPDATE)
    def config(self) -> JSON | None:
        return self.row.config

    @strawberry.field
    async def secret(self, info: Info) -> SecretRef | None:
        versions = await info.context.loaders.rows_of(
            rows.SecretVersion.source_id, [rows.SecretVersion.number.desc()]
        ).load(self.row.id)
        return secret_ref(self.row, versions)

    @strawberry.field
    async def agents(self, info: Info) -> list[EdgeAgent]:
        from schema.agents import EdgeAgent

        return [
            EdgeAgent.of(row)
            for row in await info.context.loaders.batch(loaders.agents, []).load(self.row.id)
        ]

    @strawberry.field
    def health(self) -> DataSourceHealth:
        return DataSourceHealth.of(self.row)

    @strawberry.field
    async def last_test(self, info: Info) -> ConnectionTest | None:
        return ConnectionTest.of_maybe(
            await info.context.loaders.batch(loaders.latest_tests).load(self.row.id)
        )

    @strawberry.field
    async def latest_discovery(self, info: Info) -> Discovery | None:
        from schema.discovery import Discovery

        return Discovery.of_maybe(await info.context.loaders.batch(loaders.latest_runs).load(self.row.id))

    @strawberry.field
    async def schedules(self, info: Info) -> list[Schedule]:
        found = await info.context.loaders.rows_of(rows.Schedule.source_id, [rows.Schedule.id]).load(
            self.row.id
        )
        return [Schedule.of(row) for row in found]

    @field(description="What discoveries found in it, by name.", cost=2)
    async def assets(
        self,
        info: Info,
        filter: AssetFilter | None = strawberry.UNSET,
        as_of: datetime | None = strawberry.UNSET,
        first: int | None = 50,
        after: Cursor | None = strawberry.UNSET,
    ) -> Connection[Asset]:
        from schema.catalog import assets_of_source

        return await assets_of_source(info, self.row, given(filter), given(as_of), first, given(after))

    @strawberry.field
    async def asset_counts(self, info: Info) -> list[Count]:
        counted = await info.context.loaders.batch(loaders.asset_counts, []).load(self.row.id)
        return [Count(key=kind, label=in_words(kind, n), count=BigInt(n)) for kind, n in counted]

    @strawberry.field
    async def circuit_breaker(self, info: Info) -> CircuitBreaker | None:
        from schema.operations import CircuitBreaker

        return CircuitBreaker.of_maybe(await info.context.loaders.batch(loaders.breakers).load(self.row.id))


def in_words(kind: str, count: int) -> str:
    """A kind of asset, in the number that goes with the count."""
    return kind.replace("_", " ").capitalize() + ("" if count == 1 else "s")


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


def secret_ref(source: rows.DataSource, versions: list[rows.SecretVersion]) -> SecretRef | None:
    active = next((v for v in versions if v.number == source.credentials_version), None)
    if active is None:
        return None
    return SecretRef(
        reference=active.reference,
        backend=VaultBackend.LOCAL,
        version=active.number,
        created_at=min(v.created_at for v in versions),
        rotated_at=active.created_at if active.number > 1 else None,
        rotate_after=loaders.rotate_after(source, active),
        versions=[SecretVersion.of(v) for v in versions],
    )
