"""How the platform is, for those who look from outside: `/readyz` and `/metrics`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.pool import QueuePool

from datawave.kit import metrics
from datawave.kit.database import Database
from datawave.kit.live import Live
from domain.operations import Component, Examiner, Health
from models.sources import HealthState

LOOK_SECONDS = 5.0
STATES = {HealthState.HEALTHY: 1.0, HealthState.DEGRADED: 0.5, HealthState.DOWN: 0.0}


@dataclass(frozen=True, kw_only=True)
class Readiness:
    database: Database
    live: Live
    examiner: Examiner
    relays: Callable[[], bool]
    """Whether this process's relay is running."""

    async def told(self) -> dict[str, Any]:
        """`problems` names whatever is not as it should be; only what this process cannot serve without
        makes it not ready."""
        fatal = await self._fatal()
        if "database" in fatal:  # the rest is measured by asking it, and a probe does not wait for ever
            return {"ready": False, "problems": fatal, "figures": {}}
        health = await self.examiner.health()
        said = {part.name: part.message for part in _ours(health) if part.message}
        if not self.live.connected:
            said["valkey"] = "does not answer; streams live on the log"
        return {"ready": not fatal, "problems": said | fatal, "figures": _figures(health)}

    async def _fatal(self) -> dict[str, str]:
        problems: dict[str, str] = {}
        try:
            async with asyncio.timeout(3), self.database.connection() as connection:
                await connection.execute(text("SELECT 1"))
        except Exception as error:  # whatever it is, the database is not ready
            problems["database"] = f"does not answer ({type(error).__name__})"
        if not self.relays():
            problems["relay"] = "has stopped"
        return problems

    async def keep_measuring(self) -> None:
        """What others tell of this process, where several answer for each other."""
        while True:
            self._measure()
            await asyncio.sleep(LOOK_SECONDS)

    def _measure(self) -> None:
        metrics.PROCESSES.set(1)
        metrics.TOPICS.set(len(self.live.topics))
        metrics.CONNECTIONS.set(cast("QueuePool", self.database.engine.sync_engine.pool).checkedout())

    async def metrics(self) -> bytes:
        health = await self.examiner.health()
        self._measure()
        metrics.forget_components()
        for part in _ours(health):
            metrics.STATE.labels(part.name).set(STATES.get(part.state, 0.0))
        for component, figures in _figures(health).items():
            for name, value in figures.items():
                metrics.FIGURES.labels(component, name).set(value)
        return metrics.told()


def _ours(health: Health) -> list[Component]:
    """Breakers bear the names of sources, which not everybody may know."""
    return [part for part in health.components if part.kind != "breaker"]


def _figures(health: Health) -> dict[str, dict[str, float]]:
    figures = {part.name: dict(part.figures) for part in _ours(health) if part.figures}
    return figures | {"breakers": {"open": float(len(health.components) - len(_ours(health)))}}
