"""The benchmarks' own ground: the source is what it says, the least work writes once, the table tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import baselines
from benchmarks.figures import Figure, percentile, table
from benchmarks.source_2000 import TABLES, VIEWS, bench_source
from benchmarks.sql import connected


async def test_the_source_has_its_tables_columns_keys_comments_and_views(tmp_path: Path) -> None:
    with bench_source(tmp_path, schemas=1) as source:
        async with connected(source.url) as connection:
            tables, columns, constraints, views = await baselines.read_catalog(connection)
        assert len(tables) == TABLES + VIEWS
        assert len(columns) == TABLES * 20 + VIEWS * 4
        assert sum(row["contype"] == b"f" for row in constraints) == TABLES - 1
        assert sum(row["description"] is not None for row in columns) == TABLES * 5
        assert len(views) == VIEWS

        rows = baselines.asset_rows([tables, columns, constraints, views])
        async with connected(source.url) as connection:
            await connection.execute(baselines.SCRATCH)
            assert await baselines.upsert(connection, rows) == f"INSERT 0 {len(tables) + len(columns)}"
            assert await baselines.upsert(connection, rows) == "INSERT 0 0"


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure(name="a", value=3, unit="s"), None),
        (Figure(name="a", value=3, unit="s", goal=4), True),
        (Figure(name="a", value=3, unit="s", ratio=5, goal=4), False),
        (Figure(name="a", value=3, unit="/s", goal=4, at_least=True), False),
    ],
)
def test_a_figure_knows_whether_its_goal_is_met(figure: Figure, met: bool | None) -> None:
    assert figure.met is met


def test_the_table_names_what_was_missed() -> None:
    [_, _, line] = table(
        [Figure(name="rediscovery", value=180, unit="ms", against="queries", ratio=2, goal=1.5)]
    ).split("\n")
    assert line.split() == ["rediscovery", "180", "ms", "2.00×", "queries", "≤", "1.5", "MISSED"]


def test_a_percentile_is_a_value_that_occurred() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 0.5), percentile(values, 0.99)) == (51, 100)
