"""`make bench`: every figure as a ratio, measured in one run on one machine."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import access, discovery, fanout, login, memory, reads, relay, streams
from benchmarks.cores import cores
from benchmarks.figures import Figure, table
from benchmarks.results import Run, kept, machine, rounds, today

QUESTIONS = ("discovery", "streams", "relay", "memory", "reads", "fanout", "access", "login")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", choices=[[], *QUESTIONS], help="which to ask; all by default")
    parser.add_argument("--datahub", action="store_true", help="also run `datahub ingest` on the same source")
    parser.add_argument("--baselines", action="store_true", help="only what the product is measured against")
    _probing(parser)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datawave-bench-") as folder:
        figures = asyncio.run(_measure(Path(folder), given))
    print(table(figures))
    return 1 if any(figure.met is False for figure in figures) else 0


def _probing(parser: argparse.ArgumentParser) -> None:
    """For a quick look: less than the whole, which is then not kept as the result."""
    probe = parser.add_argument_group("a quick look at reads or fanout")
    probe.add_argument("--only", default="", help="these contestants, with commas: ours,limit")
    probe.add_argument("--queries", default="", help="these queries, with commas: Q1,Q2")
    probe.add_argument(
        "--keep", type=Path, help="keep the furnished database in this folder for the next run"
    )
    probe.add_argument("--rounds", type=int, default=None, help="rounds of each cell")
    probe.add_argument("--seconds", type=float, default=None, help="length of each round")
    probe.add_argument("--draw", type=Path, help="draw into this folder; a whole run draws into docs/")


async def _measure(folder: Path, given: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = []
    for question in given.questions or QUESTIONS:
        own, began = folder / question, time.perf_counter()
        own.mkdir()
        figures += await _answered(question, own, given)
        print(f"{question}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return figures


async def _answered(question: str, own: Path, given: argparse.Namespace) -> list[Figure]:
    product = not given.baselines
    match question:
        case "discovery":
            return await discovery.measure(own, product=product, datahub=given.datahub)
        case "streams":
            return await streams.measure(own, product=product)
        case "relay":
            return await relay.measure(own, product=product)
        case "access":
            return await access.measure(own, product=product, rounds=given.rounds or 5)
        case "reads":
            return await _reads(own, given)
        case "fanout":
            return await _fanout(own, given)
        case "login":
            return await login.measure(own, product=product)
        case _:
            return await memory.measure(own, product=product)


async def _reads(own: Path, given: argparse.Namespace) -> list[Figure]:
    plan = _plan(given)
    found = await reads.measure(own, plan)
    if not plan.is_probe or given.draw:
        kept(
            Run(
                name="reads",
                rows=found.told(),
                labels=reads.LABELS,
                left_out=found.left_out,
                goals=reads.goals(found),
                method=f"{rounds(plan.rounds)}; {cores().words}.",
                machine=machine(),
                day=today(),
            ),
            folder=given.draw,
        )
    return reads.figures(found)


async def _fanout(own: Path, given: argparse.Namespace) -> list[Figure]:
    sizes = fanout.Sizes(rounds=given.rounds or fanout.Sizes.rounds, only=_named(given.only))
    found = await fanout.measure(own, sizes, kept=given.keep)
    if not (given.rounds or given.only) or given.draw:
        kept(
            Run(
                name="fanout",
                rows=found.told(),
                labels=fanout.LABELS,
                left_out=found.left_out,
                goals=fanout.goals(found),
                method=f"{rounds(sizes.rounds)}; {cores().words}.",
                machine=machine(),
                day=today(),
            ),
            folder=given.draw,
        )
    return fanout.figures(found)


def _plan(given: argparse.Namespace) -> reads.Plan:
    return reads.Plan(
        rounds=given.rounds or reads.Plan.rounds,
        seconds=given.seconds or reads.Plan.seconds,
        only=_named(given.only),
        kept=given.keep,
        queries=_named(given.queries) or reads.Plan.queries,
    )


def _named(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


if __name__ == "__main__":
    sys.exit(main())
