"""PostgreSQL: what a discovery reads, what a rediscovery leaves unread, and what bad input comes to."""

from __future__ import annotations

from contextlib import aclosing
from uuid import uuid4

from connectors.base import Known, Limits, TableSample
from connectors.entries import (
    Container,
    ContainerCount,
    Dataset,
    DatasetKind,
    DataType,
    Issue,
    Path,
    ServerFacts,
)
from tests.connectors.reading import Reading, discover, run_test, sample
from tests.connectors.shop import SHOP, Connect, execute
from tests.servers import SourceDatabase, SourceServer


async def test_a_discovery_reads_everything_there_is(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database(SHOP)
    found = await discover(connect(source))
    base = source.database
    assert {each.path for each in found.of(Container)} == {
        (base,), (base, "sales"), (base, "public"), (base, "empty"), (base, 'Odd "schema" ä')
    }  # fmt: skip
    assert (base, "sales", "events_1") not in found.names
    customer = found.dataset(base, "sales", "customer")
    assert (customer.comment, customer.primary_key, customer.row_estimate) == ("Who buys", ("id",), None)
    columns = {column.name: column for column in customer.columns}
    assert [column.ordinal for column in customer.columns] == list(range(1, 12))
    assert columns["mail"].comment == "Where to write"
    assert (columns["mail"].native_type, columns["mail"].nullable) == ("sales.email", False)
    assert columns["id"].default == "generated always as identity"
    assert columns["twice"].default == "generated always as ((credit * (2)::numeric))"
    assert {name: column.data_type for name, column in columns.items()} == {
        "id": DataType.INTEGER, "mail": DataType.STRING, "mood": DataType.STRING, "tags": DataType.ARRAY,
        "born": DataType.DATE, "credit": DataType.DECIMAL, "photo": DataType.BINARY, "note": DataType.JSON,
        "at": DataType.TIMESTAMP, "key": DataType.UUID, "twice": DataType.DECIMAL,
    }  # fmt: skip
    assert customer.attributes == {"unique": [["mail"]], "checks": ["CHECK (credit >= 0::numeric)"]}
    [to_customer] = found.dataset(base, "sales", "orders").foreign_keys
    assert (to_customer.columns, to_customer.to, to_customer.to_columns) == (
        ("customer_id",), (base, "sales", "customer"), ("id",)
    )  # fmt: skip
    assert found.dataset(base, "sales", "orders").primary_key == ("b", "a")
    [to_order] = found.dataset(base, "sales", "line").foreign_keys
    assert (to_order.name, to_order.columns, to_order.to_columns) == (
        "of_order",
        ("order_b", "order_a"),
        ("b", "a"),
    )
    view = found.dataset(base, "sales", "totals")
    assert (view.kind, view.primary_key) == (DatasetKind.VIEW, ())
    assert view.definition is not None and "sales.customer c" in view.definition
    assert found.dataset(base, "sales", "frozen").kind is DatasetKind.MATERIALIZED_VIEW
    assert found.dataset(base, "sales", "events").attributes == {
        "partitionKey": "RANGE (day)",
        "partitions": 1,
    }
    odd = found.dataset(base, 'Odd "schema" ä', 'Tab.le "x" y')
    assert [column.name for column in odd.columns] == ["Col ümn", "select"]
    assert found.counts[(base, "sales")] == (6, 22)
    assert found.counts[(base, "empty")] == (0, 0)


async def test_an_unchanged_source_is_told_by_digests_alone(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(SHOP)
    connector = connect(source)
    first = await discover(connector)
    again = await discover(connector, first.known)
    assert (again.names, again.removed) == (set(), set())
    assert again.unchanged == {path: count for path, count in first.counts.items() if count != (0, 0)}
    full = await discover(connector, Known(await first.known.digests(), trust_digests=False))
    assert await full.known.digests() == await first.known.digests()


CHANGES = [
    "alter table sales.customer alter column at type timestamp(3)",
    "alter table sales.customer alter column mail drop not null",
    "alter table sales.customer alter column born set default current_date",
    "alter table sales.customer add check (born > '1800-01-01')",
    "alter table sales.customer rename column mail to address",
    "comment on column sales.customer.born is 'Of whom'",
    "comment on schema sales is 'All of it'",
    "alter type sales.mood rename to temper",
    "create or replace view sales.totals as select 1 as one, 2 as two",
    "create schema another",
    "drop schema empty",
    "create table public.fresh (a int)",
    "drop table sales.line",
    "grant select on sales.customer to public",
    "create function public.given() returns int language sql as 'select 1'",
]


async def test_a_source_is_marked_anew_by_whatever_a_reading_would_show(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(SHOP)
    connector = connect(source)
    stamps = [_stamp_of(await discover(connector))]
    for change in CHANGES:
        await execute(
            source, f"drop view if exists sales.totals; {change}" if "replace view" in change else change
        )
        stamps.append(_stamp_of(await discover(connector)))
    assert len(set(stamps)) == len(CHANGES) + 1


async def test_rows_do_not_mark_a_source_and_a_marked_one_is_not_compared(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(SHOP)
    connector = connect(source)
    first = await discover(connector)
    await execute(source, "insert into sales.customer (mail) values ('a@b.example'); analyze sales.customer")

    async def nobody_asks() -> dict[Path, str]:
        raise AssertionError("fetched")

    again = await discover(connector, Known(stamp=_stamp_of(first), fetch=nobody_asks))
    assert (again.names, again.of(Container), again.removed) == (set(), [], set())
    assert again.unchanged == {path: count for path, count in first.counts.items() if count != (0, 0)}
    part = await discover(connector, first.known, include=["sales.l*"])
    assert _stamp_of(part) is None
    digests = await first.known.digests()
    full = await discover(connector, Known(digests, stamp=_stamp_of(first), trust_digests=False))
    assert full.names == first.names


def _stamp_of(reading: Reading) -> str | None:
    return reading.of(ServerFacts)[-1].stamp


async def test_only_what_changed_is_read_again(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database(SHOP)
    connector = connect(source)
    first = await discover(connector)
    await execute(
        source,
        """alter table sales.customer rename column id to number; comment on view sales.totals is 'Sums';
        drop table sales.line; create table sales.fresh (a int); drop schema empty;
        alter type sales.mood rename to temper""",
    )
    again = await discover(connector, first.known)
    base = source.database
    # The key of `orders` points at the renamed column, and the view over it has another definition.
    assert {path[-1] for path in again.names} == {"customer", "orders", "totals", "fresh"}
    assert again.removed == {(base, "sales", "line"), (base, "empty")}
    assert again.dataset(base, "sales", "orders").foreign_keys[0].to_columns == ("number",)
    columns = {column.name: column.native_type for column in again.columns(base, "sales", "customer")}
    assert columns["mood"] == "sales.temper"
    whole = await discover(connector)
    now, then = await whole.known.digests(), await again.known.digests()
    assert {path: now[path] for path in again.names} == {path: then[path] for path in again.names}


async def test_the_count_of_statements_does_not_grow_with_tables(
    source_server: SourceServer, connect: Connect
) -> None:
    few = await discover(connect(await source_server.database("create table a (b int)")))
    many_tables = """do $$ begin for i in 1..600 loop
        execute format('create table t%s (a int, b text)', i); end loop; end $$"""
    source = await source_server.database(many_tables)
    many = await discover(connect(source, limits=Limits(column_batch=500)))
    assert many.statements == few.statements
    assert len(many.names) == 600
    assert many.batches >= 3


async def test_wide_tables_come_in_pieces(source_server: SourceServer, connect: Connect) -> None:
    columns = ", ".join(f"column_{number} int" for number in range(1_600))
    source = await source_server.database(f"create table wide ({columns}); create table none ()")
    found = await discover(connect(source))
    path = (source.database, "public", "wide")
    assert len(found.dataset(*path).columns) <= 1_000
    assert [column.name for column in found.columns(*path)] == [f"column_{number}" for number in range(1_600)]
    assert found.columns(source.database, "public", "none") == []


async def test_names_and_comments_may_hold_what_parts_our_fields(
    source_server: SourceServer, connect: Connect
) -> None:
    unit, record = "\x1f", "\x1e"
    source = await source_server.database(
        f"""create table "we{unit}ird" (
            "a{unit}b" int primary key, "c{record}d" text, "{"long" * 15}xyz" int, "🦊" int);
        comment on table "we{unit}ird" is 'one{record}two{unit}three';
        create table plain (a int);
        comment on column plain.a is 'x{record}2{unit}f{unit}made{unit}up{unit}{unit}{unit}{unit}{unit}';"""
    )
    connector = connect(source)
    found = await discover(connector)
    base = source.database
    weird = found.dataset(base, "public", f"we{unit}ird")
    assert [column.name for column in weird.columns] == ["a b", "c d", "long" * 15 + "xyz", "🦊"]
    assert weird.primary_key == ("a b",)
    assert [column.name for column in found.columns(base, "public", "plain")] == ["a"]
    again = await discover(connector, found.known)
    assert again.names == set()


async def test_patterns_choose_what_is_read_and_removed(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(SHOP)
    everything = await discover(connect(source))
    chosen = connect(source, include=["sales.*"], exclude=["*.events"])
    found = await discover(chosen, everything.known)
    base = source.database
    assert found.removed == {
        (base, "public"), (base, "empty"), (base, "sales", "events"),
        (base, 'Odd "schema" ä'), (base, 'Odd "schema" ä', 'Tab.le "x" y'),
    }  # fmt: skip
    assert found.counts == {(base, "sales"): (5, 20)}
    await execute(source, "drop table sales.line")
    part = await discover(connect(source), everything.known, include=["sales.l*"])
    assert part.removed == {(base, "sales", "line")}
    assert not any(count.read_whole for count in part.of(ContainerCount))


async def test_an_empty_database_is_read(source_server: SourceServer, connect: Connect) -> None:
    found = await discover(connect(await source_server.database()))
    assert found.names == set()
    assert len(found.of(Container)) == 2


async def test_a_login_without_rights_sees_what_it_may_not_read(
    source_server: SourceServer, connect: Connect
) -> None:
    login = f"reader_{uuid4().hex[:8]}"
    source = await source_server.database(
        f"""create table open (a int); create table closed (a int); insert into open values (1);
        create role {login} login password 'pa''ss'; grant select on open to {login}"""
    )
    connector = connect(source, login=(login, "pa'ss"))
    found = await discover(connector)
    base = source.database
    assert found.dataset(base, "public", "open").attributes == {}
    assert found.dataset(base, "public", "closed").attributes == {"readable": False}
    samples = await sample(connector, found.names)
    refused = samples[(base, "public", "closed")]
    assert isinstance(refused, Issue) and refused.code == "PERMISSION_DENIED"
    steps, _, failure = await run_test(connector)
    assert failure is None
    assert (
        steps[-1].message
        == "1 of 2 tables and views are readable; grant SELECT on the others to have them sampled."
    )


async def test_samples_are_bounded_and_take_one_statement_each(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(
        SHOP
        + "create table big as select i, repeat('x', 2000) as long from generate_series(1, 30000) i;"
        + "analyze big;"
    )
    connector = connect(source, limits=Limits(sample_rows=30))
    base = source.database
    await discover(connector)
    before = connector.statements
    paths = [
        (base, "sales", "customer"),
        (base, "public", "big"),
        (base, "sales", "totals"),
        (base, "x", "gone"),
    ]
    samples = await sample(connector, paths)
    assert connector.statements - before <= len(paths) + 2
    customer = samples[paths[0]]
    assert isinstance(customer, TableSample)
    assert len(customer.columns["mail"]) == 30
    assert "photo" not in customer.columns and customer.data_types["photo"] == "BINARY"
    assert set(customer.columns["born"]) == {None}
    big = samples[paths[1]]
    assert isinstance(big, TableSample)
    assert {len(value or "") for value in big.columns["long"]} == {500}
    assert big.row_count == 30_000
    assert max(int(value or 0) for value in big.columns["i"]) > 300, "not the first rows only"
    gone = samples[paths[3]]
    assert isinstance(gone, Issue) and gone.code == "GONE"


async def test_a_slow_view_is_left_and_the_rest_sampled(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(
        "create view slow as select pg_sleep(30)::text as a; create table t (a int); insert into t values (7)"
    )
    connector = connect(source, limits=Limits(statement_seconds=0.3))
    paths = [(source.database, "public", "slow"), (source.database, "public", "t")]
    samples = await sample(connector, paths)
    slow, table = samples[paths[0]], samples[paths[1]]
    assert isinstance(slow, Issue) and slow.code == "TIMEOUT"
    assert isinstance(table, TableSample) and table.columns == {"a": ["7"]}


async def test_nothing_can_be_written(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database("create sequence s; create view v as select nextval('s') as n")
    path = (source.database, "public", "v")
    samples = await sample(connect(source), [path])
    refused = samples[path]
    assert isinstance(refused, Issue) and refused.code == "READ_FAILED"


async def test_tables_that_come_and_go_while_reading_end_nothing(
    source_server: SourceServer, connect: Connect
) -> None:
    source = await source_server.database(
        """do $$ begin for i in 1..400 loop
            execute format('create table t%s (a int default %s);
                create view v%s as select a from t%s', i, i, i, i);
        end loop; end $$"""
    )
    connector = connect(source, limits=Limits(column_batch=50))
    dropped = 0
    seen: list[str] = []
    async with aclosing(connector.discover(Known())) as reading:
        async for batch in reading:
            if dropped < 5:
                dropped += 1
                await execute(source, f"drop table t{390 + dropped} cascade")
            seen += [entry.path[-1] for entry in batch if isinstance(entry, Dataset)]
    assert len(seen) == len(set(seen))
    assert {f"{kind}{number}" for kind in "tv" for number in range(1, 391)} <= set(seen)
    after = await discover(connector)
    assert len(after.names) == 790


async def test_a_reading_left_half_way_leaves_the_connection_usable(
    source_server: SourceServer, connect: Connect
) -> None:
    many = "do $$ begin for i in 1..700 loop execute format('create table t%s (a int)', i); end loop; end $$"
    connector = connect(await source_server.database(many), limits=Limits(column_batch=100))
    async with aclosing(connector.discover(Known())) as reading:
        await anext(reading)
        await anext(reading)
    assert len((await discover(connector)).names) == 700


async def test_other_encodings_are_read(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database()
    for encoding in ("LATIN1", "SQL_ASCII"):
        name = f"other_{uuid4().hex[:8]}"
        await execute(source, f"create database {name} encoding '{encoding}' locale 'C' template template0")
        other = SourceDatabase(source.host, source.port, name, source.username, source.password)
        await execute(other, 'create table "prénom" (a int)')
        connector = connect(other)
        found = await discover(connector)
        assert len(found.names) == 1
        assert (await discover(connector, found.known)).names == set()
