"""The agent protocol's page says what the code does."""

from __future__ import annotations

from connectors.entries import CHECKS
from connectors.protocol import FILE, page


def test_the_page_is_current() -> None:
    assert FILE.read_text() == page(), "run `python -m connectors.protocol`"


def test_every_kind_of_task_is_on_it() -> None:
    text = page()
    assert all(f"### `{kind}`" in text for kind in CHECKS)
