"""Data sources: read, configured, tried, rotated, ended, followed."""

from resolvers.sources.mutations import Mutations
from resolvers.sources.queries import Queries
from resolvers.sources.subscriptions import Subscriptions

__all__ = ["Mutations", "Queries", "Subscriptions"]
