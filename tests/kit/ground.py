"""The machinery on one database: what tests and the processes they kill stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from sqlalchemy import text

from datawave.kit import log
from datawave.kit.access import Viewer
from datawave.kit.channels import QUIET
from datawave.kit.commands import Command, Commands
from datawave.kit.database import Database
from datawave.kit.jobs import arq_queue
from datawave.kit.live import Live
from datawave.kit.relay import Relay
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from tests.kit import things

R = TypeVar("R", bound=Relay)


async def until(holds: Callable[[], bool | Awaitable[bool]], *, patience: float = 20) -> None:
    """For what tells nobody when it comes true."""
    async with asyncio.timeout(patience):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.005)


class Space(NamedTuple):
    """A corner of a Valkey: keys and channels begin with the prefix."""

    url: str
    prefix: str


def valkey_at(url: str) -> Redis:
    library: Any = Redis  # redis-py types its constructors only in part
    return library.from_url(url, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))


MASTER = Secret("a master key for tests, long enough")


@dataclass(frozen=True)
class Kit:
    """One database, with what runs commands on it."""

    url: str
    valkey: Space
    database: Database
    commands: Commands

    async def run(self, what: Command[..., Any], viewer: Viewer = things.ADA, **arguments: Any) -> Any:
        return (await self.commands.run(what, viewer, arguments)).value

    async def rows(self, sql: str, **given: Any) -> Sequence[Any]:
        async with self.database.connection() as connection:
            found = await connection.execute(text(sql), given)
            return found.all() if found.returns_rows else []

    async def unplaced(self) -> int:
        return await self.one("SELECT count(*) FROM event WHERE position IS NULL")

    async def one(self, sql: str, **given: Any) -> Any:
        [row] = await self.rows(sql, **given)
        return row[0]

    @asynccontextmanager
    async def hub(
        self, *, beat: float = 60.0, url: str | None = None, quiet: float = QUIET
    ) -> AsyncGenerator[Live]:
        """Live topics of one process; its beat is far away unless a test wants it."""
        client = valkey_at(url or self.valkey.url)
        live = Live(client, prefix=self.valkey.prefix, quiet=quiet)
        await live.start(lambda topics: log.heads(self.database, topics), beat=beat)
        try:
            yield live
        finally:
            await live.stop()
            await client.aclose()

    @asynccontextmanager
    async def relay(self, live: Live, *, url: str | None = None, made: type[R] = Relay) -> AsyncGenerator[R]:
        """A relay that a test steps itself, or runs."""
        arq = arq_queue(url or self.valkey.url, prefix=self.valkey.prefix)
        try:
            yield made(self.database, live, arq, look=0.02)
        finally:
            await arq.aclose()

    @asynccontextmanager
    async def relaying(self, live: Live, *, url: str | None = None) -> AsyncGenerator[Relay]:
        """A relay at work."""
        async with self.relay(live, url=url) as relay:
            task = asyncio.create_task(relay.run())
            self.database.after_commit.append(relay.wake)
            try:
                yield relay
            finally:
                self.database.after_commit.remove(relay.wake)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def kit_at(url: str, valkey: Space) -> AsyncGenerator[Kit]:
    database = Database(url, pool_size=5, overflow=15, name="datawave kit test")
    try:
        yield Kit(url, valkey, database, Commands(database, Keyring(MASTER)))
    finally:
        await database.close()
