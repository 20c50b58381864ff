"""Writing many rows at once: COPY for what is new, one statement for what changed. Rows never go one by
one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

from datawave.kit import tracing
from datawave.kit.commands import Tx
from datawave.kit.database import Base, encoded


class Driver(Protocol):
    """What is used of asyncpg's connection: it is the one that the command's transaction is open on."""

    async def copy_records_to_table(
        self, table_name: str, *, records: Sequence[tuple[Any, ...]], columns: Sequence[str], timeout: float
    ) -> str: ...

    async def fetch(self, query: str, *args: Any, timeout: float = ...) -> list[Any]: ...

    async def execute(self, query: str, *args: Any, timeout: float = ...) -> str: ...


async def driver(tx: Tx) -> Driver:
    connection = await tx.session.connection()
    raw = await connection.get_raw_connection()
    return cast(Driver, raw.driver_connection)


def as_json(value: Any) -> str:
    """For a jsonb parameter: the codec that SQLAlchemy gives the connection takes text."""
    return encoded(value)


async def copy_in(
    tx: Tx, row: type[Base], columns: Sequence[str], records: Sequence[tuple[Any, ...]]
) -> None:
    if records:
        connection, table = await driver(tx), row.__tablename__
        told = {"db.system.name": "postgresql", "db.collection.name": table, "datawave.rows": len(records)}
        with tracing.span(f"COPY {table}", "client", told):
            await connection.copy_records_to_table(table, records=records, columns=columns, timeout=120)


async def clock(tx: Tx) -> datetime:
    """The database's clock now; given to each new row, as asking for each row costs more than the row."""
    return (await (await driver(tx)).fetch("SELECT datawave_now() AS at"))[0]["at"]


LOCKED = """
WITH held AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended($1, 0)))
SELECT datawave_now() AS at FROM held"""


async def lock(tx: Tx, source_id: UUID) -> datetime:
    """One writer a source's catalog at a time: its batches must see each other whole. Answers with the
    database's clock once the lock is held."""
    connection = await driver(tx)
    return (await connection.fetch(LOCKED, lock_name(source_id)))[0]["at"]


def lock_name(source_id: UUID) -> str:
    return f"datawave.catalog:{source_id}"


COLUMNS_CHANGED = """
UPDATE asset a SET state = u.state, state_before = NULL, ordinal = u.ordinal, native_type = u.native_type,
    data_type = u.data_type, nullable = u.nullable, default_expression = u.default_expression, comment =
    u.comment,
    version = a.version + 1, updated_at = $9
FROM unnest($1::uuid[], $2::text[], $3::int[], $4::text[], $5::text[], $6::boolean[], $7::text[], $8::text[])
    AS u (id, state, ordinal, native_type, data_type, nullable, default_expression, comment)
WHERE a.id = u.id"""

OTHERS_CHANGED = """
UPDATE asset a SET parent_id = u.parent_id, kind = u.kind, state = u.state, state_before = NULL, comment =
    u.comment,
    attributes = u.attributes, digest = u.digest, definition = u.definition,
    primary_key = CASE WHEN u.primary_key IS NULL THEN NULL
        ELSE ARRAY(SELECT jsonb_array_elements_text(u.primary_key)) END,
    version = a.version + 1, updated_at = $10
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[],
    $8::text[], $9::jsonb[])
    AS u (id, parent_id, kind, state, comment, attributes, digest, definition, primary_key)
WHERE a.id = u.id"""


async def update(tx: Tx, statement: str, rows: Sequence[tuple[Any, ...]], at: datetime) -> None:
    """Rows by column, as arrays: one statement whatever their number."""
    if rows:
        connection = await driver(tx)
        await connection.execute(
            statement, *(list(each) for each in zip(*rows, strict=True)), at, timeout=120
        )
