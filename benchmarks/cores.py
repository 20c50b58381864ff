"""Who computes where: a server under measurement has one core to itself, everything else has another one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import megabytes, tree

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cores:
    """`server` is the measured process's, `rest` that of the database, the load and the bench itself."""

    server: frozenset[int]
    rest: frozenset[int]

    @property
    def words(self) -> str:
        if self.server == self.rest:
            return "one core for everything"
        return "one core for the server, another for PostgreSQL, Valkey and the load"


def cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    first, second = usable[0], usable[1] if len(usable) > 1 else usable[0]
    return Cores(frozenset([first]), frozenset([second]))


@contextmanager
def pinned(to: frozenset[int]) -> Generator[None]:
    """What is started within this stays on these cores: a child has its parent's affinity from birth."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_seconds(root: int) -> float:
    """What a process and everything below it has computed so far, children that ended included."""
    return sum(_of_threads(pid) for pid in tree(root))


def _of_threads(pid: int) -> float:
    """To the nanosecond where the kernel keeps it so, else in ticks of ten milliseconds."""
    total = 0.0
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                total += int((thread / "schedstat").read_text().split()[0]) / 1e9
        return total + _of_children(pid)
    return total


def _of_children(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS


def resident_kib(root: int) -> float:
    """The memory that a process and everything below it holds in RAM, in KiB."""
    return sum(megabytes(pid, file="status", field="VmRSS") for pid in tree(root)) * 1024


class Pausing:
    """Servers that wait for their turn stand still, so that their clocks and beats disturb nobody."""

    def __init__(self, roots: dict[str, int]) -> None:
        self._roots = roots

    @contextmanager
    def only(self, name: str) -> Generator[None]:
        for other, root in self._roots.items():
            _signal(root, signal.SIGCONT if other == name else signal.SIGSTOP)
        time.sleep(SETTLE)
        yield

    def go_on(self) -> None:
        for root in self._roots.values():
            _signal(root, signal.SIGCONT)


SETTLE = 0.1
"""After a pause a server has its timers to see to first."""


def _signal(root: int, what: signal.Signals) -> None:
    for pid in tree(root):
        with suppress(ProcessLookupError):
            os.kill(pid, what)
