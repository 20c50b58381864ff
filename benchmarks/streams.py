"""How soon a subscriber has the event of an answered command: on an idle machine, and beside a busy core."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import baselines, documents
from benchmarks.figures import Figure, percentile
from benchmarks.harness import Json, Platform, platform

COMMANDS = 300
WARM_UP = 20
BURN = "while True: pass"


async def measure(folder: Path, *, product: bool = True) -> list[Figure]:
    trips = await baselines.round_trips(folder)
    trip = percentile(trips, 0.5)
    figures = [
        Figure(name="Valkey pub/sub round trip, p50", value=trip * 1000, unit="ms"),
        Figure(name="Valkey pub/sub round trip, p99", value=percentile(trips, 0.99) * 1000, unit="ms"),
    ]
    if not product:
        return figures
    async with platform(folder / "home") as running:
        figures += _figures("idle", await lateness(running), trip, goal=15)
        with burning_core():
            figures += _figures("beside a busy core", await lateness(running), trip, goal=50)
    return figures


def _figures(when: str, late: list[float], trip: float, *, goal: float) -> list[Figure]:
    middle, worst = percentile(late, 0.5), percentile(late, 0.99)
    return [
        Figure(name=f"answer → live event, {when}, p50", value=middle * 1000, unit="ms"),
        Figure(name=f"answer → live event, {when}, p99", value=worst * 1000, unit="ms", goal=goal,
               note=f"{worst / trip:.0f} round trips of pub/sub, {len(late)} commands"),
    ]  # fmt: skip


async def lateness(running: Platform) -> list[float]:
    """Seconds from a command's answer to its event at a subscriber; 0 where the event was there first."""
    tag = (await running.run(documents.SAVE_TAG, input={"name": f"bench {time.time_ns()}"}))["tag"]["id"]
    head = (await running.ask(documents.CURSOR))["cursor"]
    async with running.following(documents.EVENTS_OF, filter={"subjectIds": [tag]}, after=head) as events:
        arrived: asyncio.Queue[float] = asyncio.Queue()
        reader = asyncio.create_task(_note_arrivals(events, arrived))
        try:
            late = [await _one(running, tag, arrived) for _ in range(WARM_UP + COMMANDS)]
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
    return late[WARM_UP:]


async def _note_arrivals(events: AsyncIterator[Json], arrived: asyncio.Queue[float]) -> None:
    async for _ in events:
        arrived.put_nowait(time.perf_counter())


async def _one(running: Platform, tag: str, arrived: asyncio.Queue[float]) -> float:
    await running.run(documents.SAVE_TAG, input={"id": tag, "name": f"bench {time.time_ns()}"})
    answered = time.perf_counter()
    async with asyncio.timeout(10):
        return max(0.0, await arrived.get() - answered)


@contextmanager
def burning_core() -> Generator[None]:
    """A process that computes without end, as a worker does while it classifies."""
    process = subprocess.Popen([sys.executable, "-c", BURN])
    try:
        yield
    finally:
        process.kill()
        process.wait()
