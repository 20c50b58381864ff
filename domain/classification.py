"""Classifications: what the classifier believes of columns, kept apart from what people have decided.

A prediction makes a suggestion or refreshes one; it never touches what a person accepted or rejected.
What a complete sampling no longer predicts, and nobody has looked at, is withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select

from connectors.entries import Entry, Prediction
from datawave.kit.access import Viewer, visible
from datawave.kit.commands import Tx
from datawave.kit.events import Event
from datawave.kit.given import among
from domain.catalog import reads, writing
from domain.catalog.names import qualified, tidy
from models.catalog import MarkKind
from models.classification import Classification, ClassifierLayer, Label
from models.discovery import Run
from models.lineage import ReviewState
from models.sources import DataSource

MOST_SHOWN = 100
"""Classifications named in one event; its counts say how many there were."""
MOST_EVIDENCE = 20


@dataclass(frozen=True, kw_only=True)
class ClassificationsChanged(Event):
    """Classifications were suggested, changed or withdrawn; at most a hundred are named."""

    topics = ("source:{source_id}", "workspace:{workspace_id}", "catalog")
    subject = ("source", "source_id")
    source_id: UUID
    workspace_id: UUID
    run_id: UUID | None
    classification_ids: list[UUID]
    suggested: int
    withdrawn: int


# A new row is a suggestion; one that stands is refreshed only where the belief differs. What a person
# decided keeps its
# evidence too: it is what they looked at.
SUGGEST = """
WITH believed AS MATERIALIZED (
    SELECT DISTINCT ON (a.id, l.id) a.id AS asset_id, l.id AS label_id, u.confidence, u.layer, u.evidence,
        u.fallback
    FROM unnest($2::text[], $3::text[], $4::float8[], $5::text[], $6::jsonb[], $7::boolean[])
        AS u (qualified_name, label, confidence, layer, evidence, fallback)
    JOIN asset a ON a.qualified_name = u.qualified_name AND a.source_id = $1
    JOIN label l ON l.name = u.label
    ORDER BY a.id, l.id, u.confidence DESC
), written AS (
    INSERT INTO classification AS c (id, version, created_at, updated_at, valid_from, source_id, asset_id,
        label_id,
        confidence, state, layer, evidence, fallback)
    SELECT datawave_uuid(), 1, $8, $8, $8, $1, asset_id, label_id, confidence, 'SUGGESTED', layer,
        evidence, fallback
    FROM believed
    ON CONFLICT (asset_id, label_id) DO UPDATE SET confidence = excluded.confidence, layer = excluded.layer,
        evidence = excluded.evidence, fallback = excluded.fallback, version = c.version + 1, updated_at = $8
    WHERE c.state = 'SUGGESTED' AND (c.confidence, c.layer, c.evidence, c.fallback)
        IS DISTINCT FROM (excluded.confidence, excluded.layer, excluded.evidence, excluded.fallback)
    RETURNING c.id, c.asset_id, c.label_id
)
SELECT w.id AS written_id, c.id AS standing_id
FROM believed b
LEFT JOIN written w ON w.asset_id = b.asset_id AND w.label_id = b.label_id
LEFT JOIN classification c ON c.asset_id = b.asset_id AND c.label_id = b.label_id"""

MARK = """
INSERT INTO reading_mark (run_id, kind, thing_id)
SELECT $1, 'PREDICTED', each FROM unnest($2::uuid[]) AS u (each) ON CONFLICT DO NOTHING"""


async def suggest(tx: Tx, source: DataSource, run: Run, entries: Iterable[Entry]) -> int:
    """A batch of predictions; answers with how many suggestions are new or other than they were. Labels
    outside the taxonomy, and columns that are gone, are passed over."""
    predictions = [each for each in entries if isinstance(each, Prediction)]
    if not predictions:
        return 0
    await tx.session.flush()
    at = await writing.lock(tx, source.id)
    connection = await writing.driver(tx)
    rows = await connection.fetch(
        SUGGEST,
        source.id,
        [qualified(source.key, [tidy(name, 1_024) or "" for name in each.path]) for each in predictions],
        [each.label for each in predictions],
        [min(max(each.confidence, 0.0), 1.0) for each in predictions],
        [each.layer for each in predictions],
        [writing.as_json(_evidence(each)) for each in predictions],
        [each.fallback for each in predictions],
        at,
    )
    written = [row["written_id"] for row in rows if row["written_id"]]
    await connection.execute(MARK, run.id, [row["written_id"] or row["standing_id"] for row in rows])
    _tell(tx, source, run, written, suggested=len(written), withdrawn=0)
    return len(written)


WITHDRAW = """
DELETE FROM classification c USING column_profile p
WHERE c.source_id = $1 AND c.state = 'SUGGESTED' AND c.layer NOT IN ('PERSON', 'RULE', 'PROPAGATION')
    AND p.asset_id = c.asset_id AND p.run_id = $2
    AND NOT EXISTS (
        SELECT FROM reading_mark m WHERE m.run_id = $2 AND m.kind = 'PREDICTED' AND m.thing_id = c.id)
RETURNING c.id"""

FORGET = """
DELETE FROM reading_mark m USING run r WHERE r.id = m.run_id AND r.source_id = $1 AND m.kind = $2"""


async def settle(tx: Tx, source: DataSource, run: Run) -> int:
    """The sampling was complete: suggestions on the columns it saw that it no longer makes are withdrawn."""
    await tx.session.flush()
    await writing.lock(tx, source.id)
    connection = await writing.driver(tx)
    withdrawn = await connection.fetch(WITHDRAW, source.id, run.id, timeout=120)
    await connection.execute(FORGET, source.id, MarkKind.PREDICTED.value)
    _tell(tx, source, run, [], suggested=0, withdrawn=len(withdrawn))
    return len(withdrawn)


def _tell(
    tx: Tx, source: DataSource, run: Run, ids: Sequence[UUID], *, suggested: int, withdrawn: int
) -> None:
    if suggested or withdrawn:
        tx.emit(
            ClassificationsChanged(
                source_id=source.id,
                workspace_id=source.workspace_id,
                run_id=run.id,
                classification_ids=list(ids[:MOST_SHOWN]),
                suggested=suggested,
                withdrawn=withdrawn,
            )
        )


def _evidence(prediction: Prediction) -> list[dict[str, Any]]:
    return [
        {
            "kind": each.kind,
            "text": tidy(each.text, 500),
            "weight": each.weight,
            "matchRatio": each.match_ratio,
        }
        for each in prediction.evidence[:MOST_EVIDENCE]
    ]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which classifications are meant; None of a part is any."""

    under_id: UUID | None = None
    source_ids: Sequence[UUID] | None = None
    labels: Sequence[str] | None = None
    states: Sequence[ReviewState] | None = None
    layers: Sequence[ClassifierLayer] | None = None
    min_confidence: float | None = None
    max_confidence: float | None = None
    fallback: bool | None = None


def meant(viewer: Viewer, wanted: Wanted) -> Select[Any]:
    """The classifications that are meant and may be seen."""
    given = Classification
    query = select(given).where(visible(given, viewer))
    if wanted.under_id is not None:
        under = reads.beneath(wanted.under_id)
        query = query.where(or_(given.asset_id == wanted.under_id, given.asset_id.in_(under)))
    if wanted.labels:
        query = query.where(given.label_id.in_(select(Label.id).where(among(Label.name, wanted.labels))))
    for column, values in (
        (given.source_id, wanted.source_ids),
        (given.state, wanted.states),
        (given.layer, wanted.layers),
    ):
        if values:
            query = query.where(among(column, values))
    if wanted.min_confidence is not None:
        query = query.where(given.confidence >= wanted.min_confidence)
    if wanted.max_confidence is not None:
        query = query.where(given.confidence <= wanted.max_confidence)
    if wanted.fallback is not None:
        query = query.where(given.fallback.is_(wanted.fallback))
    return query
