"""Credentials: rotated after a test, taken back, refused when the source does not let them in."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests import servers
from tests.client import Answer, Client
from tests.factories import documents
from tests.factories.sources import Make, password_of
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House
from tests.streams import heard

FIRST, SECOND = "first-Passw0rd-1", "second-Passw0rd-2"


class Shop:
    """A source with two logins that may read it."""

    def __init__(self, at: servers.SourceDatabase, logins: tuple[str, str], made: Answer) -> None:
        self.at, self.logins, self.made = at, logins, made

    def second(self, password: str = SECOND) -> dict[str, Any]:
        return {"dataSourceId": self.made["id"], "credentials": password_of(self.logins[1], password)}


@pytest.fixture
async def shop(make: Make) -> Shop:
    first, second = (f"reader_{uuid4().hex[:10]}" for _ in range(2))
    at = await make.postgresql(
        f"create role {first} login password '{FIRST}'; create role {second} login password '{SECOND}';"
        "create table t (id integer);"
        f"grant select on t to {first}, {second};"
    )
    made = await make.source(at, key="shop", credentials=password_of(first, FIRST))
    return Shop(at, (first, second), made)


async def login(api: Client, shop: Shop) -> str:
    payload = await api.done(documents.TEST, input={"dataSourceId": shop.made["id"]})
    return str(payload["test"]["serverInfo"]["login"])


async def kept_secrets(house: House, source_id: str) -> int:
    async with house.core.database.connection() as connection:
        found = await connection.scalar(
            text("SELECT count(*) FROM vault_entry WHERE reference LIKE :like"),
            {"like": f"source/{source_id.removeprefix('source_')}/%"},
        )
        return int(found)


async def test_new_credentials_count_once_an_agent_has_signed_in_with_them(
    api: Client, agent: Agent, shop: Shop
) -> None:
    assert await login(api, shop) == shop.logins[0]

    def rotated(told: Any) -> bool:
        return bool(told["event"]["type"] == "CredentialsRotated")

    async with heard(api, documents.SOURCE_CHANGED, rotated, id=shop.made["id"]) as listening:
        payload = await api.done(documents.ROTATE, input=shop.second())
        await listening
    source = payload["dataSource"]
    assert source["secret"]["version"] == 2 and payload["job"] is None
    assert source["secret"]["versions"] == [
        {"version": 2, "state": "ACTIVE"},
        {"version": 1, "state": "PREVIOUS"},
    ]
    assert await login(api, shop) == shop.logins[1]


async def test_a_rotation_is_taken_back_and_done_again(api: Client, agent: Agent, shop: Shop) -> None:
    payload = await api.done(documents.ROTATE, input=shop.second())
    await api.done(documents.UNDO, input={"commandId": payload["trackingId"]})
    assert await login(api, shop) == shop.logins[0]
    await api.done(documents.REDO, input={"commandId": payload["trackingId"]})
    assert await login(api, shop) == shop.logins[1]


async def test_credentials_that_are_not_let_in_are_refused_and_the_former_stay(
    api: Client, house: House, agent: Agent, shop: Shop
) -> None:
    [error] = (await api.run(documents.ROTATE, input=shop.second("wrong")))["errors"]
    assert (error["__typename"], error["code"], error["path"]) == (
        "InputError", "CONNECTION_FAILED", ["credentials"],
    )  # fmt: skip
    assert "wrong" not in error["message"]
    source = (await api.data(documents.GET, key="shop"))["dataSource"]
    assert source["secret"]["versions"] == [
        {"version": 2, "state": "RETIRED"},
        {"version": 1, "state": "ACTIVE"},
    ]
    assert await login(api, shop) == shop.logins[0]
    assert await kept_secrets(house, shop.made["id"]) == 1


async def test_the_same_request_again_is_answered_at_once_and_rotates_nothing(
    api: Client, agent: Agent, shop: Shop
) -> None:
    wanted = {**shop.second(), "idempotencyKey": "once"}
    first = await api.done(documents.ROTATE, input=wanted)
    async with asyncio.timeout(5):
        again = await api.done(documents.ROTATE, input=wanted)
    assert again["trackingId"] == first["trackingId"]
    assert again["dataSource"]["secret"] == first["dataSource"]["secret"]


async def test_only_the_former_version_is_kept_beside_the_present_one(
    api: Client, house: House, agent: Agent, shop: Shop
) -> None:
    first = await api.done(documents.ROTATE, input=shop.second())
    back = {"dataSourceId": shop.made["id"], "credentials": password_of(shop.logins[0], FIRST)}
    await api.done(documents.ROTATE, input=back)
    assert await kept_secrets(house, shop.made["id"]) == 2
    [error] = (await api.run(documents.UNDO, input={"commandId": first["trackingId"]}))["errors"]
    assert error["code"] in ("NOT_REVERSIBLE", "STALE_VERSION")


async def test_a_rotation_during_a_discovery_leaves_it_alone(
    api: Client, make: Make, agent: Agent, worker: Worker, shop: Shop
) -> None:
    started = await api.done(documents.DISCOVER, input={"dataSourceId": shop.made["id"]})
    await api.done(documents.ROTATE, input=shop.second())
    assert (await make.ended(started["discovery"]["id"]))["state"] == "SUCCEEDED"


async def test_no_secret_is_in_the_log_or_the_audit_trail(
    api: Client, house: House, agent: Agent, shop: Shop
) -> None:
    await api.done(documents.ROTATE, input=shop.second())
    async with house.core.database.connection() as connection:
        for table in ("event", "audit_entry", "command", "job", "agent_task", "vault_entry"):
            whole = await connection.scalar(text(f"SELECT string_agg(t::text, ' ') FROM {table} t"))
            assert FIRST not in (whole or "") and SECOND not in (whole or ""), table
