"""The demo: data that is made up, sound and the same every time; a server that only reads and bears kills."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from stdnum import iban, luhn
from stdnum.se import personnummer

from datawave import demo
from datawave.demo import database
from datawave.demo.generate import shop_sql, shop_tables
from datawave.demo.inventory import write_inventory
from datawave.demo.rows import Table
from datawave.embedded import postgres, processes
from datawave.embedded.processes import CannotRun

RESERVED_DOMAIN = re.compile(r"(^|\.)(example\.(com|org|net)|example|test)$")
RESERVED_PHONES = (
    r"\+49 30 23125\d{3}",
    r"\+44 20 7946 0\d{3}",
    r"\+33 1 99 00 \d\d \d\d",
    r"\+46 8 465 004 \d\d",
    r"\+1 212 555 01\d\d",
    r"\+61 2 5550 \d{4}",
)
PHONE = re.compile("|".join(RESERVED_PHONES))
DOCUMENTATION_ADDRESS = re.compile(r"192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|2001:db8:")


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {table.name: table for table in shop_tables()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    demo.prepare(home)
    return home


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[demo.Demo]:
    log = home / "log"
    with log.open("wb") as output:
        child = processes.start(
            demo.server_command(home),
            end_signal=signal.SIGINT,
            output=output.fileno(),
            environment=dict(os.environ),
        )
    processes.wait_until(lambda: demo.answers(home), child, patience=30, what="The demo", log=log)
    yield demo.prepare(home)
    processes.end_child(child, with_signal=signal.SIGINT, patience=10)


def column(table: Table, name: str) -> list[Any]:
    place = [each.strip() for each in table.columns.split(",")].index(name)
    return [row[place] for row in table.rows if row[place] is not None]


def texts(tables: Mapping[str, Table]) -> Iterator[str]:
    for table in tables.values():
        for row in table.rows:
            yield from (value for value in row if isinstance(value, str))


def ask(served: demo.Demo, sql: str) -> str:
    """In one line each, so that a refusal is the last line that `psql` says."""
    return postgres.psql(served.reader, f"\\set VERBOSITY terse\n{sql}", database=served.database)


def test_the_same_seed_gives_the_same_bytes(
    tables: Mapping[str, Table],
) -> None:
    made = "".join(shop_sql())
    assert made == "".join(shop_sql())
    assert len(made) < 10_000_000
    assert 50_000 <= sum(len(table.rows) for table in tables.values()) <= 90_000
    assert shop_tables(seed=21)[1].rows != tables["crm.customers"].rows


def test_cards_accounts_and_vehicles_have_right_check_digits(tables: Mapping[str, Table]) -> None:
    cards = column(tables["finance.payments"], "card_number")
    assert len(cards) > 1_000
    assert all(luhn.is_valid(card) for card in cards)
    assert {card[:6] for card in cards} == {"411111", "555555", "378282", "601111"}
    for name in ("finance.invoices", "finance.refunds", "finance.supplier_accounts", "staff.employees"):
        accounts = column(tables[name], "iban")
        assert accounts
        assert all(iban.is_valid(account) for account in accounts)
    vans = column(tables["sales.delivery_vans"], "vin")
    assert all(is_sound_vin(van) for van in vans)


def is_sound_vin(number: str) -> bool:
    """By the standard's table: I, O and Q do not occur, the ninth sign is the weighted sum modulo 11."""
    worth = {
        letter: int(value)
        for letter, value in zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True)
    }
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    values = [
        0 if place == 8 else worth[sign] if sign in worth else int(sign) for place, sign in enumerate(number)
    ]
    return len(number) == 17 and number[8] == "0123456789X"[sum(map(int.__mul__, values, weights)) % 11]


def test_national_numbers_are_of_the_series_kept_for_tests(tables: Mapping[str, Table]) -> None:
    for number in column(tables["staff.employees"], "national_id"):
        assert personnummer.is_valid(number)
        assert 980 <= int(number[9:12]) <= 999
    for number in column(tables["staff.contractors"], "ssn"):
        assert re.fullmatch(r"9\d\d-[0-4]\d-\d{4}", number)


def test_mail_goes_to_reserved_domains_only(tables: Mapping[str, Table]) -> None:
    found = [domain.lower() for text in texts(tables) for domain in re.findall(r"@([\w.-]+\w)", text)]
    found += [host for text in texts(tables) for host in re.findall(r"https?://([\w.-]+)", text)]
    assert len(found) > 5_000
    assert {domain for domain in found if not RESERVED_DOMAIN.search(domain)} == set()


def test_telephones_ring_nobody(tables: Mapping[str, Table]) -> None:
    found = [number for text in texts(tables) for number in re.findall(r"\+\d[\d ]{6,}\d", text)]
    assert len(found) > 2_000
    assert {number for number in found if not PHONE.fullmatch(number)} == set()


def test_visitors_come_from_networks_kept_for_documentation(tables: Mapping[str, Table]) -> None:
    for name, wanted in (
        ("web.access_log", "client_ip"),
        ("web.sessions", "ip"),
        ("crm.consents", "proof_ip"),
    ):
        assert all(DOCUMENTATION_ADDRESS.match(address) for address in column(tables[name], wanted))


def test_the_server_has_the_shop_with_every_foreign_key_checked(served: demo.Demo) -> None:
    kinds = dict(
        line.split("\t")
        for line in ask(
            served,
            "select c.relkind, count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('crm','staff','sales','finance','web','mart') and not c.relispartition"
            " and c.relkind in ('r','p','v','m') group by 1",
        ).splitlines()
    )
    assert int(kinds["r"]) + int(kinds["p"]) == 42
    assert (kinds["v"], kinds["m"]) == ("12", "1")
    keys = (
        "select count(*), count(*) filter (where convalidated and conenforced)"
        " from pg_constraint where contype = 'f'"
    )
    every, checked = ask(served, keys).split("\t")
    assert int(every) >= 45
    assert every == checked
    composite = "select count(*) from pg_constraint where contype = 'f' and cardinality(conkey) > 1"
    assert int(ask(served, composite)) >= 3


def test_the_figures_of_the_mart_are_not_empty(served: demo.Demo) -> None:
    for view in (
        "customer_value",
        "churn",
        "revenue_by_country",
        "daily_revenue",
        "product_margin",
        "support_load",
    ):
        assert int(ask(served, f"select count(*) from mart.{view}")) > 0


@pytest.mark.parametrize(
    "statement",
    [
        "delete from crm.customers",
        "set default_transaction_read_only = off; update staff.salaries set monthly_amount = 1",
        "set default_transaction_read_only = off; create table crm.mine (id int)",
        "set default_transaction_read_only = off; create temporary table mine (id int)",
    ],
)
def test_the_reader_changes_nothing(served: demo.Demo, statement: str) -> None:
    with pytest.raises(CannotRun, match=r"permission denied|read-only|must be owner"):
        ask(served, statement)


def test_the_passwords_are_for_the_owner_of_the_home_only(served: demo.Demo) -> None:
    for name in ("reader.password", "owner.password"):
        assert (served.folder / name).stat().st_mode & 0o077 == 0
    assert served.reader.password not in repr(served)
    assert served.reader.password not in (served.folder / "postgres.log").read_text()


def test_a_second_start_makes_nothing_anew(home: Path) -> None:
    before = (home / "demo" / "edition").stat().st_mtime_ns, demo.prepare(home).reader.port
    assert before == ((home / "demo" / "edition").stat().st_mtime_ns, demo.prepare(home).reader.port)


def test_a_start_killed_while_loading_is_made_good_by_the_next(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as output:
        child = processes.start(
            demo.server_command(tmp_path), output=output.fileno(), environment=dict(os.environ)
        )
    initialised = tmp_path / "demo" / "postgres" / "postmaster.pid"
    processes.wait_until(initialised.exists, child, patience=30, what="The demo", log=log)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "demo" / "edition").exists()

    made = demo.prepare(tmp_path)

    assert (made.folder / "edition").exists()
    assert postgres.running_pid(made.folder / "postgres") is None


def test_what_was_removed_is_gone_and_does_not_come_back(tmp_path: Path) -> None:
    made = demo.prepare(tmp_path)
    demo.remove_files(tmp_path)
    assert not made.folder.exists()
    assert not made.inventory.exists()
    assert not demo.is_wanted(tmp_path)
    assert subprocess.run(demo.server_command(tmp_path), check=False, timeout=30).returncode == 0
    assert not made.folder.exists()


def test_the_inventory_is_sound_and_opens_read_only(tmp_path: Path) -> None:
    file, twin = tmp_path / "inventory.db", tmp_path / "twin.db"
    write_inventory(file)
    write_inventory(twin)
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        assert db.execute("pragma foreign_key_check").fetchall() == []
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
        kinds = dict(
            db.execute("select type, count(*) from sqlite_master where name not like 'sqlite_%' group by 1")
        )
        assert (kinds["table"], kinds["view"]) == (8, 2)
        assert db.execute("select count(*) from items_to_order").fetchone()[0] > 0
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("delete from item")
        with closing(sqlite3.connect(f"file:{twin}?mode=ro", uri=True)) as other:
            assert list(db.iterdump()) == list(other.iterdump())


async def test_both_sources_are_created_and_discovered_at_once(home: Path) -> None:
    asked: list[Mapping[str, Any]] = []

    async def execute(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        asked.append(variables["input"])
        return {"data": {"createDataSource": {"dataSource": {"id": "source_1", "key": "shop"}, "errors": []}}}

    assert await demo.govern(execute, demo.prepare(home)) == ["shop", "inventory"]
    assert [each["key"] for each in asked] == ["shop", "inventory"]
    assert all(each["discoverNow"] and each["idempotencyKey"] for each in asked)


async def test_a_source_that_exists_already_is_left_alone(home: Path) -> None:
    async def execute(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        taken = {"code": "ALREADY_EXISTS", "message": "A data source named “shop” exists.", "path": ["key"]}
        return {"data": {"createDataSource": {"dataSource": None, "errors": [taken]}}}

    assert await demo.govern(execute, demo.prepare(home)) == []


async def test_a_refusal_says_why(home: Path) -> None:
    async def execute(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "data": None,
            "errors": [{"message": "You need datasource:create.", "extensions": {"code": "FORBIDDEN"}}],
        }

    with pytest.raises(demo.DemoRefused, match="You need datasource:create"):
        await demo.govern(execute, demo.prepare(home))


async def test_removing_ends_only_what_is_there(tmp_path: Path) -> None:
    states = {"shop": "GOVERNED", "inventory": "DECOMMISSIONED"}
    ended: list[str] = []

    async def execute(document: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        if "key" in variables:
            key = variables["key"]
            return {"data": {"dataSource": {"id": f"source_{key}", "key": key, "state": states[key]}}}
        ended.append(variables["input"]["id"])
        return {"data": {"decommissionDataSource": {"errors": []}}}

    assert await demo.remove(tmp_path, execute) == ["shop"]
    assert ended == ["source_shop"]
    assert not demo.is_wanted(tmp_path)


def test_the_database_is_loaded_without_leaving_its_owner_a_way_in_for_the_reader(served: demo.Demo) -> None:
    assert (
        ask(
            served,
            "select rolsuper or rolcreatedb or rolcreaterole from pg_roles where rolname = current_user",
        )
        == "f"
    )
    assert served.reader.username == database.READER
