"""One batch of a reading, gathered from its entries: containers, datasets with their columns, keys.

What an agent sends is data of the source: every text is made fit for PostgreSQL here, numbers are
bounded, and of two things with one name in a batch the first counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from connectors.building import MOST_DEFINITION, PIECE_CHARACTERS
from connectors.entries import (
    MOST_COLUMNS,
    Container,
    ContainerKind,
    Dataset,
    Entry,
    FoundColumn,
    FoundForeignKey,
    MoreColumns,
)
from domain.catalog.names import below, part, qualified, tidy

SMALLEST, LARGEST = -(2**31), 2**31 - 1
MOST_WORDS = 1_024
MOST_DEPTH = 6

Column = tuple[str, str, int, str, str, bool, str | None, str | None]
"""name, qualified name, ordinal, native type, data type, nullable, default, comment: a plain tuple, as
there are many."""


@dataclass(slots=True)
class ContainerFound:
    name: str
    qualified_name: str
    parent: str | None
    kind: str
    comment: str | None = None
    digest: str | None = None
    reported: bool = True
    """False for one that was only named by what is in it."""


@dataclass(slots=True)
class KeyFound:
    name: str | None
    columns: list[str]
    to_name: str
    to_columns: list[str]
    enforced: bool

    def signature(self) -> tuple[Any, ...]:
        return (self.name, tuple(self.columns), self.to_name, tuple(self.to_columns), self.enforced)


@dataclass(slots=True)
class DatasetFound:
    name: str
    qualified_name: str
    parent: str | None
    kind: str = ""
    comment: str | None = None
    digest: str | None = None
    definition: str | None = None
    primary_key: list[str] = field(default_factory=list[str])
    foreign_keys: list[KeyFound] = field(default_factory=list[KeyFound])
    attributes: dict[str, Any] = field(default_factory=dict[str, Any])
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    head: bool = True
    """Its entry came in this batch; otherwise these are further columns of one that came before."""
    unfinished: bool = False
    """More of its columns may follow in the next batch."""


@dataclass(slots=True)
class Found:
    containers: dict[str, ContainerFound] = field(default_factory=dict[str, ContainerFound])
    datasets: dict[str, DatasetFound] = field(default_factory=dict[str, DatasetFound])

    @property
    def columns(self) -> int:
        return sum(len(each.columns) for each in self.datasets.values())


def gathered(key: str, entries: Iterable[Entry]) -> Found:
    """The batch of entries as things with qualified names under the source's key."""
    found = Found()
    last: DatasetFound | None = None
    piece: Sequence[FoundColumn] = ()
    for entry in entries:
        match entry:
            case Container():
                _container(found, key, entry)
            case Dataset():
                last, piece = _dataset(found, key, entry), entry.columns
            case MoreColumns():
                last, piece = _further(found, key, entry), entry.columns
            case _:
                pass
    if last is not None:
        last.unfinished = len(piece) >= MOST_COLUMNS or _weight(piece) * 2 >= PIECE_CHARACTERS
    return found


def _container(found: Found, key: str, entry: Container) -> None:
    path = _names(entry.path)
    name = qualified(key, path)
    known = found.containers.get(name)
    if known is not None and known.reported:
        return
    found.containers[name] = ContainerFound(
        name=path[-1],
        qualified_name=name,
        parent=_parent(found, key, path),
        kind=entry.kind.value,
        comment=tidy(entry.comment),
        digest=tidy(entry.digest, 200),
    )


def _dataset(found: Found, key: str, entry: Dataset) -> DatasetFound | None:
    path = _names(entry.path)
    name = qualified(key, path)
    if name in found.datasets:
        return None
    made = found.datasets[name] = DatasetFound(
        name=path[-1],
        qualified_name=name,
        parent=_parent(found, key, path),
        kind=entry.kind.value,
        comment=tidy(entry.comment),
        digest=tidy(entry.digest, 200),
        definition=tidy(entry.definition, MOST_DEFINITION),
        primary_key=_names(entry.primary_key),
        foreign_keys=[_key(key, each) for each in entry.foreign_keys],
        attributes=_attributes(entry),
    )
    _add_columns(made, entry.columns)
    return made


def _further(found: Found, key: str, entry: MoreColumns) -> DatasetFound:
    path = _names(entry.path)
    name = qualified(key, path)
    made = found.datasets.get(name)
    if made is None:
        made = found.datasets[name] = DatasetFound(
            name=path[-1], qualified_name=name, parent=_parent(found, key, path), head=False
        )
    _add_columns(made, entry.columns)
    return made


def _parent(found: Found, key: str, path: Sequence[str]) -> str | None:
    """The qualified name of what holds this, named here if nothing has reported it yet."""
    if len(path) == 1:
        return None
    above = path[:-1]
    name = qualified(key, above)
    if name not in found.containers:
        kind = ContainerKind.DATABASE if len(above) == 1 else ContainerKind.SCHEMA
        found.containers[name] = ContainerFound(
            name=above[-1],
            qualified_name=name,
            parent=_parent(found, key, above),
            kind=kind.value,
            reported=False,
        )
    return name


def _add_columns(dataset: DatasetFound, columns: Sequence[FoundColumn]) -> None:
    above = dataset.qualified_name
    short = len(above) <= 400
    into = dataset.columns
    for column in columns:
        name = tidy(column.name, MOST_WORDS) or "�"
        if name in into:
            continue
        # The usual case written out: this runs for each column of a source.
        full = f"{above}.{part(name)}" if short and len(name) <= 40 else below(above, name)
        into[name] = (
            name,
            full,
            _small(column.ordinal),
            tidy(column.native_type) or "",
            column.data_type,
            column.nullable,
            tidy(column.default),
            tidy(column.comment),
        )


def _key(key: str, found: FoundForeignKey) -> KeyFound:
    return KeyFound(
        name=tidy(found.name, MOST_WORDS),
        columns=_names(found.columns),
        to_name=qualified(key, _names(found.to)),
        to_columns=_names(found.to_columns),
        enforced=found.enforced,
    )


def _attributes(entry: Dataset) -> dict[str, Any]:
    attributes = cast(dict[str, Any], plain(entry.attributes)) if entry.attributes else {}
    if entry.row_estimate is not None:
        attributes[ROW_ESTIMATE] = max(min(entry.row_estimate, 2**53), -1)
    return attributes


ROW_ESTIMATE = "rowEstimate"
"""Moves with every row written at the source: it is kept when something else changed, and is itself no
change."""


def plain(value: Any, depth: int = 0) -> Any:
    """Any JSON as PostgreSQL holds it: texts made fit, numbers it cannot hold as text or null, depth and
    length bounded."""
    if isinstance(value, str):
        return tidy(value)
    match value:
        case list() | tuple() if depth < MOST_DEPTH:
            return [plain(each, depth + 1) for each in cast(list[Any], value)[:1_000]]
        case None | bool():
            return value
        case int():
            return value if abs(value) < 2**53 else str(value)[:100]
        case float():
            return value if math.isfinite(value) else None
        case dict() if depth < MOST_DEPTH:
            items = list(cast(dict[Any, Any], value).items())[:1_000]
            return {tidy(str(name), 200) or "": plain(each, depth + 1) for name, each in items}
        case _:
            return tidy(str(value), 200)


def _names(names: Iterable[str]) -> list[str]:
    return [tidy(name, MOST_WORDS) or "�" for name in names]


def _small(number: int) -> int:
    return number if SMALLEST <= number <= LARGEST else max(min(number, LARGEST), SMALLEST)


def _weight(columns: Sequence[FoundColumn]) -> int:
    return sum(
        100 + len(each.name) + len(each.native_type) + len(each.default or "") + len(each.comment or "")
        for each in columns
    )
