"""What this process counts, for `/metrics`. Labels come from our own names alone, never from what clients
send, so that the number of series is bounded."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

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
COMMANDS = Counter("datawave_commands", "Commands, by name and how they ended.", ["command", "outcome"])
PLACED = Counter("datawave_events_placed", "Events this process gave their place in the log.")

TOPICS = Gauge("datawave_topics_followed", "Topics that readers of this process follow.")
CONNECTIONS = Gauge("datawave_database_connections", "Connections of this process's pool in use.")
STATE = Gauge(
    "datawave_component_state", "How a part of the platform is: 1 well, 0.5 degraded, 0 down.", ["component"]
)
FIGURES = Gauge(
    "datawave_component_figure",
    "What is measured of a part of the platform: what waits, for how long, how long somebody is silent.",
    ["component", "figure"],
)
