"""Any sequence of catalogs, read one after the other, leaves what reading the last one alone would have
left, and the drift between two neighbours is exactly their difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.entries import Container, ContainerKind, DataType, Entry
from tests import servers
from tests.factories.catalog import Ground, column, ground, points, settled, table

NAMES = ["a", "b", "a.b", 'q"q', "ü"]
TYPES = [("integer", DataType.INTEGER), ("text", DataType.STRING), ("bigint", DataType.INTEGER)]


@dataclass(frozen=True)
class Shape:
    """A table as it is at one time."""

    columns: tuple[tuple[str, int, bool], ...]
    key: bool
    points_at: str | None


Catalog = dict[tuple[str, str], Shape]

columns = st.dictionaries(
    st.sampled_from(NAMES), st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=4
).map(lambda found: tuple((name, *rest) for name, rest in found.items()))
shapes = st.builds(Shape, columns=columns, key=st.booleans(), points_at=st.none() | st.sampled_from(NAMES))
catalogs: st.SearchStrategy[Catalog] = st.dictionaries(
    st.tuples(st.sampled_from(["s1", "s2"]), st.sampled_from(NAMES)), shapes, max_size=6
)


def entries(catalog: Catalog) -> list[Entry]:
    made: list[Entry] = [Container(path=("db",), kind=ContainerKind.DATABASE, digest="d")]
    made += [
        Container(path=("db", schema), kind=ContainerKind.SCHEMA, digest=schema)
        for schema in sorted({path[0] for path in catalog})
    ]
    for (schema, name), shape in catalog.items():
        found = [
            column(each, at, native_type=TYPES[kind][0], data_type=TYPES[kind][1], nullable=nullable)
            for at, (each, kind, nullable) in enumerate(shape.columns, 1)
        ]
        first = shape.columns[0][0]
        made.append(
            table(
                "db",
                schema,
                name,
                columns=found,
                primary_key=(first,) if shape.key else (),
                foreign_keys=(points(first, to=("db", schema, shape.points_at), at=(first,)),)
                if shape.points_at
                else (),
            )
        )
    return made


def gone(before: Catalog, after: Catalog) -> list[tuple[str, ...]]:
    schemas = {path[0] for path in before} - {path[0] for path in after}
    return [
        *(("db", schema) for schema in sorted(schemas)),
        *(("db", *path) for path in before if path not in after),
    ]


def expected_drift(before: Catalog, after: Catalog) -> set[tuple[tuple[str, ...], str]]:
    drift: set[tuple[tuple[str, ...], str]] = set()
    old, new = {path[0] for path in before}, {path[0] for path in after}
    drift |= {(("db", schema), "ASSET_REMOVED") for schema in old - new}
    drift |= {(("db", schema), "ASSET_ADDED") for schema in new - old}
    drift |= {(("db", *path), "ASSET_REMOVED") for path in before.keys() - after.keys()}
    drift |= {(("db", *path), "ASSET_ADDED") for path in after.keys() - before.keys()}
    for path in before.keys() & after.keys():
        was, now = before[path], after[path]
        here = ("db", *path)
        if (was.key and was.columns[0][0], was.points_at and (was.points_at, was.columns[0][0])) != (
            now.key and now.columns[0][0],
            now.points_at and (now.points_at, now.columns[0][0]),
        ):
            drift.add((here, "KEY_CHANGED"))
        former, present = {c[0]: c for c in was.columns}, {c[0]: c for c in now.columns}
        drift |= {((*here, name), "ASSET_REMOVED") for name in former.keys() - present.keys()}
        drift |= {((*here, name), "ASSET_ADDED") for name in present.keys() - former.keys()}
        for name in former.keys() & present.keys():
            if former[name][1] != present[name][1]:
                drift.add(((*here, name), "TYPE_CHANGED"))
            if former[name][2] != present[name][2]:
                drift.add(((*here, name), "NULLABILITY_CHANGED"))
    return drift


LIVING = """
WITH RECURSIVE named AS (
    SELECT id, ARRAY[name] AS path FROM asset WHERE parent_id IS NULL AND source_id = :source
    UNION ALL SELECT a.id, n.path || a.name FROM asset a JOIN named n ON a.parent_id = n.id
)
SELECT n.path, a.kind, a.ordinal, a.native_type, a.data_type, a.nullable, a.primary_key, a.digest
FROM named n JOIN asset a ON a.id = n.id WHERE a.state = 'ACTIVE' ORDER BY n.path"""

KEYS = """
SELECT d.name, k.name, k.column_names, k.to_column_names, t.state = 'ACTIVE' AS there,
    (SELECT array_agg(c.name) FROM asset c WHERE c.id = ANY(k.columns))
FROM asset_foreign_key k JOIN asset d ON d.id = k.dataset_id AND d.state = 'ACTIVE'
LEFT JOIN asset t ON t.id = k.to_dataset_id WHERE k.source_id = :source ORDER BY d.qualified_name, k.name"""

DRIFT = """
WITH RECURSIVE named AS (
    SELECT id, ARRAY[name] AS path FROM asset WHERE parent_id IS NULL AND source_id = :source
    UNION ALL SELECT a.id, n.path || a.name FROM asset a JOIN named n ON a.parent_id = n.id
)
SELECT n.path, c.kind FROM schema_change c JOIN named n ON n.id = c.asset_id WHERE c.run_id = :run"""


async def living(catalog: Ground) -> list[Any]:
    rows = await catalog.rows(LIVING, source=catalog.source_id)
    keys = await catalog.rows(KEYS, source=catalog.source_id)
    return [tuple(row) for row in rows], [
        (*row[:4], bool(row.there), row[5] if row.there else None) for row in keys
    ]


async def check(catalog: Ground, sequence: list[Catalog], batch: int) -> None:
    before: Catalog = {}
    for turn, after in enumerate(sequence):
        run_id = await catalog.read(entries(after), removed=gone(before, after), batch=batch)
        rows = await catalog.rows(DRIFT, source=catalog.source_id, run=run_id)
        drift = {(tuple(row.path), row.kind) for row in rows}
        assert len(drift) == len(rows), "one row for each difference"
        assert drift == (expected_drift(before, after) if turn else set())
        before = after
    fresh = await settled(catalog.database, catalog.commands, key="fresh")
    await fresh.read(entries(before))
    found, alone = await living(catalog), await living(fresh)
    assert found == alone


@asynccontextmanager
async def world() -> AsyncIterator[Ground]:
    async with servers.fresh_database() as url, ground(url) as catalog:
        yield catalog


def run(sequence: list[Catalog], batch: int) -> None:
    async def checked() -> None:
        async with world() as catalog:
            await check(catalog, sequence, batch)

    asyncio.run(checked())


slow = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@slow
@given(st.lists(catalogs, min_size=1, max_size=4), st.integers(1, 5))
def test_a_sequence_of_readings_leaves_what_the_last_one_says(sequence: list[Catalog], batch: int) -> None:
    run(sequence, batch)


@pytest.mark.long
@settings(slow, max_examples=300)
@given(st.lists(catalogs, min_size=1, max_size=8), st.integers(1, 9))
def test_long_sequences_of_readings(sequence: list[Catalog], batch: int) -> None:
    run(sequence, batch)
