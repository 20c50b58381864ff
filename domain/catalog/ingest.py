"""What discovery asks of the catalog, in its own transaction: apply a batch, remove, settle, and what is
known.

Additions and changes are written batch by batch and visible at once; removals, of columns too, only when
the reading is complete (`remove`, `complete`). A batch applied again finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from connectors.entries import Entry, Path
from datawave.kit.commands import Tx
from domain.catalog import drift as drifting
from domain.catalog import keys, writing
from domain.catalog.batch import Batch
from domain.catalog.drift import Drift
from domain.catalog.events import AssetsIngested
from domain.catalog.found import gathered
from domain.catalog.known import known_of
from domain.catalog.names import qualified, tidy
from domain.catalog.profiles import profiles
from models.catalog import AssetKind
from models.discovery import Run
from models.sources import DataSource

__all__ = [
    "Ingested",
    "apply",
    "complete",
    "counts",
    "known",
    "mark",
    "profiles",
    "remove",
    "sample_targets",
]

MOST_SHOWN = 20
MOST_SAMPLED = 2_000


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What one batch came to: assets of all kinds added and changed, columns and datasets that were in it."""

    added: int
    changed: int
    columns: int
    datasets: int
    sample_ids: list[UUID]


async def apply(tx: Tx, source: DataSource, run: Run, entries: Iterable[Entry]) -> Ingested:
    """One report batch into the catalog: only differences are written, drift is recorded, one event tells
    of it."""
    found = gathered(source.key, entries)
    drift, at = await drifting.begin(tx, source, run)
    batch = Batch(
        tx=tx,
        source=source,
        run=run,
        found=found,
        known=await known_of(tx, source.id, run.id, found),
        drift=drift,
        at=at,
    )
    await batch.apply()
    if batch.added or any(dataset.foreign_keys for dataset in found.datasets.values()):
        await keys.tie(tx, source.id)
    sample = [*batch.added, *batch.changed][:MOST_SHOWN]
    _tell(tx, source, run, added=len(batch.added), changed=len(batch.changed), sample=sample)
    return Ingested(
        added=len(batch.added),
        changed=len(batch.changed),
        columns=found.columns,
        datasets=sum(dataset.head for dataset in found.datasets.values()),
        sample_ids=sample,
    )


GONE = """
WITH RECURSIVE gone AS (
    SELECT id FROM asset WHERE source_id = $1 AND qualified_name = ANY($2::text[]) AND kind <> 'COLUMN'
    UNION SELECT a.id FROM asset a JOIN gone g ON a.parent_id = g.id
)
UPDATE asset a SET state = 'MISSING', state_before = a.state, version = a.version + 1, updated_at = $3
FROM gone WHERE a.id = gone.id AND a.state IN ('ACTIVE', 'DEPRECATED') RETURNING a.id, a.kind"""


async def remove(tx: Tx, source: DataSource, run: Run, paths: Sequence[Path]) -> int:
    """Containers and datasets that a complete reading did not find, with all that is in them."""
    if not paths:
        return 0
    drift, at = await drifting.begin(tx, source, run)
    names = [qualified(source.key, [tidy(name, 1_024) or "" for name in path]) for path in paths]
    connection = await writing.driver(tx)
    gone = await connection.fetch(GONE, source.id, names, at, timeout=120)
    things = [row["id"] for row in gone if row["kind"] != "COLUMN"]
    await _removed(tx, source, run, things, drift=drift, sample=things, total=len(gone))
    return len(gone)


# Columns are absent and datasets have digests: no row is written twice.
SETTLED = """
WITH absent AS (
    UPDATE asset a SET state = 'MISSING', state_before = a.state, version = a.version + 1, updated_at = $2
    FROM reading_mark m WHERE m.run_id = $1 AND m.kind = 'ABSENT' AND a.id = m.thing_id
        AND a.kind = 'COLUMN' AND a.state IN ('ACTIVE', 'DEPRECATED') RETURNING a.id
), digests AS (
    UPDATE asset a SET digest = m.digest FROM reading_mark m
    WHERE m.run_id = $1 AND m.kind = 'DIGEST' AND a.id = m.thing_id
        AND a.kind <> 'COLUMN' AND a.digest IS DISTINCT FROM m.digest
), forgotten AS (
    DELETE FROM reading_mark m USING run r
    WHERE r.id = m.run_id AND r.source_id = $3 AND m.kind IN ('ABSENT', 'DIGEST')
)
SELECT id FROM absent"""


async def complete(tx: Tx, source: DataSource, run: Run) -> int:
    """The reading was complete: columns that their datasets no longer show are gone, and digests count."""
    drift, at = await drifting.begin(tx, source, run)
    connection = await writing.driver(tx)
    absent = await connection.fetch(SETTLED, run.id, at, source.id, timeout=120)
    columns = [row["id"] for row in absent]
    await keys.tie(tx, source.id)
    await _removed(tx, source, run, columns, drift=drift, sample=columns, total=len(columns))
    return len(columns)


async def _removed(
    tx: Tx,
    source: DataSource,
    run: Run,
    assets: list[UUID],
    *,
    drift: Drift,
    sample: list[UUID],
    total: int,
) -> None:
    for each in assets:
        drift.removed(each)
    await drifting.write(tx, source, run, drift, tx.now)
    _tell(tx, source, run, removed=total, sample=sample[:MOST_SHOWN])


def _tell(
    tx: Tx,
    source: DataSource,
    run: Run,
    *,
    sample: list[UUID],
    added: int = 0,
    changed: int = 0,
    removed: int = 0,
) -> None:
    if added or changed or removed:
        tx.emit(
            AssetsIngested(
                source_id=source.id,
                workspace_id=source.workspace_id,
                run_id=run.id,
                added=added,
                changed=changed,
                removed=removed,
                sample_ids=sample,
            )
        )


_KINDS = ", ".join(f"'{kind}'" for kind in AssetKind if kind is not AssetKind.COLUMN)
THESE = f"source_id = :source AND kind IN ({_KINDS})"
"""Kinds named one by one, so that the index on source and kind passes over the columns."""

THINGS = text(f"SELECT id, parent_id, name, kind, digest, state FROM asset WHERE {THESE}")
MARK = text(
    "SELECT count(*) AS things,"
    " sum(hashtextextended(concat_ws('.', id, parent_id, name, state, digest), 0)) AS sum"
    f" FROM asset WHERE {THESE}"
)
HERE = ("ACTIVE", "DEPRECATED")


async def known(session: AsyncSession, source_id: UUID) -> dict[Path, str]:
    """The digest of every container and dataset that is there, for the agent to compare with; a dataset that
    never arrived whole has the digest "", which is nobody's."""
    things = (await session.execute(THINGS, {"source": source_id})).all()
    paths = _paths(things)
    return {
        paths[row.id]: row.digest or ""
        for row in things
        if row.state in HERE and (row.digest is not None or row.kind not in ("DATABASE", "SCHEMA"))
    }


async def mark(session: AsyncSession, source_id: UUID) -> str | None:
    """Differs once anything that `known` tells has changed; None where there is nothing."""
    found = (await session.execute(MARK, {"source": source_id})).one()
    return f"{found.things}:{found.sum}" if found.things else None


def _paths(rows: Iterable[Any]) -> dict[UUID, Path]:
    """The path of each thing, by the names above it."""
    by_id = {row.id: row for row in rows}
    paths: dict[UUID, Path] = {}

    def path(row: Any) -> Path:
        if row.id not in paths:
            above = by_id.get(row.parent_id)
            paths[row.id] = ((*path(above), row.name)) if above is not None else (row.name,)
        return paths[row.id]

    for row in by_id.values():
        path(row)
    return paths


COLUMNS = text(
    "SELECT parent_id, count(*) AS columns FROM asset"
    " WHERE source_id = :source AND kind = 'COLUMN' AND state IN ('ACTIVE', 'DEPRECATED') GROUP BY parent_id"
)
DATASETS = ("TABLE", "VIEW", "MATERIALIZED_VIEW")


async def counts(session: AsyncSession, source_id: UUID) -> dict[Path, tuple[int, int]]:
    """Container path → datasets and columns that the catalog has of it, to hold against the source's own
    count. Joined here: right after a first load the database has no statistics to plan a join by."""
    asked = {"source": source_id}
    things = (await session.execute(THINGS, asked)).all()
    columns = {row.parent_id: row.columns for row in await session.execute(COLUMNS, asked)}
    paths, found = _paths(things), dict[Path, tuple[int, int]]()
    for row in things:
        if row.kind in DATASETS and row.state in HERE:
            where = paths.get(row.parent_id, ())
            datasets, counted = found.get(where, (0, 0))
            found[where] = (datasets + 1, counted + columns.get(row.id, 0))
    return found


TARGETS = text(
    "SELECT a.id FROM asset a LEFT JOIN dataset_profile p ON p.asset_id = a.id"
    " WHERE a.source_id = :source AND a.kind IN ('TABLE', 'VIEW', 'MATERIALIZED_VIEW')"
    "   AND a.state IN ('ACTIVE', 'DEPRECATED') AND coalesce(a.attributes ->> 'readable', 'true') <> 'false'"
    "   AND (NOT :changed_only OR p.asset_id IS NULL OR p.digest IS DISTINCT FROM a.digest)"
    " ORDER BY a.kind = 'VIEW', p.asset_id IS NOT NULL, a.qualified_name LIMIT :most"
)


async def sample_targets(
    session: AsyncSession, source: DataSource, changed_only: bool, *, most: int = MOST_SAMPLED
) -> list[Path]:
    """Datasets to sample: tables before views (a view's rows cost a query), those never profiled first."""
    paths = _paths((await session.execute(THINGS, {"source": source.id})).all())
    asked = {"source": source.id, "changed_only": changed_only, "most": most}
    return [paths[row.id] for row in await session.execute(TARGETS, asked)]
