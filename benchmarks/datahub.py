"""A peer in the same run: `datahub ingest` of the same source into a file, in an environment of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import orjson

from benchmarks.figures import measured
from benchmarks.source_2000 import BenchSource

PACKAGE = "acryl-datahub[postgres]"
INSTALL_SECONDS = 600
INGEST_SECONDS = 300


async def ingest_seconds(folder: Path, source: BenchSource) -> tuple[float | None, str]:
    """How long the whole program takes, or why it did not run."""
    program, why = await _installed(_environment_folder())
    if program is None:
        return None, why
    recipe = folder / "recipe.json"
    recipe.touch(mode=0o600)
    recipe.write_bytes(orjson.dumps(_recipe(source, folder / "datahub.json")))
    quiet = {"DATAHUB_TELEMETRY_ENABLED": "false", "HOME": str(folder)}
    with measured() as watch:
        code, said = await _run(
            [str(program), "ingest", "-c", str(recipe)], seconds=INGEST_SECONDS, more=quiet
        )
    if code != 0 or not (folder / "datahub.json").exists():
        return None, said
    return watch.seconds, ""


def _environment_folder() -> Path:
    """Kept between runs, outside the checkout and outside our own environment: its pins are not ours."""
    kept = os.environ.get("DATAWAVE_BENCH_DATAHUB")
    return (
        Path(kept)
        if kept
        else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datawave-bench-datahub"
    )


async def _installed(environment: Path) -> tuple[Path | None, str]:
    program = environment / "bin" / "datahub"
    if program.exists():
        return program, ""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        return None, "there is no uv to install it with"
    python = str(environment / "bin" / "python")
    for command in ([uv, "venv", "-q", "--python", sys.executable, str(environment)],
                    [uv, "pip", "install", "-q", "--python", python, PACKAGE]):  # fmt: skip
        code, said = await _run(command, seconds=INSTALL_SECONDS)
        if code != 0:
            return None, said
    return program, ""


def _recipe(source: BenchSource, target: Path) -> dict[str, object]:
    address = source.address
    config = {
        "host_port": f"{address.host}:{address.port}",
        "database": source.database,
        "username": address.username,
        "password": address.password,
        "profiling": {"enabled": False},
    }
    sink = {"type": "file", "config": {"filename": str(target)}}
    return {"source": {"type": "postgres", "config": config}, "sink": sink}


async def _run(command: list[str], *, seconds: float, more: dict[str, str] | None = None) -> tuple[int, str]:
    """The exit code and the last line said; what takes longer is ended."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=os.environ | (more or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return 1, f"took more than {seconds:g} seconds"
    lines = said.decode(errors="replace").strip().splitlines()
    return process.returncode or 0, lines[-1] if lines else ""
