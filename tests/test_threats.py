"""The pages on threats are true: the files and the tests that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted(page for page in (ROOT / "docs" / "threats").glob("*.md") if page.name != "README.md")
BOUNDARIES = {
    *("browser", "partner", "agent", "source", "worker"),
    *("valkey", "vault", "administrator", "operator"),
}
QUOTED = re.compile(r"`([\w./]+\.py)(?:::(\w+))?`")


def rows(page: Path) -> list[list[str]]:
    """Of the table, without its head: threat, control, where, test."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_every_boundary_has_a_page_and_the_index_leads_to_it() -> None:
    assert {page.stem for page in PAGES} == BOUNDARIES
    index = (ROOT / "docs" / "threats" / "README.md").read_text()
    assert all(f"({page.name})" in index for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_threat_names_its_control_its_place_and_its_test(page: Path) -> None:
    assert len(rows(page)) >= 5
    for threat, control, where, test in rows(page):
        assert control, threat
        assert QUOTED.search(where), threat
        assert any(name for _, name in QUOTED.findall(test)), threat
    assert "\n## Not covered\n" in page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_named_is_there(page: Path) -> None:
    absent: list[str] = []
    for path, name in QUOTED.findall(page.read_text()):
        file = ROOT / path
        if not file.is_file() or (name and f"def {name}(" not in file.read_text()):
            absent.append(f"{path}::{name}")
    assert absent == []
