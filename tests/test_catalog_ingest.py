"""Readings into the catalog: only differences are written, what people put on assets survives, drift says
what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import text

from connectors.entries import (
    ColumnProfile,
    Container,
    ContainerKind,
    DatasetKind,
    DataType,
    Entry,
    MoreColumns,
    Profile,
)
from datawave.kit.errors import InputError
from domain.catalog import archive, ingest
from domain.catalog.names import below, part, qualified, tidy
from models.discovery import RunState
from tests.factories.catalog import Ground, column, ground, points, table

ROOT: list[Entry] = [
    Container(path=("db",), kind=ContainerKind.DATABASE, digest="d"),
    Container(path=("db", "public"), kind=ContainerKind.SCHEMA, comment="The shop", digest="s"),
]


def shop(*tables: Entry) -> list[Entry]:
    return [*ROOT, *tables]


@pytest.fixture
async def catalog(database: str) -> AsyncIterator[Ground]:
    async with ground(database) as made:
        yield made


async def states(catalog: Ground) -> dict[str, str]:
    return {
        row.qualified_name: row.state for row in await catalog.rows("SELECT qualified_name, state FROM asset")
    }


async def drift_of(catalog: Ground, run_id: Any) -> list[tuple[str, str, bool]]:
    rows = await catalog.rows(
        "SELECT a.qualified_name, c.kind, c.breaking FROM schema_change c JOIN asset a ON a.id = c.asset_id"
        " WHERE c.run_id = :run ORDER BY 1, 2",
        run=run_id,
    )
    return [tuple(row) for row in rows]


async def test_a_first_reading_fills_the_catalog_and_is_no_drift(catalog: Ground) -> None:
    run_id = await catalog.read(
        shop(table("db", "public", "customer", columns=["id", "e mail"], primary_key=("id",)))
    )
    assert await states(catalog) == {
        "shop.db": "ACTIVE",
        "shop.db.public": "ACTIVE",
        "shop.db.public.customer": "ACTIVE",
        "shop.db.public.customer.id": "ACTIVE",
        'shop.db.public.customer."e mail"': "ACTIVE",
    }
    assert await drift_of(catalog, run_id) == []
    [ingested] = catalog.events
    assert (ingested.added, ingested.changed, ingested.removed, len(ingested.sample_ids)) == (5, 0, 0, 5)


async def test_the_same_reading_again_writes_nothing(catalog: Ground) -> None:
    entries = shop(
        table("db", "public", "a", primary_key=("id",)),
        table(
            "db",
            "public",
            "b",
            columns=["id", "a_id"],
            foreign_keys=(points("a_id", to=("db", "public", "a")),),
        ),
    )
    await catalog.read(entries)
    before = await catalog.rows("SELECT id, version, updated_at, valid_from FROM asset ORDER BY id")
    keys = await catalog.rows("SELECT * FROM asset_foreign_key")
    catalog.events.clear()
    run_id = await catalog.read(entries)
    assert await catalog.rows("SELECT id, version, updated_at, valid_from FROM asset ORDER BY id") == before
    assert await catalog.rows("SELECT * FROM asset_foreign_key") == keys
    assert await catalog.value("SELECT count(*) FROM asset_history") == 0
    assert catalog.events == []
    assert await drift_of(catalog, run_id) == []


async def test_a_batch_that_comes_twice_counts_once(catalog: Ground) -> None:
    run_id = await catalog.new_run()
    first = await catalog.apply(run_id, shop(table("db", "public", "a")))
    again = await catalog.apply(run_id, shop(table("db", "public", "a")))
    assert (first.added, again.added, again.changed) == (4, 0, 0)


async def test_changes_are_drift_and_say_what_breaks(catalog: Ground) -> None:
    await catalog.read(
        shop(
            table(
                "db",
                "public",
                "a",
                columns=[
                    column("id", 1),
                    column("n", 2),
                    column("gone", 3),
                    column("maybe", 4, nullable=True),
                ],
                primary_key=("id",),
            ),
            table("db", "public", "dropped"),
        )
    )
    run_id = await catalog.read(
        shop(
            table(
                "db",
                "public",
                "a",
                columns=[
                    column("id", 1, native_type="bigint"),
                    column("n", 2, native_type="text", data_type=DataType.STRING, nullable=True),
                    column("maybe", 3, nullable=False),
                    column("new", 4, comment="Fresh"),
                ],
                primary_key=("id", "n"),
            ),
            table("db", "public", "b"),
        ),
        removed=[("db", "public", "dropped")],
    )
    assert await drift_of(catalog, run_id) == [
        ("shop.db.public.a", "KEY_CHANGED", True),
        ("shop.db.public.a.gone", "ASSET_REMOVED", True),
        ("shop.db.public.a.id", "TYPE_CHANGED", False),
        ("shop.db.public.a.maybe", "NULLABILITY_CHANGED", False),
        ("shop.db.public.a.n", "NULLABILITY_CHANGED", True),
        ("shop.db.public.a.n", "TYPE_CHANGED", True),
        ("shop.db.public.a.new", "ASSET_ADDED", False),
        ("shop.db.public.b", "ASSET_ADDED", False),
        ("shop.db.public.dropped", "ASSET_REMOVED", True),
    ]
    drifted = catalog.events[-1]
    assert type(drifted).__name__ == "SchemaDrifted"
    assert (drifted.added, drifted.removed, drifted.changed, drifted.breaking) == (2, 2, 4, 5)
    assert (await states(catalog))["shop.db.public.dropped.id"] == "MISSING"


async def test_what_people_put_on_an_asset_survives_its_absence(catalog: Ground) -> None:
    entries = shop(table("db", "public", "a"))
    await catalog.read(entries)
    [(key,)] = await catalog.rows("SELECT id FROM asset WHERE qualified_name = 'shop.db.public.a'")
    async with catalog.database.engine.begin() as connection:
        await connection.execute(
            text("UPDATE asset SET description = 'Ours', state = 'DEPRECATED' WHERE id = :id"), {"id": key}
        )
    await catalog.read(ROOT, removed=[("db", "public", "a")])
    assert (await states(catalog))["shop.db.public.a"] == "MISSING"
    run_id = await catalog.read(entries)
    [found] = await catalog.rows("SELECT id, description, state FROM asset WHERE name = 'a'")
    assert tuple(found) == (key, "Ours", "DEPRECATED")
    assert await drift_of(catalog, run_id) == [("shop.db.public.a", "ASSET_ADDED", False)]


async def test_a_reading_that_was_cut_off_removes_nothing_and_is_read_again(catalog: Ground) -> None:
    await catalog.read(shop(table("db", "public", "a", columns=["id", "x"])))
    run_id = await catalog.new_run()
    changed = table("db", "public", "a", columns=["id"])
    await catalog.apply(run_id, shop(changed))
    await catalog.end(run_id, RunState.PARTIAL)
    assert (await states(catalog))["shop.db.public.a.x"] == "ACTIVE"
    known = await catalog.known()
    assert known["db", "public", "a"] != changed.digest, (
        "its columns are not settled, so it must be read again"
    )
    await catalog.read(shop(changed))
    assert (await states(catalog))["shop.db.public.a.x"] == "MISSING"
    assert (await catalog.known())["db", "public", "a"] == changed.digest


def wide(parts: Sequence[Sequence[str]]) -> list[Entry]:
    names = [name for each in parts for name in each]
    at = {name: place for place, name in enumerate(names, 1)}
    head, *rest = [tuple(column(name, at[name]) for name in each) for each in parts]
    return [
        table("db", "public", "wide", columns=head, digest=f"wide-{len(names)}-{names[-1]}"),
        *(MoreColumns(path=("db", "public", "wide"), columns=each) for each in rest),
    ]


async def test_a_dataset_wider_than_a_batch_is_one_dataset(catalog: Ground) -> None:
    names = [f"c{at}" for at in range(2_500)]
    await catalog.read([*ROOT, *wide([names[:1_000], names[1_000:2_000], names[2_000:]])], batch=3)
    count = "SELECT count(*) FROM asset WHERE kind = 'COLUMN' AND state = 'ACTIVE'"
    assert await catalog.value(count) == 2_500
    kept = [*names[:500], *names[600:]]
    run_id = await catalog.read([*ROOT, *wide([kept[:1_000], kept[1_000:2_000], kept[2_000:]])], batch=3)
    assert await catalog.value(count) == 2_400
    assert len(await drift_of(catalog, run_id)) == 100, (
        "columns that only moved to another entry are no drift"
    )
    assert await catalog.value("SELECT count(*) FROM reading_mark") == 0
    async with catalog.database.session() as session:
        counted = await ingest.counts(session, catalog.source_id)
    assert counted == {("db", "public"): (1, 2_400)}


async def test_keys_find_their_ends_whatever_the_order(catalog: Ground) -> None:
    pointing = table(
        "db",
        "public",
        "order",
        columns=["id", "customer_id"],
        foreign_keys=(points("customer_id", to=("db", "public", "customer")),),
    )
    run_id = await catalog.new_run()
    await catalog.apply(run_id, shop(pointing))
    assert await catalog.value("SELECT to_dataset_id FROM asset_foreign_key") is None
    await catalog.apply(run_id, [table("db", "public", "customer")])
    [found] = await catalog.rows(
        "SELECT t.name, c.name, r.name FROM asset_foreign_key k JOIN asset t ON t.id = k.to_dataset_id"
        ' JOIN asset c ON c.id = k.columns[1] JOIN asset r ON r.id = k."references"[1]'
    )
    assert tuple(found) == ("customer", "customer_id", "id")


async def test_a_view_says_that_its_definition_changed(catalog: Ground) -> None:
    view = {"kind": DatasetKind.VIEW}
    await catalog.read(shop(table("db", "public", "v", definition="select 1 as id", **view)))
    run_id = await catalog.read(shop(table("db", "public", "v", definition="select 2 as id", **view)))
    assert await drift_of(catalog, run_id) == [("shop.db.public.v", "DEFINITION_CHANGED", False)]


async def test_names_of_any_kind_are_kept(catalog: Ground) -> None:
    strange = ['a"b', "naïve", "x" * 300, "nul\x00", "a.b", "日本", "line\nbreak"]
    await catalog.read(shop(table("db", "public", "t", columns=strange)))
    rows = await catalog.rows("SELECT name, qualified_name FROM asset WHERE kind = 'COLUMN' ORDER BY ordinal")
    assert [row.name for row in rows] == [tidy(name) for name in strange]
    assert rows[0].qualified_name == 'shop.db.public.t."a""b"'
    assert rows[1].qualified_name == "shop.db.public.t.naïve"
    assert rows[4].qualified_name == 'shop.db.public.t."a.b"'


def test_a_name_longer_than_an_index_holds_keeps_a_print_of_the_whole() -> None:
    long = below("shop.db", "é" * 1_024)
    assert len(long.encode()) <= 2_000
    assert long != below("shop.db", "é" * 1_023 + "e")
    assert qualified("my-shop", ["a", "b"]) == '"my-shop".a.b'
    assert part("a_1") == "a_1"


async def test_values_that_postgresql_cannot_hold_are_bounded(catalog: Ground) -> None:
    await catalog.read(
        shop(
            table(
                "db",
                "public",
                "t",
                columns=[column("id", 2**40, comment="a\x00b", default="\ud800")],
                attributes={"big": 2**80, "nan": float("nan"), "nul": "\x00", "deep": [[[[[[[[1]]]]]]]]},
                row_estimate=2**70,
                digest="x",
            )
        )
    )
    [found] = await catalog.rows("SELECT ordinal, comment FROM asset WHERE kind = 'COLUMN'")
    assert tuple(found) == (2**31 - 1, "a�b")


async def test_one_path_for_two_things_is_refused_and_nothing_is_written(catalog: Ground) -> None:
    run_id = await catalog.new_run()
    await catalog.apply(run_id, shop(table("db", "public", "a")))
    with pytest.raises(InputError, match="two different things"):
        await catalog.apply(run_id, [table("db", "public", "b"), table("db", "public", "a", "inner")])
    assert "shop.db.public.b" not in await states(catalog)


async def test_profiles_decide_what_is_sampled_next(catalog: Ground) -> None:
    entries = shop(
        table("db", "public", "a"),
        table("db", "public", "hidden", attributes={"readable": False}),
        table("db", "public", "v", kind=DatasetKind.VIEW),
    )
    run_id = await catalog.read(entries)

    async def targets(changed_only: bool) -> list[Any]:
        async def found(tx: Any, source: Any, run: Any) -> Any:
            return await ingest.sample_targets(tx.session, source, changed_only)

        return await catalog.within(run_id, found)

    assert await targets(True) == [("db", "public", "a"), ("db", "public", "v")]
    profile = Profile(
        path=("db", "public", "a"),
        row_count=2**70,
        sampled_rows=10,
        columns=(ColumnProfile(name="id", count=10, null_ratio=0.0, mean=float("inf")),),
    )
    await catalog.within(run_id, lambda tx, source, run: ingest.profiles(tx, source, run, [profile]))
    assert await targets(True) == [("db", "public", "v")]
    assert await targets(False) == [("db", "public", "a"), ("db", "public", "v")]
    assert (await catalog.value("SELECT profile FROM column_profile"))["mean"] is None
    await catalog.read(shop(table("db", "public", "a", columns=["id", "more"])))
    assert ("db", "public", "a") in await targets(True)


async def test_a_source_set_aside_comes_back_as_it_was(catalog: Ground) -> None:
    await catalog.read(shop(table("db", "public", "a"), table("db", "public", "b")))
    await catalog.read(shop(table("db", "public", "a")), removed=[("db", "public", "b")])
    before = await states(catalog)
    await catalog.within(await catalog.new_run(), lambda tx, source, run: archive.archive(tx, source))
    assert set((await states(catalog)).values()) == {"ARCHIVED"}

    async def unarchived(tx: Any) -> None:
        from models.sources import DataSource

        await archive.unarchive(tx, await tx.session.get_one(DataSource, catalog.source_id))

    await catalog.run(unarchived)
    assert await states(catalog) == before


async def test_a_catalog_that_is_not_kept_leaves_nothing(catalog: Ground) -> None:
    await catalog.read(shop(table("db", "public", "a", columns=["id", "x"])))
    run_id = await catalog.read(shop(table("db", "public", "a")))
    await catalog.within(run_id, lambda tx, source, run: archive.delete(tx, source))
    for name in ("asset", "asset_history", "schema_change", "asset_foreign_key"):
        assert await catalog.value(f"SELECT count(*) FROM {name}") == 0
