"""SQLite files: only read, only where they may be, whatever they hold."""

from __future__ import annotations

import sqlite3
import string
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Guard, Known, Limits, SourceError, TableSample
from connectors.configs import EmbeddedDatabaseConfig
from connectors.entries import DatasetKind, DataType, Issue
from connectors.sqlite import Sqlite
from tests.connectors.reading import discover, run_test, sample

SHOP = """
    create table customer (id integer primary key, mail text not null unique, born date,
        "we""ird ünï" varchar(20), photo blob);
    create table line (a int, b int, customer_id int references customer,
        twice int generated always as (a * 2), primary key (b, a));
    create view totals as select mail, count(*) as n from customer group by 1;
    create view broken as select * from not_there;
    create virtual table words using fts5(body);
    insert into customer (mail, photo) values ('a@example.com', x'00'), ('b@example.com', null);
"""

Connect = Callable[..., Sqlite]


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    made: list[Sqlite] = []

    def make(
        sql: str | None = None, *, path: str = "shop.db", limits: Limits | None = None, **options: object
    ) -> Sqlite:
        if sql is not None:
            write(tmp_path / path, sql)
        config = EmbeddedDatabaseConfig.model_validate({"path": path, **options})
        guard = Guard(file_roots=(str(tmp_path),))
        made.append(Sqlite(config, None, limits=limits or Limits(), guard=guard))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def write(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(sql if "pragma" in sql else f"begin; {sql}; commit")
    connection.close()


async def test_a_discovery_reads_everything_there_is(connect: Connect) -> None:
    found = await discover(connect(SHOP))
    assert {path[1] for path in found.names} == {"customer", "line", "totals", "broken", "words"}
    columns = {column.name: column for column in found.columns("main", "customer")}
    assert {name: column.data_type for name, column in columns.items()} == {
        "id": DataType.INTEGER, "mail": DataType.STRING, "born": DataType.DATE, 'we"ird ünï': DataType.STRING,
        "photo": DataType.BINARY,
    }  # fmt: skip
    line = found.dataset("main", "line")
    assert line.primary_key == ("b", "a")
    [key] = line.foreign_keys
    assert (key.columns, key.to, key.to_columns) == (("customer_id",), ("main", "customer"), ("id",))
    assert found.dataset("main", "totals").kind is DatasetKind.VIEW
    assert (found.dataset("main", "totals").definition or "").startswith("CREATE VIEW")
    assert found.columns("main", "broken") == []
    assert [issue.path for issue in found.of(Issue)] == [("main", "broken")]
    assert found.counts == {("main",): (5, 12)}


async def test_only_what_changed_is_reported_again(connect: Connect, tmp_path: Path) -> None:
    connector = connect(SHOP)
    first = await discover(connector)
    again = await discover(connector, first.known)
    assert (again.names, again.removed) == (set(), set())
    write(
        tmp_path / "shop.db", "alter table customer add phone text; drop view broken; create table fresh (a)"
    )
    third = await discover(connector, first.known)
    assert {path[1] for path in third.names} == {"customer", "fresh"}
    assert third.removed == {("main", "broken")}


async def test_the_count_of_statements_does_not_grow_with_tables(connect: Connect) -> None:
    few = await discover(connect("create table a (b)", path="few.db"))
    tables = "".join(f"create table t{number} (a, b);" for number in range(300))
    many = await discover(connect(tables, path="many.db", limits=Limits(column_batch=100)))
    assert (many.statements, len(many.names)) == (few.statements, 300)


async def test_ten_thousand_columns_are_read(connect: Connect) -> None:
    wide = [
        f"create table w{place} ({', '.join(f'c{number}' for number in range(1_999))});" for place in range(5)
    ]
    found = await discover(connect("".join(wide)))
    assert [len(found.columns("main", f"w{place}")) for place in range(5)] == [1_999] * 5


async def test_an_empty_file_is_an_empty_database(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    assert (await discover(connect(path="empty.db"))).names == set()


async def test_samples_take_one_statement_each_and_hold_text(connect: Connect) -> None:
    connector = connect(SHOP)
    paths = [("main", name) for name in ("customer", "totals", "broken", "gone")]
    samples = await sample(connector, paths)
    assert connector.statements <= len(paths) + 5
    customer, totals, broken, gone = (samples[path] for path in paths)
    assert isinstance(customer, TableSample)
    assert customer.columns["mail"] == ["a@example.com", "b@example.com"]
    assert "photo" not in customer.columns
    assert isinstance(totals, TableSample) and totals.columns["n"] == ["1", "1"]
    assert isinstance(broken, Issue) and isinstance(gone, Issue) and gone.code == "GONE"


async def test_a_view_that_never_ends_is_given_up(connect: Connect) -> None:
    endless = """create view v as with recursive n(x) as (select 1 union all select x + 1 from n)
        select max(x) as m from n"""
    samples = await sample(connect(endless, limits=Limits(statement_seconds=0.2)), [("main", "v")])
    slow = samples[("main", "v")]
    assert isinstance(slow, Issue) and slow.code == "TIMEOUT"


async def test_a_file_in_a_read_only_folder_with_a_write_ahead_log_is_read(
    connect: Connect, tmp_path: Path
) -> None:
    connector = connect("pragma journal_mode = wal; create table t (a)")
    tmp_path.chmod(0o555)
    try:
        assert (await discover(connector)).names == {("main", "t")}
    finally:
        tmp_path.chmod(0o755)


async def test_a_test_says_what_is_wrong(connect: Connect, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is not a database, whatever its name says. " * 50)
    (tmp_path / "torn.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4_000)
    for path, step, code in (
        ("none.db", "resolve", "FILE_NOT_FOUND"),
        ("/etc/passwd", "resolve", "FILE_FORBIDDEN"),
        ("text.db", "connect", "NOT_A_DATABASE"),
        ("torn.db", "connect", "NOT_A_DATABASE"),
    ):
        steps, _, failure = await run_test(connect(path=path))
        assert failure is not None
        assert (path, steps[-1].name, failure.code) == (path, step, code)
    _, facts, failure = await run_test(connect(SHOP))
    assert failure is None and facts is not None and facts.read_only


async def test_a_ping_looks_at_the_file(connect: Connect) -> None:
    assert (await connect(SHOP).ping())["size_bytes"] > 0
    with pytest.raises(SourceError):
        await connect(path="none.db").ping()


names = st.text(
    st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=80
).filter(lambda name: not name.lower().startswith("sqlite_"))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    tables=st.dictionaries(
        names, st.lists(names, min_size=1, max_size=5, unique_by=str.casefold), min_size=1, max_size=4
    ).filter(lambda made: len({name.casefold() for name in made}) == len(made)),
    suffix=st.text(string.ascii_letters, min_size=12, max_size=12),
)
async def test_any_names_are_read_and_keep_their_digests(
    tmp_path: Path, tables: dict[str, list[str]], suffix: str
) -> None:
    path = tmp_path / f"{suffix}.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    for table, columns in tables.items():
        listed = ", ".join(quoted(column) for column in columns)
        try:
            connection.execute(f"create table {quoted(table)} ({listed})")
        except sqlite3.OperationalError:  # names that SQLite itself folds into one
            connection.close()
            return
    connection.close()
    config = EmbeddedDatabaseConfig(path=str(path))
    connector = Sqlite(config, None, limits=Limits(), guard=Guard(file_roots=(str(tmp_path),)))
    try:
        found = await discover(connector)
        assert {name[1]: [column.name for column in found.columns(*name)] for name in found.names} == tables
        assert (await discover(connector, found.known)).names == set()
        assert (await discover(connector, Known(digests={("main", "gone"): ""}))).removed == {
            ("main", "gone")
        }
    finally:
        await connector.close()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
