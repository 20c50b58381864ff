"""Discoveries: one reading of a source's structure, from connecting to the labels."""

from domain.discovery import reports
from domain.discovery.events import RunStateChanged, StageChanged
from domain.discovery.runs import (
    ENDED,
    DiscoverSource,
    Started,
    cancel_run,
    retry_run,
    start_discovery,
)
from domain.discovery.stages import advance

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
