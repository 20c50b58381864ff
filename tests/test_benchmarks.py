"""The benchmarks' own ground: the source is what it says, the least work writes once, the table tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import pytest

from benchmarks import baselines, contestants, reads
from benchmarks.figures import Figure, percentile, table
from benchmarks.load.requests import Answered, Request
from benchmarks.results import BEGIN, DRAWN, END, PAGE, Run, drawn_reads, kept, with_goals
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


def a_run(**changed: Any) -> Run:
    cell = {"query": "Q2", "connections": 16, "p50": 1.0, "p99": 2.0, "postgresMs": 0.5}
    rows = [
        {"contestant": "limit", "rate": 900.0, "serverMs": 0.9, **cell},
        {"contestant": "ours", "rate": 800.0, "serverMs": 1.0, **cell},
    ]
    told = {
        "name": "reads",
        "rows": rows,
        "labels": {"ours": "DataWave", "limit": "by hand <asyncpg>", "peer": "A peer"},
        "left_out": {"peer": "there is no Node"},
        "goals": [
            Figure(name="Q2", value=800, unit="/s", against="by hand", ratio=0.89, goal=0.8, at_least=True)
        ],
        "method": "Medians.",
        "machine": "2 × a processor",
        "day": "2026-11-21",
    }
    return Run(**{**told, **changed})


def test_a_drawing_is_well_formed_and_says_all_its_values_in_words() -> None:
    picture = ElementTree.fromstring(drawn_reads(a_run())["reads"])
    words = "".join(picture.itertext())
    for told in ("by hand <asyncpg>", "900", "DataWave", "800", "2 × a processor", "2026-11-21"):
        assert told in words
    assert "A peer did not run here." in words


def test_the_longest_bar_fills_the_panel_and_the_others_keep_their_share() -> None:
    picture = ElementTree.fromstring(drawn_reads(a_run())["reads"])
    bars = [each for each in picture.iter() if each.get("class") in ("ours", "other")]
    [first, second] = [float(bar.attrib["width"]) for bar in bars]
    assert second / first == pytest.approx(800 / 900, abs=0.001)


def test_the_goals_are_put_between_their_marks_and_the_rest_of_the_page_stays() -> None:
    page = "before\n<!-- goals of reads: begin -->\nold\n<!-- goals of reads: end -->\nafter\n"
    made = with_goals(page, "reads", a_run().goals)
    assert made.startswith("before\n<!-- goals of reads: begin -->\n| what |")
    assert made.endswith("<!-- goals of reads: end -->\nafter\n")
    assert "| Q2 | 800 /s | by hand | 0.89 × | ≥ 0.8 | met |" in made
    assert with_goals(made, "reads", a_run().goals) == made
    assert with_goals("no marks", "reads", a_run().goals) == "no marks"


def test_the_page_of_the_benchmarks_has_the_marks_that_a_run_writes_between() -> None:
    text = PAGE.read_text()
    for name in DRAWN:
        assert BEGIN.format(name=name) in text
        assert END.format(name=name) in text


def test_a_whole_run_leaves_its_figures_and_its_drawings(tmp_path: Path) -> None:
    kept(a_run(), folder=tmp_path)
    told = orjson.loads((tmp_path / "reads.json").read_bytes())
    assert [row["contestant"] for row in told["figures"]] == ["limit", "ours"]
    assert told["goals"][0]["met"] is True
    assert {file.name for file in tmp_path.iterdir()} == {"reads.json", "reads.svg", "reads-cpu.svg"}


def test_goals_speak_only_of_who_ran() -> None:
    results = reads.Results()
    [limit, ours] = [each for each in contestants.ALL if each.name in ("limit", "ours")]
    for one, rate in ((limit, 1_000), (ours, 900)):
        answered = Answered(answers=rate, seconds=1.0, p50=1.0, p99=2.0, bytes=1)
        reading = reads.Reading(answered=answered, server_ms=1.0, postgres_ms=0.5)
        results.add(one, "Q2", 16, reading)
    [goal] = reads.goals(results)
    assert (goal.ratio, goal.goal, goal.met) == (0.9, 0.8, True)


def test_a_request_is_framed_as_http_says() -> None:
    head, _, body = (
        Request(body=b'{"query": "{ a }"}', headers=(("authorization", "Bearer x"),))
        .wire(80)
        .partition(b"\r\n\r\n")
    )
    assert body == b'{"query": "{ a }"}'
    assert f"content-length: {len(body)}".encode() in head
    assert b"authorization: Bearer x" in head
