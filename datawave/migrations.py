"""The schema of the database: where it stands, and how it is brought to this release's head.

Alembic takes a second to import, so whether anything is to do is read from the text of the revision
files; only a real upgrade imports it.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from sqlalchemy import MetaData

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ROOT / "alembic" / "versions"
_IDENTIFIER = re.compile(r"""^revision\b[^=\n]*=\s*["']([^"']+)["']""", re.MULTILINE)
_PARENTS = re.compile(r"^down_revision\b[^=\n]*=\s*(.+)$", re.MULTILINE)
_PARTITION = re.compile(r"_(p\d{4,8}|default)$")
_one_at_a_time = Lock()
"""Alembic keeps what it works on in its module."""
_QUOTED = re.compile(r"""["']([^"']+)["']""")


OLDEST = 15
"""The oldest PostgreSQL, by its major version, that our statements are known to."""


class WrongDatabase(RuntimeError):
    """The database is there, and this release cannot work with it."""


class SchemaIsNewer(WrongDatabase):
    """The database was made by a newer release."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The database is at migration {found}, which this DataWave does not know: "
            "it was made by a newer release. Start that release, or restore an older backup."
        )


class ServerTooOld(WrongDatabase):
    """The database's server is older than what we work with."""

    def __init__(self, major: int) -> None:
        super().__init__(
            f"DATAWAVE_DATABASE_URL: the database is PostgreSQL {major}; {OLDEST} is the oldest that will do."
        )


class DatabaseUnreachable(RuntimeError):
    """The database does not answer, or does not let us in; said without user and password."""

    def __init__(self, url: str, why: BaseException) -> None:
        parts = urlsplit(url)
        place = f"{parts.hostname or 'local socket'}:{parts.port or 5432}"
        reason = (str(why) or type(why).__name__).splitlines()[0].rstrip(".")
        super().__init__(f"DATAWAVE_DATABASE_URL: the database at {place} cannot be reached: {reason}.")


@dataclass(frozen=True)
class Revision:
    """One file of `alembic/versions`, as far as its text tells."""

    identifier: str
    parents: frozenset[str]


@cache
def revisions(folder: Path = VERSIONS) -> frozenset[Revision]:
    return frozenset(_read(file) for file in folder.glob("*.py"))


def _read(file: Path) -> Revision:
    text = file.read_text()
    identifier, parents = _IDENTIFIER.search(text), _PARENTS.search(text)
    if identifier is None or parents is None:
        raise RuntimeError(f"{file.name} names no revision or no down_revision.")
    return Revision(identifier[1], frozenset(_QUOTED.findall(parents[1])))


def head(folder: Path = VERSIONS) -> str | None:
    """The newest revision, None while there is no migration at all."""
    known = revisions(folder)
    heads = {each.identifier for each in known} - {parent for each in known for parent in each.parents}
    if len(heads) > 1:
        raise RuntimeError(f"There must be one head, not {', '.join(sorted(heads))}.")
    return next(iter(heads), None)


def is_current(found: str | None, folder: Path = VERSIONS) -> bool:
    """Whether a database at `found` needs nothing; a revision unknown here is a newer release's."""
    if found is not None and all(each.identifier != found for each in revisions(folder)):
        raise SchemaIsNewer(found)
    return found == head(folder)


@asynccontextmanager
async def _connected(url: str) -> AsyncGenerator[Any]:
    asyncpg: Any = importlib.import_module("asyncpg")  # untyped
    try:
        connection: Any = await asyncpg.connect(plain_url(url), timeout=10)
    except (OSError, TimeoutError, asyncpg.PostgresError) as refused:
        raise DatabaseUnreachable(url, refused) from None
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def most_connections(url: str) -> int:
    """That the database's server takes."""
    async with _connected(url) as connection:
        return int(await connection.fetchval("show max_connections"))


async def revision_of(url: str) -> str | None:
    """Where a database stands; None when nothing was ever migrated there."""
    async with _connected(url) as connection:
        major: int = connection.get_server_version().major
        if major < OLDEST:
            raise ServerTooOld(major)
        if await connection.fetchval("select to_regclass('alembic_version')") is None:
            return None
        found: str | None = await connection.fetchval("select version_num from alembic_version")
        return found


async def head_is_current(url: str) -> bool:
    return is_current(await revision_of(url))


async def upgrade(url: str, to: str = "head") -> None:
    """Bring a database to the head; whoever comes second waits for the first and finds nothing left to do."""
    if to == "head" and await head_is_current(url):
        return
    await _in_thread(url, "upgrade", to)


async def downgrade(url: str, to: str) -> None:
    await _in_thread(url, "downgrade", to)


async def _in_thread(url: str, direction: str, to: str) -> None:
    """`env.py` runs a loop of its own. asyncio is imported here: the supervisor reads this module too."""
    import asyncio

    await asyncio.to_thread(_run_alembic, url, direction, to)


def _run_alembic(url: str, direction: str, to: str) -> None:
    from alembic import command
    from alembic.config import Config

    configuration = Config(toml_file=str(ROOT / "pyproject.toml"))
    configuration.attributes["url"] = async_url(url)
    with _one_at_a_time:
        {"upgrade": command.upgrade, "downgrade": command.downgrade}[direction](configuration, to)


def is_compared(name: str | None, kind: str, _parents: object) -> bool:
    """For Alembic's `include_name`: partitions come and go while DataWave runs and belong to no migration."""
    return kind != "table" or name is None or _PARTITION.search(name) is None


def is_checked(thing: Any, _name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
    """For Alembic's `include_object`: foreign keys that the database does not look after are in no
    migration."""
    return kind != "foreign_key_constraint" or not any("unchecked" in each.info for each in thing.elements)


def metadata() -> MetaData:
    """Every table of the house: `models/` is walked, nothing lists it."""
    models = importlib.import_module("models")
    for found in pkgutil.walk_packages(models.__path__, "models."):
        importlib.import_module(found.name)
    importlib.import_module("datawave.kit.tables")
    from datawave.kit.database import Base

    return Base.metadata


def plain_url(url: str) -> str:
    """As asyncpg and libpq spell it."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url)


def async_url(url: str) -> str:
    """As SQLAlchemy spells it."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+asyncpg://", url)
