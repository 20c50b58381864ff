"""What would keep DataWave from running here: everything that `up` can refuse on."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from datawave import migrations
from datawave.embedded import postgres, processes, valkey
from datawave.embedded.processes import CannotRun

if TYPE_CHECKING:
    from datawave.settings import Settings

LEAST_SPACE = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_trouble: bool = False
    is_advice: bool = False

    @property
    def mark(self) -> str:
        return "✗" if self.is_trouble else "!" if self.is_advice else "✓"


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, also after the first trouble: who mends one thing wants to know the next."""
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _variables,
        _profile,
        _home,
        _port,
        _database,
        _valkey,
        _node,
    )
    return [finding for look in looks for finding in _guarded(look, settings)]


def _guarded(look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    try:
        return list(look(settings))
    except (CannotRun, migrations.WrongDatabase, migrations.DatabaseUnreachable) as refused:
        return [Finding(str(refused), is_trouble=True)]


def _variables(settings: Settings) -> Iterator[Finding]:
    from datawave.settings.fields import unknown_variables

    for name in unknown_variables():
        yield Finding(f"{name} is no setting and is ignored: look for a slip of the pen.", is_advice=True)


def _profile(settings: Settings) -> Iterator[Finding]:
    yield Finding(f"The settings of the profile {settings.profile.value} are sound.")
    if settings.profile.value != "production" and settings.host not in ("127.0.0.1", "localhost", "::1"):
        yield Finding(
            f"DATAWAVE_HOST {settings.host} can be reached from outside, in the profile "
            f"{settings.profile.value}: use DATAWAVE_PROFILE=production for anybody but yourself.",
            is_advice=True,
        )


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.place
    home.prepare()
    yield Finding(f"The home {home.path} can be written.")
    free = shutil.disk_usage(home.path).free
    if free < LEAST_SPACE:
        yield Finding(
            f"Only {free // 1_000_000} MB are free at {home.path}: PostgreSQL needs room.", is_trouble=True
        )
    if postgres.is_initialised(home.postgres):
        postgres.refuse_other_major(home.postgres)
    for file in (home.secret_key, home.path / "postgres.password", home.path / "valkey.password"):
        if file.exists() and file.stat().st_mode & 0o077:
            yield Finding(f"{file} may be read by others: `chmod 600 {file}`.", is_trouble=True)


def _port(settings: Settings) -> Iterator[Finding]:
    if settings.place.is_locked():
        yield Finding(f"DataWave runs on this home, at {settings.origin}.")
    elif processes.port_is_free(settings.host, settings.port):
        yield Finding(f"Port {settings.port} on {settings.host} is free.")
    else:
        yield Finding(
            f"Port {settings.port} on {settings.host} is taken by another program: "
            "end that one, or set DATAWAVE_PORT to a free one.",
            is_trouble=True,
        )


def _database(settings: Settings) -> Iterator[Finding]:
    if settings.database_url is None and not settings.place.is_locked():
        postgres.postgres_binaries()
        processes.as_ordinary_user()
        yield Finding("The embedded PostgreSQL is installed.")
        return
    found = asyncio.run(migrations.revision_of(settings.database().reveal()))
    current = migrations.is_current(found)
    yield Finding(f"The database answers and is at migration {found or 'none'}.")
    if not current:
        yield Finding("The database is older than this release: run `datawave migrate`.", is_advice=True)
    if settings.database_url is not None:
        yield Finding(
            "The database is not ours: after a restore by other tools run `datawave migrate --new-epoch`.",
            is_advice=True,
        )
        most = asyncio.run(migrations.most_connections(settings.database().reveal()))
        if most < settings.connections:
            yield Finding(
                f"The database takes {most} connections, and `datawave up` with these settings may want "
                f"{settings.connections}: raise its max_connections, or lower DATAWAVE_DATABASE_POOL.",
                is_advice=True,
            )


def _valkey(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is None and not settings.place.is_locked():
        valkey.valkey_binary()
        yield Finding("The embedded Valkey is installed.")
        return
    from redis import Redis, RedisError

    url = settings.redis()
    driver: Any = Redis  # redis types its options loosely
    try:
        with driver.from_url(url.reveal(), socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
    except (OSError, RedisError) as refused:
        parts = urlsplit(url.reveal())
        place = f"{parts.hostname or 'local socket'}:{parts.port or 6379}"
        reason = (str(refused) or type(refused).__name__).splitlines()[0].rstrip(".")
        raise CannotRun(f"DATAWAVE_REDIS_URL: Valkey at {place} cannot be reached: {reason}.") from None
    yield Finding("Valkey answers.")


def _node(settings: Settings) -> Iterator[Finding]:
    from datawave.supervisor.web import find_npm

    if find_npm() is None:
        yield Finding(
            "No Node 20.19 or newer was found, nor its wheel: the dashboard is not built, the API runs.",
            is_advice=True,
        )
    else:
        yield Finding("Node is here to build the dashboard.")
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    yield Finding(f"Python {sys.version.split()[0]}, as {who}.")
