"""The servers of a test run: PostgreSQL and Valkey for the platform, a second PostgreSQL as its source.

The process that starts pytest (xdist's controller) starts and ends them; workers find them by environment.
`DATAWAVE_TEST_DATABASE_URL` and `DATAWAVE_TEST_REDIS_URL` name servers of one's own instead.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from redis.asyncio import Redis

from datawave import migrations
from datawave.embedded import postgres, valkey

DATABASE_URL = "DATAWAVE_TEST_DATABASE_URL"
REDIS_URL = "DATAWAVE_TEST_REDIS_URL"
SOURCE_URL = "DATAWAVE_TEST_SOURCE_URL"
RUN = "DATAWAVE_TEST_RUN"
TEMPLATE_LOCK = 0x74_65_73_74


class ValkeySpace(NamedTuple):
    """A test's own corner of the run's Valkey: keys and channels begin with the prefix."""

    url: str
    prefix: str


@dataclass(frozen=True)
class SourceDatabase:
    """A database of the server that tests govern."""

    host: str
    port: int
    database: str
    username: str
    password: str

    @property
    def url(self) -> str:
        return f"postgresql://{self.username}:{self.password}@{self.host}:{self.port}/{self.database}"


class SourceServer:
    """The second PostgreSQL; the platform refuses its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def database(self, sql: str = "") -> SourceDatabase:
        """A fresh database in which the SQL has run; roles belong to the server, so name them uniquely."""
        name = f"shop_{uuid4().hex[:12]}"
        async with connected(self.url) as admin:
            await admin.execute(f'create database "{name}" template template0 strategy file_copy')
        url = in_database(self.url, name)
        if sql:
            async with connected(url) as connection:
                await connection.execute(sql, timeout=120)
        parts = urlsplit(url)
        return SourceDatabase(
            parts.hostname or "127.0.0.1",
            parts.port or 5432,
            name,
            parts.username or "",
            parts.password or "",
        )


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        yield connection
    finally:
        await connection.close(timeout=10)


def in_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(migrations.plain_url(url))._replace(path=f"/{name}"))


class Servers:
    """What the controller started, to be ended in the reverse order."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="datawave-tests-"))
        self._endings: list[Callable[[], None]] = []
        self._lent_postgres = bool(os.environ.get(DATABASE_URL))
        self._lent_valkey = bool(os.environ.get(REDIS_URL))

    def start(self) -> None:
        os.environ[RUN] = uuid4().hex[:8]
        password = secrets.token_urlsafe(12)
        platform, source = self.folder / "platform", self.folder / "source"
        postgres.init_postgres(source, password=password, durable=False)
        if not self._lent_postgres:
            # A copy of a fresh data folder takes a tenth of another initdb.
            shutil.copytree(source, platform)
            os.environ[DATABASE_URL] = self._postgres(platform, password)
        os.environ[SOURCE_URL] = self._postgres(source, password)
        if not self._lent_valkey:
            started = valkey.start_valkey(self.folder / "valkey", password=password)
            self._endings.append(started.stop)
            os.environ[REDIS_URL] = started.address.url()

    def _postgres(self, data: Path, password: str) -> str:
        started = postgres.start_postgres(data, password=password, settings=postgres.FOR_TESTS)
        self._endings.append(started.stop)
        return started.address.url()

    async def forget(self) -> None:
        """Leave nothing behind on servers that are not ours."""
        if self._lent_postgres:
            await forget_databases()
        if self._lent_valkey:
            await forget_keys(os.environ[REDIS_URL], run_prefix())

    def stop(self) -> None:
        for end in reversed(self._endings):
            end()
        shutil.rmtree(self.folder, ignore_errors=True)


def template_name() -> str:
    return f"dwt_{os.environ[RUN]}_template"


async def template() -> str:
    """The name of the migrated template of this run, made by whichever worker asks first."""
    name = template_name()
    async with connected(os.environ[DATABASE_URL]) as admin:
        await admin.execute("select pg_advisory_lock($1)", TEMPLATE_LOCK)
        if await admin.fetchval("select 1 from pg_database where datname = $1", name):
            return name
        making = f"{name}_making"
        await admin.execute(f'drop database if exists "{making}" with (force)')
        await admin.execute(f'create database "{making}" template template0 strategy file_copy')
        await prepare_template(in_database(os.environ[DATABASE_URL], making))
        await admin.execute(f'alter database "{making}" rename to "{name}"')
    return name


async def prepare_template(url: str) -> None:
    """What every test's database starts with: the product's own migrations."""
    await migrations.upgrade(url)


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """A clone of the template, dropped afterwards with whatever still hangs on it."""
    admin_url, name = os.environ[DATABASE_URL], f"dwt_{os.environ[RUN]}_{uuid4().hex[:12]}"
    source = await template()
    async with connected(admin_url) as admin:
        await admin.execute(f'create database "{name}" template "{source}" strategy file_copy')
    try:
        yield in_database(admin_url, name)
    finally:
        async with connected(admin_url) as admin:
            await admin.execute(f'drop database if exists "{name}" with (force)')


async def forget_databases() -> None:
    async with connected(os.environ[DATABASE_URL]) as admin:
        for row in await admin.fetch(
            "select datname from pg_database where datname like $1", f"dwt_{os.environ[RUN]}_%"
        ):
            await admin.execute(f'drop database if exists "{row["datname"]}" with (force)')


def run_prefix() -> str:
    """What every key and channel of this run begins with."""
    return f"dwt:{os.environ[RUN]}:"


async def forget_keys(url: str, prefix: str) -> None:
    """All that is kept under the prefix, and what arq keeps under names of its own that contain it."""
    library: Any = Redis  # redis-py types its constructors only in part
    async with library.from_url(url) as client:
        async for key in client.scan_iter(match=f"*{prefix}*", count=1_000):
            await client.delete(key)
