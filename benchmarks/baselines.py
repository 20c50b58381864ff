"""What the product is measured against: the least that anybody has to do for the same end, in this run."""

from __future__ import annotations

import hashlib
import secrets
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from redis import asyncio as redis

from benchmarks.figures import measured, median_of
from benchmarks.sql import Connection, Record, connected
from datawave.embedded import postgres, valkey

library: Any = redis
"""It types its methods by what a caller might mean."""

OWN = "n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'"
CATALOG = (
    f"""
    select n.nspname, c.relname, c.relkind, c.reltuples, obj_description(c.oid, 'pg_class')
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where {OWN} and c.relkind in ('r', 'v', 'm', 'p', 'f')
    """,
    f"""
    select n.nspname, c.relname, a.attname, a.attnum, format_type(a.atttypid, a.atttypmod), not a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid), s.description
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    left join pg_description s
        on s.objoid = c.oid and s.classoid = 'pg_class'::regclass and s.objsubid = a.attnum
    where {OWN} and c.relkind in ('r', 'v', 'm', 'p', 'f') and a.attnum > 0 and not a.attisdropped
    """,
    f"""
    select n.nspname, c.relname, k.conname, k.contype, k.conkey, k.confrelid::regclass::text, k.confkey
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    where {OWN} and k.contype in ('p', 'f', 'u')
    """,
    f"""
    select n.nspname, c.relname, pg_get_viewdef(c.oid)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where {OWN} and c.relkind in ('v', 'm')
    """,
)
"""Tables, columns, constraints, views: a source's structure in four statements."""

ASSET_COLUMNS = (
    "path",
    "kind",
    "name",
    "parent",
    "native_type",
    "nullable",
    "default_value",
    "comment",
    "digest",
)
AssetRow: TypeAlias = tuple[str, str, str, str, str | None, bool | None, str | None, str | None, bytes]

SCRATCH = """
create table asset (
    path text primary key, kind text not null, name text not null, parent text not null, native_type text,
    nullable boolean, default_value text, comment text, digest bytea not null
);
create index on asset (parent);
"""
_ALL = ", ".join(ASSET_COLUMNS)
_REST = ", ".join(ASSET_COLUMNS[1:])
_FRESH = ", ".join(f"excluded.{name}" for name in ASSET_COLUMNS[1:])
UPSERT = f"""
insert into asset ({_ALL}) select {_ALL} from incoming
on conflict (path) do update set ({_REST}) = ({_FRESH}) where asset.digest <> excluded.digest
"""


async def read_catalog(connection: Connection) -> list[list[Record]]:
    """The bulk catalog queries alone: every tuple fetched, nothing made of it."""
    return [await connection.fetch(statement) for statement in CATALOG]


def asset_rows(read: Sequence[Sequence[Record]]) -> list[AssetRow]:
    """The same rows as an upsert takes them; made beforehand, so that only the writing is measured."""
    tables, columns, _, _ = read
    return [*map(_table_row, tables), *map(_column_row, columns)]


def _table_row(row: Record) -> AssetRow:
    path = f"{row[0]}.{row[1]}"
    return (path, row[2].decode(), row[1], row[0], None, None, None, row[4], _digest(row))


def _column_row(row: Record) -> AssetRow:
    table = f"{row[0]}.{row[1]}"
    return (f"{table}.{row[2]}", "c", row[2], table, row[4], row[5], row[6], row[7], _digest(row))


def _digest(row: Record) -> bytes:
    return hashlib.blake2b(repr(tuple(row)).encode(), digest_size=16).digest()


async def upsert(connection: Connection, rows: Sequence[AssetRow]) -> str:
    """COPY into a temporary table, then one upsert that writes what differs; one transaction."""
    async with connection.transaction():
        await connection.execute("create temporary table incoming (like asset) on commit drop")
        await connection.copy_records_to_table("incoming", records=rows, columns=ASSET_COLUMNS)
        return await connection.execute(UPSERT)


async def upsert_seconds(folder: Path, rows: Sequence[AssetRow]) -> tuple[float, float]:
    """Seconds of the first writing and of one without a change, on a server with the product's settings."""
    running = postgres.start_postgres(folder / "scratch", password=secrets.token_urlsafe(16))
    try:
        async with connected(running.address.url()) as connection:
            first = [await _first_upsert(connection, rows) for _ in range(3)]
            again, _ = await median_of(3, lambda: upsert(connection, rows))
            return statistics.median(first), again
    finally:
        running.stop()


async def _first_upsert(connection: Connection, rows: Sequence[AssetRow]) -> float:
    await connection.execute("drop table if exists asset")
    await connection.execute(SCRATCH)
    with measured() as watch:
        await upsert(connection, rows)
    return watch.seconds


async def round_trips(folder: Path, *, times: int = 500) -> list[float]:
    """Seconds from publishing through Valkey until the subscriber in the same process has it."""
    running = valkey.start_valkey(folder / "valkey", password=secrets.token_urlsafe(16))
    client = library.from_url(running.address.url())
    try:
        async with client.pubsub() as listener:
            await listener.subscribe("bench")
            while (said := await listener.get_message(timeout=5)) is None or said["type"] != "subscribe":
                pass
            return [await _round_trip(client, listener) for _ in range(times)]
    finally:
        await client.aclose()
        running.stop()


async def _round_trip(client: Any, listener: Any) -> float:
    began = time.perf_counter()
    await client.publish("bench", b"x" * 400)
    while await listener.get_message(timeout=5) is None:
        pass
    return time.perf_counter() - began
