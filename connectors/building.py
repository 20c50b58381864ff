"""Entries built from what a source's catalog said: bounded, and without names that clash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from hashlib import md5
from typing import Any

from msgspec.structs import replace

from connectors.entries import (
    MOST_COLUMNS,
    Container,
    ContainerKind,
    Dataset,
    DatasetKind,
    Entry,
    FoundColumn,
    FoundForeignKey,
    MoreColumns,
    Path,
    Removed,
    Unchanged,
    clean,
)
from connectors.selection import Selection

MOST_TEXT = 4_000
MOST_DEFINITION = 100_000
PIECE_CHARACTERS = 100_000
"""Characters of columns in one entry: even where each takes four bytes, an entry fits a batch."""

PATHS_A_PIECE = 2_000


def bounded(text: str | None, most: int = MOST_TEXT) -> str | None:
    """A source's text as both ends can hold it; empty is none."""
    if not text:
        return None
    if len(text) > most:
        text = text[: most - 1] + "…"
    return text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")


def dataset_entries(
    *,
    path: Path,
    kind: DatasetKind,
    columns: Sequence[FoundColumn],
    digest: str,
    comment: str | None = None,
    primary_key: tuple[str, ...] = (),
    foreign_keys: tuple[FoundForeignKey, ...] = (),
    definition: str | None = None,
    row_estimate: int | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Iterator[Entry]:
    """One dataset, with the columns that do not fit it in entries of their own."""
    pieces = list(_pieces(_distinct(columns)))
    yield Dataset(
        path=path,
        kind=kind,
        comment=bounded(comment),
        columns=pieces[0],
        primary_key=primary_key,
        foreign_keys=foreign_keys,
        definition=bounded(definition, MOST_DEFINITION),
        row_estimate=row_estimate,
        digest=digest,
        attributes=dict(attributes or {}),
    )
    for piece in pieces[1:]:
        yield MoreColumns(path=path, columns=piece)


def _distinct(columns: Sequence[FoundColumn]) -> Sequence[FoundColumn]:
    """Names made clean may clash; a later one then carries its place."""
    if len({column.name for column in columns}) == len(columns):
        return columns
    seen: set[str] = set()
    kept: list[FoundColumn] = []
    for column in columns:
        unique = column
        while unique.name in seen:
            unique = replace(column, name=f"{unique.name[:1_000]}~{column.ordinal}")
        seen.add(unique.name)
        kept.append(unique)
    return kept


def _pieces(columns: Sequence[FoundColumn]) -> Iterator[tuple[FoundColumn, ...]]:
    if len(columns) <= 12:  # a dozen of the longest still fit: no need to weigh them
        yield tuple(columns)
        return
    piece: list[FoundColumn] = []
    weight = 0
    for column in columns:
        size = (
            100
            + len(column.name)
            + len(column.native_type)
            + len(column.default or "")
            + len(column.comment or "")
        )
        if piece and (len(piece) == MOST_COLUMNS or weight + size > PIECE_CHARACTERS):
            yield tuple(piece)
            piece, weight = [], 0
        piece.append(column)
        weight += size
    yield tuple(piece)


def container(path: Path, kind: ContainerKind, comment: str | None) -> Container:
    comment = bounded(comment)
    return Container(path=path, kind=kind, comment=comment, digest=digest_of(kind, comment or ""))


def digest_of(*parts: str) -> str:
    """A short print of texts that tells whether anything changed; no secret depends on it."""
    text = "\x1d".join(parts)
    return md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()


def path_of(*names: str) -> Path:
    return tuple(clean(name) for name in names)


def columns_in(entries: Iterable[Entry]) -> int:
    return sum(len(each.columns) for each in entries if isinstance(each, Dataset | MoreColumns))


class Batch:
    """Entries gathered until they are enough for one batch."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: list[Entry] = []
        self._columns = 0

    def add(self, entries: Iterable[Entry]) -> None:
        found = list(entries)
        self._entries += found
        self._columns += columns_in(found)

    @property
    def is_full(self) -> bool:
        return self._columns >= self._most or len(self._entries) >= self._most

    def taken(self) -> list[Entry]:
        entries, self._entries, self._columns = self._entries, [], 0
        return entries


class UnchangedCounts:
    """Counts what is as it was, container by container."""

    def __init__(self) -> None:
        self._counts: dict[Path, list[int]] = {}

    def add(self, container: Path, columns: int) -> None:
        count = self._counts.setdefault(container, [0, 0])
        count[0] += 1
        count[1] += columns

    def entries(self) -> list[Entry]:
        return [
            Unchanged(path=path, datasets=datasets, columns=columns)
            for path, (datasets, columns) in self._counts.items()
        ]


def gone(known: Iterable[Path], seen: Set[Path], selection: Selection) -> list[Entry]:
    """What was known, was looked for and is not there, where tables stand in schemas right below the
    source."""
    return removals(
        path
        for path in known
        if path not in seen
        and (not selection.narrowed or (len(path) == 2 and selection.looks_at(path[0], path[1])))
    )


def removals(paths: Iterable[Path]) -> list[Entry]:
    """Removed paths in entries of bounded size, in a stable order."""
    ordered = sorted(paths)
    return [
        Removed(paths=tuple(ordered[start : start + PATHS_A_PIECE]))
        for start in range(0, len(ordered), PATHS_A_PIECE)
    ]
