"""The code of `docs/clients`, as files: the first line of a block names its file; several may share one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.clients import packages
from tests.documents import ROOT, Block, blocks

CLIENTS = ROOT / "docs" / "clients"
SHARED = CLIENTS / "README.md"
API = "http://127.0.0.1:8000/graphql"
NAMED = re.compile(r"^(?://|#) ([a-z]+\.(?:js|py))\n")
TAGGED = re.compile(r"graphql(`[^`]*`)")
ARTIFACTS = f"import {{ compiled }} from {str(packages.HERE / 'relay.mjs')!r};\n"


def named_blocks(page: Path, language: str) -> Iterator[tuple[str, str]]:
    for block in blocks(page):
        if block.language == language:
            yield _name_of(block), NAMED.sub("", block.text)


def _name_of(block: Block) -> str:
    named = NAMED.match(block.text)
    assert named, f"{block.name}: its first line must name its file"
    return named[1]


def files(page: Path, language: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in named_blocks(page, language):
        found[name] = found.get(name, "") + text
    return found


def javascript(page: Path, folder: Path, api: str) -> None:
    """The page's modules and those that all share, where Node finds the packages."""
    folder.mkdir()
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(packages.HERE / "node_modules")
    for name, text in {**files(SHARED, "js"), **files(page, "js")}.items():
        (folder / name).write_text(with_artifacts(text).replace(API, api))


def python(page: Path, folder: Path, api: str) -> None:
    for name, text in files(page, "python").items():
        (folder / name).write_text(text.replace(API, api))


def with_artifacts(text: str) -> str:
    """What Relay's plugin for the compiler does: each tagged document becomes its artifact."""
    compiled, count = TAGGED.subn(r"compiled(\1)", text)
    return ARTIFACTS + compiled if count else text
