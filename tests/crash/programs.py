"""The real program in processes of its own, on a test's database and a Valkey of its own: to be killed."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from datawave.app.processes import OTHER_FILES
from datawave.embedded import processes, valkey
from datawave.settings import load
from datawave.settings.sources import ROOT
from datawave.supervisor.sockets import handing_down
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import SIGN_IN, free_port

PROGRAM = [sys.executable, str(Path(sys.executable).with_name("datawave"))]
PATIENCE = 60.0


class Program:
    """`datawave serve`, `worker --agent` or `up`, each started, killed and started again."""

    def __init__(self, home: Path, database_url: str, redis_url: str, **settings: str) -> None:
        self.database_url = database_url
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DATAWAVE_")}
        self._environment = kept | {
            "DATAWAVE_HOME": str(home),
            "DATAWAVE_PORT": str(self.port),
            "DATAWAVE_DATABASE_URL": database_url,
            "DATAWAVE_REDIS_URL": redis_url,
            "DATAWAVE_SECRET_KEY": furnished.SECRET_KEY.reveal(),
            "DATAWAVE_LOG_FORMAT": "json",
            "DEMO": "0",
            **{f"DATAWAVE_{name}": value for name, value in settings.items()},
        }
        self._log = home / "log"
        self._running: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, *command: str) -> None:
        await self._run(command[0], *PROGRAM, *command)

    async def serve_beside_others(self) -> None:
        """One of several on a socket that is handed down to them."""
        with socket.create_server(("127.0.0.1", self.port)) as listening:
            self._environment |= {"DATAWAVE_API_PROCESSES": "2", **handing_down([listening])}
            await self._run("serve", *PROGRAM, "serve", pass_fds=[listening.fileno()])

    async def start_only_api(self) -> None:
        """As `up` has it, and without all the rest of `up`."""
        await self._run("up", sys.executable, "-m", "tests.crash.only_api")

    async def _run(self, name: str, *command: str, pass_fds: Sequence[int] = ()) -> None:
        with self._log.open("ab") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *command, env=self._environment, cwd=ROOT, stdout=log, stderr=log, pass_fds=pass_fds
            )

    def pid(self, name: str) -> int:
        return self._running[name].pid

    @property
    def kept_files(self) -> int:
        """Those of `serve` that no client is given."""
        return load(_env_file=None).connections_of_one + OTHER_FILES

    def has_told(self, event: str) -> bool:
        return f'"event":"{event}"' in self._log.read_text().replace(": ", ":")

    async def start_worker(self) -> None:
        await self.start("worker", "--agent")

    async def restart(self) -> None:
        """What `up` runs, as `datawave restart` does it."""
        await self.start("restart")
        async with asyncio.timeout(4 * PATIENCE):
            code = await self._running.pop("restart").wait()
        assert code == 0, self._log.read_text()[-4_000:]

    def pids(self, words: str) -> set[int]:
        """The children of `up` whose command line says so."""
        below = Path(f"/proc/{self._running['up'].pid}/task").glob("*/children")
        children = {int(each) for file in below for each in file.read_text().split()}
        return {pid for pid in children if words in processes.command_line(pid)}

    async def kill(self, name: str) -> None:
        """At once and without a word."""
        running = self._running.pop(name)
        if running.returncode is None:
            running.kill()
        await running.wait()

    async def end(self) -> None:
        if (up := self._running.get("up")) is not None and up.returncode is None:
            up.terminate()  # it takes what it has started along
            await up.wait()
        for name in list(self._running):
            await self.kill(name)

    async def ready(self) -> Client:
        """Signed in as the admin, once the API answers."""
        client = Client(self.url)
        async with asyncio.timeout(PATIENCE):
            while not await self._answers(client):
                running = self._running.values()
                assert not any(each.returncode for each in running), self._log.read_text()[-4_000:]
        password = furnished.ADMIN.password.reveal()
        payload = await client.done(SIGN_IN, email=furnished.ADMIN.email, password=password)
        client.token = payload["tokens"]["accessToken"]
        return client

    async def _answers(self, client: Client) -> bool:
        try:
            return (await client.http.get("/healthz")).status_code == 200
        except OSError:
            return False
        except Exception as error:
            if type(error).__name__ not in (
                "ConnectError",
                "ReadError",
                "ReadTimeout",
                "RemoteProtocolError",
            ):
                raise
            await asyncio.sleep(0.1)  # nothing tells when another process listens
            return False


@asynccontextmanager
async def program(folder: Path) -> AsyncIterator[Program]:
    """A whole house of processes; the API and the worker run."""
    async with prepared(folder) as made:
        await made.start("serve")
        await made.start_worker()
        yield made


@asynccontextmanager
async def prepared(folder: Path) -> AsyncIterator[Program]:
    """All that processes need; none runs yet."""
    home = folder / "home"
    home.mkdir()
    hub = await asyncio.to_thread(valkey.start_valkey, folder / "valkey", password=uuid4().hex)
    try:
        async with furnished.fresh_database() as url:
            made = Program(home, url, hub.address.url())
            try:
                yield made
            finally:
                await made.end()
    finally:
        await asyncio.to_thread(hub.stop)


async def log_of(database_url: str, *, after: int = 0) -> list[tuple[int, str, str]]:
    """(position, id, type) of every event in the log, in order."""
    async with servers.connected(database_url) as connection:
        rows = await connection.fetch(
            "SELECT position, id, type FROM event WHERE position > $1 ORDER BY position", after
        )
        return [(row["position"], row["id"].hex, row["type"]) for row in rows]
