"""The product as users have it: `datawave up` on a home of its own, spoken to over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import documents
from benchmarks.figures import measured
from datawave.embedded import processes
from datawave.embedded.home import Home

Json: TypeAlias = dict[str, Any]

EMAIL = "admin@datawave.local"
START_SECONDS = 120
BUILD_SECONDS = 600
BUILD = "datawave.supervisor.web"
"""In the command line of what builds the pages."""
MESSAGE_SECONDS = 120
"""The longest silence that a stream may keep before the bench gives up."""


class BenchFailed(RuntimeError):
    """The product did not do what was to be measured; the words say what it answered."""


class Platform:
    """A running product. `start_seconds` is the time from the command to the first good `/readyz`."""

    def __init__(self, home: Path, port: int, process: subprocess.Popen[bytes]) -> None:
        self.home = home
        self.port = port
        self.process = process
        self.start_seconds = 0.0
        self._http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
        self._token = ""

    @property
    def database_url(self) -> str:
        """For counting what was written, beside the API."""
        return Home(self.home).postgres_address().url("datawave")

    async def ready(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while not await self._answers():
                if self.process.poll() is not None:
                    raise BenchFailed(f"`datawave up` ended: {processes.last_line(self.home / 'up.log')}")
                await asyncio.sleep(0.05)

    async def _answers(self) -> bool:
        try:
            return (await self._http.get("/readyz", timeout=2)).status_code == 200
        except httpx2.TransportError:
            return False

    async def pages_built(self) -> None:
        """Until the pages are built, which a checkout does once, beside the first start."""
        async with asyncio.timeout(BUILD_SECONDS):
            while any(BUILD in processes.command_line(pid) for pid in tree(self.process.pid)):  # noqa: ASYNC110  # its end tells nobody
                await asyncio.sleep(0.2)

    async def sign_in(self, password: str) -> None:
        answer = await self.run(documents.SIGN_IN, input={"password": {"email": EMAIL, "password": password}})
        self._token = answer["tokens"]["accessToken"]

    async def ask(self, document: str, **variables: Any) -> Json:
        """The data of a document; errors are raised."""
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = {"query": document, "variables": variables}
        answer = (await self._http.post("/graphql", json=body, headers=headers)).json()
        if answer.get("errors"):
            raise BenchFailed(str(answer["errors"][0]["message"]))
        return answer["data"]

    async def run(self, document: str, **variables: Any) -> Json:
        """The payload of a mutation's only field; its errors are raised."""
        [payload] = (await self.ask(document, **variables)).values()
        if payload["errors"]:
            raise BenchFailed("; ".join(error["message"] for error in payload["errors"]))
        return payload

    @asynccontextmanager
    async def following(self, document: str, **variables: Any) -> AsyncGenerator[AsyncIterator[Json]]:
        """One subscription on a socket of its own, acknowledged before this is entered."""
        address = f"ws://127.0.0.1:{self.port}/graphql"
        async with connect(
            address, subprotocols=[documents.PROTOCOL], compression=None, max_size=2**22
        ) as socket:
            greeting = {"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}}
            await _send(socket, greeting)
            if (await _receive(socket))["type"] != "connection_ack":
                raise BenchFailed("the WebSocket was not acknowledged")
            request = {"query": document, "variables": variables}
            await _send(socket, {"id": "1", "type": "subscribe", "payload": request})
            yield _events(socket)

    async def close(self) -> None:
        await self._http.aclose()


async def _events(socket: ClientConnection) -> AsyncIterator[Json]:
    """The data of each event until the stream completes."""
    while True:
        message = await _receive(socket)
        match message["type"]:
            case "next":
                if message["payload"].get("errors"):
                    raise BenchFailed(str(message["payload"]["errors"][0]["message"]))
                yield message["payload"]["data"]
            case "ping":
                await _send(socket, {"type": "pong"})
            case "complete":
                return
            case "error":
                raise BenchFailed(str(message["payload"]))
            case _:
                continue


async def _send(socket: ClientConnection, message: Json) -> None:
    await socket.send(orjson.dumps(message).decode())


async def _receive(socket: ClientConnection) -> Json:
    async with asyncio.timeout(MESSAGE_SECONDS):
        return orjson.loads(await socket.recv())


@asynccontextmanager
async def platform(home: Path, *, settings: Mapping[str, str] | None = None) -> AsyncGenerator[Platform]:
    """Start on a home, new or started before, sign in as its admin, and end it all afterwards."""
    home.mkdir(parents=True, exist_ok=True)
    password = _kept_password(home)
    port = processes.free_port()
    with measured() as watch:
        with (home / "up.log").open("ab") as output:
            process = processes.start(
                [str(Path(sys.executable).with_name("datawave")), "up"],
                end_signal=signal.SIGTERM,
                environment=_environment(home, port, password) | dict(settings or {}),
                output=output.fileno(),
            )
        running = Platform(home, port, process)
        try:
            await running.ready()
        except BaseException:
            await running.close()
            processes.end_child(process, with_signal=signal.SIGTERM, patience=30)
            raise
    running.start_seconds = watch.seconds
    try:
        await running.sign_in(password)
        yield running
    finally:
        await running.close()
        processes.end_child(process, with_signal=signal.SIGTERM, patience=30)


def _kept_password(home: Path) -> str:
    file = home.with_name(f"{home.name}.password")
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(18))
    return file.read_text()


def _environment(home: Path, port: int, password: str) -> dict[str, str]:
    """Ours without settings that would reach into the run, quiet, without the demo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATAWAVE_")}
    return kept | {
        "DATAWAVE_HOME": str(home),
        "DATAWAVE_PORT": str(port),
        "DATAWAVE_ADMIN_EMAIL": EMAIL,
        "DATAWAVE_ADMIN_PASSWORD": password,
        "DATAWAVE_LOG_LEVEL": "warning",
        "DEMO": "0",
    }


def tree(root: int) -> list[int]:
    """A process and everything below it."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (parent := _parent(entry)) is not None:
            below.setdefault(parent, []).append(int(entry.name))
    found, look = [root], [root]
    while look:
        children = below.get(look.pop(), [])
        found += children
        look += children
    return found


def _parent(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def megabytes(pid: int, *, file: str, field: str) -> float:
    """A memory figure of a process from `/proc` (kB there), 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
