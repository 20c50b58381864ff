"""One child of the supervisor: how it is started, when it is ready, and what happens when it ends."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from datawave.embedded import processes
from datawave.embedded.processes import CannotRun
from datawave.supervisor.word import READY, WORD

REFUSED = 2
"""The exit code of a program that would refuse again: it has said why, and is not started again."""
BACK_OFF = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
CALM_AFTER = 30.0
"""Seconds of running after which earlier ends are forgiven."""
TRIES_TO_START = 5
LARGEST_LOG = 10_000_000


class Renewed(Enum):
    """How a child is replaced by a fresh one while the others go on."""

    NEVER = auto()
    BESIDE = auto()
    """The fresh one is ready before the former is told to leave, by SIGTERM."""
    AFTER = auto()
    """There cannot be two: the former ends first."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """What to run. `command` is asked at every start and may prepare; it raises `CannotRun` with one line."""

    name: str
    title: str
    command: Callable[[], Sequence[str]]
    ready: Callable[[int], bool] | None = None
    """Asked with the process's id until it says yes; None means at once, or when it `tells`."""
    tells: bool = False
    """It says by itself that it is ready."""
    inherits: tuple[int, ...] = ()
    """Descriptors of ours that it gets."""
    renewed: Renewed = Renewed.NEVER
    leave_within: float = 30.0
    after: tuple[str, ...] = ()
    """Started when these are ready, or done."""
    ahead: bool = False
    """Started before them, to import in the meantime: it touches nothing until it hears the word."""
    environment: Mapping[str, str] | None = None
    once: bool = False
    """A step: done when it ends with 0. Other children are started again whenever they end."""
    may_finish: bool = False
    """Ends with 0 when it is not wanted; then it is left alone."""
    needed: bool = True
    """Whether everything ends when it cannot be started; otherwise a line says so."""
    skip: Callable[[], bool] | None = None
    end_signal: signal.Signals = signal.SIGTERM
    patience: float = 10.0
    start_within: float = 60.0
    log: Path | None = None
    """Where its output goes; None is where ours goes."""
    niceness: int = 0


class State(Enum):
    WAITING = auto()
    HELD = auto()
    STARTING = auto()
    READY = auto()
    LEAVING = auto()
    DONE = auto()
    GIVEN_UP = auto()


@dataclass
class Kept:
    """A child and where it stands."""

    child: Child
    say: Callable[[str], None]
    process: subprocess.Popen[bytes] | None = None
    state: State = State.WAITING
    started: float = 0.0
    not_before: float = 0.0
    ends: int = 0
    was_ready: bool = False
    on_trial: bool = False
    """To take another's place: it has one try, and if it fails nobody is the worse for it."""
    why: str = ""
    """It was given up."""
    _born: float = field(default_factory=time.monotonic)
    _word: int | None = None
    """The end of the pipe through which a child that was started ahead is told to go on."""
    _telling: int | None = None
    """The end of the pipe through which a child tells that it is ready."""
    _gone_by: float = 0.0

    @property
    def trouble(self) -> str | None:
        """Why everything has to end."""
        needed = self.child.needed and not self.on_trial
        return self.why if needed and self.state is State.GIVEN_UP else None

    @property
    def name(self) -> str:
        return self.child.name

    @property
    def is_settled(self) -> bool:
        """Whoever waits for it may start."""
        return self.state in (State.READY, State.DONE) or (
            self.state is State.GIVEN_UP and not self.child.needed
        )

    def step(self, ready: Callable[[str], bool]) -> None:
        """Do what is due; never waits."""
        if self.process is not None:
            code = self.process.poll()
            if code is not None:
                self._ended(code)
            elif self.state is State.STARTING and not self.child.once:
                self._look()
            elif self.state is State.LEAVING and time.monotonic() > self._gone_by:
                processes.kill_group(self.process.pid)
        if (
            self.state is State.WAITING
            and time.monotonic() >= self.not_before
            and (self.child.ahead or all(map(ready, self.child.after)))
        ):
            self._start()
        if self.state is State.HELD and all(map(ready, self.child.after)):
            self._let_go()

    def due(self, ready: Callable[[str], bool]) -> float | None:
        """In how many seconds there is something to do that no signal announces."""
        if self.state is State.STARTING and not self.child.once:
            return 0.05
        if self.state is State.HELD and all(map(ready, self.child.after)):
            return 0.0
        if self.state is State.WAITING and (self.child.ahead or all(map(ready, self.child.after))):
            return max(0.0, self.not_before - time.monotonic())
        if self.state is State.LEAVING and self.process is not None:
            return max(0.05, self._gone_by - time.monotonic())
        return None

    def leave(self) -> None:
        """It ends when it has done what it has begun; if another took its place, for good."""
        assert self.process is not None
        self.state = State.LEAVING
        self._gone_by = time.monotonic() + self.child.leave_within
        self.process.send_signal(signal.SIGTERM)

    def _start(self) -> None:
        try:
            if self.child.skip is not None and self.child.skip():
                self.state = State.DONE
                return
            command = self.child.command()
            self.process = self._popen(command)
        except CannotRun as refused:
            self._give_up(str(refused))
            return
        except OSError as refused:
            self._forget_pipes()
            self._again(f"cannot be started ({refused.strerror})")
            return
        if self.child.ahead:
            self.state = State.HELD
        else:
            self._begun()

    def _begun(self) -> None:
        self.started = time.monotonic()
        self.state = State.STARTING
        if self.child.ready is None and not (self.child.once or self.child.tells):
            self._is_ready()

    def _let_go(self) -> None:
        assert self._word is not None
        with contextlib.suppress(BrokenPipeError):  # it ended; that is seen at the next step
            os.write(self._word, b"\n")
        os.close(self._word)
        self._word = None
        self._begun()

    def _forget_pipes(self) -> None:
        for descriptor in (self._word, self._telling):
            if descriptor is not None:
                os.close(descriptor)
        self._word = self._telling = None

    def _popen(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        environment = dict(os.environ if self.child.environment is None else self.child.environment)
        inherited = [*self.child.inherits]
        with contextlib.ExitStack() as stack:
            if self.child.ahead:
                hearing, self._word = os.pipe()
                stack.callback(os.close, hearing)
                inherited.append(hearing)
                environment[WORD] = str(hearing)
            if self.child.tells:
                self._telling, saying = os.pipe()
                os.set_blocking(self._telling, False)
                stack.callback(os.close, saying)
                inherited.append(saying)
                environment[READY] = str(saying)
            log = stack.enter_context(self.child.log.open("ab")) if self.child.log is not None else None
            return processes.start(
                command,
                end_signal=self.child.end_signal,
                environment=environment,
                output=log.fileno() if log is not None else None,
                niceness=self.child.niceness,
                inherited=inherited,
            )

    def _look(self) -> None:
        assert self.process is not None
        if self._looks_ready(self.process.pid):
            self._is_ready()
        elif time.monotonic() - self.started > self.child.start_within:
            self.say(f"{self.child.title} does not answer after {self.child.start_within:g} s and is ended.")
            processes.kill_group(self.process.pid)

    def _looks_ready(self, pid: int) -> bool:
        if self._telling is None:
            return self.child.ready is not None and self.child.ready(pid)
        try:
            return os.read(self._telling, 1) != b""
        except BlockingIOError:
            return False

    def _is_ready(self) -> None:
        self.state = State.READY
        if self.on_trial:
            self.say(f"{self.child.title} is renewed.")
        elif self.was_ready:
            self.say(f"{self.child.title} is back.")
        else:
            self.say(f"  ✓ {self.child.title:<24} {time.monotonic() - self._born:5.1f} s")
        self.was_ready = True

    def _ended(self, code: int) -> None:
        assert self.process is not None
        processes.kill_group(self.process.pid)
        self.process = None
        self._forget_pipes()
        if self.state is State.LEAVING:
            self.state = State.DONE
        elif code == 0 and (self.child.once or self.child.may_finish):
            self.state = State.DONE
            if self.child.once:
                self.say(f"  ✓ {self.child.title:<24} {time.monotonic() - self._born:5.1f} s")
        elif code == REFUSED and not self.was_ready:
            self._give_up(f"{self.child.title} refused to start{self._last_words()}")
        else:
            self._again(f"ended ({_how(code)}){self._last_words()}")

    def _last_words(self) -> str:
        return f": {processes.last_line(self.child.log)}" if self.child.log is not None else ""

    def _again(self, what: str) -> None:
        """Start again, later each time; one that was never ready is given up after some tries."""
        if self.on_trial:
            self._give_up(f"{self.child.title} {what}")
            return
        if self.started and time.monotonic() - self.started > CALM_AFTER:
            self.ends = 0
        self.ends += 1
        if not self.was_ready and self.ends >= TRIES_TO_START:
            self._give_up(f"{self.child.title} {what}, {self.ends} times")
            return
        wait = BACK_OFF[min(self.ends, len(BACK_OFF)) - 1]
        self.state = State.WAITING
        self.not_before = time.monotonic() + wait
        self.say(f"{self.child.title} {what}; it is started again in {wait:g} s.")

    def _give_up(self, why: str) -> None:
        self.state = State.GIVEN_UP
        self.why = why
        if not self.child.needed:
            self.say(f"{why}. The rest goes on without it.")

    def trim_log(self) -> None:
        """Keep one older part of a log that grew; the writer appends, so cutting it in place is safe."""
        log = self.child.log
        if log is not None and log.exists() and log.stat().st_size > LARGEST_LOG:
            log.with_name(f"{log.name}.1").write_bytes(log.read_bytes()[-LARGEST_LOG:])
            with log.open("r+b") as opened:
                opened.truncate(0)


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
