"""Shared streams of the platform itself: rights, own things, writers beside those who catch up, and cuts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from datawave.kit import metrics
from datawave.kit.access import SYSTEM
from domain import identity
from tests.client import Answer, Client
from tests.fixtures.api import House
from tests.kit.ground import until
from tests.test_identity import GRANT, REVOKE, SAVE_ROLE, WHO, person

RECORDED = """subscription ($after: Cursor) { eventRecorded(filter: {types: ["RoleSaved"]}, after: $after) {
  id cursor type } }"""
ACTORS = """subscription ($after: Cursor) { eventRecorded(filter: {types: ["RoleSaved"]}, after: $after) {
  type actor { displayName } } }"""
PAGE = "{ cursor roles { name } }"
NAMED = """subscription ($after: Cursor) { eventRecorded(filter: {types: ["RoleSaved"]}, after: $after) {
  cursor data } }"""
LOG = "SELECT id FROM event WHERE position > :after AND type = 'RoleSaved' ORDER BY position"
PATIENCE = 20.0


def value(metric: Any) -> float:
    return metric._value.get()


def in_groups() -> float:
    return value(metrics.STREAM_EXECUTIONS.labels("group"))


async def members(count: int) -> None:
    """So many are with their groups; nothing announces it."""
    await until(lambda: value(metrics.STREAM_MEMBERS) == count)


async def wrote(house: House, number: int) -> None:
    """Something happens."""
    await house.core.commands.run(identity.save_role, SYSTEM, {"name": f"Role {number}", "permissions": []})


async def got(events: AsyncIterator[Answer], count: int) -> list[Answer]:
    async with asyncio.timeout(PATIENCE):
        return [(await anext(events))["data"]["eventRecorded"] for _ in range(count)]


async def test_subscribers_with_equal_rights_share_one_execution_an_event(house: House, api: Client) -> None:
    one = await person(house, "one@example.com", "Data steward")
    two = await person(house, "two@example.com", "Data steward")
    async with one.socket() as first, two.socket() as second, api.socket() as admin:
        streams = [each.subscribe(RECORDED) for each in (first, first, second, admin)]
        waiting = [asyncio.create_task(got(stream, 3)) for stream in streams]
        await members(4)
        assert value(metrics.STREAM_GROUPS) == 2
        before = in_groups()
        for number in range(3):
            await wrote(house, number)
        told = await asyncio.gather(*waiting)
        assert all(each == told[0] for each in told)
        assert in_groups() == before + 3 * 2


async def test_who_sees_only_themselves_shares_with_nobody(house: House, api: Client) -> None:
    """An event's actor is seen by whoever may read people, and by themselves."""
    for name, permission in (("Log readers", "event:read"), ("Role makers", "role:manage")):
        await api.done(SAVE_ROLE, i={"name": name, "permissions": [permission]})
    people = [
        await person(house, f"{name}@example.com", "Log readers", "Role makers") for name in ("ada", "bob")
    ]
    async with people[0].socket() as ada, people[1].socket() as bob:
        waiting = [asyncio.create_task(got(each.subscribe(ACTORS), 1)) for each in (ada, bob)]
        plain = [asyncio.create_task(got(each.subscribe(RECORDED), 1)) for each in (ada, bob)]
        await members(4)
        assert value(metrics.STREAM_GROUPS) == 3
        await people[0].done(SAVE_ROLE, i={"name": "Ada's", "permissions": []})
        [by_ada], [by_bob] = await asyncio.gather(*waiting)
        assert (by_ada["actor"], by_bob["actor"]) == ({"displayName": "ada"}, None)
        first, second = await asyncio.gather(*plain)
        assert first == second


async def test_a_change_of_rights_moves_a_stream_and_their_loss_ends_it(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com")
    user = (await reader.data(WHO))["viewer"]["actor"]["id"]
    roles = [
        (await api.done(SAVE_ROLE, i={"name": name, "permissions": permissions}))["role"]["id"]
        for name, permissions in (("Log readers", ["event:read"]), ("More", ["role:read"]))
    ]
    grants = [(await api.done(GRANT, i={"actorId": user, "roleId": roles[0]}))["grant"]["id"]]
    async with reader.socket() as socket, api.socket() as other:
        events, watched = socket.subscribe(RECORDED), other.subscribe(RECORDED)
        mine = asyncio.create_task(got(events, 2))
        theirs = asyncio.create_task(got(watched, 2))
        await members(2)
        await wrote(house, 1)
        await api.done(GRANT, i={"actorId": user, "roleId": roles[1]})
        await wrote(house, 2)
        assert [each["id"] for each in await mine] == [each["id"] for each in await theirs]
        await members(2)
        await api.done(REVOKE, id=grants[0])
        async with asyncio.timeout(5):
            with pytest.raises(AssertionError, match="FORBIDDEN"):
                while True:
                    await anext(events)


async def test_who_catches_up_beside_writers_gets_each_event_once_and_in_order(
    house: House, api: Client
) -> None:
    writers, each_writes, readers = 4, 30, 6
    cursor = (await api.data("{ cursor }"))["cursor"]
    total = writers * each_writes

    async def write(writer: int) -> None:
        for number in range(each_writes):
            await wrote(house, writer * 1_000 + number)

    async def read() -> list[Answer]:
        """Comes again and again, each time from where it was."""
        after, all_got = cursor, list[Answer]()
        while len(all_got) < total:
            async with api.follow(RECORDED, after=after) as events:
                found = await got(events, min(25, total - len(all_got)))
            all_got += found
            after = found[-1]["cursor"]
        return all_got

    writing = [asyncio.create_task(write(number)) for number in range(writers)]
    told = await asyncio.gather(*(read() for _ in range(readers)))
    await asyncio.gather(*writing)
    listed = await log_after(house, cursor)
    assert len(listed) == total
    for each in told:
        assert [event["id"].rpartition("_")[2] for event in each] == listed
    await members(0)


async def test_a_page_and_what_follows_its_cursor_are_everything(house: House, api: Client) -> None:
    """Others write all the while, and something always happens between a query and its subscription."""
    writers, each_writes, readers = 3, 20, 8
    numbers = [w * 1_000 + n for w in range(writers) for n in range(each_writes)]
    before = {role["name"] for role in (await api.data(PAGE))["roles"]}
    everything = before | {f"Role {number}" for number in (*numbers, *range(-readers, 0))}

    async def write(writer: int) -> None:
        for number in range(each_writes):
            await wrote(house, writer * 1_000 + number)

    async def read(number: int) -> None:
        page = await api.data(PAGE)
        seen = {role["name"] for role in page["roles"]}
        await wrote(house, -number)
        async with api.follow(NAMED, after=page["cursor"]) as events:
            while seen != everything:
                [event] = await got(events, 1)
                seen.add(event["data"]["name"])

    reading = (read(number) for number in range(1, readers + 1))
    await asyncio.gather(*reading, *(write(number) for number in range(writers)))


async def log_after(house: House, cursor: str) -> list[str]:
    from sqlalchemy import text

    from datawave.kit.cursors import log_position

    _, after = log_position(cursor)
    async with house.core.database.connection() as connection:
        rows = await connection.execute(text(LOG), {"after": after})
        return [row.id.hex for row in rows]
