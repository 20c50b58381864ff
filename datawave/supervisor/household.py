"""The children of `datawave up`: servers, migration, API, workers, demo, and the dashboard's build."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from datawave.embedded import postgres, valkey
from datawave.embedded.home import DATABASE, Home
from datawave.supervisor import sockets
from datawave.supervisor.children import Child, Renewed
from datawave.supervisor.plan import Plan
from datawave.supervisor.stamp import is_migrated, write_stamp

FIRST_START = "DATAWAVE_PLAN_FIRST_START"
"""Names the file that `datawave migrate` makes when it meets an empty database."""
NEW_PASSWORD = "DATAWAVE_PLAN_NEW_PASSWORD"
FEWER_ARENAS = {"MALLOC_ARENA_MAX": "2"}
"""glibc keeps an arena for each thread; two are enough for processes that mostly wait."""
COUNTED_IN = "PROMETHEUS_MULTIPROC_DIR"
"""The library's own name for the folder in which processes count together."""


class Household:
    """Makes the children of a plan, and knows what the first start has to show."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.home = Home(Path(plan.home))
        self.sockets: list[socket.socket] = []
        self.was_interrupted = self.home.first_start.exists()
        self.password = "" if plan.has_admin_password or plan.production else secrets.token_urlsafe(12)

    def children(self) -> list[Child]:
        found: list[Child] = []
        if self.plan.database_url is None:
            found.append(self._postgres())
        if self.plan.redis_url is None:
            found.append(self._valkey())
        found += [self._migrate(), self._show_again()]
        found += [self._serve(number) for number in range(1, self.plan.api_processes + 1)]
        found += [self._worker(number) for number in range(1, self.plan.workers + 1)]
        if self.plan.demo:
            found += [self._demo(), self._connect_demo()]
        if self.plan.web and (Path(self.plan.root) / "web" / "package.json").exists():
            found.append(self._web())
        return found

    def listen(self) -> None:
        """The API's sockets are ours: whoever comes while its processes change waits in them."""
        self.sockets = sockets.handed_down() or sockets.listening(self.plan.host, self.plan.port)

    def count_anew(self) -> None:
        shutil.rmtree(self.home.metrics, ignore_errors=True)
        self.home.metrics.mkdir()

    def claim_ports(self) -> None:
        if self.plan.database_url is None:
            self.home.claim_port("postgres")
        if self.plan.redis_url is None:
            self.home.claim_port("valkey")

    def _postgres(self) -> Child:
        data = self.home.postgres

        def command() -> Sequence[str]:
            address = self.home.postgres_address()
            postgres.init_postgres(data, password=address.password)
            postgres.end_orphan(data)
            connections = max(self.plan.connections, int(postgres.SMALL["max_connections"]))
            settings = {**postgres.SMALL, "max_connections": str(connections)}
            return postgres.postgres_command(data, port=address.port, settings=settings)

        return Child(
            name="postgres",
            title="PostgreSQL",
            command=command,
            ready=lambda pid: postgres.is_ready(data, pid),
            environment=postgres.clean_environment(),
            end_signal=signal.SIGINT,
            patience=20,
            log=self.home.logs / "postgres.log",
        )

    def _valkey(self) -> Child:
        data = self.home.valkey

        def command() -> Sequence[str]:
            address = self.home.valkey_address()
            valkey.end_orphan(data)
            return valkey.valkey_command(data, port=address.port, password=address.password, persist=True)

        return Child(
            name="valkey",
            title="Valkey",
            command=command,
            ready=lambda _pid: valkey.answers(self.home.valkey_address()),
            environment=postgres.clean_environment(),
            log=self.home.logs / "valkey.log",
        )

    def _migrate(self) -> Child:
        """Makes the database too; skipped where it would find nothing to do."""
        embedded = self.plan.database_url is None

        def skip() -> bool:
            if not embedded:
                return False
            postgres.create_database(self.home.postgres_address(), DATABASE)
            if is_migrated(self.home):
                return True
            self.home.migrated.unlink(missing_ok=True)
            return False

        return Child(
            name="migrate",
            title="Database schema",
            command=lambda: self._program("migrate"),
            environment=self.environment()
            | {FIRST_START: str(self.home.first_start)}
            | self._new_password("DATAWAVE_ADMIN_PASSWORD"),
            after=("postgres",),
            skip=skip,
            once=True,
            start_within=3600,
        )

    def _show_again(self) -> Child:
        """A first start that was killed before it showed the admin's password needs another one."""
        return Child(
            name="admin",
            title="Admin's password",
            command=lambda: self._program("user", "set-password", self.plan.admin_email),
            environment=self.environment() | self._new_password(NEW_PASSWORD),
            after=("migrate",),
            skip=lambda: not (self.was_interrupted and self.password),
            once=True,
        )

    def _serve(self, number: int) -> Child:
        """The first one answers as soon as it can; the others take it no processor away."""
        first = number == 1
        return Child(
            name=f"serve-{number}",
            title="API" if first else f"API {number}",
            command=lambda: self._program("serve"),
            tells=True,
            inherits=tuple(each.fileno() for each in self.sockets),
            environment=self.environment() | sockets.handing_down(self.sockets) | self._counted_in(),
            after=("migrate", "admin", "valkey") if first else ("serve-1",),
            ahead=first,
            end_signal=signal.SIGINT,
            renewed=Renewed.BESIDE,
            leave_within=self.plan.leave_within,
        )

    def _counted_in(self) -> dict[str, str]:
        """Whichever of several answers `/metrics`, it tells of all of them."""
        return {COUNTED_IN: str(self.home.metrics)} if self.plan.api_processes > 1 else {}

    def _worker(self, number: int) -> Child:
        """The first one has the built-in agent beside it. None takes the API's start a processor away, nor
        leaves the agent without the API at the end."""
        return Child(
            name=f"worker-{number}",
            title="Worker and agent" if number == 1 else f"Worker {number}",
            command=lambda: self._program("worker", *(["--agent"] if number == 1 else [])),
            environment=self.environment(),
            after=("migrate", "admin", "valkey", "serve-1"),
            renewed=Renewed.AFTER,
        )

    def _demo(self) -> Child:
        """Prepares the demo, then becomes its PostgreSQL; trouble there keeps the product from nobody."""
        from datawave import demo

        return Child(
            name="demo",
            title="Demo database",
            command=lambda: demo.server_command(self.home.path),
            ready=lambda _pid: demo.answers(self.home.path),
            environment=postgres.clean_environment(),
            end_signal=signal.SIGINT,
            may_finish=True,
            needed=False,
            log=self.home.logs / "demo.log",
            niceness=5,
        )

    def _connect_demo(self) -> Child:
        from datawave import demo

        connected = self.home.path / "demo" / "connected"
        return Child(
            name="demo-connect",
            title="Demo connected",
            command=lambda: self._program("demo", "connect"),
            environment=self.environment(),
            after=("demo", "serve-1"),
            once=True,
            needed=False,
            skip=lambda: connected.exists() or not demo.is_wanted(self.home.path),
        )

    def _web(self) -> Child:
        return Child(
            name="web",
            title="Dashboard",
            command=lambda: [sys.executable, "-m", "datawave.supervisor.web", self.plan.root],
            once=True,
            needed=False,
            log=self.home.logs / "web.log",
            niceness=10,
        )

    def environment(self) -> dict[str, str]:
        """What the product's own processes see: our environment, and where the embedded servers are."""
        given = {
            **os.environ,
            **FEWER_ARENAS,
            "DATAWAVE_HOME": self.plan.home,
            "DATAWAVE_HOST": self.plan.host,
            "DATAWAVE_PORT": str(self.plan.port),
            "DATAWAVE_PROFILE": self.plan.profile,
        }
        given["DATAWAVE_DATABASE_URL"] = self.plan.database_url or self.home.postgres_address().url(DATABASE)
        given["DATAWAVE_REDIS_URL"] = self.plan.redis_url or self.home.valkey_address().url()
        return given

    def _new_password(self, name: str) -> dict[str, str]:
        return {name: self.password} if self.password else {}

    def _program(self, *words: str) -> list[str]:
        return [sys.executable, str(Path(sys.executable).with_name("datawave")), *words]

    def note_migration(self) -> None:
        if self.plan.database_url is None and not self.home.migrated.exists():
            write_stamp(self.home)

    def welcome(self) -> list[str]:
        """What is printed once the API answers; the password this one time."""
        lines = ["", f"DataWave is ready at {self.plan.origin}", f"  GraphiQL: {self.plan.origin}/graphiql"]
        if self.home.first_start.exists():
            lines += ["", "First start. Sign in as", f"  e-mail    {self.plan.admin_email}"]
            known = "the one in DATAWAVE_ADMIN_PASSWORD"
            lines.append(f"  password  {self.password or known}")
            if self.password:
                lines.append("  Keep it: it is shown once and stored nowhere in clear.")
        return [*lines, "", "Ctrl-C ends it.", ""]

    def has_welcomed(self) -> None:
        self.home.first_start.unlink(missing_ok=True)
