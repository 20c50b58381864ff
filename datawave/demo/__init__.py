"""The demo: an outdoor shop to govern, with a PostgreSQL server of its own and a warehouse in a SQLite file.

The supervisor runs `server_command(home)` as one more child, asks `answers(home)`, and once the API is ready
has `govern` connect both through the API like anybody else. Light to import: the standard library only.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from datawave.demo import database
from datawave.demo.govern import DemoRefused, Execute, govern
from datawave.demo.remove import decommission
from datawave.embedded import postgres
from datawave.embedded.postgres import PostgresAddress

EDITION = "1"
"""Goes up when the demo's data or schema changes: then a home makes its demo anew."""

__all__ = [
    "Demo",
    "DemoRefused",
    "Execute",
    "answers",
    "govern",
    "is_wanted",
    "prepare",
    "remove",
    "server_command",
]


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A home's demo, ready to be served and connected."""

    folder: Path
    reader: PostgresAddress
    database: str
    inventory: Path


def is_wanted(home: Path) -> bool:
    """False once somebody has taken the demo away: it does not come back by itself."""
    return not _gone(home).exists()


def prepare(home: Path, *, files: Path | None = None) -> Demo:
    """Make what is missing of the demo (some seconds the first time, nothing later) and say where it is.

    `files` is a folder that the platform may read (DATAWAVE_FILE_ROOTS); by default `files/` in the home.
    """
    folder, inventory = _folder(home), (files or home / "files").resolve() / "inventory.db"
    folder.mkdir(parents=True, exist_ok=True)
    database.make_shop(folder, edition=EDITION)
    if not inventory.exists():
        from datawave.demo.inventory import write_inventory

        write_inventory(inventory)
    return Demo(
        folder=folder, reader=database.reader_address(folder), database=database.DATABASE, inventory=inventory
    )


def server_command(home: Path) -> list[str]:
    """One child for the supervisor: prepares the demo, then becomes its PostgreSQL (end it with SIGINT).

    It ends with 0 and without serving where the demo is not wanted any more.
    """
    return [sys.executable, "-m", "datawave.demo", str(home)]


def answers(home: Path) -> bool:
    """Whether the demo's server takes sign-ins; makes nothing."""
    folder = _folder(home)
    return (
        (folder / "port").exists()
        and (folder / "edition").exists()
        and postgres.answers(database.reader_address(folder))
    )


async def remove(home: Path, execute: Execute, *, files: Path | None = None) -> list[str]:
    """Take all of the demo away: its sources, its server, its files; gives the keys of the sources ended."""
    ended = await decommission(execute)
    remove_files(home, files=files)
    return ended


def remove_files(home: Path, *, files: Path | None = None) -> None:
    """End the demo's server and delete what it kept; it will not be made again in this home."""
    folder = _folder(home)
    home.mkdir(parents=True, exist_ok=True)
    _gone(home).touch()
    postgres.end_orphan(folder / "postgres")
    shutil.rmtree(folder, ignore_errors=True)
    ((files or home / "files") / "inventory.db").unlink(missing_ok=True)


def _folder(home: Path) -> Path:
    return home.resolve() / "demo"


def _gone(home: Path) -> Path:
    return home / "demo.removed"
