"""How the embedded servers are started, found again and ended. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

NOBODY = 65534
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


class CannotRun(RuntimeError):
    """Why something cannot be started, as one line that says what to do."""


def die_with_parent(with_signal: signal.Signals, *, niceness: int = 0) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends the signal to the child when the thread that started it is gone.

    Only for processes that start children from one thread. A parent that died before this ran is noticed too.
    """
    parent = os.getpid()

    def prepare() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
        if niceness:
            os.nice(niceness)

    return prepare


def start(
    command: Sequence[str],
    *,
    end_signal: signal.Signals = signal.SIGTERM,
    environment: dict[str, str] | None = None,
    output: int | None = None,
    directory: Path | None = None,
    niceness: int = 0,
    inherited: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in a process group of its own that does not outlive us; `output` takes both streams."""
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        env=environment,
        cwd=directory,
        process_group=0,
        pass_fds=inherited,
        preexec_fn=die_with_parent(end_signal, niceness=niceness),
    )


@cache
def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run([*_by_namespace(), "true"], capture_output=True, timeout=10, check=False)
    return tried.returncode == 0


def _by_namespace() -> list[str]:
    return ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}", "--"]


def as_ordinary_user() -> list[str]:
    """What stands before a command that refuses to be root: nothing, unless we are root.

    A user namespace in which we are `nobody` needs no change of owner and works below folders that only
    root may enter; where namespaces are forbidden, the user `nobody` itself.
    """
    if os.geteuid() != 0:
        return []
    if _namespaces_work():
        return _by_namespace()
    if shutil.which("setpriv") is None:
        raise CannotRun(
            "PostgreSQL does not run as root, and `unshare` and `setpriv` do not work: be another user."
        )
    # A change of user forgets the parent-death signal, so it is asked for once more.
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--pdeathsig", "INT", "--"]


def may_enter_as_server(folder: Path) -> bool:
    """Whether the user that the server runs as gets through this folder."""
    if os.geteuid() != 0 or _namespaces_work():
        return True
    return bool(folder.stat().st_mode & 0o001)


def owned_by_server(path: Path) -> None:
    """Give a folder to the user that the server runs as, where that is not ours."""
    if os.geteuid() != 0 or _namespaces_work():
        return
    os.chown(path, NOBODY, NOBODY)
    for inner in path.rglob("*"):
        os.chown(inner, NOBODY, NOBODY, follow_symlinks=False)
    refused = next((folder for folder in path.parents if not may_enter_as_server(folder)), None)
    if refused is not None:
        raise CannotRun(
            f"PostgreSQL runs as the user nobody here and may not enter {refused}: "
            "choose another DATAWAVE_HOME or start as an ordinary user."
        )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def port_is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal; one that has none might die of it."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (int(number) - 1) & 1)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def started_at(pid: int) -> str:
    """When a process started, in the kernel's ticks: with the pid it names one process and no later one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def adopt_orphans() -> None:
    """What our children leave behind becomes our child, so that we can end it."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def own_children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (thread / "children").read_text().split()]
    return found


def is_worked_in(folder: Path) -> bool:
    """Whether a process has this folder as its own, as far as we may know; zombies have none."""
    place = str(folder.resolve())
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and str((entry / "cwd").readlink()) == place:
                return True
    return False


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def end_stranger(pid: int, *, with_signals: Sequence[signal.Signals], patience: float) -> bool:
    """End a process that is not our child, signal by signal; True when it is gone."""
    for each in with_signals:
        try:
            os.kill(pid, each)
        except ProcessLookupError:
            return True
        until = time.monotonic() + patience / len(with_signals)
        while time.monotonic() < until:
            if not is_running(pid):
                return True
            time.sleep(0.02)
    return not is_running(pid)


def end_child(child: subprocess.Popen[bytes], *, with_signal: signal.Signals, patience: float) -> None:
    """End a child: politely, then with its whole group."""
    if child.poll() is None:
        child.send_signal(with_signal)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            kill_group(child.pid)
            child.wait()
    kill_group(child.pid)


def kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def wait_until(
    ready: Callable[[], bool], child: subprocess.Popen[bytes], *, patience: float, what: str, log: Path
) -> None:
    """Wait for a child to answer; one that ends or keeps silent is refused with the last line it wrote."""
    until = time.monotonic() + patience
    while not ready():
        if child.poll() is not None:
            raise CannotRun(f"{what} ended while starting: {last_line(log)}")
        if time.monotonic() > until:
            raise CannotRun(f"{what} did not answer within {patience:g} seconds: {last_line(log)}")
        time.sleep(0.02)


def last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-4000:].decode(errors="replace").strip().splitlines()
    except OSError:
        return f"see {log}"
    worst = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "Error: "))]
    return (worst or lines or [f"see {log}"])[-1].strip()
