"""How many people may sign in a second on one core, through the API; and what Argon2id costs alone, under the
parameters that are recommended.

It counts the processor's time that the API takes, not the clock's, so that whoever else works on the machine
matters little.
"""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from statistics import median

from argon2 import PasswordHasher

from auth.passwords import LANES, MEMORY_KIB, PASSES
from benchmarks import documents
from benchmarks.figures import Figure
from benchmarks.harness import EMAIL, Platform, platform, tree
from datawave.embedded import processes

SIGN_INS, AT_ONCE = 60, 4
GOAL = 10
TICKS = os.sysconf("SC_CLK_TCK")

RECOMMENDED = {
    "RFC 9106, second: 64 MiB, 3 passes, 4 lanes": (65_536, 3, 4),
    "OWASP: 46 MiB, 1 pass": (47_104, 1, 1),
    "OWASP: 19 MiB, 2 passes": (19_456, 2, 1),
}
"""KiB, passes, lanes."""


async def measure(folder: Path, *, product: bool = True) -> list[Figure]:
    figures = [_alone(name, *parameters) for name, parameters in RECOMMENDED.items()]
    if not product:
        return figures
    home = folder / "login"
    async with platform(home) as running:
        per_core, wall = await _signing_in(running, home.with_name(f"{home.name}.password").read_text())
    ours = f"Argon2id, {MEMORY_KIB // 1024} MiB, {PASSES} pass, {LANES} lane"
    note = f"{ours}; {wall:.1f} a second by the clock, {AT_ONCE} at once"
    return [
        Figure(name="sign-ins through the API", value=per_core, unit="/s and core", goal=GOAL, at_least=True,
               note=note),
        *figures,
    ]  # fmt: skip


async def _signing_in(running: Platform, password: str) -> tuple[float, float]:
    """Sign-ins for each second of the API's processor time, and for each second that went by."""
    given = {"password": {"email": EMAIL, "password": password}}
    [api] = [pid for pid in tree(running.process.pid) if "serve" in processes.command_line(pid).split()[:4]]
    left = iter(range(SIGN_INS))

    async def one_after_the_other() -> None:
        for _ in left:
            await running.run(documents.SIGN_IN, input=given)

    began, used = time.perf_counter(), _processor_seconds(api)
    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return SIGN_INS / (_processor_seconds(api) - used), SIGN_INS / (time.perf_counter() - began)


def _processor_seconds(pid: int) -> float:
    """Of all its threads, in the system's work for it too."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _alone(name: str, memory: int, passes: int, lanes: int, times: int = 5) -> Figure:
    hasher = PasswordHasher(memory_cost=memory, time_cost=passes, parallelism=lanes)
    hashed, spent = hasher.hash("correct horse battery staple"), list[float]()
    for _ in range(times):
        began = time.process_time()
        hasher.verify(hashed, "correct horse battery staple")
        spent.append(time.process_time() - began)
    return Figure(name=f"Argon2id alone, {name}", value=1 / median(spent), unit="/s and core")
