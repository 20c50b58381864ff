"""`make bench`: every figure as a ratio, measured in one run on one machine."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import discovery, memory, relay, streams
from benchmarks.figures import Figure, table

QUESTIONS = ("discovery", "streams", "relay", "memory")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", choices=[[], *QUESTIONS], help="which to ask; all by default")
    parser.add_argument("--datahub", action="store_true", help="also run `datahub ingest` on the same source")
    parser.add_argument("--baselines", action="store_true", help="only what the product is measured against")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="datawave-bench-") as folder:
        figures = asyncio.run(
            _measure(
                Path(folder), given.questions or QUESTIONS, product=not given.baselines, datahub=given.datahub
            )
        )
    print(table(figures))
    return 1 if any(figure.met is False for figure in figures) else 0


async def _measure(folder: Path, questions: tuple[str, ...], *, product: bool, datahub: bool) -> list[Figure]:
    figures: list[Figure] = []
    for question in questions:
        own, began = folder / question, time.perf_counter()
        own.mkdir()
        match question:
            case "discovery":
                figures += await discovery.measure(own, product=product, datahub=datahub)
            case "streams":
                figures += await streams.measure(own, product=product)
            case "relay":
                figures += await relay.measure(own, product=product)
            case _:
                figures += await memory.measure(own, product=product)
        print(f"{question}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return figures


if __name__ == "__main__":
    sys.exit(main())
