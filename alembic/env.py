"""How Alembic reaches the database: one at a time, never waiting long for locks of readers."""

from __future__ import annotations

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from datawave import migrations

ADVISORY_LOCK = 0x64_61_74_61
"""Any number that nobody else locks ("data")."""


def url() -> str:
    given = context.config.attributes.get("url") or os.environ.get("DATAWAVE_DATABASE_URL")
    if not given:
        raise SystemExit("DATAWAVE_DATABASE_URL names no database to migrate.")
    return migrations.async_url(str(given))


def is_comparing() -> bool:
    """Only `alembic revision --autogenerate` and `alembic check` look at the models."""
    options = context.config.cmd_opts
    return options is not None and (
        getattr(options, "autogenerate", False) or "check" in str(getattr(options, "cmd", ""))
    )


def run(connection: Connection) -> None:
    connection.execute(text("set lock_timeout = '120s'"))
    connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": ADVISORY_LOCK})
    connection.execute(text("set lock_timeout = '5s'"))
    connection.commit()
    context.configure(
        connection=connection,
        target_metadata=migrations.metadata() if is_comparing() else None,
        include_name=migrations.is_compared,
        include_object=migrations.is_checked,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def migrate() -> None:
    engine = create_async_engine(url(), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            # The session's end gives the advisory lock back, also when a migration fails.
            await connection.run_sync(run)
            await connection.commit()
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; --sql is not supported.")
asyncio.run(migrate())
