"""Everything that `up` runs is replaced under load: no request fails, and every subscriber has exactly the
log."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from datawave.embedded import valkey
from tests import furnished, servers
from tests.client import Client
from tests.crash.programs import Program
from tests.crash.subscribers import Cuts, Subscriber

READ = "{ cursor tags(first: 3) { nodes { name } } }"
SAVE = "mutation ($input: SaveTagInput!) { saveTag(input: $input) { errors { message } tag { id } } }"
LOG = "SELECT id FROM event WHERE type = 'TagSaved' ORDER BY position"
READERS, WRITERS, SUBSCRIBERS = 4, 2, 6
PROCESSES = 2
THINKS = 0.05
"""Seconds between an answer and the next question: the machine is needed for those who start, too."""


class Load:
    """Clients that ask one thing after another on connections that they keep, and what became of it."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []
        self._over = asyncio.Event()

    async def read(self, api: Client) -> None:
        while not self._over.is_set():
            await self._asked(api, READ)

    async def write(self, api: Client) -> None:
        while not self._over.is_set():
            await self._asked(api, SAVE, input={"name": uuid4().hex})

    async def _asked(self, api: Client, document: str, **variables: object) -> None:
        try:
            answer = await api.ask(document, **variables)
        except httpx2.HTTPError as error:
            self.failures.append(repr(error))
            return
        if answer.get("errors") or any(
            each.get("errors") for each in answer["data"].values() if isinstance(each, dict)
        ):
            self.failures.append(str(answer))
        self.answers[document] += 1
        await asyncio.sleep(THINKS)

    def end(self) -> None:
        self._over.set()


async def all_serve(made: Program, api: Client) -> set[int]:
    """Each of the processes counts, and whichever answers tells of all."""
    async with asyncio.timeout(60):
        while f"datawave_api_processes {PROCESSES}.0" not in (await api.http.get("/metrics")).text:
            pass
    return made.pids("datawave serve")


@asynccontextmanager
async def several(folder: Path) -> AsyncGenerator[Program]:
    """A program with several API processes, of which none runs yet."""
    (home := folder / "home").mkdir()
    hub = await asyncio.to_thread(valkey.start_valkey, folder / "valkey", password="own")
    try:
        async with furnished.fresh_database() as url:
            more = {"API_PROCESSES": str(PROCESSES), "DRAIN_SECONDS": "0.5"}
            made = Program(home, url, hub.address.url(), **more)
            try:
                yield made
            finally:
                await made.end()
    finally:
        await asyncio.to_thread(hub.stop)


async def test_a_restart_fails_no_request_and_loses_no_event(tmp_path: Path) -> None:
    async with several(tmp_path) as made:
        await made.start_only_api()
        await restarted_under_load(made, rounds=1)


@pytest.mark.long
async def test_restarts_of_all_that_runs_fail_no_request_and_lose_no_event(tmp_path: Path) -> None:
    async with several(tmp_path) as made:
        await made.start("up", "--no-web")
        await restarted_under_load(made, rounds=4)


async def restarted_under_load(made: Program, *, rounds: int) -> None:
    api = await made.ready()
    served, load = [await all_serve(made, api)], Load()
    subscribers = await under(load, api, made, served, rounds)
    async with servers.connected(made.database_url) as connection:
        listed: list[str] = [row["id"].hex for row in await connection.fetch(LOG)]
    assert load.failures == []
    assert [len(pids) for pids in served] == [PROCESSES] * (rounds + 1)
    assert len(set[int].union(*served)) == PROCESSES * (rounds + 1)
    for each in subscribers:
        assert each.got == listed
        assert all("closed 1001" in end for end in each.ends), each.ends
    print(f"{load.answers.total()} answers, {len(listed)} events each")  # noqa: T201


async def under(
    load: Load, api: Client, made: Program, served: list[set[int]], rounds: int
) -> list[Subscriber]:
    """Restarts while all kinds of clients are at work; they end when the subscribers have got everything."""
    cursor = (await api.data("{ cursor }"))["cursor"]
    subscribers = [Subscriber(api, "TagSaved", cursor, Cuts(0, random.Random())) for _ in range(SUBSCRIBERS)]
    clients = [api.as_(api.token) for _ in range(READERS + WRITERS)]
    listening = [
        asyncio.create_task(each.listen("events" if at % 3 == 2 else "socket"))
        for at, each in enumerate(subscribers)
    ]
    asking = [
        asyncio.create_task(load.read(client) if at < READERS else load.write(client))
        for at, client in enumerate(clients)
    ]
    for _ in range(rounds):
        await made.restart()
        served.append(await all_serve(made, api))
    load.end()
    await asyncio.gather(*asking)
    async with asyncio.timeout(30):
        for each in subscribers:
            while len(each.got) < load.answers[SAVE]:
                each.heard.clear()
                await each.heard.wait()
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    for client in clients:
        await client.close()
    return subscribers
