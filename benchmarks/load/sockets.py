"""Subscribers by the thousand, in one C program that counts, orders and times every message."""

from __future__ import annotations

import array
import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import percentile
from benchmarks.harness import BenchFailed
from benchmarks.load.requests import compiled

LOOK = 0.02
"""Between two looks at the counts; nothing is timed by it."""
PATIENCE = 120.0


class Crowd:
    """Connections that all follow the same thing."""

    def __init__(self, process: asyncio.subprocess.Process, size: int, records: Path) -> None:
        self._process = process
        self._records = records
        self.size = size

    async def say(self, word: str) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{word}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            assert self._process.stderr
            raise BenchFailed(
                (await self._process.stderr.read()).decode(errors="replace") or "the crowd is gone"
            )
        return orjson.loads(line)

    async def counts(self) -> dict[str, Any]:
        return await self.say("count")

    async def until(self, name: str, value: int, *, patience: float = PATIENCE) -> dict[str, Any]:
        """Until a count has come so far; a connection that is closed on the way ends the run."""
        ends = time.monotonic() + patience
        while (told := await self.counts())[name] < value:
            if time.monotonic() > ends or (told["closed"] and name == "following"):
                raise BenchFailed(f"{name} is {told[name]} of {value}: {told['complaint'] or told}")
            await asyncio.sleep(LOOK)
        return told

    async def late(self, spoken: Mapping[int, int], *, without: int = 0) -> list[float]:
        """Milliseconds from each word to each message of it, since the last `forget`; the first connections
        may be left out."""
        await self.say("record")
        found = array.array("Q", self._records.read_bytes())
        pairs = zip(found[::2], found[1::2], strict=True)
        return [
            (at - spoken[pair >> 32]) / 1e6
            for pair, at in pairs
            if pair >> 32 in spoken and pair & 0xFFFFFFFF >= without
        ]


@asynccontextmanager
async def crowd(
    folder: Path, port: int, size: int, *, init: bytes, subscribe: bytes, buffer: int = 0
) -> AsyncGenerator[Crowd]:
    """Connects everybody; entered when all have sent their subscription."""
    name = f"crowd-{time.monotonic_ns()}"
    files = [folder / f"{name}.{part}" for part in ("init", "subscribe", "records")]
    files[0].write_bytes(init)
    files[1].write_bytes(subscribe)
    process = await asyncio.create_subprocess_exec(
        str(compiled("sockets")), str(port), str(size), *map(str, files), str(buffer),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        group = Crowd(process, size, files[2])
        await group.until("following", size)
        yield group
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def shares(late: list[float]) -> tuple[float, float]:
    return percentile(late, 0.5), percentile(late, 0.99)
