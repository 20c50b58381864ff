"""Discoveries: one reading of a source's structure, from connecting to the labels."""

from domain.discovery import reports
from domain.discovery.events import RunStateChanged, StageChanged
from domain.discovery.runs import ENDED, DiscoverSource, cancel_run
from domain.discovery.stages import advance
from domain.discovery.starting import Started, retry_run, start_discovery

__all__ = [
    "ENDED",
    "DiscoverSource",
    "RunStateChanged",
    "StageChanged",
    "Started",
    "advance",
    "cancel_run",
    "reports",
    "retry_run",
    "start_discovery",
]
