"""What this process counts, for `/metrics`. Labels come from our own names alone, never from what clients
send, so that the number of series is bounded.

Where several processes answer on one port they count together, in files of a folder: whichever is asked tells
of all of them, and what those counted that have ended stays counted.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

disable_created_metrics()

REQUESTS = Counter("datawave_http_requests", "Requests, as they were answered.", ["path", "method", "status"])
OPERATIONS = Histogram(
    "datawave_operation_seconds",
    "Time of GraphQL operations; of a subscription, until it is open.",
    ["kind"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
FIELDS = Counter(
    "datawave_operations",
    "GraphQL operations, by their first field and the code of their first error.",
    ["kind", "field", "outcome"],
)
PLANS = Counter(
    "datawave_queries_planned",
    "Queries, by why the ordinary executor had to answer them; `planned` where it had not.",
    ["reason"],
)
COMMANDS = Counter("datawave_commands", "Commands, by name and how they ended.", ["command", "outcome"])
PLACED = Counter("datawave_events_placed", "Events this process gave their place in the log.")

STREAM_EXECUTIONS = Counter(
    "datawave_stream_executions",
    "Executions of subscriptions, one an event: for a whole group, or alone for one who catches up.",
    ["phase"],
)
STREAM_MEMBERS = Gauge(
    "datawave_stream_members", "Subscriptions that are with their groups.", multiprocess_mode="livesum"
)
STREAM_GROUPS = Gauge(
    "datawave_stream_groups",
    "Groups of subscribers, each served by one execution an event.",
    multiprocess_mode="livesum",
)

TOPICS = Gauge(
    "datawave_topics_followed", "Topics that readers of a process follow.", multiprocess_mode="livesum"
)
CONNECTIONS = Gauge(
    "datawave_database_connections", "Connections of a process's pool in use.", multiprocess_mode="livesum"
)
PROCESSES = Gauge(
    "datawave_api_processes", "Processes that these figures are of.", multiprocess_mode="livesum"
)
STATE = Gauge(
    "datawave_component_state",
    "How a part of the platform is: 1 well, 0.5 degraded, 0 down.",
    ["component"],
    multiprocess_mode="livemostrecent",
)
FIGURES = Gauge(
    "datawave_component_figure",
    "What is measured of a part of the platform: what waits, for how long, how long somebody is silent.",
    ["component", "figure"],
    multiprocess_mode="livemostrecent",
)

TOGETHER = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own name for the folder; it is looked at when the library is imported."""


def told() -> bytes:
    """All of it in Prometheus's words."""
    folder = os.environ.get(TOGETHER)
    if folder is None:
        return generate_latest()
    _forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, path=folder)
    return generate_latest(registry)


def forget_components() -> None:
    """Some may be there no more; those told in files stay until their process ends."""
    if TOGETHER not in os.environ:
        STATE.clear()


def _forget_the_dead(folder: Path) -> None:
    """What ended processes had open is open no more."""
    for file in folder.glob("gauge_live*.db"):
        try:
            os.kill(int(file.stem.rpartition("_")[2]), 0)
        except ProcessLookupError:
            file.unlink(missing_ok=True)
