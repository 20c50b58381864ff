"""Which parts of the platform are on, off or degraded: from how its components are, and what it is set to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from domain.operations.health import Health
from models.sources import HealthState

CARRIED_BY = {
    "live_streams": "valkey",
    "events": "relay",
    "background_jobs": "jobs",
    "credentials_vault": "vault",
    "edge_agents": "agents",
}
"""A feature that is always on is as its component is."""

SWITCHES = {
    "demo": ("demo", "Off: DATAWAVE_DEMO is not set."),
    "sources_at_private_addresses": (
        "allow_private_sources",
        "Off, but for DATAWAVE_PRIVATE_HOSTS: DATAWAVE_ALLOW_PRIVATE_SOURCES is not set.",
    ),
    "sampling": ("sample_rows", "Off for the agent that runs here: DATAWAVE_SAMPLE_ROWS is 0."),
    "event_retention": (
        "event_retention",
        "Off, events are kept for ever: DATAWAVE_EVENT_RETENTION is not set.",
    ),
}
"""A feature that a setting turns on, and what is said where it is off."""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One part of the platform; UNKNOWN is off, since nothing of it is measured then."""

    name: str
    state: HealthState
    reason: str | None


def features(health: Health, settings: Mapping[str, Any]) -> Sequence[Feature]:
    """By name."""
    return sorted([*_carried(health), *_switched(settings)], key=lambda each: each.name)


def _carried(health: Health) -> Iterator[Feature]:
    components = {each.name: each for each in health.components}
    for name, component in CARRIED_BY.items():
        if found := components.get(component):
            yield Feature(name=name, state=found.state, reason=found.message)


def _switched(settings: Mapping[str, Any]) -> Iterator[Feature]:
    for name, (setting, off) in SWITCHES.items():
        if setting in settings:
            on = bool(settings[setting])
            yield Feature(
                name=name,
                state=HealthState.HEALTHY if on else HealthState.UNKNOWN,
                reason=None if on else off,
            )
