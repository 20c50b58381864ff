"""Valkey or PostgreSQL away for a while: what can go on goes on, the rest is told so at once, and nobody who
follows a stream misses anything or hears it twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from sqlalchemy import text

from auth.passwords import Passwords
from datawave import migrations
from datawave.bootstrap import furnish
from datawave.bootstrap import house as bare_house
from datawave.embedded import postgres
from tests import furnished, servers
from tests.client import Client, Refused
from tests.clients.cuttable import Cuttable, cuttable
from tests.fixtures.api import House, free_port, house_at
from tests.kit.ground import until
from tests.kit.test_follow import OwnValkey
from tests.test_identity import SAVE_ROLE
from tests.test_streams import RECORDED, log_after

ROLES = "{ roles { name } }"
READS = "{ cursor }", "{ dataSources(first: 5) { totalCount } }"
UNPLACED = text("SELECT count(*) FROM event WHERE position IS NULL")
SOON = 5.0
"""No request waits longer, whatever is away."""
NOTICED = 30.0
"""Unless it has just fallen silent: that is heard by waiting."""
WRITTEN = 15
MANY = 40
"""More than there are connections."""
FEW = 10
"""Tasks that come and go by themselves."""


class Follower:
    """Follows the roles that are saved, on one connection that must never end."""

    def __init__(self, api: Client, cursor: str) -> None:
        self._api, self._cursor = api, cursor
        self.got: list[str] = []

    async def over_socket(self) -> None:
        async with self._api.follow(RECORDED, after=self._cursor) as events:
            async for answer in events:
                self._keep(answer)
        raise AssertionError("the stream has ended")

    async def over_events(self) -> None:
        headers = {**self._api.headers, "accept": "text/event-stream"}
        body = {"query": RECORDED, "variables": {"after": self._cursor}}
        async with (
            httpx2.AsyncClient(base_url=self._api.url, timeout=120) as http,
            http.stream("POST", "/graphql", json=body, headers=headers) as response,
        ):
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    self._keep(orjson.loads(line[6:]))
        raise AssertionError("the stream has ended")

    def _keep(self, answer: Any) -> None:
        self.got.append(answer["data"]["eventRecorded"]["id"].rpartition("_")[2])


class Followers:
    def __init__(self, api: Client, cursor: str) -> None:
        self._each = [Follower(api, cursor) for _ in range(4)]
        self._tasks = [
            asyncio.create_task(each.over_events() if at % 2 else each.over_socket())
            for at, each in enumerate(self._each)
        ]

    async def have(self, listed: list[str]) -> None:
        """Each has exactly the log, in its order."""
        await until(lambda: self._broken or all(len(each.got) >= len(listed) for each in self._each))
        for task in self._tasks:
            if task.done():
                task.result()
        for each in self._each:
            assert each.got == listed

    @property
    def _broken(self) -> bool:
        return any(task.done() for task in self._tasks)

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def followers(api: Client, cursor: str) -> AsyncIterator[Followers]:
    made = Followers(api, cursor)
    try:
        yield made
    finally:
        await made.leave()


async def whole_log(house: House, cursor: str) -> list[str]:
    """All that was written, once the relay has given each event its place."""

    async def placed() -> bool:
        async with house.core.database.connection() as connection:
            return not (await connection.execute(UNPLACED)).scalar_one()

    await until(placed)
    return await log_after(house, cursor)


def tasks() -> int:
    """But for those that carry what passes on the way to a server."""
    return sum(Cuttable.__name__ not in repr(each.get_coro()) for each in asyncio.all_tasks())


async def soon(asked: Awaitable[Any]) -> Any:
    async with asyncio.timeout(SOON):
        return await asked


async def written(api: Client, name: str, count: int = WRITTEN) -> None:
    for number in range(count):
        await soon(api.done(SAVE_ROLE, i={"name": f"{name} {number}", "permissions": []}))


class Writer:
    """Saves roles, one after the other, and knows which it was told are saved."""

    def __init__(self, api: Client, name: str, *, patience: float = SOON) -> None:
        self._api, self._name, self._patience = api, name, patience
        self.saved: list[str] = []
        self.refusals = 0
        self._enough = False
        self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        number = 0
        while not self._enough:
            name = f"{self._name} {number}"
            async with asyncio.timeout(self._patience):
                payload = await self._api.run(SAVE_ROLE, i={"name": name, "permissions": []})
            if payload["errors"]:
                assert payload["errors"][0]["code"] == "UNAVAILABLE"
                self.refusals += 1
                await asyncio.sleep(0.05)  # as clients do
            else:
                self.saved.append(name)
            number += 1

    async def end(self) -> None:
        self._enough = True
        await self._task


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    made = OwnValkey(tmp_path / "valkey")
    yield made
    made.stop()


def gone(own: OwnValkey) -> Callable[[], None]:
    own.kill()
    return own.start


def silent(own: OwnValkey) -> Callable[[], None]:
    """It takes connections and answers nothing."""
    own.pause()
    return own.wake


@pytest.mark.parametrize("away", [gone, silent])
async def test_without_valkey_commands_queries_and_streams_go_on(
    own_valkey: OwnValkey, away: Callable[[OwnValkey], Callable[[], None]]
) -> None:
    async with (
        furnished.fresh_database() as url,
        house_at(url, servers.ValkeySpace(own_valkey.url, "")) as house,
    ):
        api = await house.as_admin()
        cursor = (await api.data("{ cursor }"))["cursor"]
        async with followers(api, cursor) as reading:
            await written(api, "before")
            await reading.have(await whole_log(house, cursor))
            before = tasks()
            back = away(own_valkey)
            try:
                await written(api, "meanwhile")
                await soon(api.data("{ dataSources(first: 5) { totalCount } }"))
                await soon(house.as_admin())
                await reading.have(await whole_log(house, cursor))
                assert tasks() <= before + FEW, "something piles up"
            finally:
                back()
            await until(lambda: house.core.live.connected)
            await written(api, "after")
            listed = await whole_log(house, cursor)
            assert len(listed) == 3 * WRITTEN
            await reading.have(listed)
        await api.close()


class OwnPostgres:
    """A PostgreSQL that goes and comes back at the same port."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, free_port()
        postgres.init_postgres(folder, password="own", durable=False)
        self.start()

    def start(self) -> None:
        self._running = postgres.start_postgres(
            self._folder, password="own", port=self._port, settings=postgres.FOR_TESTS
        )
        self.address = self._running.address

    def stop(self) -> None:
        self._running.stop()

    async def furnished(self) -> str:
        postgres.create_database(self.address, "datawave")
        url = self.address.url("datawave")
        await migrations.upgrade(url)
        async with bare_house(url, furnished.SECRET_KEY) as made:
            await furnish(made, furnished.ADMIN, passwords=Passwords())
        return url


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[OwnPostgres]:
    made = OwnPostgres(tmp_path / "postgres")
    yield made
    made.stop()


async def assert_refused(api: Client, document: str, *, patience: float = SOON) -> None:
    async with asyncio.timeout(patience):
        answer = await api.http.post("/graphql", json={"query": document}, headers=api.headers)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


@asynccontextmanager
async def outlived(
    house: House, *, back: Callable[[], None], noticed: float = SOON
) -> AsyncGenerator[tuple[Client, Writer]]:
    """An outage of PostgreSQL: the block begins with everything at work, and ends when it is away. Then what
    is asked is refused, nothing piles up, and once it is `back` nothing was lost and everybody goes on."""
    api = await house.as_admin()
    cursor = (await api.data("{ cursor }"))["cursor"]
    async with followers(api, cursor) as reading:
        await written(api, "before")
        await reading.have(await whole_log(house, cursor))
        before = tasks()
        writer = Writer(api, "through it all", patience=noticed)
        await until(lambda: bool(writer.saved))
        yield api, writer
        for document in READS:
            await assert_refused(api, document)
        with pytest.raises(Refused, match="UNAVAILABLE"):
            async with api.follow(RECORDED) as events:
                await soon(anext(events))
        assert tasks() <= before + FEW, "something piles up"
        saved = len(writer.saved)
        back()
        await until(lambda: len(writer.saved) > saved)
        await writer.end()
        await written(api, "after")
        kept = {each["name"] for each in (await api.data(ROLES))["roles"]}
        assert set(writer.saved) <= kept
        await reading.have(await whole_log(house, cursor))
    await api.close()


async def test_without_postgresql_requests_are_told_so_and_streams_wait(
    own_postgres: OwnPostgres, valkey: servers.ValkeySpace
) -> None:
    async with (
        house_at(await own_postgres.furnished(), valkey) as house,
        outlived(house, back=own_postgres.start) as (_, writer),
    ):
        own_postgres.stop()
        await until(lambda: writer.refusals >= WRITTEN)


async def test_a_postgresql_that_falls_silent_is_given_up_until_it_speaks(
    valkey: servers.ValkeySpace,
) -> None:
    """It closes nothing and answers nothing, and takes calls all the same."""
    async with (
        furnished.fresh_database() as url,
        cuttable(url) as wire,
        house_at(wire.url, valkey) as house,
        outlived(house, back=wire.speak, noticed=NOTICED) as (api, writer),
    ):
        wire.hush()
        reads = [*READS] * MANY
        await asyncio.gather(*(assert_refused(api, each, patience=NOTICED) for each in reads))
        await until(lambda: writer.refusals > 0)
