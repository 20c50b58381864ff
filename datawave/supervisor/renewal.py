"""Fresh processes for those that run, one after the other, while the others go on."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from datawave.embedded import processes
from datawave.embedded.home import Home, write_whole
from datawave.embedded.processes import CannotRun
from datawave.supervisor.children import Kept, Renewed, State

ASKED_BY = signal.SIGUSR1
LONGEST = 3600.0


class Renewal:
    """One round. It works on the supervisor's own children: for a while one of them is there twice."""

    def __init__(self, kept: dict[str, Kept], outcome: Path, say: Callable[[str], None]) -> None:
        self._kept, self._outcome, self._say = kept, outcome, say
        self._names = [name for name, each in kept.items() if each.child.renewed is not Renewed.NEVER]
        self._now: str | None = None
        self.is_over = False

    def step(self) -> None:
        """Do what is due; never waits."""
        while not self.is_over and (self._now is None or self._is_done(self._now)):
            self._now = self._names.pop(0) if self._names else None
            if self._now is None:
                self._end(None)
            else:
                self._begin(self._now)

    def _begin(self, name: str) -> None:
        former = self._kept[name]
        if former.state is not State.READY:
            return  # it is being started anyway
        if former.child.renewed is Renewed.BESIDE:
            self._kept[_fresh(name)] = Kept(former.child, self._say, on_trial=True)
        else:
            former.leave()

    def _is_done(self, name: str) -> bool:
        if (fresh := self._kept.get(_fresh(name))) is not None:
            if fresh.state is State.GIVEN_UP:
                del self._kept[_fresh(name)]
                self._end(f"{fresh.why.rstrip('.')}; the former goes on")
            elif fresh.state is State.READY:
                self._takes_over(name, fresh)
            return False
        if (former := self._kept.get(_former(name))) is not None:
            if former.process is None:
                del self._kept[_former(name)]
            return former.process is None
        return self._is_started_again(self._kept[name])

    def _takes_over(self, name: str, fresh: Kept) -> None:
        former = self._kept.pop(name)
        del self._kept[_fresh(name)]
        fresh.on_trial = False
        self._kept[name] = fresh
        if former.process is not None:
            self._kept[_former(name)] = former
            former.leave()

    def _is_started_again(self, kept: Kept) -> bool:
        if kept.state is State.DONE:
            kept.state = State.WAITING
        return kept.state is State.READY

    def _end(self, trouble: str | None) -> None:
        self.is_over = True
        if trouble:
            self._say(f"Not everything was renewed: {trouble}.")
        write_whole(self._outcome, json.dumps({"trouble": trouble}))


def _fresh(name: str) -> str:
    return f"{name} (fresh)"


def _former(name: str) -> str:
    return f"{name} (former)"


def renew(home: Home) -> None:
    """Ask the supervisor of a home for a round, and wait until it is over."""
    holder = home.holder()
    if holder is None or not home.is_locked() or not processes.catches(holder, ASKED_BY):
        raise CannotRun(f"No `datawave up` runs on {home.path}: there is nothing to restart.")
    home.renewed.unlink(missing_ok=True)
    os.kill(holder, ASKED_BY)
    until = time.monotonic() + LONGEST
    while not home.renewed.exists():
        if not processes.is_running(holder) or time.monotonic() > until:
            raise CannotRun("`datawave up` has ended, or does not get on: see what it says.")
        time.sleep(0.05)
    trouble = json.loads(home.renewed.read_text())["trouble"]
    if trouble:
        raise CannotRun(f"Not everything was restarted: {trouble}.")
