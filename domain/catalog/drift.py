"""Drift: what differs between two readings of a source, and which differences break those who read it.

A reader breaks when a thing goes, when a type no longer holds what it did, when a value may be missing
that never was, or when a key that it joins by is another. Comments, defaults and the order of columns are
changes, but no drift.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select

from datawave.kit.commands import Tx
from datawave.kit.ids import new_id
from domain.catalog import writing
from domain.catalog.events import SchemaDrifted
from domain.catalog.found import DatasetFound, KeyFound
from models.catalog import DataType
from models.discovery import Run, SchemaChange, SchemaChangeKind
from models.sources import DataSource

Change = dict[str, Any]
Kind = SchemaChangeKind


@dataclass
class Drift:
    """The differences met in one batch. A first reading has none."""

    first: bool
    rows: list[tuple[UUID, Kind, list[Change], bool]] = field(
        default_factory=list[tuple[UUID, Kind, list[Change], bool]]
    )
    _at: dict[tuple[UUID, Kind], int] = field(default_factory=dict[tuple[UUID, Kind], int])

    def added(self, asset_id: UUID, *, columns: int | None = None) -> None:
        if not self.first:
            changes = [] if columns is None else [change("columns", None, columns)]
            self.rows.append((asset_id, Kind.ASSET_ADDED, changes, False))

    def removed(self, asset_id: UUID) -> None:
        self.rows.append((asset_id, Kind.ASSET_REMOVED, [], True))

    def differs(self, asset_id: UUID, kind: Kind, changes: list[Change], *, breaking: bool) -> None:
        """One row for each kind of difference, with all that is different in it."""
        known = self._at.setdefault((asset_id, kind), len(self.rows))
        if known == len(self.rows):
            self.rows.append((asset_id, kind, changes, breaking))
        else:
            _, _, before, broke = self.rows[known]
            self.rows[known] = (asset_id, kind, [*before, *changes], broke or breaking)


def change(name: str, before: Any, after: Any) -> Change:
    return {"field": name, "before": before, "after": after}


def of_column(drift: Drift, asset_id: UUID, before: Any, after: tuple[Any, ...]) -> None:
    """Type and nullability; `after` is a column as found."""
    native, common, nullable = after[3], after[4], after[5]
    if before["native_type"] != native or before["data_type"] != common:
        widened = widens(before["native_type"] or "", before["data_type"] or "", native, common)
        changes = [change("nativeType", before["native_type"], native)]
        if before["data_type"] != common:
            changes.append(change("dataType", before["data_type"], common))
        drift.differs(asset_id, Kind.TYPE_CHANGED, changes, breaking=not widened)
    if before["nullable"] != nullable:
        changes = [change("nullable", before["nullable"], nullable)]
        drift.differs(asset_id, Kind.NULLABILITY_CHANGED, changes, breaking=bool(nullable))


def of_dataset(drift: Drift, asset_id: UUID, before: Any, after: DatasetFound) -> None:
    """Kind, view definition and primary key."""
    changes = [
        change(name, before[column], value)
        for name, column, value in (
            ("kind", "kind", after.kind),
            ("definition", "definition", after.definition),
        )
        if before[column] != value
    ]
    if changes:
        drift.differs(asset_id, Kind.DEFINITION_CHANGED, changes, breaking=False)
    former = list(before["primary_key"] or [])
    if former != after.primary_key:
        changes = [change("primaryKey", former, after.primary_key)]
        drift.differs(asset_id, Kind.KEY_CHANGED, changes, breaking=bool(former))


def of_keys(drift: Drift, asset_id: UUID, before: list[str], after: list[KeyFound]) -> None:
    changes = [change("foreignKeys", sorted(before), sorted(key_in_words(each) for each in after))]
    drift.differs(asset_id, Kind.KEY_CHANGED, changes, breaking=False)


def key_in_words(key: KeyFound) -> str:
    return in_words(key.columns, key.to_name, key.to_columns)


def in_words(columns: list[str], to_name: str, to_columns: list[str]) -> str:
    return f"({', '.join(columns)}) → {to_name} ({', '.join(to_columns)})"


WHOLE_NUMBERS = ("tinyint", "smallint", "mediumint", "integer", "bigint")
_SIZED = re.compile(r"^([a-z ]+?)\s*(?:\((\d+)(?:,\s*(\d+))?\))?$")
_ALIKE = {"varchar": "character varying", "int": "integer", "decimal": "numeric"}


def widens(before: str, before_common: str, after: str, after_common: str) -> bool:
    """Whether the new type holds every value of the old one, read as the same kind of value."""
    if before_common != after_common:
        return before_common == DataType.INTEGER and after_common == DataType.DECIMAL and "(" not in after
    old, new = _SIZED.match(before.lower()), _SIZED.match(after.lower())
    if old is None or new is None:
        return False
    old_name, new_name = (_ALIKE.get(each[1], each[1]) for each in (old, new))
    if old_name in WHOLE_NUMBERS and new_name in WHOLE_NUMBERS:
        return WHOLE_NUMBERS.index(new_name) >= WHOLE_NUMBERS.index(old_name)
    if new_name == "text" and before_common == DataType.STRING:
        return True
    if old_name != new_name:
        return False
    if new[2] is None:
        return True
    if old[2] is None:
        return False
    digits, scale = int(new[2]) - int(old[2]), int(new[3] or 0) - int(old[3] or 0)
    return scale >= 0 and digits >= scale


BEGUN = """
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended($1, 0)))
SELECT datawave_now() AS at, EXISTS (
    SELECT FROM run WHERE source_id = $2 AND kind = 'discovery' AND id <> $3 AND state = 'SUCCEEDED'
) AS read_before FROM held"""


async def begin(tx: Tx, source: DataSource, run: Run) -> tuple[Drift, datetime]:
    """Takes the source's catalog for writing, as `writing.lock` does, and says the time. Additions count
    once a reading of the source was complete before this one."""
    connection = await writing.driver(tx)
    [row] = await connection.fetch(BEGUN, writing.lock_name(source.id), source.id, run.id)
    return Drift(first=not row["read_before"]), row["at"]


async def write(tx: Tx, source: DataSource, run: Run, drift: Drift, at: datetime) -> None:
    rows = [
        (new_id(), run.id, source.id, asset_id, kind.value, writing.as_json(changes), breaking, at)
        for asset_id, kind, changes, breaking in drift.rows
    ]
    names = ("id", "run_id", "source_id", "asset_id", "kind", "changes", "breaking", "at")
    await writing.copy_in(tx, SchemaChange, names, rows)


ADDED = func.count().filter(SchemaChange.kind == Kind.ASSET_ADDED)
REMOVED = func.count().filter(SchemaChange.kind == Kind.ASSET_REMOVED)
BREAKING = func.count().filter(SchemaChange.breaking)
CHANGED = func.count(
    case((SchemaChange.kind.not_in((Kind.ASSET_ADDED, Kind.ASSET_REMOVED)), SchemaChange.asset_id)).distinct()
)
"""Assets that changed, however many of their sides."""


async def finish(tx: Tx, source: DataSource, run: Run, *, whole: bool = True) -> SchemaDrifted | None:
    """The end of a run's reading: what a complete one settles, then one event where there is drift."""
    from domain.catalog import ingest  # it needs this module to write drift

    if whole:
        await ingest.complete(tx, source, run)
    counted = select(ADDED, REMOVED, CHANGED, BREAKING).where(SchemaChange.run_id == run.id)
    added, removed, changed, breaking = (await tx.session.execute(counted)).one()
    if not (added or removed or changed):
        return None
    event = SchemaDrifted(
        source_id=source.id,
        workspace_id=source.workspace_id,
        run_id=run.id,
        added=added,
        removed=removed,
        changed=changed,
        breaking=breaking,
    )
    tx.emit(event)
    return event
