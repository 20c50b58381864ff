"""MySQL and MariaDB, against the MariaDB of this machine where there is one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import aiomysql
import pytest

from connectors.base import Credentials, Guard, Known, Limits, SourceError, TableSample
from connectors.configs import DatabaseConfig
from connectors.entries import Container, ContainerKind, DatasetKind, DataType, Issue, ServerFacts
from connectors.mysql import Mysql
from datawave.kit.secrets import Secret
from tests.connectors.reading import discover, fails, run_test, sample

HOST = os.environ.get("DATAWAVE_TEST_MYSQL_HOST", "127.0.0.1")
PORT = int(os.environ.get("DATAWAVE_TEST_MYSQL_PORT", "3306"))
USER = os.environ.get("DATAWAVE_TEST_MYSQL_USER", "root")
PASSWORD = os.environ.get("DATAWAVE_TEST_MYSQL_PASSWORD", "")

SHOP = [
    "create table customer (id int auto_increment primary key,"
    " mail varchar(80) not null unique comment 'Where to write',"
    " active tinyint(1) default 1, credit decimal(12,2), born date, at datetime(3), kind enum('a','b'),"
    " photo blob, note json, twice decimal(12,2) generated always as (credit * 2) virtual)"
    " comment 'Who buys'",
    "create table orders (a int, b int, customer_id int not null, primary key (b, a),"
    " constraint of_customer foreign key (customer_id) references customer (id))",
    "create table line (order_b int, order_a int,"
    " constraint of_order foreign key (order_b, order_a) references orders (b, a))",
    "create view totals as select c.mail, count(*) as n from customer c"
    " join orders o on o.customer_id = c.id group by 1",
    "create table `Odd ``table`` ä` (`Col ümn` int, `select` text)",
    "create table CUSTOMER (x int)",
    "insert into customer (mail, photo) values ('a@example.com', 'x'), ('b@example.com', null)",
]


class Source:
    """A database that is the test's alone."""

    def __init__(self, name: str, admin: Any) -> None:
        self.name = name
        self._admin = admin
        self._made: list[Mysql] = []

    async def execute(self, *statements: str) -> None:
        async with self._admin.cursor() as cursor:
            await cursor.execute(f"use {self.name}")
            for statement in statements:
                await cursor.execute(statement)

    def connect(
        self, *, limits: Limits | None = None, user: str = USER, password: str = PASSWORD, **options: object
    ) -> Mysql:
        config = {"host": HOST, "port": PORT, "database": self.name, **options}
        made = Mysql(
            DatabaseConfig.model_validate(config),
            Credentials(username=user, password=Secret(password)),
            limits=limits or Limits(),
            guard=Guard(private=True),
        )
        self._made.append(made)
        return made

    async def close(self) -> None:
        for made in self._made:
            await made.close()


@pytest.fixture
async def source() -> AsyncIterator[Source]:
    try:
        admin = await aiomysql.connect(
            host=HOST, port=PORT, user=USER, password=PASSWORD, connect_timeout=2, autocommit=True
        )
    except aiomysql.OperationalError:
        pytest.skip(f"no MySQL or MariaDB lets {USER} in at {HOST}:{PORT} (DATAWAVE_TEST_MYSQL_HOST, …)")
    name = f"datawave_test_{uuid4().hex[:10]}"
    made = Source(name, admin)
    try:
        async with admin.cursor() as cursor:
            await cursor.execute(f"create database {name} character set utf8mb4")
        yield made
        await made.close()
    finally:
        async with admin.cursor() as cursor:
            await cursor.execute(f"drop database if exists {name}")
        admin.close()


async def test_a_discovery_reads_everything_there_is(source: Source) -> None:
    await source.execute(*SHOP)
    found = await discover(source.connect())
    [database] = found.of(Container)
    assert (database.path, database.kind) == ((source.name,), ContainerKind.DATABASE)
    assert {path[1] for path in found.names} == {
        "customer", "orders", "line", "totals", "Odd `table` ä", "CUSTOMER"
    }  # fmt: skip
    customer = found.dataset(source.name, "customer")
    assert (customer.comment, customer.primary_key) == ("Who buys", ("id",))
    columns = {column.name: column for column in customer.columns}
    assert {name: column.data_type for name, column in columns.items()} == {
        "id": DataType.INTEGER, "mail": DataType.STRING, "active": DataType.BOOLEAN,
        "credit": DataType.DECIMAL, "born": DataType.DATE,
        "at": DataType.TIMESTAMP, "kind": DataType.STRING, "photo": DataType.BINARY,
        "note": columns["note"].data_type, "twice": DataType.DECIMAL,
    }  # fmt: skip
    assert (columns["mail"].nullable, columns["mail"].comment) == (False, "Where to write")
    assert columns["id"].default == "auto_increment"
    assert (columns["twice"].default or "").startswith("generated always as (")
    assert customer.attributes == {"unique": [["mail"]]}
    [to_order] = found.dataset(source.name, "line").foreign_keys
    assert (to_order.name, to_order.columns, to_order.to, to_order.to_columns) == (
        "of_order", ("order_b", "order_a"), (source.name, "orders"), ("b", "a")
    )  # fmt: skip
    assert found.dataset(source.name, "orders").primary_key == ("b", "a")
    view = found.dataset(source.name, "totals")
    assert view.kind is DatasetKind.VIEW
    assert view.definition is not None and "join" in view.definition
    assert found.counts == {(source.name,): (6, 20)}


async def test_only_what_changed_is_reported_again(source: Source) -> None:
    await source.execute(*SHOP)
    connector = source.connect()
    first = await discover(connector)
    again = await discover(connector, first.known)
    assert (again.names, again.unchanged) == (set(), {(source.name,): (6, 20)})
    await source.execute("alter table customer add x int", "drop table line", "create table fresh (a int)")
    third = await discover(connector, first.known)
    assert {path[1] for path in third.names} == {"customer", "fresh"}
    assert third.removed == {(source.name, "line")}
    assert third.statements == again.statements


async def test_system_schemas_are_never_shown(source: Source) -> None:
    found = await discover(source.connect(database=None, include=["no.such"]))
    assert not {"mysql", "information_schema", "sys"} & {each.path[0] for each in found.of(Container)}


async def test_many_and_wide_tables_take_the_same_statements(source: Source) -> None:
    await source.execute(*(f"create table t{number} (a int, b text)" for number in range(60)))
    await source.execute(f"create table wide ({', '.join(f'c{number} int' for number in range(1_010))})")
    connector = source.connect(limits=Limits(column_batch=100))
    found = await discover(connector)
    assert len(found.names) == 61
    assert found.batches > 2
    assert len(found.columns(source.name, "wide")) == 1_010
    assert found.statements <= 9


async def test_a_reading_left_half_way_leaves_the_connector_usable(source: Source) -> None:
    await source.execute(*(f"create table t{number} (a int)" for number in range(30)))
    connector = source.connect(limits=Limits(column_batch=5))
    async with aclosing(connector.discover(Known())) as reading:
        await anext(reading)
        await anext(reading)
    assert len((await discover(connector)).names) == 30


async def test_samples_are_bounded(source: Source) -> None:
    await source.execute(*SHOP)
    connector = source.connect(limits=Limits(sample_rows=25))
    paths = [(source.name, "customer"), (source.name, "Odd `table` ä"), (source.name, "gone")]
    samples = await sample(connector, paths)
    customer, odd, gone = (samples[path] for path in paths)
    assert isinstance(customer, TableSample)
    assert customer.columns["mail"] == ["a@example.com", "b@example.com"]
    assert "photo" not in customer.columns
    assert customer.columns["credit"] == [None, None]
    assert isinstance(odd, TableSample) and odd.columns["select"] == []
    assert isinstance(gone, Issue) and gone.code == "GONE"


async def test_nothing_can_be_written_and_nothing_takes_long(source: Source) -> None:
    await source.execute(
        "create table t (a int)",
        "create view slow as select sleep(20) as a",
        "create function f() returns int modifies sql data begin insert into t values (1); return 1; end",
        "create view writes as select f() as a",
    )
    connector = source.connect(limits=Limits(statement_seconds=0.5))
    paths = [(source.name, "slow"), (source.name, "writes"), (source.name, "t")]
    samples = await sample(connector, paths)
    slow, writes, table = (samples[path] for path in paths)
    assert isinstance(slow, Issue) and slow.code == "TIMEOUT"
    assert isinstance(writes, Issue)  # the server hides a view that it may not even look into
    assert isinstance(table, TableSample) and table.columns == {"a": []}


async def test_a_test_tells_each_step_and_the_server(source: Source) -> None:
    steps, facts, failure = await run_test(source.connect())
    assert failure is None
    assert [step.name for step in steps] == ["resolve", "connect", "tls", "sign in", "read", "capability"]
    assert isinstance(facts, ServerFacts) and facts.version is not None


async def test_a_test_says_what_is_wrong(source: Source) -> None:
    other = await asyncio.start_server(_speaks_first, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    cases = [
        (source.connect(user="nobody_here", password="wr0ng-s3cret"), "sign in", "AUTHENTICATION_FAILED"),
        (source.connect(database="no_such_database"), "sign in", "DATABASE_UNKNOWN"),
        (source.connect(port=port), "connect", "WRONG_PROTOCOL"),
        (source.connect(host="no-such-host.invalid"), "resolve", "HOST_UNKNOWN"),
    ]
    async with other:
        for connector, step, code in cases:
            await fails(connector, step, code, without="wr0ng")


async def _speaks_first(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    writer.close()


async def test_a_server_that_asks_for_the_password_in_clear_is_refused() -> None:
    """No server is needed: this one greets as MySQL does and then asks."""
    got: list[bytes] = []

    async def greedy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeting = (
            b"\x0a8.0.0\x00" + b"\x01\0\0\0" + b"12345678\x00" + b"\xff\xf7" + b"\x21\x02\x00" + b"\xff\xdf"
        )
        greeting += b"\x15" + b"\0" * 10 + b"123456789012\x00" + b"mysql_native_password\x00"
        writer.write(len(greeting).to_bytes(3, "little") + b"\x00" + greeting)
        header = await reader.readexactly(4)
        await reader.readexactly(int.from_bytes(header[:3], "little"))
        switch = b"\xfemysql_clear_password\x00"
        writer.write(len(switch).to_bytes(3, "little") + b"\x02" + switch)
        got.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(greedy, "127.0.0.1", 0)
    async with server:
        connector = Mysql(
            DatabaseConfig(host="127.0.0.1", port=server.sockets[0].getsockname()[1]),
            Credentials(username="root", password=Secret("s3cret")),
            limits=Limits(connect_seconds=5),
            guard=Guard(private=True),
        )
        with pytest.raises(SourceError, match="others could read"):
            await connector.ping()
    assert b"s3cret" not in b"".join(got)
