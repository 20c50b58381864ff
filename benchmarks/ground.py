"""The ground of reads and streams: the embedded servers, a furnished database, and `datawave serve` on it."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from benchmarks import documents
from benchmarks.cores import Cores, pinned
from benchmarks.furnishing import furnish_catalog
from benchmarks.harness import EMAIL, BenchFailed
from datawave.embedded import postgres, processes, valkey
from datawave.kit.secrets import Secret

START_SECONDS = 60
SETTINGS = {**postgres.SMALL, "max_connections": "200", "autovacuum": "off"}
"""As `make run` has them, with room for all peers at once, and without a vacuum in the middle of a figure."""


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """Made for the run, or with a database that is kept from one run to the next."""

    database: str
    people: str
    platform: str

    @classmethod
    def of(cls, folder: Path) -> Secrets:
        return cls(
            database=postgres.kept_password(folder / "database.password"),
            people=postgres.kept_password(folder / "people.password"),
            platform=postgres.kept_password(folder / "platform.key"),
        )


@dataclass(frozen=True, kw_only=True)
class Ground:
    """Servers that everybody under measurement shares."""

    folder: Path
    cores: Cores
    secrets: Secrets
    database: postgres.RunningPostgres
    bus: valkey.RunningValkey

    @property
    def database_url(self) -> str:
        return self.database.address.url(DATABASE)

    @property
    def redis_url(self) -> str:
        return self.bus.address.url()


DATABASE = "datawave"


@contextmanager
def ground(folder: Path, cores: Cores, *, kept: Path | None = None) -> Generator[Ground]:
    state = kept or folder
    state.mkdir(parents=True, exist_ok=True)
    known = Secrets.of(state)
    with pinned(cores.rest):
        database = postgres.start_postgres(state / "postgres", password=known.database, settings=SETTINGS)
        try:
            postgres.create_database(database.address, DATABASE)
            bus = valkey.start_valkey(folder / "valkey", password=secrets.token_urlsafe(16))
            try:
                yield Ground(folder=folder, cores=cores, secrets=known, database=database, bus=bus)
            finally:
                bus.stop()
        finally:
            database.stop()


async def furnished(place: Ground) -> None:
    """The catalog in the database, once; a kept one is only brought to this release."""
    await furnish_catalog(place.database_url, Secret(place.secrets.people), Secret(place.secrets.platform))


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process under measurement, on the core that is its own."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid


@asynccontextmanager
async def served(
    place: Ground, name: str, command: Sequence[str], *, environment: Mapping[str, str] | None = None
) -> AsyncGenerator[Server]:
    """Runs a server until it is not needed any more; it is told PORT, DATABASE_URL and REDIS_URL."""
    port = processes.free_port()
    told = {"PORT": str(port), "DATABASE_URL": place.database_url, "REDIS_URL": place.redis_url}
    log = place.folder / f"{name.replace(' ', '-')}.log"
    with log.open("ab") as output, pinned(place.cores.server):
        process = processes.start(
            command,
            end_signal=signal.SIGTERM,
            environment=_clean(os.environ) | told | dict(environment or {}) | {"DATAWAVE_PORT": str(port)},
            output=output.fileno(),
        )
    try:
        await _until_open(port, process, log)
        yield Server(name=name, port=port, process=process)
    finally:
        processes.end_child(process, with_signal=signal.SIGTERM, patience=15)


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Without settings that would reach into the run."""
    return {name: value for name, value in environment.items() if not name.startswith("DATAWAVE_")}


async def _until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    async with asyncio.timeout(START_SECONDS):
        while processes.port_is_free("127.0.0.1", port):
            if process.poll() is not None:
                raise BenchFailed(f"the server ended: {processes.last_line(log)}")
            await asyncio.sleep(0.05)  # a port that opens tells nobody


@asynccontextmanager
async def ours(
    place: Ground, name: str = "ours", *, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[Server]:
    """`datawave serve` as operators run it, with its own defaults."""
    environment = {
        "DATAWAVE_HOME": str(place.folder / name.replace(" ", "-")),
        "DATAWAVE_DATABASE_URL": place.database_url,
        "DATAWAVE_REDIS_URL": place.redis_url,
        "DATAWAVE_SECRET_KEY": place.secrets.platform,
        "DATAWAVE_LOG_LEVEL": "warning",
        # A load of one user is what is measured; the points are counted all the same.
        "DATAWAVE_LIMIT_POINTS_PER_MINUTE": "1000000000",
        **(settings or {}),
    }
    program = str(Path(sys.executable).with_name("datawave"))
    async with served(place, name, [program, "serve"], environment=environment) as server:
        yield server


async def token(place: Ground, port: int, email: str = EMAIL) -> str:
    """Signs in with a password and gives the access token, which is good for ten minutes."""
    signing = {"password": {"email": email, "password": place.secrets.people}}
    body = {"query": documents.SIGN_IN, "variables": {"input": signing}}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as http:
        payload = (await http.post("/graphql", json=body)).json()["data"]["signIn"]
    if payload["errors"]:
        raise BenchFailed(payload["errors"][0]["message"])
    return payload["tokens"]["accessToken"]
