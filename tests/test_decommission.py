"""The end of a source: at once, taken back within its days of grace, for good after them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from tests.client import Client
from tests.factories import documents
from tests.factories.sources import Make
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.test_rotation import kept_secrets

ASSET = "query ($name: String!) { asset(qualifiedName: $name) { state } }"


async def states(house: House) -> set[str]:
    async with house.core.database.connection() as connection:
        return set((await connection.scalars(text("SELECT DISTINCT state FROM asset"))).all())


async def open_tasks(house: House) -> list[str]:
    async with house.core.database.connection() as connection:
        found = await connection.scalars(
            text("SELECT kind FROM agent_task WHERE state IN ('OFFERED', 'CLAIMED', 'RUNNING') ORDER BY kind")
        )
        return list(found.all())


async def test_a_decommissioned_source_ends_at_once_and_comes_back_whole(
    api: Client, house: House, make: Make, agent: Agent, worker: Worker
) -> None:
    made = await make.source(key="shop")
    await make.discovery(made["id"])
    ended = await api.done(documents.DECOMMISSION, input={"id": made["id"], "reason": "No longer used"})
    assert ended["dataSource"]["state"] == "DECOMMISSIONED"
    assert await states(house) == {"ARCHIVED"} and await open_tasks(house) == []
    for document, wanted in (
        (documents.TEST, {"dataSourceId": made["id"]}),
        (documents.DISCOVER, {"dataSourceId": made["id"]}),
        (documents.UPDATE, {"id": made["id"], "version": ended["dataSource"]["version"], "name": "Other"}),
        (documents.DECOMMISSION, {"id": made["id"]}),
    ):
        [error] = (await api.run(document, input=wanted))["errors"]
        assert (error["__typename"], error["code"]) == ("ConflictError", "WRONG_STATE")
    await api.done(documents.UNDO, input={"commandId": ended["trackingId"]})
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] == "GOVERNED"
    assert await states(house) == {"ACTIVE"} and await open_tasks(house) == ["MONITOR"]
    assert (await api.done(documents.TEST, input={"dataSourceId": made["id"]}))["test"]["ok"]


async def test_its_name_is_free_at_once_and_then_it_cannot_come_back(api: Client, make: Make) -> None:
    at = await make.postgresql("")
    made = await make.source(at, name="Shop", key="shop")
    ended = await api.done(documents.DECOMMISSION, input={"id": made["id"]})
    await make.source(at, name="Shop", key="shop_2")
    [error] = (await api.run(documents.UNDO, input={"commandId": ended["trackingId"]}))["errors"]
    assert error["code"] == "ALREADY_EXISTS"


@pytest.mark.parametrize("keep", [True, False])
async def test_after_the_days_of_grace_the_secrets_are_gone_for_good(
    api: Client, house: House, make: Make, agent: Agent, worker: Worker, house_clock: HouseClock, keep: bool
) -> None:
    made = await make.source(key="shop")
    await make.discovery(made["id"])
    wanted = {"id": made["id"], "keepCatalog": keep}
    ended = await api.done(documents.DECOMMISSION, input=wanted)
    await house_clock.shift(days=6)
    await house_clock.do("destroy_due")
    assert await kept_secrets(house, made["id"]) == 1
    await house_clock.shift(days=1.1)
    await house_clock.do("destroy_due")
    assert await kept_secrets(house, made["id"]) == 0
    assert await states(house) == ({"ARCHIVED"} if keep else set())
    later = await house.as_admin()
    [error] = (await later.run(documents.UNDO, input={"commandId": ended["trackingId"]}))["errors"]
    assert (error["__typename"], error["code"]) == ("ConflictError", "NOT_REVERSIBLE")
    await later.close()


async def test_a_creation_is_undone_by_ending_the_source(api: Client, make: Make) -> None:
    made = await make.answer({"sqlite": {"path": "/x.db"}}, name="Shop")
    await api.done(documents.UNDO, input={"commandId": made["trackingId"]})
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] == "DECOMMISSIONED"
