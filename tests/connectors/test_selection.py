"""Patterns choose tables."""

from __future__ import annotations

import pytest

from connectors.selection import Selection


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ((), (), True),
        (("sales.*",), (), True),
        (("SALES.Ord*",), (), True),
        (("order?",), (), True),
        (("crm.*",), (), False),
        (("sales.*",), ("*.orders",), False),
        ((), ("sales.*",), False),
        (("sales.[o]rders",), (), False),
    ],
)
def test_a_table_is_taken(include: tuple[str, ...], exclude: tuple[str, ...], taken: bool) -> None:
    assert Selection(include=include, exclude=exclude).takes("sales", "orders") is taken


def test_a_run_may_look_at_a_part_only() -> None:
    selection = Selection(include=["sales.*"], only=["sales.a*"])
    assert selection.takes("sales", "a1")
    assert selection.governs("sales", "b1")
    assert not selection.looks_at("sales", "b1")


def test_brackets_are_letters() -> None:
    assert Selection(include=["sales.a[1]"]).takes("sales", "a[1]")
