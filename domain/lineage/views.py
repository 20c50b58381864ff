"""From view definitions to edges: which views to read, what was read of them, the edges written set-based."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import text

from datawave.kit.commands import INSIDE, Tx, command
from datawave.kit.database import Db
from domain.catalog import writing
from domain.lineage.jobs import LineageChanged
from domain.lineage.tables import Path, Tables
from models.sources import DataSource

VIEWS_AT_ONCE = 50
MOST_NAMED = 100

SURE = 1.0
"""Of the tables a view reads: they stand in its statement."""
FOLLOWED = 0.95
"""Of columns followed through the statement by a parser."""
IN_PART = 0.8
"""Of a view whose columns could not be followed."""


@dataclass(frozen=True, slots=True)
class View:
    """A view whose statement is to be read."""

    id: UUID
    path: Path
    definition: str
    outputs: tuple[str, ...]
    digest: str


@dataclass(frozen=True, slots=True)
class Names:
    """The datasets of a source by path, with the ids that edges are made of; read once for many views."""

    tables: Tables
    datasets: Mapping[Path, UUID]
    columns: Mapping[UUID, Mapping[str, UUID]]


def digest_of(definition: str, own: str | None) -> str:
    """Of the statement and the view's own digest: what `*` stands for changes the one without the other."""
    return sha256(f"{own}\x1f{definition}".encode()).hexdigest()[:32]


THINGS = text(
    "SELECT a.id, a.parent_id, a.name, a.kind, a.definition, a.digest AS own, v.digest, v.unplaced FROM"
    " asset a"
    " LEFT JOIN view_reading v ON v.asset_id = a.id"
    " WHERE a.source_id = :source AND a.kind <> 'COLUMN' AND a.state IN ('ACTIVE', 'DEPRECATED')"
)
COLUMNS = text(
    "SELECT a.id, a.parent_id, a.name FROM asset a WHERE a.source_id = :source AND a.kind = 'COLUMN'"
    " AND a.state IN ('ACTIVE', 'DEPRECATED') ORDER BY a.parent_id, a.ordinal, a.name"
)


async def to_read(db: Db, source_id: UUID) -> tuple[list[View], Names | None]:
    """Views whose statement is not the one read before, or that named something which was not there then;
    and, if there are any, all names of the source."""
    things = {row.id: row for row in await db.rows(THINGS.bindparams(source=source_id))}
    pending = [row for row in things.values() if row.definition and _is_pending(row)]
    if not pending:
        return [], None
    paths = {key: _path(things, row) for key, row in things.items()}
    columns: dict[UUID, dict[str, UUID]] = defaultdict(dict)
    for row in await db.rows(COLUMNS.bindparams(source=source_id)):
        columns[row.parent_id][row.name] = row.id
    datasets = {paths[key]: key for key, row in things.items() if row.kind not in ("DATABASE", "SCHEMA")}
    names = Names(
        tables=Tables({path: tuple(columns.get(key, ())) for path, key in datasets.items()}),
        datasets=datasets,
        columns=columns,
    )
    views = [
        View(
            id=row.id,
            path=paths[row.id],
            definition=row.definition,
            outputs=tuple(columns.get(row.id, ())),
            digest=digest_of(row.definition, row.own),
        )
        for row in pending
    ]
    return views, names


def _is_pending(row: Any) -> bool:
    return row.digest != digest_of(row.definition, row.own) or bool(row.unplaced)


def _path(things: Mapping[UUID, Any], row: Any) -> Path:
    names: list[str] = []
    while row is not None:
        names.append(row.name)
        row = things.get(row.parent_id)
    return tuple(reversed(names))


def read_views(views: Iterable[View], names: Names, dialect: str | None) -> list[dict[str, Any]]:
    """What the statements say, as plain values for `write_views`; pure, so that it can run in a thread.
    The parser weighs some 30 MB and is imported by the first who needs it."""
    return [_read(view, names, dialect) for view in views]


def _read(view: View, names: Names, dialect: str | None) -> dict[str, Any]:
    from domain.lineage.sql import view_lineage

    parsed = view_lineage(
        view.definition,
        dialect=dialect,
        schema=names.tables,
        default=view.path[:-1],
        outputs=view.outputs or None,
    )
    placed = {path: names.tables.find(path) for path in parsed.inputs}
    sources: dict[UUID, dict[UUID, list[UUID]]] = {
        names.datasets[own]: {} for own in placed.values() if own is not None
    }
    own_columns = names.columns.get(view.id, {})
    for path, column, output in parsed.columns:
        own = names.tables.find(path)
        table_id = names.datasets.get(own) if own is not None else None
        if table_id is None or table_id == view.id:
            continue
        source_id = names.columns.get(table_id, {}).get(column)
        target_id = own_columns.get(output)
        if source_id is not None and target_id is not None:
            sources.setdefault(table_id, {}).setdefault(target_id, []).append(source_id)
    sources.pop(view.id, None)
    return {
        "view_id": view.id.hex,
        "digest": view.digest,
        "problem": parsed.unparsed,
        "unplaced": sorted(".".join(path) for path, own in placed.items() if own is None),
        "edges": [_edge(table_id, columns, parsed.unparsed) for table_id, columns in sources.items()],
    }


def _edge(table_id: UUID, columns: Mapping[UUID, Sequence[UUID]], problem: str | None) -> dict[str, Any]:
    return {
        "from_id": table_id.hex,
        "confidence": SURE if not problem else IN_PART,
        "columns": [
            {
                "sources": [str(each) for each in dict.fromkeys(found)],
                "target": str(target),
                "confidence": FOLLOWED,
            }
            for target, found in columns.items()
        ],
    }


EVIDENCE = [{"kind": "QUERY", "text": "Read from the view's definition.", "weight": 1.0, "matchRatio": None}]

# An edge that is as it was is not written: its last_seen_at says when it last was other than before.
UPSERT = """
INSERT INTO lineage_edge AS e (id, valid_from, source_id, from_id, to_id, origin, confidence, state,
    evidence, columns,
    first_seen_at, last_seen_at)
SELECT datawave_uuid(), $7, $1, f.id, t.id, 'VIEW_DEFINITION', u.confidence, 'ACCEPTED', $6, u.columns, $7, $7
FROM unnest($2::uuid[], $3::uuid[], $4::float8[], $5::jsonb[]) AS u (from_id, to_id, confidence, columns)
JOIN asset f ON f.id = u.from_id JOIN asset t ON t.id = u.to_id
ON CONFLICT (from_id, to_id, origin) DO UPDATE SET confidence = excluded.confidence, evidence =
excluded.evidence,
    columns = excluded.columns, last_seen_at = excluded.last_seen_at
WHERE (e.confidence, e.evidence, e.columns) IS DISTINCT FROM (excluded.confidence, excluded.evidence,
    excluded.columns)
RETURNING e.id"""

GONE_OF_VIEWS = """
DELETE FROM lineage_edge e WHERE e.origin = 'VIEW_DEFINITION' AND e.to_id = ANY($1::uuid[]) AND NOT EXISTS (
    SELECT FROM unnest($2::uuid[], $3::uuid[]) AS u (from_id, to_id) WHERE u.from_id = e.from_id AND
        u.to_id = e.to_id)
RETURNING e.id"""

KEPT = """
INSERT INTO view_reading AS v (asset_id, source_id, digest, unplaced, problem, read_at)
SELECT a.id, $1, u.digest, ARRAY(SELECT jsonb_array_elements_text(u.unplaced)), u.problem, $6
FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::text[]) AS u (id, digest, unplaced, problem)
JOIN asset a ON a.id = u.id
ON CONFLICT (asset_id) DO UPDATE SET digest = excluded.digest, unplaced = excluded.unplaced,
    problem = excluded.problem, read_at = excluded.read_at"""


@command(needs=INSIDE, recorded=False)
async def write_views(tx: Tx, *, source_id: UUID, readings: Sequence[Mapping[str, Any]]) -> int:
    """The edges of some views in place of those they had; answers with how many are new or other than
    before."""
    source = await tx.session.get(DataSource, source_id)
    if source is None:
        return 0
    at = await writing.lock(tx, source_id)
    connection = await writing.driver(tx)
    views = [UUID(each["view_id"]) for each in readings]
    edges = [
        (UUID(edge["from_id"]), UUID(each["view_id"]), edge) for each in readings for edge in each["edges"]
    ]
    from_ids, to_ids = [each[0] for each in edges], [each[1] for each in edges]
    gone = await connection.fetch(GONE_OF_VIEWS, views, from_ids, to_ids)
    written = await connection.fetch(
        UPSERT,
        source_id,
        from_ids,
        to_ids,
        [each[2]["confidence"] for each in edges],
        [writing.as_json(each[2]["columns"]) for each in edges],
        writing.as_json(EVIDENCE),
        at,
    )
    await connection.execute(
        KEPT,
        source_id,
        views,
        [each["digest"] for each in readings],
        [writing.as_json(each["unplaced"]) for each in readings],
        [each["problem"] for each in readings],
        at,
    )
    tell(tx, source, written, gone)
    return len(written)


def tell(tx: Tx, source: DataSource, written: Sequence[Any], gone: Sequence[Any]) -> None:
    if written or gone:
        tx.emit(
            LineageChanged(
                source_id=source.id,
                workspace_id=source.workspace_id,
                edge_ids=[row["id"] for row in written[:MOST_NAMED]],
                removed_ids=[row["id"] for row in gone[:MOST_NAMED]],
                changed=len(written),
                removed=len(gone),
            )
        )
