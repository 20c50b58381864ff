"""The demo's own small PostgreSQL: made and loaded once, then served read-only to `demo_reader`.

Nothing here touches the platform's database. A kill at any moment leaves either the finished demo (its
edition is written last) or something that the next start throws away and makes anew.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from datawave.embedded import postgres, processes
from datawave.embedded.postgres import PostgresAddress

DATABASE = "shop"
READER = "demo_reader"
OWNER = "demo_owner"

SERVING: Mapping[str, str] = {
    **postgres.SMALL,
    "max_connections": "20",
    "shared_buffers": "16MB",
    "log_min_messages": "fatal",
    "autovacuum": "off",
    "io_method": "sync",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "max_parallel_workers_per_gather": "0",
}
"""As few processes as can be: the data never changes."""

LOADING: Mapping[str, str] = {
    **SERVING,
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "log_min_error_statement": "panic",
}
"""Fast, and synced once at the end; statements stay out of the log because one of them holds a password."""

PORTS = range(20_000, 30_000)
"""Below those that the kernel gives to outgoing connections, so that it is still free at the next start."""


def make_shop(folder: Path, *, edition: str) -> None:
    """Make and load the database in the folder, unless this edition of it is there."""
    data, mark = folder / "postgres", folder / "edition"
    if postgres.is_initialised(data) and _read(mark) == edition:
        return
    mark.unlink(missing_ok=True)
    postgres.end_orphan(data)
    shutil.rmtree(data, ignore_errors=True)
    _load(folder, data)
    _write(mark, edition)


def _load(folder: Path, data: Path) -> None:
    # The words and rows are needed once in the life of a home; every later start is spared the import.
    from datawave.demo.generate import shop_sql

    running = _start_owner(folder, data)
    try:
        postgres.create_database(running.address, DATABASE)
        postgres.psql(running.address, "".join(shop_sql()), database=DATABASE, patience=120)
        postgres.psql(running.address, _reader_sql(reader_password(folder)), database=DATABASE)
    finally:
        running.stop()
    _sync(data)


def _start_owner(folder: Path, data: Path) -> postgres.RunningPostgres:
    password = postgres.kept_password(folder / "owner.password")
    postgres.init_postgres(data, password=password, username=OWNER)
    address = PostgresAddress(port=processes.free_port(), password=password, username=OWNER)
    log = folder / "postgres.log"
    with log.open("ab") as output:
        process = processes.start(
            postgres.postgres_command(data, port=address.port, settings=LOADING),
            end_signal=postgres.END_SIGNALS[0],
            environment=postgres.clean_environment(),
            output=output.fileno(),
        )
    running = postgres.RunningPostgres(address=address, data=data, process=process)
    try:
        processes.wait_until(
            lambda: postgres.answers(address), process, patience=60, what="The demo's PostgreSQL", log=log
        )
    except processes.CannotRun:
        running.stop()
        raise
    return running


def _reader_sql(password: str) -> str:
    """What may be read, by whom: everything in the shop, nothing else, and nothing may be changed."""
    schemas = "crm, staff, sales, finance, web, mart"
    return f"""
        create role {READER} login password '{password}' connection limit 12;
        alter role {READER} set default_transaction_read_only = on;
        revoke all on database {DATABASE} from public;
        revoke connect on database postgres, template1 from public;
        revoke create on schema public from public;
        grant connect on database {DATABASE} to {READER};
        grant usage on schema {schemas} to {READER};
        grant select on all tables in schema {schemas} to {READER};
    """


def _sync(data: Path) -> None:
    initdb = str(postgres.postgres_binaries() / "initdb")
    command = [*processes.as_ordinary_user(), initdb, "--sync-only", f"--pgdata={data}"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=postgres.clean_environment())


def reader_password(folder: Path) -> str:
    return postgres.kept_password(folder / "reader.password")


def reader_address(folder: Path) -> PostgresAddress:
    """Where and as whom the platform's agent reads the shop."""
    return PostgresAddress(port=kept_port(folder), password=reader_password(folder), username=READER)


def kept_port(folder: Path) -> int:
    """Chosen free the first time and kept: the source's configuration names it."""
    file = folder / "port"
    kept = _read(file)
    if kept is not None and kept.isdecimal():
        return int(kept)
    port = next(
        port for port in random.sample(PORTS, len(PORTS)) if processes.port_is_free("127.0.0.1", port)
    )
    _write(file, str(port))
    return port


def serving_command(folder: Path) -> list[str]:
    """The server in the foreground; `make_shop` comes first."""
    return postgres.postgres_command(folder / "postgres", port=kept_port(folder), settings=SERVING)


def _read(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return None


def _write(file: Path, text: str) -> None:
    """All or nothing, and on the disk before whatever follows relies on it."""
    fresh = file.with_name(f".{file.name}.fresh")
    with fresh.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.rename(file)
