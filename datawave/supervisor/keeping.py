"""The supervisor's loop: start what is due, start again what ended, and end all of it without a trace.

One thread that sleeps until a signal or the next due moment. A child that ends costs the others nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from datawave.embedded import processes
from datawave.embedded.home import write_whole
from datawave.supervisor.children import Child, Kept
from datawave.supervisor.renewal import ASKED_BY, Renewal

TRIM_EVERY = 60.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(line: str) -> None:
    """A line for whoever started us; a closed terminal is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


class Supervisor:
    """Runs children until told to end; `running` is the file in which a successor finds what we left,
    `renewed` the one that tells how a renewal went."""

    def __init__(
        self,
        children: Sequence[Child],
        *,
        running: Path,
        renewed: Path,
        on_change: Callable[[Supervisor], None] | None = None,
    ) -> None:
        self.kept = {child.name: Kept(child, say) for child in children}
        self._running_file = running
        self._renewed_file = renewed
        self._renewal: Renewal | None = None
        self._renewal_wanted = False
        self._on_change = on_change
        self._signals: list[int] = []
        self._wake, self._woken = socket.socketpair()
        self._noted: dict[str, int] = {}

    def run(self) -> int:
        """Until a signal or a trouble; everything has ended when this returns the exit code."""
        self._listen()
        processes.adopt_orphans()
        trouble: str | None = None
        try:
            trouble = self._keep()
        finally:
            self._end_all()
        if trouble is None:
            return 0
        say(f"DataWave cannot run: {trouble.rstrip('.')}.")
        return 1

    def is_settled(self, name: str) -> bool:
        kept = self.kept.get(name)
        return kept is None or kept.is_settled

    def pids(self) -> dict[str, int]:
        return {name: kept.process.pid for name, kept in self.kept.items() if kept.process is not None}

    def _listen(self) -> None:
        for end in self._wake, self._woken:
            end.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for each in ENDING:
            # Under nohup a hang-up is ignored, and stays so.
            if each is not signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN:
                signal.signal(each, self._told)
        signal.signal(ASKED_BY, self._asked)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)

    def _told(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        self._renewal_wanted = True

    def _renew(self) -> None:
        if self._renewal_wanted and self._renewal is None:
            self._renewal_wanted = False
            self._renewal = Renewal(self.kept, self._renewed_file, say)
        if self._renewal is not None:
            self._renewal.step()
            if self._renewal.is_over:
                self._renewal = None

    def _keep(self) -> str | None:
        trimmed = time.monotonic()
        while not self._signals:
            self._renew()
            for kept in self.kept.values():
                kept.step(self.is_settled)
                if kept.trouble is not None:
                    return kept.trouble
            self._note()
            self._reap_strangers()
            if self._on_change is not None:
                self._on_change(self)
            if time.monotonic() - trimmed > TRIM_EVERY:
                trimmed = time.monotonic()
                for kept in self.kept.values():
                    kept.trim_log()
            due = [each for kept in self.kept.values() if (each := kept.due(self.is_settled)) is not None]
            self._sleep(min([*due, TRIM_EVERY if self._renewal is None else 0.05]))
        return None

    def _sleep(self, seconds: float) -> None:
        if select.select([self._woken], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                while self._woken.recv(4096):
                    pass

    def _note(self) -> None:
        """Write down who runs, for a successor that finds us killed."""
        now = self.pids()
        if now == self._noted:
            return
        self._noted = now
        rows = [
            {
                "pid": pid,
                "started": processes.started_at(pid),
                "signal": int(self.kept[name].child.end_signal),
            }
            for name, pid in now.items()
        ]
        write_whole(self._running_file, json.dumps(rows))

    def _reap_strangers(self) -> None:
        """Orphans that were handed to us must not stay as zombies; our own are left to their Popen."""
        ours = set(self.pids().values())
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if found.si_pid in ours:
                    return
                os.waitpid(found.si_pid, 0)

    def _end_all(self) -> None:
        """Those on whom nobody depends first; a second signal ends the patience."""
        if self._signals:
            say("Ending …")
        told = len(self._signals)
        while alive := {name: kept for name, kept in self.kept.items() if kept.process is not None}:
            leant_on = {name for kept in alive.values() for name in _all_before(kept.child, self.kept)}
            self._end(
                [kept for name, kept in alive.items() if name not in leant_on] or list(alive.values()), told
            )
        self._end_strangers()
        self._running_file.unlink(missing_ok=True)
        signal.set_wakeup_fd(-1)

    def _end(self, ending: Sequence[Kept], told: int) -> None:
        for kept in ending:
            if kept.process is not None and kept.process.poll() is None:
                kept.process.send_signal(kept.child.end_signal)
        until = time.monotonic() + max(kept.child.patience for kept in ending)
        while any(kept.process is not None and kept.process.poll() is None for kept in ending):
            if time.monotonic() > until or len(self._signals) > told + 1:
                break
            self._sleep(0.05)
        for kept in ending:
            if kept.process is not None:
                processes.kill_group(kept.process.pid)
                kept.process.wait()
                kept.process = None

    def _end_strangers(self) -> None:
        """Grandchildren that left their group."""
        until = time.monotonic() + 5
        while (left := processes.own_children()) and time.monotonic() < until:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.01)


def _all_before(child: Child, kept: dict[str, Kept]) -> set[str]:
    """Everything that must outlive the child."""
    direct = {name for name in child.after if name in kept}
    return direct.union(*(_all_before(kept[name].child, kept) for name in direct))


def end_predecessors(running: Path, *, patience: float = 10) -> None:
    """End what a killed supervisor left behind: all at once, politely, then not."""
    try:
        rows = json.loads(running.read_text())
    except (OSError, ValueError):
        return
    left = [row for row in rows if _is_still(row)]
    for row in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(row["pid"], row["signal"])
    until = time.monotonic() + patience
    while any(map(_is_still, left)) and time.monotonic() < until:
        time.sleep(0.05)
    for row in left:
        if _is_still(row):
            processes.kill_group(row["pid"])
    running.unlink(missing_ok=True)


def _is_still(row: dict[str, int | str]) -> bool:
    pid = int(row["pid"])
    return processes.is_running(pid) and processes.started_at(pid) == row["started"]
