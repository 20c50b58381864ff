"""The catalog: what discoveries find, how it differs from before, what people put on it."""

from domain.catalog import archive, drift, edits, events, ingest, names, reads, tags, versions

__all__ = ["archive", "drift", "edits", "events", "ingest", "names", "reads", "tags", "versions"]
