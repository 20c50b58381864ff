"""What the catalog knows of a batch's things, read set-based: two statements, and one more for keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from datawave.kit.commands import Tx
from domain.catalog import writing
from domain.catalog.found import Found
from models.catalog import AssetState, MarkKind

ABSENT_STATES = frozenset({AssetState.MISSING, AssetState.ARCHIVED, AssetState.DELETED})
"""States of what is found again."""

THINGS = """
SELECT id, qualified_name, parent_id, kind, name, comment, state, attributes, digest, definition, primary_key,
    CASE WHEN state_before = 'DEPRECATED' THEN 'DEPRECATED' ELSE 'ACTIVE' END AS back_to
FROM asset WHERE source_id = $1 AND qualified_name = ANY($2::text[])"""

COLUMNS = """
SELECT id, parent_id, name, state, ordinal, native_type, data_type, nullable, default_expression, comment,
    CASE WHEN state_before = 'DEPRECATED' THEN 'DEPRECATED' ELSE 'ACTIVE' END AS back_to
FROM asset WHERE parent_id = ANY($1::uuid[]) AND kind = 'COLUMN'"""

KEYS = """
SELECT id, dataset_id, name, column_names, to_name, to_column_names, enforced
FROM asset_foreign_key WHERE dataset_id = ANY($1::uuid[])"""

MARKS = "SELECT kind, thing_id FROM reading_mark WHERE run_id = $1 AND kind = ANY($2::text[])"


@dataclass
class Known:
    things: dict[str, Any] = field(default_factory=dict[str, Any])
    """By qualified name: containers and datasets."""
    columns: dict[UUID, dict[str, Any]] = field(default_factory=dict[UUID, dict[str, Any]])
    """By dataset, by name."""
    keys: dict[UUID, list[Any]] = field(default_factory=dict[UUID, list[Any]])
    marked: set[UUID] = field(default_factory=set[UUID])
    """What this run left open in an earlier batch."""


async def known_of(tx: Tx, source_id: UUID, run_id: UUID, found: Found) -> Known:
    connection = await writing.driver(tx)
    known = Known()
    names = [*found.containers, *found.datasets]
    for row in await connection.fetch(THINGS, source_id, names):
        known.things[row["qualified_name"]] = row
    datasets = [known.things[name]["id"] for name in found.datasets if name in known.things]
    if not datasets:
        return known
    for row in await connection.fetch(COLUMNS, datasets):
        known.columns.setdefault(row["parent_id"], {})[row["name"]] = row
    for row in await connection.fetch(KEYS, datasets):
        known.keys.setdefault(row["dataset_id"], []).append(row)
    kinds = [MarkKind.ABSENT.value, MarkKind.DIGEST.value]
    known.marked = {row["thing_id"] for row in await connection.fetch(MARKS, run_id, kinds)}
    return known


async def unmark(tx: Tx, run_id: UUID, things: Iterable[UUID]) -> None:
    gone = list(things)
    if gone:
        connection = await writing.driver(tx)
        await connection.execute(
            "DELETE FROM reading_mark WHERE run_id = $1 AND thing_id = ANY($2::uuid[])", run_id, gone
        )
