"""Profiles of sampled datasets: the latest reading of each, in place of the one before."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from connectors.entries import ColumnProfile, Entry, Profile, as_dict
from datawave.kit.commands import Tx
from domain.catalog import writing
from domain.catalog.found import plain
from domain.catalog.names import qualified, tidy
from models.discovery import Run
from models.sources import DataSource

MOST = 2**53

DATASETS = """
INSERT INTO dataset_profile AS p (asset_id, row_count, size_bytes, sampled_rows, profiled_at, digest,
    agent_id)
SELECT a.id, u.row_count, u.size_bytes, u.sampled_rows, $7, a.digest, $6
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS u (qualified_name, row_count, size_bytes, sampled_rows)
JOIN asset a ON a.qualified_name = u.qualified_name AND a.source_id = $1 AND a.kind <> 'COLUMN'
ON CONFLICT (asset_id) DO UPDATE SET row_count = excluded.row_count, size_bytes = excluded.size_bytes,
    sampled_rows = excluded.sampled_rows, profiled_at = excluded.profiled_at, digest = excluded.digest,
    agent_id = excluded.agent_id"""

COLUMNS = """
INSERT INTO column_profile AS p (asset_id, source_id, run_id, profile, profiled_at)
SELECT c.id, $1, $5, u.profile, $6
FROM unnest($2::text[], $3::text[], $4::jsonb[]) AS u (dataset, name, profile)
JOIN asset d ON d.qualified_name = u.dataset AND d.source_id = $1
JOIN asset c ON c.parent_id = d.id AND c.kind = 'COLUMN' AND c.name = u.name
ON CONFLICT (asset_id) DO UPDATE SET run_id = excluded.run_id, profile = excluded.profile,
    profiled_at = excluded.profiled_at"""


async def profiles(
    tx: Tx, source: DataSource, run: Run, entries: Iterable[Entry], *, agent_id: UUID | None = None
) -> int:
    """The batch's profiles onto their datasets and columns; answers with how many datasets were profiled.
    What is not in the catalog (dropped since) is passed over."""
    found = {qualified(source.key, _path(each)): each for each in entries if isinstance(each, Profile)}
    if not found:
        return 0
    await tx.session.flush()
    at = await writing.clock(tx)
    connection = await writing.driver(tx)
    await connection.execute(
        DATASETS,
        source.id,
        list(found),
        [_count(each.row_count) for each in found.values()],
        [_count(each.size_bytes) for each in found.values()],
        [_count(each.sampled_rows) for each in found.values()],
        agent_id,
        at,
    )
    columns = {
        (name, tidy(column.name, 1_024) or ""): _profile(column)
        for name, each in found.items()
        for column in each.columns
    }
    if columns:
        datasets, names = zip(*columns, strict=True)
        await connection.execute(
            COLUMNS, source.id, list(datasets), list(names), list(columns.values()), run.id, at
        )
    return len(found)


def _profile(column: ColumnProfile) -> str:
    return writing.as_json(plain(as_dict(column, without="name")))


def _path(entry: Profile) -> list[str]:
    return [tidy(name, 1_024) or "" for name in entry.path]


def _count(number: int | None) -> int | None:
    return None if number is None else max(min(number, MOST), 0)
