"""A database that has more to do than it can: the API says so at once, and when to come again."""

from __future__ import annotations

import asyncio

import httpx2

from tests.client import Client
from tests.fixtures.api import House


async def test_a_read_that_would_wait_behind_too_many_is_told_when_to_come_again(
    house: House, api: Client
) -> None:
    readers = house.core.database.readers
    document = {"query": "{ assets { totalCount } }"}
    headers = {"authorization": f"Bearer {api.token}"}
    taken = [readers.connection() for _ in range(readers.most)]
    for each in taken:
        await each.__aenter__()
    waiting = [asyncio.create_task(readers.fetch("select 1", [])) for _ in range(readers.most_waiting)]
    try:
        await asyncio.sleep(0)
        async with httpx2.AsyncClient() as client:
            response = await client.post(f"{house.url}/graphql", json=document, headers=headers)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert [each["extensions"]["code"] for each in response.json()["errors"]] == ["UNAVAILABLE"]
    finally:
        for each in taken:
            await each.__aexit__(None, None, None)
        await asyncio.gather(*waiting)
    assert (await api.data(document["query"]))["assets"] == {"totalCount": 0}
