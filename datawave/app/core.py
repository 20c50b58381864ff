"""What every process of the platform is put together from: the pool, Valkey, commands, live topics."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

import domain
import models
from datawave.kit import log, tracing
from datawave.kit.commands import Commands
from datawave.kit.database import Database
from datawave.kit.ending import ended
from datawave.kit.errors import UnavailableError
from datawave.kit.live import Live
from datawave.kit.secrets import Secret
from datawave.kit.telling import Telling
from datawave.kit.vault import Keyring

logger = structlog.get_logger(__name__)

PATIENCE = 60.0
"""So long a process waits for a database that is still starting."""

LOOK = 5.0
"""A restore is noticed so soon."""


@dataclass(frozen=True, kw_only=True)
class Core:
    database: Database
    valkey: Redis
    live: Live
    keyring: Keyring
    commands: Commands
    prefix: str
    epoch: str
    """The life of the database that this process began in."""


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
    prefix: str | None = None,
    pool_size: int = 10,
    readers: int = 8,
    name: str = "datawave",
    beat: float = 2.0,
) -> AsyncGenerator[Core]:
    know_everything()
    database = Database(database_url, pool_size=pool_size, overflow=pool_size, readers=readers, name=name)
    tracing.follow(database.engine)
    try:
        epoch = await _epoch_when_answering(database)
    except BaseException:
        await database.close()
        raise
    prefix = prefix or own_prefix(epoch)
    valkey = connected(redis_url)
    live = Live(valkey, prefix=prefix)
    keyring = Keyring(secret_key, former=former_secret_key)
    commands = Commands(database, keyring)
    commands.tell = Telling(live).tell
    await live.start(partial(log.heads, database), beat=beat)
    watching = asyncio.create_task(database.watch(), name="database.watched")
    try:
        yield Core(
            database=database,
            valkey=valkey,
            live=live,
            keyring=keyring,
            commands=commands,
            prefix=prefix,
            epoch=epoch,
        )
    finally:
        await live.stop()
        await valkey.aclose()
        await ended([watching])
        await database.close()


def own_prefix(epoch: str) -> str:
    """Where an installation keeps its things in a Valkey that others may share.

    The epoch is random, the database's own, and anew after a restore: a copy of the database beside the
    original does not hear it, and what Valkey still holds of the lost time (sessions, signals of jobs) is
    not met again."""
    return f"dw:{epoch[:12]}:"


async def _epoch_when_answering(database: Database) -> str:
    """The database may still be starting: it is waited for, so that a start needs no order."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return (await log.standing(database)).epoch
            except UnavailableError:
                logger.info("database.awaited")
                await asyncio.sleep(0.2)


async def until_restored(core: Core, *, look: float = LOOK) -> None:
    """Returns when the database has begun another life: what this process holds, its prefix first of all, is
    of the former one, and it has to start anew."""
    while True:
        await asyncio.sleep(look)
        try:
            now = await log.standing(core.database)
        except UnavailableError:
            continue
        if now.epoch != core.epoch:
            logger.error("database.restored", hint="This process ends, so that it is started anew.")
            return


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
