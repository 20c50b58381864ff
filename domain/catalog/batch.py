"""One report batch into the catalog: what is new is copied in, what differs is updated, what is alike is
left alone.

The comparison is done here, row by row in memory, against what two statements have read; the writing is
set-based. Removals wait until the reading is complete (marks), since what a dataset does not show may be
in the next batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import UniqueViolationError

from datawave.kit.commands import Tx
from datawave.kit.errors import InputError, invalid
from datawave.kit.ids import driver_id, new_id
from domain.catalog import drift as drifting
from domain.catalog import keys, writing
from domain.catalog.drift import Drift
from domain.catalog.found import ROW_ESTIMATE, Column, ContainerFound, DatasetFound, Found
from domain.catalog.known import ABSENT_STATES, Known, unmark
from models.catalog import CONTAINERS, DATASETS, Asset, MarkKind, ReadingMark
from models.discovery import Run
from models.sources import DataSource

THING_COLUMNS = (
    "id", "source_id", "parent_id", "kind", "name", "qualified_name", "comment", "attributes", "digest",
    "definition", "primary_key", "created_at", "updated_at", "valid_from",
)  # fmt: skip
COLUMN_COLUMNS = (
    "id", "source_id", "parent_id", "kind", "name", "qualified_name", "ordinal", "native_type", "data_type",
    "nullable", "default_expression", "comment", "created_at", "updated_at", "valid_from",
)  # fmt: skip
NOTHING = "{}"


@dataclass
class Batch:
    """The work on one batch, and what it comes to."""

    tx: Tx
    source: DataSource
    run: Run
    found: Found
    known: Known
    drift: Drift
    at: datetime
    ids: dict[str, UUID] = field(default_factory=dict[str, UUID])
    column_ids: dict[str, dict[str, UUID]] = field(default_factory=dict[str, dict[str, UUID]])
    """Of new datasets, by qualified name and name: keys between them are tied as they are written."""
    added: list[UUID] = field(default_factory=list[UUID])
    """Containers and datasets first, so that a sample of them says the most."""
    changed: list[UUID] = field(default_factory=list[UUID])
    new_things: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    new_columns: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    changed_things: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    changed_columns: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    marks: list[tuple[MarkKind, UUID, str | None]] = field(
        default_factory=list[tuple[MarkKind, UUID, str | None]]
    )
    shown: list[UUID] = field(default_factory=list[UUID])
    """Things of which this run had left something open, and which have come."""

    async def apply(self) -> None:
        for container in sorted(self.found.containers.values(), key=lambda each: len(each.qualified_name)):
            self._container(container)
        for dataset in self.found.datasets.values():
            self._dataset(dataset)
        await self._write()
        new = keys.New(self.ids, self.column_ids)
        await keys.replace(self.tx, self.source, self.found, self.known, new, self.drift)
        await drifting.write(self.tx, self.source, self.run, self.drift, self.at)

    def _container(self, found: ContainerFound) -> None:
        row = self._known_as(found.qualified_name, CONTAINERS)
        parent_id = self.ids[found.parent] if found.parent else None
        if row is None:
            self._new_thing(found, parent_id, found.kind, found.digest)
            return
        self.ids[found.qualified_name] = row["id"]
        digest = found.digest if found.reported else row["digest"]
        comment = found.comment if found.reported else row["comment"]
        kind = found.kind if found.reported else row["kind"]
        state = self._state(row)
        now = (parent_id, kind, state, comment, digest)
        if now != (row["parent_id"], row["kind"], row["state"], row["comment"], row["digest"]):
            attributes = writing.as_json(row["attributes"])
            self.changed_things.append(
                (row["id"], parent_id, kind, state, comment, attributes, digest, row["definition"], None)
            )
            self._count(row, state)

    def _dataset(self, found: DatasetFound) -> None:
        row = self._known_as(found.qualified_name, DATASETS)
        if row is None:
            if found.head:
                self._new_dataset(found)
            return
        dataset_id = self.ids[found.qualified_name] = row["id"]
        # Columns of a dataset that was not there, or has never arrived whole, are no news beside the
        # dataset itself.
        told = row["state"] not in ABSENT_STATES and row["digest"] is not None
        absent = self._columns(found, dataset_id, told=told)
        if found.head:
            self._head(found, row, settled=not absent and not found.unfinished)
            self.marks += [(MarkKind.ABSENT, each, None) for each in absent]

    def _new_dataset(self, found: DatasetFound) -> None:
        parent_id = self.ids[found.parent] if found.parent else None
        digest = None if found.unfinished else found.digest
        dataset_id = self._new_thing(found, parent_id, found.kind, digest)
        if found.unfinished:
            self.marks.append((MarkKind.DIGEST, dataset_id, found.digest))
        self.column_ids[found.qualified_name] = {
            name: self._new_column(dataset_id, column) for name, column in found.columns.items()
        }

    def _new_thing(
        self, found: ContainerFound | DatasetFound, parent_id: UUID | None, kind: str, digest: str | None
    ) -> UUID:
        thing_id = self.ids[found.qualified_name] = new_id()
        attributes, definition, primary_key, width = NOTHING, None, None, None
        if isinstance(found, DatasetFound):
            attributes = writing.as_json(found.attributes)
            definition, primary_key, width = found.definition, found.primary_key, len(found.columns)
        self.new_things.append(
            (
                thing_id,
                self.source.id,
                parent_id,
                kind,
                found.name,
                found.qualified_name,
                found.comment,
                attributes,
                digest,
                definition,
                primary_key,
                self.at,
                self.at,
                self.at,
            )
        )
        self.added.append(thing_id)
        self.drift.added(thing_id, columns=width)
        return thing_id

    def _new_column(self, dataset_id: UUID, found: Column) -> UUID:
        name, full, ordinal, native, common, nullable, default, comment = found
        column_id, at = driver_id(), self.at
        self.new_columns.append(
            (
                column_id,
                self.source.id,
                dataset_id,
                "COLUMN",
                name,
                full,
                ordinal,
                native,
                common,
                nullable,
                default,
                comment,
                at,
                at,
                at,
            )
        )
        return column_id

    def _head(self, found: DatasetFound, row: Any, *, settled: bool) -> None:
        """The dataset itself. Its digest counts only once nothing of the reading is open any more."""
        if not settled and found.digest != row["digest"]:
            self.marks.append((MarkKind.DIGEST, row["id"], found.digest))
        kept = None if row["state"] in ABSENT_STATES else row["digest"]
        digest = found.digest if settled else kept
        parent_id = self.ids[found.parent] if found.parent else None
        state = self._state(row)
        attributes = found.attributes
        alike = _same(attributes, row["attributes"])
        now = (parent_id, found.kind, state, found.comment, digest, found.definition, found.primary_key)
        was = (
            row["parent_id"], row["kind"], row["state"], row["comment"], row["digest"], row["definition"],
            list(row["primary_key"] or []),
        )  # fmt: skip
        if now == was and alike:
            return
        self.changed_things.append(
            (
                row["id"],
                parent_id,
                found.kind,
                state,
                found.comment,
                writing.as_json(attributes),
                digest,
                found.definition,
                writing.as_json(found.primary_key),
            )
        )
        if self._count(row, state):
            drifting.of_dataset(self.drift, row["id"], row, found)

    def _columns(self, found: DatasetFound, dataset_id: UUID, *, told: bool) -> list[UUID]:
        """Compares the columns of a known dataset; answers with those known that it does not show."""
        known = self.known.columns.get(dataset_id, {})
        for column in found.columns.values():
            row = known.get(column[0])
            if row is None:
                column_id = self._new_column(dataset_id, column)
                if told:
                    self.drift.added(column_id)
                continue
            if row["id"] in self.known.marked:
                self.shown.append(row["id"])
            self._column(column, row, told=told)
        if found.head and dataset_id in self.known.marked:
            self.shown.append(dataset_id)
        shown = found.columns
        return [
            row["id"]
            for name, row in known.items()
            if name not in shown and row["state"] not in ABSENT_STATES
        ]

    def _column(self, found: Column, row: Any, *, told: bool) -> None:
        _, _, ordinal, native, common, nullable, default, comment = found
        state = self._state(row)
        if (
            row["ordinal"] == ordinal
            and row["native_type"] == native
            and row["data_type"] == common
            and row["nullable"] == nullable
            and row["default_expression"] == default
            and row["comment"] == comment
            and row["state"] == state
        ):
            return
        self.changed_columns.append((row["id"], state, ordinal, native, common, nullable, default, comment))
        if state != row["state"]:
            self.added.append(row["id"])
            if told:
                self.drift.added(row["id"])
        else:
            self.changed.append(row["id"])
            drifting.of_column(self.drift, row["id"], row, found)

    def _count(self, row: Any, state: str) -> bool:
        """Counts a thing as found again or as changed; says whether it was there before."""
        if state == row["state"]:
            self.changed.append(row["id"])
            return True
        self.added.append(row["id"])
        self.drift.added(row["id"])
        return False

    def _state(self, row: Any) -> str:
        """What is found is there, though a person may have declared it deprecated."""
        return row["back_to"] if row["state"] in ABSENT_STATES else row["state"]

    def _known_as(self, name: str, kinds: frozenset[Any]) -> Any:
        row = self.known.things.get(name)
        if row is not None and row["kind"] not in kinds:
            raise _two_things(name)
        return row

    async def _write(self) -> None:
        tx = self.tx
        try:
            await writing.copy_in(tx, Asset, THING_COLUMNS, self.new_things)
            await writing.copy_in(tx, Asset, COLUMN_COLUMNS, self.new_columns)
        except UniqueViolationError as error:
            raise _two_things(None) from error
        self.added += [row[0] for row in self.new_columns]
        await writing.update(tx, writing.OTHERS_CHANGED, self.changed_things, self.at)
        await writing.update(tx, writing.COLUMNS_CHANGED, self.changed_columns, self.at)
        await unmark(tx, self.run.id, {*self.shown, *(thing for _, thing, _ in self.marks)})
        marks = [(self.run.id, kind.value, thing, digest) for kind, thing, digest in self.marks]
        await writing.copy_in(tx, ReadingMark, ("run_id", "kind", "thing_id", "digest"), marks)


def _same(found: dict[str, Any], known: dict[str, Any]) -> bool:
    if found == known:
        return True
    return {**found, ROW_ESTIMATE: None} == {**known, ROW_ESTIMATE: None}


def _two_things(name: str | None) -> InputError:
    which = f"“{name}”" if name else "one of these names"
    return invalid(
        f"The report names two different things alike: {which} is a container, a dataset or a column"
        " already. A path stands for one thing; check how the connector makes its paths.",
        path=["entries"],
    )
