"""The documentation as tests read it: fenced blocks, and what the comments before them ask for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parent.parent
NOTE = re.compile(r"^<!-- (\w+)(?: (.+?))? -->$")
FENCE = re.compile(r"^```(\w*)$")


@dataclass(frozen=True, kw_only=True)
class Note:
    """What a comment asks of the test: `keep name = path`, `expect path = value`, `until …`, `last …`."""

    word: str
    rest: str

    @property
    def sides(self) -> tuple[str, str]:
        left, _, right = self.rest.partition(" = ")
        return left.strip(), right.strip()


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; `variables` is the JSON block that follows a document."""

    page: Path
    line: int
    language: str
    text: str
    notes: tuple[Note, ...]
    variables: str | None = None

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    def noted(self, word: str) -> list[Note]:
        return [note for note in self.notes if note.word == word]

    def filled(self, kept: dict[str, Any]) -> dict[str, Any]:
        """The variables, with `<name>` replaced by what was kept under it."""
        return filled(json.loads(self.variables or "{}"), kept)


def filled(value: Any, kept: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {name: filled(each, kept) for name, each in members.items()}
    if isinstance(value, list):
        return [filled(each, kept) for each in cast("list[Any]", value)]
    if isinstance(value, str) and (found := re.fullmatch(r"<(\w+)>", value)):
        return kept[found[1]]
    return value


def at(answer: Any, path: str) -> Any:
    """What stands at a path of names and indices."""
    for step in path.split("."):
        answer = answer[int(step) if step.isdecimal() else step]
    return answer


def holds(answer: Any, path: str, wanted: Any) -> bool:
    """Whether this stands there; `*` in the path is any item of a list."""
    before, star, after = path.partition(".*.")
    if not star:
        return at(answer, path) == wanted
    return any(holds(item, after, wanted) for item in at(answer, before))


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    found: list[Block] = []
    for block in _blocks(page):
        last = found[-1] if found else None
        if block.language == "json" and last and last.language == "graphql" and last.variables is None:
            found[-1] = replace(last, variables=block.text)
        else:
            found.append(block)
    return found


def _blocks(page: Path) -> Iterator[Block]:
    notes: list[Note] = []
    opened: tuple[int, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if opened is not None:
            if line != "```":
                lines.append(line)
                continue
            yield Block(
                page=page,
                line=opened[0],
                language=opened[1],
                text="\n".join(lines) + "\n",
                notes=tuple(notes),
            )
            opened, lines, notes = None, [], []
        elif fence := FENCE.match(line):
            opened = (number, fence[1])
        elif note := NOTE.match(line):
            notes.append(Note(word=note[1], rest=note[2] or ""))
        elif line:
            notes = []
    assert opened is None, f"{page}: a block is not closed"
