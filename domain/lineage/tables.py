"""The tables of a source as a parser of statements looks for them; apart from the parser, which weighs
much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Path = tuple[str, ...]


def folded(path: Path) -> Path:
    return tuple(part.casefold() for part in path)


class Tables:
    """The tables of a source and their columns, found by any spelling; made once for many views."""

    def __init__(self, schema: Mapping[Path, Sequence[str]]) -> None:
        self._columns = schema
        self._folded: dict[Path, Path] = {}
        for path in schema:
            self._folded.setdefault(folded(path), path)

    def find(self, path: Path) -> Path | None:
        """The table's own path."""
        if path in self._columns:
            return path
        return self._folded.get(folded(path))

    def columns(self, path: Path) -> Sequence[str]:
        return self._columns.get(path, ())
