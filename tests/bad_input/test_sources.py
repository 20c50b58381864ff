"""Sources that are not there, do not answer, are something else, or change while they are read."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from tests import servers
from tests.client import Answer, Client
from tests.factories import documents
from tests.factories.sources import SHOP, Make, password_of, postgresql_of
from tests.fixtures.agent import Agent, Worker
from tests.fixtures.api import House, free_port
from tests.sources_at_fault import Wire, silent, speaking_http


def at_port(port: int, host: str = "127.0.0.1", **more: Any) -> dict[str, Any]:
    return {"postgresql": {"host": host, "port": port, "tls": {"mode": "DISABLED"}, **more}}


async def tried(api: Client, config: dict[str, Any]) -> Answer:
    """The failure of a connection that is tried before it is saved."""
    draft = {"config": config, "credentials": password_of("reader", "planted-Passw0rd-42")}
    payload = await api.done(documents.TEST, input={"draft": draft})
    assert payload["job"] is None and payload["test"]["ok"] is False
    assert "planted" not in str(payload)
    failure = payload["test"]["failure"]
    assert failure["message"]
    return failure


async def test_a_host_that_does_not_exist_is_told_so(api: Client, agent: Agent) -> None:
    failure = await tried(api, at_port(5432, "no-such-host.invalid"))
    assert failure["code"] == "HOST_UNKNOWN" and "no-such-host.invalid" in failure["message"]


async def test_a_host_that_refuses_is_told_so(api: Client, agent: Agent) -> None:
    port = free_port()
    failure = await tried(api, at_port(port))
    assert failure["code"] in ("CONNECTION_REFUSED", "UNREACHABLE") and str(port) in failure["message"]


async def test_a_host_that_hangs_is_given_up_within_its_time(api: Client, agent: Agent) -> None:
    async with silent() as port, asyncio.timeout(15):
        failure = await tried(api, at_port(port, timeoutSeconds=2))
    assert failure["code"] == "TIMEOUT"


async def test_a_server_of_another_protocol_is_told_so(api: Client, agent: Agent) -> None:
    async with speaking_http() as port:
        failure = await tried(api, at_port(port))
        other = await tried(api, {"mysql": {"host": "127.0.0.1", "port": port, "tls": {"mode": "DISABLED"}}})
    assert failure["code"] == other["code"] == "WRONG_PROTOCOL"


async def test_the_platforms_own_database_and_machine_metadata_are_no_sources(
    api: Client, house: House, agent: Agent
) -> None:
    failure = await tried(api, at_port(80, "169.254.169.254"))
    assert failure["code"] == "FORBIDDEN_ADDRESS"


async def test_a_file_outside_of_the_agents_folders_is_no_source(api: Client, agent: Agent) -> None:
    for path in ("/etc/passwd", "../../etc/passwd", "/no/such/file.db"):
        payload = await api.done(documents.TEST, input={"draft": {"config": {"sqlite": {"path": path}}}})
        assert payload["test"]["failure"]["code"] in ("FILE_FORBIDDEN", "FILE_NOT_FOUND")


async def test_a_wrong_password_is_told_in_a_test_and_fails_a_discovery(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    at = await make.postgresql("")
    made = await make.source(at, key="shop", credentials=password_of(at.username, "wrong-Passw0rd"))
    payload = await api.done(documents.TEST, input={"dataSourceId": made["id"]})
    assert payload["test"]["failure"]["code"] == "AUTHENTICATION_FAILED"
    assert [step["name"] for step in payload["test"]["steps"] if not step["ok"]] == ["sign in"]
    run = await make.discovery(made["id"])
    assert (run["state"], run["failure"]["code"]) == ("FAILED", "AUTHENTICATION_FAILED")
    assert run["failure"]["hint"] and run["allowedActions"] == ["RETRY"]
    assert {stage["state"] for stage in run["stages"]} == {"FAILED", "CANCELLED"}
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] != "DISCOVERING"


async def test_a_login_that_may_read_half_of_the_tables_finds_all_and_says_which_it_may_not(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    reader = f"reader_{uuid4().hex[:10]}"
    at = await make.postgresql(
        f"{SHOP} create role {reader} login password 'p'; grant select on customer to {reader};"
    )
    made = await make.source(at, key="shop", credentials=password_of(reader, "p"))
    test = (await api.done(documents.TEST, input={"dataSourceId": made["id"]}))["test"]
    assert test["ok"] and test["serverInfo"]["readableTables"] < test["serverInfo"]["tables"]
    run = await make.discovery(made["id"])
    assert (run["state"], run["summary"]["assets"]) == ("SUCCEEDED", 3)
    issues = [each for each in run["validation"]["nodes"] if each["code"] == "NOT_READABLE"]
    names = {each["qualifiedName"].rpartition(".")[2] for each in issues}
    assert names == {"orders", "customer_value"} and all("SELECT" in each["message"] for each in issues)
    customer = next(
        each
        for each in (await api.data(documents.ASSETS, key="shop"))["dataSource"]["assets"]["nodes"]
        if each["qualifiedName"].endswith(".customer")
    )
    assert ["EMAIL"] in [
        [label["name"] for label in column["labels"]] for column in customer["columns"]["nodes"]
    ]


@pytest.mark.parametrize("moment", ["pg_attribute", "tablesample|select.*orders"])
async def test_a_table_dropped_while_it_is_read_is_no_failure(
    api: Client, make: Make, agent: Agent, worker: Worker, moment: str
) -> None:
    """Once between two statements of the catalog, once before its rows are looked at."""
    at = await make.postgresql()
    wire = Wire(at)
    dropped: list[str] = []

    async def drop(statement: str) -> None:
        wanted = "pg_attribute" in statement if moment == "pg_attribute" else _reads_rows_of_orders(statement)
        if wanted and not dropped:
            dropped.append(statement)
            async with servers.connected(at.url) as connection:
                await connection.execute("drop table orders cascade")

    wire.before = drop
    async with wire.open():
        made = await make.source(wire.seen, key="shop")
        run = await make.discovery(made["id"])
        assert dropped and run["state"] == "SUCCEEDED", run
        again = await make.discovery(made["id"])
    assert again["state"] == "SUCCEEDED"
    names = [
        each["qualifiedName"].rpartition(".")[2]
        for each in (await api.data(documents.ASSETS, key="shop"))["dataSource"]["assets"]["nodes"]
    ]
    assert names == ["customer"]


def _reads_rows_of_orders(statement: str) -> bool:
    return "orders" in statement and "pg_" not in statement


async def test_a_source_decommissioned_while_it_is_discovered_ends_with_its_run(
    api: Client, house: House, make: Make, agent: Agent, worker: Worker
) -> None:
    wire = Wire(await make.postgresql())
    ended: list[Answer] = []

    async def decommission(statement: str) -> None:
        if "pg_attribute" in statement and not ended:
            ended.append(await api.run(documents.DECOMMISSION, input={"id": made["id"]}))

    async with wire.open():
        made = await make.source(wire.seen, key="shop")
        wire.before = decommission
        run = await make.discovery(made["id"])
    assert ended[0]["errors"] == []
    assert (run["state"], run["failure"]["code"]) == ("CANCELLED", "CANCELLED")
    assert (await api.data(documents.GET, key="shop"))["dataSource"]["state"] == "DECOMMISSIONED"
    await worker.drained()
    async with house.core.database.connection() as connection:
        states = await connection.scalars(text("SELECT DISTINCT state FROM asset"))
        assert set(states.all()) <= {"ARCHIVED"}


ODD_NAMES = [
    'with "quotes"', "with 'apostrophes'", "with.dots", "with spaces ", "Ünïcödé", "顧客", "😀", "select",
    "a" * 63, "back\\slash", "new\nline", "%s", "{}", "<script>alert(1)</script>", "\u202ereversed",
    "é".encode().decode(), "e\u0301", "dollar$", "-- comment", "; drop table x",
]  # fmt: skip


async def test_names_of_any_kind_come_through_unharmed(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    quoted = [name.replace('"', '""') for name in ODD_NAMES]
    tables = "".join(f'create table "{name}" ("{name}" text, id integer);' for name in quoted)
    made = await make.source(await make.postgresql(tables), key="odd")
    run = await make.discovery(made["id"])
    assert (run["state"], run["summary"]["assets"]) == ("SUCCEEDED", len(ODD_NAMES)), run
    await worker.drained()
    found = (await api.data(documents.ASSETS, key="odd"))["dataSource"]["assets"]["nodes"]
    names = {each["qualifiedName"] for each in found}
    assert len(names) == len(ODD_NAMES)
    for each in found:
        again = await api.data(documents.LINEAGE, name=each["qualifiedName"])
        assert again["asset"]["id"] == each["id"]
    columns = {column["name"] for each in found for column in each["columns"]["nodes"]}
    assert columns == {*ODD_NAMES, "id"}
    assert (await make.discovery(made["id"]))["drift"] is None


async def test_a_file_with_names_longer_than_any_server_takes_is_read(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    long = "x" * 3_000
    path = make.sqlite(
        f'create table "{long}" ("{long}" text); create table "{long}y" (a); create table t (a)'
    )
    made = await make.sqlite_source(path, key="files")
    run = await make.discovery(made["id"])
    assert run["state"] == "SUCCEEDED" and run["summary"]["assets"] >= 2


async def test_a_source_without_tables_is_governed_and_empty(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    made = await make.source(await make.postgresql(""), key="empty")
    run = await make.discovery(made["id"])
    assert (run["state"], run["summary"]["assets"], run["summary"]["columns"]) == ("SUCCEEDED", 0, 0)
    assert (await api.data(documents.GET, key="empty"))["dataSource"]["state"] == "GOVERNED"
    assert (await api.data(documents.ASSETS, key="empty"))["dataSource"]["assets"]["nodes"] == []


async def test_ten_thousand_columns_are_read_in_pages_of_what_one_asks_for(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    wide = ", ".join(f"c{n} integer" for n in range(1_250))
    at = await make.postgresql("".join(f"create table t{n} ({wide});" for n in range(8)))
    made = await make.source(at, key="wide")
    run = await make.discovery(made["id"], mode="SCHEMA_ONLY")
    assert (run["state"], run["summary"]["columns"]) == ("SUCCEEDED", 10_000)
    tables = (await api.data(documents.ASSETS, key="wide"))["dataSource"]["assets"]["nodes"]
    assert [len(table["columns"]["nodes"]) for table in tables] == [100] * 8


async def test_a_configuration_that_says_nothing_of_the_database_reads_what_the_login_finds(
    api: Client, make: Make, agent: Agent
) -> None:
    at = await make.postgresql("")
    config = {"postgresql": {k: v for k, v in postgresql_of(at).items() if k != "database"}}
    draft = {"config": config, "credentials": password_of(at.username, at.password)}
    assert (await api.done(documents.TEST, input={"draft": draft}))["test"]["ok"]
