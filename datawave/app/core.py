"""What every process of the platform is put together from: the pool, Valkey, commands, live topics."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

import domain
import models
from datawave.kit import log
from datawave.kit.commands import Commands
from datawave.kit.database import Database
from datawave.kit.live import Live
from datawave.kit.secrets import Secret
from datawave.kit.telling import Telling
from datawave.kit.vault import Keyring

PREFIX = "dw:"


@dataclass(frozen=True, kw_only=True)
class Core:
    database: Database
    valkey: Redis
    live: Live
    keyring: Keyring
    commands: Commands
    prefix: str


PURE = ("domain.classifiers", "domain.lineage.sql")
"""Knowledge that registers nothing and weighs much (parsers, pattern sets): imported by whoever uses it."""


def know_everything() -> None:
    """Every table, command, event, duty and consumer is registered by being imported."""
    for room in (models, domain):
        for found in pkgutil.walk_packages(room.__path__, prefix=f"{room.__name__}."):
            if not found.name.startswith(PURE):
                importlib.import_module(found.name)


@asynccontextmanager
async def core(
    *,
    database_url: str,
    redis_url: str,
    secret_key: Secret,
    former_secret_key: Secret | None = None,
    prefix: str = PREFIX,
    pool_size: int = 10,
    name: str = "datawave",
    beat: float = 2.0,
) -> AsyncGenerator[Core]:
    know_everything()
    database = Database(database_url, pool_size=pool_size, overflow=pool_size, name=name)
    valkey = connected(redis_url)
    live = Live(valkey, prefix=prefix)
    keyring = Keyring(secret_key, former=former_secret_key)
    commands = Commands(database, keyring)
    commands.tell = Telling(live).tell
    await live.start(partial(log.heads, database), beat=beat)
    try:
        yield Core(
            database=database, valkey=valkey, live=live, keyring=keyring, commands=commands, prefix=prefix
        )
    finally:
        await live.stop()
        await valkey.aclose()
        await database.close()


def connected(redis_url: str) -> Redis:
    """Fails fast: what is said through Valkey is only ever a hint, so nobody waits for it long."""
    made: Any = Redis
    return made.from_url(
        redis_url,
        socket_connect_timeout=2,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=15,
    )
