"""Foreign keys: replaced dataset by dataset where they differ, and tied to assets as these come to be
known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from datawave.kit.commands import Tx
from datawave.kit.ids import driver_id
from domain.catalog import drift as drifting
from domain.catalog import writing
from domain.catalog.drift import Drift
from domain.catalog.found import Found, KeyFound
from domain.catalog.known import ABSENT_STATES, Known
from models.catalog import ForeignKeyOfAsset
from models.sources import DataSource

COLUMNS = (
    "id", "source_id", "dataset_id", "name", "to_name", "column_names", "to_column_names", "enforced",
    "to_dataset_id", "columns", "references",
)  # fmt: skip

TIE = """
WITH loose AS MATERIALIZED (
    SELECT k.id, k.dataset_id, k.column_names, k.to_column_names, t.id AS to_id
    FROM asset_foreign_key k JOIN asset t ON t.qualified_name = k.to_name
    WHERE k.source_id = $1 AND (k.to_dataset_id IS NULL OR cardinality(k.columns) <
        cardinality(k.column_names)
        OR cardinality(k."references") < cardinality(k.to_column_names))
), tied AS (
    SELECT l.id, l.to_id,
        ARRAY(SELECT c.id FROM unnest(l.column_names) WITH ORDINALITY n (name, place)
            JOIN asset c ON c.parent_id = l.dataset_id AND c.name = n.name ORDER BY n.place) AS columns,
        ARRAY(SELECT c.id FROM unnest(l.to_column_names) WITH ORDINALITY n (name, place)
            JOIN asset c ON c.parent_id = l.to_id AND c.name = n.name ORDER BY n.place) AS targets
    FROM loose l
)
UPDATE asset_foreign_key k SET to_dataset_id = t.to_id, columns = t.columns, "references" = t.targets
FROM tied t WHERE k.id = t.id
    AND (k.to_dataset_id, k.columns, k."references") IS DISTINCT FROM (t.to_id, t.columns, t.targets)"""


Tied = tuple[UUID | None, list[UUID], list[UUID]]
LOOSE: Tied = (None, [], [])


@dataclass(frozen=True)
class New:
    """What a batch brings: ids of its datasets by qualified name, and of the columns of those that are
    new."""

    ids: dict[str, UUID]
    column_ids: dict[str, dict[str, UUID]]

    def tied(self, dataset: str, key: KeyFound) -> Tied:
        """The ids of what a key names, where all of it came with the batch: most keys need no `tie`."""
        own, others = self.column_ids.get(dataset), self.column_ids.get(key.to_name)
        if own is None or others is None:
            return LOOSE
        columns = [own[name] for name in key.columns if name in own]
        targets = [others[name] for name in key.to_columns if name in others]
        if len(columns) < len(key.columns) or len(targets) < len(key.to_columns):
            return LOOSE
        return self.ids[key.to_name], columns, targets


async def replace(tx: Tx, source: DataSource, found: Found, known: Known, new: New, drift: Drift) -> None:
    gone: list[UUID] = []
    fresh: list[tuple[Any, ...]] = []
    for dataset in found.datasets.values():
        dataset_id = new.ids.get(dataset.qualified_name)
        if not dataset.head or dataset_id is None:
            continue
        former = {_signature(row): row for row in known.keys.get(dataset_id, [])}
        now = {key.signature(): key for key in dataset.foreign_keys}
        if former.keys() == now.keys():
            continue
        gone += [row["id"] for signature, row in former.items() if signature not in now]
        fresh += [
            (
                driver_id(),
                source.id,
                dataset_id,
                key.name,
                key.to_name,
                key.columns,
                key.to_columns,
                key.enforced,
                *new.tied(dataset.qualified_name, key),
            )
            for signature, key in now.items()
            if signature not in former
        ]
        thing = known.things.get(dataset.qualified_name)
        if thing is not None and thing["state"] not in ABSENT_STATES:
            words = [
                drifting.in_words(row["column_names"], row["to_name"], row["to_column_names"])
                for row in former.values()
            ]
            drifting.of_keys(drift, dataset_id, words, list(now.values()))
    if gone:
        connection = await writing.driver(tx)
        await connection.execute("DELETE FROM asset_foreign_key WHERE id = ANY($1::uuid[])", gone)
    await writing.copy_in(tx, ForeignKeyOfAsset, COLUMNS, fresh)


async def tie(tx: Tx, source_id: UUID) -> None:
    """Gives keys the ids of what they name, as far as it is in the catalog by now."""
    connection = await writing.driver(tx)
    await connection.execute(TIE, source_id, timeout=120)


def _signature(row: Any) -> tuple[Any, ...]:
    return (
        row["name"],
        tuple(row["column_names"]),
        row["to_name"],
        tuple(row["to_column_names"]),
        row["enforced"],
    )
