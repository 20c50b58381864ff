"""Edges that follow from the catalog itself: foreign keys as relations, and none from or to what is gone."""

from __future__ import annotations

from uuid import UUID

from datawave.kit.commands import INSIDE, Tx, command
from domain.catalog import writing
from domain.lineage.views import tell
from models.sources import DataSource

# From the dataset that is pointed at to the one that points: its keys come from there, and lose their
# meaning with it.
KEYS = """
WITH keys AS MATERIALIZED (
    SELECT k.to_dataset_id AS from_id, k.dataset_id AS to_id,
        coalesce(jsonb_agg(jsonb_build_object('sources', jsonb_build_array(p.source_id), 'target',
        p.target_id,
            'confidence', 1.0) ORDER BY k.column_names, k.name, p.place)
            FILTER (WHERE p.source_id IS NOT NULL AND p.target_id IS NOT NULL), '[]'::jsonb) AS columns
    FROM asset_foreign_key k
    JOIN asset f ON f.id = k.to_dataset_id AND f.state IN ('ACTIVE', 'DEPRECATED')
    JOIN asset t ON t.id = k.dataset_id AND t.state IN ('ACTIVE', 'DEPRECATED')
    LEFT JOIN LATERAL unnest(k."references", k.columns) WITH ORDINALITY AS p (source_id, target_id, place)
    ON true
    WHERE k.source_id = $1 GROUP BY 1, 2
), gone AS (
    DELETE FROM lineage_edge e WHERE e.source_id = $1 AND e.origin = 'FOREIGN_KEY'
        AND NOT EXISTS (SELECT FROM keys k WHERE k.from_id = e.from_id AND k.to_id = e.to_id)
    RETURNING e.id
), written AS (
    INSERT INTO lineage_edge AS e (id, valid_from, source_id, from_id, to_id, origin, confidence, state,
        evidence,
        columns, first_seen_at, last_seen_at)
    SELECT datawave_uuid(), $2, $1, k.from_id, k.to_id, 'FOREIGN_KEY', 1.0, 'ACCEPTED', '[]', k.columns,
        $2, $2
    FROM keys k
    ON CONFLICT (from_id, to_id, origin) DO UPDATE SET columns = excluded.columns, last_seen_at =
    excluded.last_seen_at
    WHERE e.columns IS DISTINCT FROM excluded.columns
    RETURNING e.id
)
SELECT id, true AS written FROM written UNION ALL SELECT id, false FROM gone"""

DANGLING = """
DELETE FROM lineage_edge e USING asset v
WHERE e.source_id = $1 AND e.origin = 'VIEW_DEFINITION' AND v.id IN (e.from_id, e.to_id)
    AND (v.state NOT IN ('ACTIVE', 'DEPRECATED') OR (v.id = e.to_id AND v.definition IS NULL))
RETURNING e.id, e.to_id"""

# A view that lost an input, or is gone itself, is read again when it is there with all it names.
READ_AGAIN = """
DELETE FROM view_reading v USING asset a WHERE v.asset_id = a.id AND a.source_id = $1
    AND (a.state NOT IN ('ACTIVE', 'DEPRECATED') OR a.definition IS NULL OR a.id = ANY($2::uuid[]))"""


@command(needs=INSIDE, recorded=False)
async def relate(tx: Tx, *, source_id: UUID) -> int:
    """Brings the edges of a source's keys up to date and drops those of what is gone; answers with how
    many changed."""
    source = await tx.session.get(DataSource, source_id)
    if source is None:
        return 0
    at = await writing.lock(tx, source_id)
    connection = await writing.driver(tx)
    dangling = await connection.fetch(DANGLING, source_id, timeout=120)
    await connection.execute(READ_AGAIN, source_id, [row["to_id"] for row in dangling], timeout=120)
    changed = await connection.fetch(KEYS, source_id, at, timeout=120)
    written = [row for row in changed if row["written"]]
    gone = [*dangling, *(row for row in changed if not row["written"])]
    tell(tx, source, written, gone)
    return len(written) + len(gone)
