"""Subscribers in shared groups, cut off again and again while several write, Valkey is restarted and the API
is killed: each has exactly the log, in its order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from datawave.embedded import valkey
from tests import furnished
from tests.crash.programs import Program
from tests.crash.subscribers import Cuts, Subscriber
from tests.kit.ground import Kit, Space, kit_at, until
from tests.kit.things import count

LOG = "SELECT id FROM event WHERE position > :after AND type = 'Counted' ORDER BY position"
WRITERS, SUBSCRIBERS = 3, 8


async def write(kit: Kit, writer: int, enough: asyncio.Event) -> None:
    number = 0
    while not enough.is_set():
        await kit.run(count, stream=f"w{writer}", numbers=[number, number + 1])
        number += 2


def all_placed(kit: Kit) -> Callable[[], Awaitable[bool]]:
    """Nothing tells the test when the relay of another process is done."""

    async def placed() -> bool:
        return not await kit.unplaced()

    return placed


@pytest.mark.parametrize(
    ("wanted", "restarts"),
    [(24, False), pytest.param(200, True, marks=pytest.mark.long)],
    ids=["short form", "long form"],
)
async def test_whoever_is_cut_off_has_exactly_the_log(tmp_path: Path, wanted: int, restarts: bool) -> None:
    chance = random.Random(seed := random.randrange(10**6))
    print(f"seed {seed}")  # noqa: T201  # to repeat a failing run
    (home := tmp_path / "home").mkdir()
    hub = await asyncio.to_thread(valkey.start_valkey, tmp_path / "valkey", password="own")
    port = hub.address.port
    async with furnished.fresh_database() as url:
        made = Program(home, url, hub.address.url())
        try:
            await made.start("serve")
            api = await made.ready()
            cursor = (await api.data("{ cursor }"))["cursor"]
            cuts, enough = Cuts(wanted, chance), asyncio.Event()
            subscribers = [Subscriber(api, "Counted", cursor, cuts) for _ in range(SUBSCRIBERS)]
            async with (
                kit_at(url, Space(hub.address.url(), "writers:")) as kit,
                asyncio.timeout(60 + wanted * 2),
            ):
                before = await kit.one("SELECT head FROM event_log")
                listening = [
                    asyncio.create_task(each.listen("events" if at % 4 == 3 else "socket"))
                    for at, each in enumerate(subscribers)
                ]
                writing = [asyncio.create_task(write(kit, at, enough)) for at in range(WRITERS)]
                if restarts:
                    await cuts.come_to(wanted // 3)
                    await asyncio.to_thread(hub.stop)
                    hub = await asyncio.to_thread(
                        valkey.start_valkey, tmp_path / "valkey", password="own", port=port
                    )
                    await cuts.come_to(2 * wanted // 3)
                    await made.kill("serve")
                    await made.start("serve")
                await cuts.come_to(wanted)
                enough.set()
                await asyncio.gather(*writing)
                await until(all_placed(kit), patience=60)
                listed = [row.id.hex for row in await kit.rows(LOG, after=before)]
                for each in subscribers:
                    while len(each.got) < len(listed):
                        each.heard.clear()
                        await each.heard.wait()
                    assert each.got == listed
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)
            print(f"{cuts.done} cuts, {len(listed)} events each")  # noqa: T201
        finally:
            await made.end()
            await asyncio.to_thread(hub.stop)
