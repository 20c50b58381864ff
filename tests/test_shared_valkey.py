"""Installations that share one Valkey, each under the prefix of its own database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from sqlalchemy import text

from datawave.app.core import own_prefix, until_restored
from datawave.bootstrap import NEW_EPOCH
from datawave.kit.jobs import queue_name
from tests import furnished, servers
from tests.fixtures.agent import Worker
from tests.fixtures.api import SIGN_IN, House, house_at
from tests.test_operations import ROTATE

JOB = "query($id: ID!) { node(id: $id) { ... on Job { state attempts { number } } } }"


@asynccontextmanager
async def installation(valkey_url: str) -> AsyncIterator[House]:
    """A whole one of its own; a cloned database becomes another installation by a new epoch, as the manual
    says."""
    async with furnished.fresh_database() as url:
        async with servers.connected(url) as database:
            await database.execute(str(NEW_EPOCH))
            prefix = own_prefix(await database.fetchval("SELECT epoch FROM event_log"))
        try:
            async with house_at(url, servers.ValkeySpace(valkey_url, "")) as house:
                yield house
        finally:  # the run's end knows only the run's own prefix
            await servers.forget_keys(valkey_url, prefix)


async def test_two_installations_on_one_valkey_do_not_hear_each_other(valkey: servers.ValkeySpace) -> None:
    async with installation(valkey.url) as ours, installation(valkey.url) as others:
        assert ours.core.prefix != others.core.prefix
        assert {house.core.prefix[:3] for house in (ours, others)} == {"dw:"}
        async with others.core.live.following("topic") as follower, asyncio.timeout(10):
            for number, house in enumerate((ours, others)):
                await house.core.live.publish(
                    "topic", orjson.dumps({"progress": {"of": number}, "key": number})
                )
            while not (told := follower.take().progress):
                await follower.changed()
        assert told == [("1", {"of": 1})]


async def test_a_worker_leaves_the_jobs_of_another_installation_alone(valkey: servers.ValkeySpace) -> None:
    async with installation(valkey.url) as ours, installation(valkey.url) as others:
        admin, other_admin = await ours.as_admin(), await others.as_admin()
        made = (await admin.done(ROTATE))["job"]
        await signalled(ours)
        async with Worker(others).running():
            await other_admin.done(ROTATE)
            await Worker(others).drained()
        assert await ours.core.valkey.zcard(queue_name(ours.core.prefix)) == 1
        assert (await admin.data(JOB, id=made["id"]))["node"] == {"state": "QUEUED", "attempts": []}
        async with Worker(ours).running():
            await Worker(ours).drained()
        assert (await admin.data(JOB, id=made["id"]))["node"]["state"] == "SUCCEEDED"
        await admin.close()
        await other_admin.close()


async def signalled(house: House) -> None:
    """Returns when a job's signal waits for a worker."""
    queue, valkey = queue_name(house.core.prefix), house.core.valkey
    _, signal, score = await valkey.bzpopmin(queue, 10)
    await valkey.zadd(queue, {signal: score})


async def test_failed_sign_ins_at_one_installation_do_not_count_at_another(
    valkey: servers.ValkeySpace,
) -> None:
    async with installation(valkey.url) as ours, installation(valkey.url) as others:
        client = (await ours.as_admin()).as_(None)
        for _ in range(11):
            answer = await client.ask(SIGN_IN, email=furnished.ADMIN.email, password="Wrong-password-1")
        assert answer["data"]["signIn"]["errors"][0]["code"] == "RATE_LIMITED"
        assert (await others.as_admin()).token
        await client.close()


async def test_a_process_whose_database_was_restored_ends_to_start_with_another_prefix(house: House) -> None:
    watching = asyncio.create_task(until_restored(house.core, look=0.01))
    async with house.core.database.connection() as connection:
        await connection.execute(NEW_EPOCH)
        epoch = await connection.scalar(text("SELECT epoch FROM event_log"))
    async with asyncio.timeout(10):
        await watching
    assert own_prefix(epoch) != own_prefix(house.core.epoch)
