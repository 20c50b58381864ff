"""The supervisor: who dies is started again, who is told to end leaves nothing behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from datawave.embedded import processes
from datawave.supervisor.keeping import end_predecessors

PATIENCE = 20.0

SCRIPT = """
import json, signal, sys
from pathlib import Path
from datawave.supervisor.children import Child, Renewed
from datawave.supervisor.keeping import Supervisor
children = []
for given in json.loads(sys.argv[2]):
    command = given.pop("command")
    given.setdefault("title", given["name"])
    given["after"] = tuple(given.get("after", ()))
    given["renewed"] = Renewed[given.get("renewed", "NEVER")]
    if "log" in given:
        given["log"] = Path(given["log"])
    children.append(Child(command=lambda command=command: command, **given))
sys.exit(Supervisor(children, running=Path(sys.argv[1]), renewed=Path(sys.argv[1] + ".renewed")).run())
"""

RESTS = ["sleep", "600"]


class Running:
    """A supervisor in a process of its own, read line by line."""

    def __init__(self, folder: Path, children: list[dict[str, object]]) -> None:
        self.file = folder / "running.json"
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, self.file, json.dumps(children)], stdout=subprocess.PIPE, text=True
        )

    def until(self, words: str) -> str:
        assert self.process.stdout is not None
        seen: list[str] = []
        for line in self.process.stdout:
            seen.append(line)
            if words in line:
                return line
        raise AssertionError(f"“{words}” was not said, but: {''.join(seen)}")

    def pids(self, count: int) -> list[int]:
        """The children, once there are so many."""

        def look() -> list[int]:
            try:
                return [row["pid"] for row in json.loads(self.file.read_text())]
            except (OSError, ValueError):
                return []

        wait_until(lambda: len(look()) == count)
        return look()

    def ended(self, with_signal: signal.Signals) -> int:
        self.process.send_signal(with_signal)
        return self.process.wait(PATIENCE)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for each in started:
        if each.process.poll() is None:
            each.process.send_signal(signal.SIGTERM)
            each.process.wait(PATIENCE)
        if each.process.stdout is not None:
            each.process.stdout.close()


def wait_until(holds: object) -> None:
    """Look again and again, a thousandth of a second apart, and give up aloud."""
    assert callable(holds)
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it did not come about"
        select.select([], [], [], 0.001)


def gone(pid: int) -> None:
    wait_until(lambda: not processes.is_running(pid))


def test_who_dies_is_started_again_and_the_others_go_on(tmp_path: Path, running: list[Running]) -> None:
    up = Running(tmp_path, [{"name": "a", "command": RESTS}, {"name": "b", "command": RESTS}])
    running.append(up)
    first, second = up.pids(2)
    os.kill(second, signal.SIGKILL)
    up.until("b ended (killed by SIGKILL)")
    up.until("b is back")
    again = up.pids(2)
    assert again[0] == first
    assert again[1] != second


@pytest.mark.parametrize("with_signal", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_leaves_no_process(
    tmp_path: Path, running: list[Running], with_signal: signal.Signals
) -> None:
    deaf = ["sh", "-c", "trap '' TERM INT; echo deaf; while :; do sleep 600 & wait; done"]
    log = tmp_path / "deaf.log"
    up = Running(
        tmp_path,
        [
            {"name": "deaf", "command": deaf, "patience": 0.2, "log": str(log)},
            {"name": "rests", "command": RESTS, "after": ["deaf"]},
        ],
    )
    running.append(up)
    pids = up.pids(2)
    wait_until(lambda: "deaf" in log.read_text())
    assert up.ended(with_signal) == 0
    assert not any(map(processes.is_running, pids))
    assert not up.file.exists()


def test_who_left_its_group_is_ended_too(tmp_path: Path, running: list[Running]) -> None:
    left = tmp_path / "left"
    escapes = ["sh", "-c", f"setsid sh -c 'echo $$ > {left}; exec sleep 600' & wait"]
    up = Running(tmp_path, [{"name": "escapes", "command": escapes}])
    running.append(up)
    wait_until(lambda: left.exists() and left.read_text().strip())
    assert up.ended(signal.SIGTERM) == 0
    assert not processes.is_running(int(left.read_text()))


def test_a_killed_supervisor_takes_its_children_along(tmp_path: Path, running: list[Running]) -> None:
    up = Running(tmp_path, [{"name": "a", "command": RESTS}, {"name": "b", "command": RESTS}])
    running.append(up)
    pids = up.pids(2)
    up.ended(signal.SIGKILL)
    for pid in pids:
        gone(pid)


def test_the_next_one_ends_what_a_killed_one_left(tmp_path: Path) -> None:
    deaf = subprocess.Popen(
        ["sh", "-c", "trap '' TERM; echo; exec sleep 600"], process_group=0, stdout=subprocess.PIPE
    )
    assert deaf.stdout is not None
    deaf.stdout.read(1)
    file = tmp_path / "running.json"
    row = {"pid": deaf.pid, "started": processes.started_at(deaf.pid), "signal": int(signal.SIGTERM)}
    file.write_text(json.dumps([row]))
    end_predecessors(file, patience=0.1)
    assert deaf.wait(PATIENCE) == -signal.SIGKILL
    deaf.stdout.close()
    assert not file.exists()


def test_a_pid_that_is_somebody_elses_now_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen(RESTS)
    file = tmp_path / "running.json"
    file.write_text(json.dumps([{"pid": other.pid, "started": "1", "signal": int(signal.SIGKILL)}]))
    end_predecessors(file, patience=0.1)
    assert other.poll() is None
    other.kill()
    other.wait()


def test_a_step_is_done_once_before_who_needs_it(tmp_path: Path, running: list[Running]) -> None:
    log = tmp_path / "order"
    step = {"name": "step", "command": ["sh", "-c", f"echo step >> {log}"], "once": True}
    then = {"name": "then", "command": ["sh", "-c", f"echo then >> {log}; exec sleep 600"], "after": ["step"]}
    up = Running(tmp_path, [then, step])
    running.append(up)
    wait_until(lambda: log.exists() and log.read_text() == "step\nthen\n")


HEARS = [
    sys.executable,
    "-c",
    """
import signal, sys
from pathlib import Path
from datawave.supervisor.word import hear_word
with Path(sys.argv[1]).open("a") as log:
    print("ahead", file=log, flush=True)
    print("word" if hear_word() else "none", file=log, flush=True)
signal.pause()
""",
]


def test_who_is_started_ahead_goes_on_when_the_others_are_there(
    tmp_path: Path, running: list[Running]
) -> None:
    log = tmp_path / "order"
    step = {
        "name": "step",
        "command": ["sh", "-c", f"until grep -q ahead {log}; do :; done; echo step >> {log}"],
        "once": True,
    }
    then = {"name": "then", "command": [*HEARS, str(log)], "after": ["step"], "ahead": True}
    up = Running(tmp_path, [then, step])
    running.append(up)
    wait_until(lambda: log.exists() and log.read_text() == "ahead\nstep\nword\n")
    [pid] = up.pids(1)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: log.read_text() == "ahead\nstep\nword\nahead\nword\n")


def test_the_word_never_comes_from_a_supervisor_that_is_gone() -> None:
    hearing, word = os.pipe()
    os.close(word)
    code = "from datawave.supervisor.word import hear_word; print(hear_word())"
    environment = {**os.environ, "DATAWAVE_PLAN_WORD_FD": str(hearing)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, pass_fds=[hearing], capture_output=True, text=True
    )
    os.close(hearing)
    assert done.stdout == "False\n"


def test_told_to_end_it_ends_who_still_waits_for_the_word(tmp_path: Path, running: list[Running]) -> None:
    log = tmp_path / "order"
    step = {"name": "step", "command": RESTS, "once": True}
    then = {"name": "then", "command": [*HEARS, str(log)], "after": ["step"], "ahead": True}
    up = Running(tmp_path, [step, then])
    running.append(up)
    pids = up.pids(2)
    wait_until(lambda: log.exists() and log.read_text() == "ahead\n")
    assert up.ended(signal.SIGTERM) == 0
    assert not any(map(processes.is_running, pids))
    assert log.read_text() == "ahead\n"


def test_a_refusal_ends_all_with_the_reason(tmp_path: Path, running: list[Running]) -> None:
    refuses = ["sh", "-c", "echo 'The moon is full.'; exit 2"]
    up = Running(
        tmp_path,
        [
            {"name": "other", "command": RESTS},
            {"name": "step", "command": refuses, "once": True, "log": str(tmp_path / "log")},
        ],
    )
    running.append(up)
    assert "The moon is full." in up.until("DataWave cannot run")
    assert up.process.wait(PATIENCE) == 1


def test_what_never_starts_is_given_up(
    tmp_path: Path, running: list[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    up = Running(tmp_path, [{"name": "broken", "command": ["sh", "-c", "exit 1"], "once": True}])
    running.append(up)
    assert "5 times" in up.until("DataWave cannot run")
    assert up.process.wait(PATIENCE) == 1


def test_what_is_not_needed_may_fail(tmp_path: Path, running: list[Running]) -> None:
    up = Running(
        tmp_path,
        [
            {"name": "extra", "command": ["sh", "-c", "exit 2"], "once": True, "needed": False},
            {"name": "main", "command": RESTS, "after": ["extra"]},
        ],
    )
    running.append(up)
    assert "The rest goes on" in up.until("extra refused")
    up.until("✓ main")


def test_a_program_that_is_not_there_is_told_and_given_up(tmp_path: Path, running: list[Running]) -> None:
    up = Running(tmp_path, [{"name": "ghost", "command": ["/no/such/program"]}])
    running.append(up)
    assert "cannot be started" in up.until("ghost cannot be started")


SERVES = [
    sys.executable,
    "-c",
    """
import os, signal, sys
from pathlib import Path
from datawave.supervisor.word import say_ready
folder = Path(sys.argv[1])
if (folder / "broken").exists():
    sys.exit(3)
(folder / f"came-{os.getpid()}").touch()
def leave(number, frame):
    while (folder / "held").exists():
        pass
    (folder / f"left-{os.getpid()}").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
say_ready()
signal.pause()
""",
]


class Renewing:
    """A supervisor whose children say when they come and go, and what it is told to renew."""

    def __init__(self, folder: Path, *children: dict[str, object]) -> None:
        self.folder = folder
        given = [{"command": [*SERVES, str(folder)], "tells": True, **child} for child in children]
        self.up = Running(folder, given)
        self._outcome = folder / "running.json.renewed"

    def renew(self) -> str | None:
        """What went wrong, when it is over."""
        self.ask()
        return self.outcome()

    def ask(self) -> None:
        self._outcome.unlink(missing_ok=True)
        self.up.process.send_signal(signal.SIGUSR1)

    def outcome(self) -> str | None:
        wait_until(self._outcome.exists)
        return json.loads(self._outcome.read_text())["trouble"]

    def left(self) -> set[int]:
        return {int(file.name.partition("-")[2]) for file in self.folder.glob("left-*")}

    def came(self) -> set[int]:
        return {int(file.name.partition("-")[2]) for file in self.folder.glob("came-*")}


@pytest.mark.parametrize("renewed", ["BESIDE", "AFTER"])
def test_each_is_renewed_again_and_again(tmp_path: Path, running: list[Running], renewed: str) -> None:
    made = Renewing(tmp_path, {"name": "a", "renewed": renewed}, {"name": "b", "renewed": renewed}, OTHER)
    running.append(made.up)
    made.up.until("✓ b")
    former = set(made.up.pids(3))
    for round_ in (1, 2):
        assert made.renew() is None
        wait_until(lambda round_=round_: len(made.came()) == 2 * round_ + 2)
        now = set(made.up.pids(3))
        assert made.left() >= former - now
        assert len(former & now) == 1
        former = now


def test_the_fresh_one_is_there_before_the_former_leaves(tmp_path: Path, running: list[Running]) -> None:
    made = Renewing(tmp_path, {"name": "a", "renewed": "BESIDE"})
    running.append(made.up)
    [former] = made.up.pids(1)
    made.up.until("✓ a")
    (tmp_path / "held").touch()
    made.ask()
    made.up.until("a is renewed")
    assert former in made.up.pids(2)
    (tmp_path / "held").unlink()
    assert made.outcome() is None
    assert former not in made.up.pids(1)


def test_who_does_not_leave_in_time_is_ended(tmp_path: Path, running: list[Running]) -> None:
    made = Renewing(tmp_path, {"name": "a", "renewed": "BESIDE", "leave_within": 0.1})
    running.append(made.up)
    [former] = made.up.pids(1)
    made.up.until("✓ a")
    (tmp_path / "held").touch()
    assert made.renew() is None
    assert not processes.is_running(former)
    assert made.left() == set()
    (tmp_path / "held").unlink()


def test_a_fresh_one_that_fails_leaves_the_former_alone(tmp_path: Path, running: list[Running]) -> None:
    made = Renewing(tmp_path, {"name": "a", "renewed": "BESIDE"})
    running.append(made.up)
    [former] = made.up.pids(1)
    made.up.until("✓ a")
    (tmp_path / "broken").touch()
    assert made.renew() == "a ended (exit code 3); the former goes on"
    assert made.up.pids(1) == [former]
    (tmp_path / "broken").unlink()
    assert made.renew() is None
    assert made.up.pids(1) != [former]


def test_told_to_end_it_ends_those_too_that_are_being_renewed(tmp_path: Path, running: list[Running]) -> None:
    made = Renewing(tmp_path, {"name": "a", "renewed": "BESIDE", "patience": 0.1})
    running.append(made.up)
    made.up.until("✓ a")
    (tmp_path / "held").touch()
    made.ask()
    made.up.until("a is renewed")
    pids = made.up.pids(2)
    assert made.up.ended(signal.SIGTERM) == 0
    assert not any(map(processes.is_running, pids))


OTHER = {"name": "other", "command": RESTS, "tells": False}
