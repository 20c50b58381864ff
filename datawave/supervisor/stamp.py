"""Whether `datawave migrate` has anything to do, found out without importing Alembic or a driver."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from datawave import migrations
from datawave.embedded import postgres
from datawave.embedded.home import DATABASE, Home, write_whole
from datawave.embedded.processes import CannotRun

CODE = ("alembic", "auth", "datawave", "domain", "models")
"""Rooms whose change may change what a migration ends by making: roles, permissions, functions."""


def is_migrated(home: Home) -> bool:
    """The embedded database is at the head, and the last `migrate` of this very code was finished."""
    found = revision(home)
    try:
        current = migrations.is_current(found)
    except migrations.SchemaIsNewer as refused:
        raise CannotRun(str(refused)) from refused
    if not current or home.first_start.exists():
        return False
    try:
        return json.loads(home.migrated.read_text()) == stamp()
    except (OSError, ValueError):
        return False


def revision(home: Home) -> str | None:
    address = home.postgres_address()
    if not postgres.psql(address, "select to_regclass('alembic_version')", database=DATABASE):
        return None
    return postgres.psql(address, "select version_num from alembic_version", database=DATABASE) or None


def write_stamp(home: Home) -> None:
    write_whole(home.migrated, json.dumps(stamp()))


def stamp() -> dict[str, str | None]:
    return {"head": migrations.head(), "code": _digest(migrations.ROOT)}


def _digest(root: Path) -> str:
    """Of names, sizes and times: some milliseconds, where reading the code would take a tenth of a second."""
    digest = hashlib.sha256()
    for room in CODE:
        for file in sorted((root / room).rglob("*.py")):
            status = file.stat()
            digest.update(f"{file} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
