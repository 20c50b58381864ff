"""What all processes of the product hold at rest, and how long a start takes: on a new home, and later."""

from __future__ import annotations

import asyncio
import statistics
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.harness import Platform, megabytes, platform, tree
from datawave.embedded import processes

REST_SECONDS = 8
"""After the start, until caches of the start are given back and beats are all that happens."""

LATER_STARTS = 5

FIRST_GOAL, LATER_GOAL, MEMORY_GOAL = 60, 4, 350


async def measure(folder: Path, *, product: bool = True) -> list[Figure]:
    if not product:
        return []
    home = folder / "rest"
    async with platform(home) as running:
        first = running.start_seconds
        await running.pages_built()
    later: list[float] = []
    for _ in range(LATER_STARTS - 1):
        async with platform(home) as running:
            later.append(running.start_seconds)
    async with platform(home) as running:
        later.append(running.start_seconds)
        await running.pages_built()
        await asyncio.sleep(REST_SECONDS)
        held = _held(running)
    largest = sorted(held, key=lambda each: each[1], reverse=True)[:4]
    return [
        Figure(name="start on a new home, to /readyz", value=first, unit="s", goal=FIRST_GOAL),
        Figure(name="later start, to /readyz", value=statistics.median(later), unit="s", goal=LATER_GOAL,
               note=f"{min(later):.1f} to {max(later):.1f} in {len(later)} starts"),
        Figure(name="all processes at rest", value=sum(size for _, size in held), unit="MB", goal=MEMORY_GOAL,
               note=", ".join(f"{name} {size:.0f}" for name, size in largest)),
    ]  # fmt: skip


def _held(running: Platform) -> list[tuple[str, float]]:
    """Each process with its proportional set size: shared pages count once over all."""
    return [
        (_name(pid), megabytes(pid, file="smaps_rollup", field="Pss")) for pid in tree(running.process.pid)
    ]


def _name(pid: int) -> str:
    words = processes.command_line(pid).split()
    for known in ("serve", "worker", "up"):
        if known in words[:4]:
            return known
    return Path(words[0]).name.rstrip(":") if words else str(pid)
