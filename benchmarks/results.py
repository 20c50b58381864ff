"""What a whole run leaves behind: figures as JSON, drawings of them, and the table of goals in the page."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from benchmarks.drawing import Bar, Panel, drawing
from benchmarks.figures import Figure, short

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "benchmarks"
PAGE = ROOT / "docs" / "reference" / "benchmarks.md"
BEGIN, END = "<!-- goals of {name}: begin -->", "<!-- goals of {name}: end -->"

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One question, answered on one machine on one day."""

    name: str
    rows: Sequence[Row]
    labels: Mapping[str, str]
    left_out: Mapping[str, str]
    goals: Sequence[Figure]
    method: str
    machine: str
    day: str

    @property
    def caption(self) -> str:
        out = "".join(f" {self.labels.get(name, name)} did not run here." for name in self.left_out)
        return f"{self.method} {self.machine}, {self.day}.{out}"

    def told(self) -> dict[str, Any]:
        return {
            "question": self.name,
            "day": self.day,
            "machine": self.machine,
            "method": self.method,
            "leftOut": dict(self.left_out),
            "labels": dict(self.labels),
            "figures": [dict(row) for row in self.rows],
            "goals": [_goal(figure) for figure in self.goals],
        }


def _goal(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "value": figure.value,
        "unit": figure.unit,
        "against": figure.against,
        "ratio": figure.ratio,
        "goal": figure.goal,
        "atLeast": figure.at_least,
        "met": figure.met,
    }


def machine() -> str:
    """The processor and what runs on it, in words."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    count = os.cpu_count() or 1
    return f"{count} × {model or platform.machine()}, Linux {platform.release().partition('-')[0]}"


def rounds(count: int) -> str:
    return "A single round, for a quick look" if count == 1 else f"Medians of {count} rounds"


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def kept(run: Run, *, folder: Path | None = None, page: Path = PAGE) -> None:
    """Writes the JSON, the drawings, and the goals into the page; into another folder without the page."""
    folder = (folder or FOLDER).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    written = orjson.dumps(run.told(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    (folder / f"{run.name}.json").write_bytes(written)
    for name, picture in DRAWN[run.name](run).items():
        (folder / f"{name}.svg").write_text(picture)
    if folder == FOLDER and page.exists():
        page.write_text(with_goals(page.read_text(), run.name, run.goals))


def with_goals(text: str, name: str, goals: Sequence[Figure]) -> str:
    """The page with the table between its marks made anew; a page without the marks stays as it is."""
    begin, end = BEGIN.format(name=name), END.format(name=name)
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        return text
    lines = ["| what | value | against | ratio | goal | |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [_line(figure) for figure in goals]
    return "\n".join([f"{before}{begin}", *lines, f"{end}{after}"])


def _line(figure: Figure) -> str:
    ratio = f"{figure.ratio:.2f} ×" if figure.ratio is not None else ""
    goal = f"{'≥' if figure.at_least else '≤'} {figure.goal:g}" if figure.goal is not None else ""
    met = {None: "", True: "met", False: "missed"}[figure.met]
    value = f"{short(figure.value)} {figure.unit}"
    return f"| {figure.name} | {value} | {figure.against} | {ratio} | {goal} | {met} |"


def drawn_reads(run: Run) -> dict[str, str]:
    meaning = {
        "Q1": "One asset by name, with its owners",
        "Q2": "50 tables with owners, tags and 10 columns each",
        "Q3": "100 tables, flat, 8 fields each",
    }
    rates, costs = [], []
    for query, title in meaning.items():
        rows = [row for row in run.rows if row["query"] == query and row["connections"] == 16]
        if not rows:
            continue
        rates.append(Panel(title=title, unit="answers a second", bars=_bars(run, rows, "rate")))
        costs.append(Panel(title=title, unit="CPU ms an answer", bars=_costs(run, rows)))
    return {
        "reads": drawing("Reads on one core, 16 at a time", rates, caption=run.caption),
        "reads-cpu": drawing(
            "What a read costs: the server, and behind it PostgreSQL", costs, caption=run.caption
        ),
    }


def _bars(run: Run, rows: Sequence[Row], name: str, *, best_first: bool = True) -> list[Bar]:
    there = [row for row in rows if row.get(name) is not None]
    ordered = sorted(there, key=lambda row: row[name], reverse=best_first)
    return [
        Bar(
            label=run.labels[row["contestant"]],
            value=row[name],
            words=short(row[name]),
            ours=run.labels[row["contestant"]].startswith("DataWave"),
        )
        for row in ordered
    ]


def _costs(run: Run, rows: Sequence[Row]) -> list[Bar]:
    return [
        Bar(
            label=run.labels[row["contestant"]],
            value=row["serverMs"],
            more=row["postgresMs"],
            words=f"{short(row['serverMs'])} + {short(row['postgresMs'])}",
            ours=run.labels[row["contestant"]].startswith("DataWave"),
        )
        for row in sorted(rows, key=lambda row: row["serverMs"] + row["postgresMs"])
    ]


def drawn_fanout(run: Run) -> dict[str, str]:
    panels = [
        Panel(title="A burst of 30 events to 1,000", unit="messages a second",
              bars=_bars(run, run.rows, "rate")),
        Panel(title="A burst of 30 events to 3,000", unit="messages a second",
              bars=_bars(run, run.rows, "large_rate")),
        Panel(title="10 events a second to 1,000, p99", unit="ms",
              bars=_bars(run, run.rows, "p99", best_first=False)),
        Panel(title="CPU of the server for a message", unit="µs",
              bars=_bars(run, run.rows, "cpu_us", best_first=False)),
        Panel(title="Memory of a connection after the load", unit="KiB",
              bars=_bars(run, run.rows, "after_kib", best_first=False)),
    ]  # fmt: skip
    filled = [panel for panel in panels if panel.bars]
    return {"fanout": drawing("One event, a thousand subscribers", filled, caption=run.caption)}


DRAWN = {"reads": drawn_reads, "fanout": drawn_fanout}
