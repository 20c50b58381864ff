"""Discoveries through the API, against a real PostgreSQL by a real agent and worker."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from tests import servers
from tests.client import Answer, Client
from tests.factories import documents
from tests.factories.sources import Make, mariadb
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock
from tests.sources_at_fault import Wire
from tests.streams import heard

STAGES = ["connect", "discover", "update_catalog", "validate", "sample", "classify"]
TRACES = ("asset", "asset_history", "dataset_history", "schema_change", "lineage_edge", "classification")


async def counted(house: House) -> dict[str, int]:
    """How many rows each table has that a discovery writes to."""
    async with house.core.database.connection() as connection:
        names = await connection.scalars(
            text(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND ("
                " table_name LIKE '%\\_history' OR table_name = ANY(:names))"
            ),
            {"names": list(TRACES)},
        )
        return {name: await connection.scalar(text(f"SELECT count(*) FROM {name}")) for name in names.all()}


async def execute(at: servers.SourceDatabase, sql: str) -> None:
    async with servers.connected(at.url) as connection:
        await connection.execute(sql)


async def tables_of(api: Client, key: str) -> dict[str, Answer]:
    found = (await api.data(documents.ASSETS, key=key))["dataSource"]["assets"]["nodes"]
    return {each["qualifiedName"].rpartition(".")[2]: each for each in found}


async def test_a_postgresql_is_read_into_assets_keys_comments_labels_and_lineage(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    at = await make.postgresql()
    made = await make.source(at, key="shop")
    run = await make.discovery(made["id"])
    assert (run["state"], run["failure"], run["validation"]["nodes"]) == ("SUCCEEDED", None, [])
    assert [(stage["key"], stage["state"]) for stage in run["stages"]] == [
        (key, "SUCCEEDED") for key in STAGES
    ]
    assert (run["summary"]["assets"], run["summary"]["columns"], run["drift"]) == (3, 12, None)
    await worker.drained()
    tables = await tables_of(api, "shop")
    assert set(tables) == {"customer", "orders", "customer_value"}
    customer, orders = tables["customer"], tables["orders"]
    assert customer["description"] == "Who buys"
    assert [key["name"] for key in customer["primaryKey"]] == ["id"]
    email = next(each for each in customer["columns"]["nodes"] if each["name"] == "email")
    assert (email["nativeType"], email["nullable"], email["description"]) == ("text", False, "Where to write")
    assert [label["name"] for label in email["labels"]] == ["EMAIL"]
    [key] = orders["foreignKeys"]
    assert [each["qualifiedName"] for each in key["references"]] == [f"{customer['qualifiedName']}.id"]
    lineage = (await api.data(documents.LINEAGE, name=tables["customer_value"]["qualifiedName"]))["asset"][
        "lineage"
    ]
    flows = {
        each["source"]["qualifiedName"]: each
        for each in lineage["edges"]
        if each["origin"] == "VIEW_DEFINITION"
    }
    assert set(flows) == {customer["qualifiedName"], orders["qualifiedName"]}
    [total] = flows[orders["qualifiedName"]]["columns"]
    assert ([each["name"] for each in total["sources"]], total["target"]["name"]) == (["total"], "total")


async def test_a_discovery_is_followed_live_from_its_first_stage_to_its_last(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    made = await make.source()
    started = await api.done(documents.DISCOVER, input={"dataSourceId": made["id"]})
    assert started["joined"] is False and started["trackingId"] and started["discovery"]["state"] == "QUEUED"
    run = await make.ended(started["discovery"]["id"])
    assert run["trackingId"] == started["trackingId"]
    told = await advances(api, run["id"], after=made["cursor"])
    states = [(each["from"], each["to"]) for each in told if each["__typename"] == "RunStateChanged"]
    assert states == [(None, "QUEUED"), ("QUEUED", "RUNNING"), ("RUNNING", "SUCCEEDED")]
    begun = [each["stage"]["key"] for each in told if each["__typename"] == "StageChanged"]
    assert list(dict.fromkeys(begun)) == STAGES
    # Told once, all have their places in the log: before, the last may still come live.
    assert all(each["replayed"] for each in await advances(api, run["id"], after=made["cursor"]))


async def advances(api: Client, run_id: str, *, after: str) -> list[Answer]:
    async with api.follow(documents.RUN_ADVANCED, id=run_id, after=after) as events:
        return [payload["data"]["runAdvanced"] async for payload in events]


async def test_the_source_and_the_catalog_tell_of_a_discovery_as_it_happens(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    made = await make.source()

    def governed(told: Any) -> bool:
        return bool(told["dataSource"]["state"] == "GOVERNED")

    def labelled(told: Any) -> bool:
        return bool(told["__typename"] == "ClassificationsChanged")

    def run_ended(told: Any) -> bool:
        return bool(told["type"] == "RunStateChanged" and told["data"]["after"] == "SUCCEEDED")

    async with (
        heard(api, documents.SOURCE_CHANGED, governed, id=made["id"]) as source,
        heard(api, documents.CATALOG_CHANGED, labelled) as catalog,
        heard(api, documents.RECORDED, run_ended) as whole,
    ):
        await make.discovery(made["id"])
        assert {"SourceStateChanged", "RunStateChanged"} <= {each["event"]["type"] for each in await source}
        kinds = [each["__typename"] for each in await catalog]
        assert kinds[0] == "AssetsIngested"
        recorded = [each["id"] for each in await whole]
        assert len(recorded) == len(set(recorded))


async def test_a_second_reading_without_a_change_writes_nothing(
    api: Client, house: House, make: Make, agent: Agent, worker: Worker
) -> None:
    wire = Wire(await make.postgresql())
    async with wire.open():
        made = await make.source(wire.seen)
        await make.discovery(made["id"])
        await worker.drained()
        before, first = await counted(house), len(without_pings(wire.statements))
        run = await make.discovery(made["id"])
        await worker.drained()
    # Nothing is sampled anew, and the tables themselves are not read.
    assert len(without_pings(wire.statements)) - first < first
    assert run["state"] == "SUCCEEDED" and run["drift"] is None
    assert (run["summary"]["assets"], run["summary"]["columns"], run["summary"]["added"]) == (3, 12, 0)
    assert await counted(house) == before


async def test_what_changed_at_the_source_is_drift(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    at = await make.postgresql()
    made = await make.source(at, key="shop")
    await make.discovery(made["id"])
    await execute(
        at,
        "drop view customer_value; create table parcel (id integer primary key);"
        " alter table customer add column phone text; alter table orders alter column total type bigint;",
    )

    def drifted(told: Any) -> bool:
        return bool(told["__typename"] == "SchemaDrifted")

    async with heard(api, documents.CATALOG_CHANGED, drifted) as listening:
        run = await make.discovery(made["id"])
        await listening
    kinds = {
        (each["asset"]["qualifiedName"].rpartition(".")[2], each["kind"], each["breaking"])
        for each in run["drift"]["changes"]["nodes"]
    }
    assert {
        ("phone", "ASSET_ADDED", False),
        ("parcel", "ASSET_ADDED", False),
        ("total", "TYPE_CHANGED", True),
        ("customer_value", "ASSET_REMOVED", True),
    } <= kinds
    assert "customer_value" not in await tables_of(api, "shop")


async def test_a_discovery_that_no_agent_takes_fails_and_says_what_to_do(
    api: Client, make: Make, worker: Worker, house_clock: HouseClock
) -> None:
    made = await make.source(await make.postgresql(""), key="shop")

    def offered(told: Any) -> bool:
        return bool(told["type"] == "TaskOffered" and told["data"]["kind"] == "DISCOVER")

    async with heard(api, documents.RECORDED, offered) as listening:
        started = await api.done(documents.DISCOVER, input={"dataSourceId": made["id"]})
        await listening
    await house_clock.pass_by(seconds=90)
    await house_clock.do("end_unclaimed_tasks")
    run = await make.ended(started["discovery"]["id"])
    assert (run["state"], run["failure"]["code"], run["failure"]["retryable"]) == ("FAILED", "NO_AGENT", True)
    assert run["failure"]["hint"] and run["allowedActions"] == ["RETRY"]
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] != "DISCOVERING"


async def test_a_second_discovery_joins_the_one_under_way(api: Client, make: Make) -> None:
    made = await make.source(await make.postgresql(""))
    first, second = await asyncio.gather(
        *(api.done(documents.DISCOVER, input={"dataSourceId": made["id"]}) for _ in range(2))
    )
    assert first["discovery"]["id"] == second["discovery"]["id"]
    assert sorted([first["joined"], second["joined"]]) == [False, True]


async def test_a_cancelled_run_ends_and_can_be_tried_again(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    at = await make.postgresql()
    made = await make.source(at, key="shop")
    # The catalog's locks make the agent's reading wait, so that there is something to cancel.
    async with servers.connected(at.url) as holder, holder.transaction():
        await holder.execute("lock table pg_catalog.pg_class in access exclusive mode")
        started = await api.done(documents.DISCOVER, input={"dataSourceId": made["id"]})
        asked = {"id": started["discovery"]["id"], "action": "CANCEL", "reason": "Not now"}
        cancelled = await api.done(documents.CONTROL, input=asked)
        assert cancelled["run"]["state"] == "CANCELLED"
        [error] = (await api.run(documents.CONTROL, input=asked))["errors"]
        assert error["code"] == "WRONG_STATE"
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] == "CONFIGURED"
    again = await api.done(documents.CONTROL, input={"id": started["discovery"]["id"], "action": "RETRY"})
    run = await make.ended(again["run"]["id"])
    assert (run["state"], run["attempt"]) == ("SUCCEEDED", 2)
    [error] = (await api.run(documents.CONTROL, input={"id": run["id"], "action": "RETRY"}))["errors"]
    assert error["code"] == "WRONG_STATE"


async def test_only_what_is_asked_for_is_read_and_nothing_else_is_removed(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    at = await make.postgresql()
    made = await make.source(at, key="shop")
    await make.discovery(made["id"])
    await execute(
        at,
        "alter table orders add column note text; drop view customer_value; alter table customer add x int",
    )
    run = await make.discovery(made["id"], include=["public.orders"])
    assert run["state"] == "SUCCEEDED" and run["drift"]["removed"] == 0
    tables = await tables_of(api, "shop")
    assert "customer_value" in tables
    assert "note" in [each["name"] for each in tables["orders"]["columns"]["nodes"]]
    assert "x" not in [each["name"] for each in tables["customer"]["columns"]["nodes"]]


async def test_without_samples_no_row_is_read(api: Client, make: Make, agent: Agent, worker: Worker) -> None:
    made = await make.source(key="shop")
    run = await make.discovery(made["id"], mode="SCHEMA_ONLY")
    assert [stage["key"] for stage in run["stages"]] == STAGES[:4]
    labels = [
        each["labels"]
        for table in (await tables_of(api, "shop")).values()
        for each in table["columns"]["nodes"]
    ]
    assert not any(labels)


async def test_reading_structure_takes_as_many_statements_for_many_tables_as_for_few(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    """Counted on the wire, by the protocol."""
    counts: list[int] = []
    for tables in (5, 120):
        sql = "".join(f"create table t{n} (id integer primary key, name text);" for n in range(tables))
        wire = Wire(await make.postgresql(sql))
        async with wire.open():
            made = await make.source(wire.seen)
            run = await make.discovery(made["id"], mode="SCHEMA_ONLY")
            assert run["summary"]["assets"] == tables
            counts.append(len(without_pings(wire.statements)))
    assert counts[0] == counts[1] <= 25


def without_pings(statements: list[str]) -> list[str]:
    """The health loop asks beside the discovery; it is known by the one statement that only it sends."""
    return [each for each in statements if "pg_stat_database" not in each]


async def test_a_mariadb_is_read_likewise(api: Client, make: Make, agent: Agent, worker: Worker) -> None:
    async for at in mariadb(
        "create table customer (id int primary key, email varchar(80) not null comment 'Where to write')",
        "create table orders (id int primary key, customer_id int,"
        " foreign key (customer_id) references customer (id))",
        "create view totals as select c.email, count(*) as n from customer c join orders o"
        " on o.customer_id = c.id group by c.email",
        "insert into customer values (1, 'ada@example.com'), (2, 'bob@example.com'), (3, 'eve@example.com')",
    ):
        made = await make.mysql_source(at, key="store")
        assert (await api.done(documents.TEST, input={"dataSourceId": made["id"]}))["test"]["ok"]
        run = await make.discovery(made["id"])
        assert (run["state"], run["summary"]["assets"]) == ("SUCCEEDED", 3)
        await worker.drained()
        tables = await tables_of(api, "store")
        email = next(each for each in tables["customer"]["columns"]["nodes"] if each["name"] == "email")
        assert [label["name"] for label in email["labels"]] == ["EMAIL"]
        assert len(tables["orders"]["foreignKeys"]) == 1
        lineage = (await api.data(documents.LINEAGE, name=tables["totals"]["qualifiedName"]))["asset"][
            "lineage"
        ]
        assert {each["source"]["qualifiedName"] for each in lineage["edges"]} >= {
            tables["customer"]["qualifiedName"]
        }
        await at.execute("alter table customer add column phone varchar(20)")
        run = await make.discovery(made["id"])
        assert [each["kind"] for each in run["drift"]["changes"]["nodes"]] == ["ASSET_ADDED"]


async def test_a_sqlite_file_is_read_likewise(api: Client, make: Make, agent: Agent, worker: Worker) -> None:
    path = make.sqlite(
        "create table customer (id integer primary key, email text not null);"
        "create table orders (id integer primary key, customer_id integer references customer (id));"
        "create view totals as select c.email, count(*) as n from customer c"
        " join orders o on o.customer_id = c.id group by 1;"
        "insert into customer values (1, 'ada@example.com'), (2, 'bob@example.com'), (3, 'eve@example.com');"
    )
    made = await make.sqlite_source(path, key="files")
    assert (await api.done(documents.TEST, input={"dataSourceId": made["id"]}))["test"]["ok"]
    run = await make.discovery(made["id"])
    assert (run["state"], run["summary"]["assets"]) == ("SUCCEEDED", 3)
    await worker.drained()
    tables = await tables_of(api, "files")
    email = next(each for each in tables["customer"]["columns"]["nodes"] if each["name"] == "email")
    assert [label["name"] for label in email["labels"]] == ["EMAIL"]
    lineage = (await api.data(documents.LINEAGE, name=tables["totals"]["qualifiedName"]))["asset"]["lineage"]
    assert {each["source"]["qualifiedName"] for each in lineage["edges"]} >= {
        tables["customer"]["qualifiedName"]
    }
