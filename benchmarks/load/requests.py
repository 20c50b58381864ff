"""The load: small C programs, compiled on the spot, so that the client is never what is measured."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.harness import BenchFailed
from benchmarks.peers.installed import cache, python_tool

HERE = Path(__file__).parent


def compiled(name: str) -> Path:
    """The program of a C file beside this one; built again when the file changes."""
    source = HERE / f"{name}.c"
    program = cache("load") / f"{name}-{hashlib.sha256(source.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        fresh = program.with_name(f"{program.name}.{os.getpid()}")
        done = subprocess.run(
            [*_compiler(), "-O2", "-o", str(fresh), str(source)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BenchFailed(f"{source.name} cannot be compiled: {done.stderr.strip()[-400:]}")
        fresh.rename(program)
    return program


def _compiler() -> list[str]:
    """The machine's own, else the one that comes as a wheel."""
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    return [str(python_tool("ziglang==0.17.0", "python")), "-m", "ziglang", "cc"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it goes over the wire."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    path: str = "/graphql"

    def wire(self, port: int) -> bytes:
        head = [
            f"POST {self.path} HTTP/1.1",
            f"host: 127.0.0.1:{port}",
            "content-type: application/json",
            "accept: application/json",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join([*head, "", ""]).encode() + self.body


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What one run of the load found; latencies in milliseconds."""

    answers: int
    seconds: float
    p50: float
    p99: float
    bytes: int

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


def written(file: Path, requests: Sequence[Request], port: int) -> Path:
    with file.open("wb") as opened:
        for request in requests:
            wire = request.wire(port)
            opened.write(len(wire).to_bytes(4, "little") + wire)
    return file


async def requested(port: int, file: Path, *, connections: int, seconds: float) -> Answered:
    """Sends the requests of a file in turn, for so long; every answer must be a good one."""
    process = await asyncio.create_subprocess_exec(
        str(compiled("requests")), str(port), str(connections), str(seconds), str(file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, wrong = await process.communicate()
    if process.returncode != 0:
        raise BenchFailed(wrong.decode(errors="replace").strip() or "the load ended")
    told = orjson.loads(out)
    if told["refused"]:
        raise BenchFailed(f"{told['refused']} of {told['answers']} requests were refused: {told['shown']}")
    return Answered(**{name: told[name] for name in ("answers", "seconds", "p50", "p99", "bytes")})
