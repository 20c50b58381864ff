"""`datawave up` as people run it: a process on a home of its own."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from datawave.embedded import postgres, processes
from datawave.embedded.home import DATABASE, Home

PROGRAM = [sys.executable, str(Path(sys.executable).with_name("datawave"))]
PATIENCE = 90.0


class Up:
    """A running `datawave up`, in a process group of its own as a shell would start it."""

    def __init__(self, home: Path, *, port: int | None = None, **settings: str) -> None:
        self.home = Home(home)
        self.port = port or processes.free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DATAWAVE_")}
        self.environment = kept | {
            "DATAWAVE_HOME": str(home),
            "DATAWAVE_PORT": str(self.port),
            "DEMO": "0",
            **{f"DATAWAVE_{name}": value for name, value in settings.items()},
        }
        self.process = subprocess.Popen(
            [*PROGRAM, "up", "--no-web"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )
        self.said: list[str] = []

    def until(self, words: str) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return "".join(self.said)
        raise AssertionError(f"“{words}” was not said, but: {''.join(self.said)}")

    def refused(self) -> str:
        said, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode not in (0, None), said
        return said

    def family(self) -> list[int]:
        """The supervisor and everything below it."""
        found, look = [], [self.process.pid]
        while look:
            pid = look.pop()
            found.append(pid)
            look += [
                int(each)
                for file in Path(f"/proc/{pid}/task").glob("*/children")
                for each in file.read_text().split()
            ]
        return found

    def kill_everything(self) -> None:
        family = self.family()
        for pid in family:
            # The first to die takes others along.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode


@pytest.fixture
def ups() -> Iterator[list[Up]]:
    started: list[Up] = []
    yield started
    for up in started:
        up.end()


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = Up(tmp_path / "home", port=taken.getsockname()[1]).refused()
    assert re.fullmatch(r"DataWave cannot run: Port \d+ on 127.0.0.1 is taken .*DATAWAVE_PORT.*\n", said)


def test_an_unwritable_home_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    [line] = Up(tmp_path / "file" / "home").refused().splitlines()
    assert "cannot be written" in line


def test_a_home_in_use_is_one_clear_line(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    with home.locked():
        [line] = Up(home.path).refused().splitlines()
    assert f"already runs on {home.path} (process {os.getpid()})" in line


def test_data_of_a_newer_postgresql_is_one_clear_line(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    home.postgres.mkdir()
    (home.postgres / "PG_VERSION").write_text("19\n")
    assert "holds data of PostgreSQL 19" in Up(home.path).refused().splitlines()[-1]


def test_data_of_a_newer_release_is_one_clear_line(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare()
    running = postgres.start_postgres(home.postgres, password=home.postgres_address().password)
    postgres.create_database(running.address, DATABASE)
    version = "create table alembic_version as select 'from_the_future' as version_num"
    postgres.psql(running.address, version, database=DATABASE)
    running.stop()
    last = Up(home.path).refused().splitlines()[-1]
    assert "made by a newer release" in last
    assert "from_the_future" in last


def test_a_bad_setting_is_one_clear_line(tmp_path: Path) -> None:
    assert Up(tmp_path, PROFILE="production").refused().count("in production.\n") == 4
    assert Up(tmp_path, WORKERS="none").refused().startswith("DATAWAVE_WORKERS: ")


def test_a_slip_of_the_pen_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "DATAWAVE_PROT is no setting" in Up(tmp_path / "file" / "home", PROT="1").refused()


def test_nothing_is_imported_that_the_supervisor_keeps_in_memory() -> None:
    heavy = {
        "pydantic",
        "asyncio",
        "typer",
        "structlog",
        "asyncpg",
        "sqlalchemy",
        "alembic",
        "http.client",
        "ssl",
    }
    code = "import sys, datawave.cli, datawave.supervisor.main, datawave.demo; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert heavy & set(done.stdout.split()) == set()


def answers(up: Up) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/readyz", timeout=5) as answer:
        return answer.status == 200


def answers_again(up: Up, within: float = 60.0) -> bool:
    """A server that is back has still to be met by the API: until then it says 503 and when to come again."""
    until = time.monotonic() + within
    while True:
        try:
            return answers(up)
        except urllib.error.HTTPError as refused:
            if refused.code != 503 or time.monotonic() > until:
                raise
            time.sleep(0.1)


@dataclass(frozen=True)
class FirstStart:
    """What a first start said and left, for all tests that only look."""

    home: Path
    port: int
    said: str
    answered: bool
    survivors: list[int]
    exit_code: int

    def copied(self, to: Path) -> Path:
        """A home that has been started before, to be started again."""
        shutil.copytree(self.home, to)
        (to / "ports.json").unlink()
        return to


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    up = Up(tmp_path_factory.mktemp("first") / "home")
    said = up.until("Ctrl-C ends it.")
    answered, family = answers(up), up.family()
    code = up.end()
    survivors = [pid for pid in family if processes.is_running(pid)]
    return FirstStart(up.home.path, up.port, said, answered, survivors, code)


def test_the_first_start_shows_where_and_who(first: FirstStart) -> None:
    assert f"DataWave is ready at http://127.0.0.1:{first.port}\n" in first.said
    assert "e-mail    admin@datawave.local\n" in first.said
    assert re.search(r"password  \S{12,}\n", first.said)
    assert first.answered


def test_ctrl_c_leaves_no_process(first: FirstStart) -> None:
    assert (first.exit_code, first.survivors) == (0, [])


def test_the_generated_password_is_stored_nowhere_in_clear(first: FirstStart) -> None:
    password = re.search(r"password  (\S+)", first.said)
    assert password is not None
    found = subprocess.run(["grep", "-rlF", password[1], first.home], capture_output=True, text=True)
    assert found.stdout == ""


def test_a_later_start_shows_no_password_and_migrates_nothing(
    first: FirstStart, tmp_path: Path, ups: list[Up]
) -> None:
    ups.append(Up(first.copied(tmp_path / "home")))
    said = ups[0].until("Ctrl-C ends it.")
    assert "password" not in said
    assert "Database schema" not in said


def test_killed_at_once_it_starts_again_without_mending(
    first: FirstStart, tmp_path: Path, ups: list[Up]
) -> None:
    home = first.copied(tmp_path / "home")
    killed = Up(home)
    ups.append(killed)
    killed.until("Ctrl-C ends it.")
    killed.kill_everything()
    ups.append(Up(home, port=killed.port))
    ups[1].until("Ctrl-C ends it.")
    assert answers(ups[1])


def test_a_killed_supervisor_is_followed_at_once(first: FirstStart, tmp_path: Path, ups: list[Up]) -> None:
    home = first.copied(tmp_path / "home")
    killed = Up(home)
    ups.append(killed)
    killed.until("Ctrl-C ends it.")
    killed.process.kill()
    ups.append(Up(home, port=killed.port))
    ups[1].until("Ctrl-C ends it.")
    assert answers(ups[1])


def test_a_first_start_killed_before_the_password_was_shown_gives_another(
    tmp_path: Path, ups: list[Up]
) -> None:
    killed = Up(tmp_path / "home")
    ups.append(killed)
    killed.until("✓ Database schema")
    killed.kill_everything()
    ups.append(Up(tmp_path / "home"))
    said = ups[1].until("Ctrl-C ends it.")
    assert "✓ Admin's password" in said
    assert re.search(r"password  \S+", said)


def test_each_process_that_dies_is_started_again(first: FirstStart, tmp_path: Path, ups: list[Up]) -> None:
    up = Up(first.copied(tmp_path / "home"))
    ups.append(up)
    up.until("Ctrl-C ends it.")
    titles = {
        "datawave serve": "API",
        "datawave worker": "Worker and agent",
        "valkey-server": "Valkey",
        "/postgres -D": "PostgreSQL",
    }
    for words, title in titles.items():
        [pid] = [pid for pid in up.family()[1:] if words in processes.command_line(pid)]
        os.kill(pid, signal.SIGKILL)
        up.until(f"{title} is back.")
    assert answers_again(up)


def test_two_homes_run_side_by_side(first: FirstStart, tmp_path: Path, ups: list[Up]) -> None:
    ups += [Up(first.copied(tmp_path / name)) for name in ("one", "two")]
    for up in ups:
        up.until("Ctrl-C ends it.")
    assert all(map(answers, ups))
