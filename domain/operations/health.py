"""How the platform and its parts are, as measured now and remembered for a moment: anybody may ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, text

from datawave.kit.database import Database
from datawave.kit.errors import UnavailableError
from datawave.kit.tables import BreakerState, CircuitBreaker, VaultKey
from datawave.kit.vault import Keyring, VaultError
from models.sources import HealthState

REMEMBERED = 2.0
PATIENCE = 3.0
RELAY_LAGS = 5.0
NOBODY_WORKS = 15.0
AGENT_SILENT = 60.0
DEGRADED, DOWN, HEALTHY = HealthState.DEGRADED, HealthState.DOWN, HealthState.HEALTHY

RELAY = text(
    "SELECT count(*), coalesce(extract(epoch FROM datawave_now() - min(at)), 0)::float8"
    " FROM (SELECT at FROM event WHERE position IS NULL ORDER BY number LIMIT 10000) waiting"
)
WAITING_JOBS = text(
    "SELECT count(*), coalesce(extract(epoch FROM datawave_now() - min(next_attempt_at)), 0)::float8 FROM job"
    " WHERE state IN ('QUEUED', 'RETRYING') AND next_attempt_at <= datawave_now()"
)
RUNNING_JOBS = text(
    "SELECT count(*) FROM job WHERE state = 'RUNNING' AND heartbeat_at > datawave_now() - interval"
    " '15 seconds'"
)
AGENTS = text(
    "SELECT count(*) FILTER (WHERE last_heartbeat_at > datawave_now() - make_interval(secs =>"
    " :silent)), count(*), extract(epoch FROM datawave_now() - max(last_heartbeat_at))::float8"
    " FROM edge_agent WHERE state <> 'REVOKED'"
)


@dataclass(frozen=True, kw_only=True)
class Component:
    """How one part is."""

    name: str
    kind: str
    state: HealthState
    latency_ms: float | None = None
    message: str | None = None
    checked_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    breaker_id: UUID | None = None
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was measured of it, for dashboards that keep figures."""


@dataclass(frozen=True, kw_only=True)
class Health:
    """All of it: `degraded` says what does not work while it is so."""

    state: HealthState
    components: Sequence[Component]
    degraded: Sequence[str]


Figures = Mapping[str, float]
Found = tuple[HealthState, str | None, Figures]
NOTHING: Figures = {}


class Examiner:
    """Measures at most every two seconds, however many ask."""

    def __init__(self, database: Database, valkey: Redis, keyring: Keyring, *, queue: str) -> None:
        self._database = database
        self._valkey = valkey
        self._keyring = keyring
        self._queue = queue
        self._last: tuple[float, Health] | None = None
        self._measuring = asyncio.Lock()
        self.started_at = datetime.now(UTC)

    async def health(self) -> Health:
        async with self._measuring:
            if self._last is None or time.monotonic() - self._last[0] > REMEMBERED:
                self._last = (time.monotonic(), await self._measured())
            return self._last[1]

    async def _measured(self) -> Health:
        parts = list(
            await asyncio.gather(
                self._part("database", "database", self._of_database),
                self._part("valkey", "cache", self._of_valkey),
                self._part("relay", "queue", self._of_relay),
                self._part("jobs", "worker", self._of_workers),
                self._part("vault", "vault", self._of_vault),
                self._part("agents", "agent", self._of_agents),
            )
        )
        parts.append(Component(name="api", kind="api", state=HEALTHY))
        degraded = [part.message for part in parts if part.message and part.state in (DEGRADED, DOWN)]
        for breaker in await self._open_breakers():
            said = breaker.degraded or f"{breaker.name} does not answer."
            parts.append(
                Component(
                    name=breaker.name, kind="breaker", state=DEGRADED, message=said, breaker_id=breaker.id
                )
            )
            degraded.append(said)
        return Health(state=_worst(parts), components=parts, degraded=degraded)

    async def _part(self, name: str, kind: str, look: Callable[[], Awaitable[Found]]) -> Component:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                state, message, figures = await look()
        except (UnavailableError, RedisError, VaultError, OSError, TimeoutError):
            state, message, figures = DOWN, f"{name.capitalize()} does not answer.", NOTHING
        taken = round((time.perf_counter() - began) * 1_000, 1)
        return Component(
            name=name, kind=kind, state=state, latency_ms=taken, message=message, figures=figures
        )

    async def _row(self, statement: Any, **given: Any) -> Any:
        async with self._database.connection() as connection:
            return (await connection.execute(statement, given)).one()

    async def _of_database(self) -> Found:
        await self._row(text("SELECT 1"))
        return HEALTHY, None, NOTHING

    async def _of_valkey(self) -> Found:
        await self._valkey.exists(self._queue)
        return HEALTHY, None, NOTHING

    async def _of_relay(self) -> Found:
        count, age = await self._row(RELAY)
        figures = {"waiting": float(count), "lagSeconds": round(age, 3)}
        if age > RELAY_LAGS:
            late = f"Events reach their readers late: {count} wait, the oldest for {age:.0f} s."
            return DEGRADED, late, figures
        return HEALTHY, None, figures

    async def _of_workers(self) -> Found:
        """Told by the jobs themselves: one that waits long while nothing runs has no worker."""
        count, age = await self._row(WAITING_JOBS)
        figures = {"due": float(count), "lagSeconds": round(max(age, 0.0), 3)}
        if age <= NOBODY_WORKS:
            return HEALTHY, None, figures
        [running] = await self._row(RUNNING_JOBS)
        alive = await self._valkey.exists(f"{self._queue}:health-check")
        if running or alive:
            return DEGRADED, f"Jobs wait: {count} are due, the oldest for {age:.0f} s.", figures
        return DOWN, f"No worker takes jobs: {count} wait; start one with `datawave worker`.", figures

    async def _of_vault(self) -> Found:
        async with self._database.session() as session:
            key = (await session.scalars(select(VaultKey).where(VaultKey.active).limit(1))).one_or_none()
        if key is not None:
            self._keyring.unwrap(key.wrapped, key.id)
        return HEALTHY, None, NOTHING

    async def _of_agents(self) -> Found:
        alive, known, silent = await self._row(AGENTS, silent=AGENT_SILENT)
        figures = {"alive": float(alive), "known": float(known)}
        if silent is not None:
            figures["lastHeartbeatSeconds"] = round(max(silent, 0.0), 3)
        if known and alive < known:
            words = f"{known - alive} of {known} agents are silent; their sources are not reached."
            return DEGRADED, words, figures
        return HEALTHY, None, figures

    async def _open_breakers(self) -> Sequence[CircuitBreaker]:
        try:
            async with asyncio.timeout(PATIENCE), self._database.session() as session:
                found = select(CircuitBreaker).where(CircuitBreaker.state != BreakerState.CLOSED).limit(100)
                return (await session.scalars(found.order_by(CircuitBreaker.name))).all()
        except (UnavailableError, TimeoutError):
            return []


def _worst(parts: Sequence[Component]) -> HealthState:
    """The platform is down with its database, and degraded with anything else."""
    states = {part.name: part.state for part in parts}
    if states.get("database") is DOWN:
        return DOWN
    return DEGRADED if {DOWN, DEGRADED} & set(states.values()) else HEALTHY
