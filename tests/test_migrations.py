"""The schema: one head, read without Alembic; models and migrations say the same."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from datawave import migrations
from tests.servers import connected


def write(folder: Path, identifier: str, parent: str) -> None:
    (folder / f"{identifier}.py").write_text(f'revision: str = "{identifier}"\ndown_revision = {parent}\n')


@pytest.fixture(autouse=True)
def fresh() -> None:
    migrations.revisions.cache_clear()


def test_the_head_is_read_from_the_text_of_the_files(tmp_path: Path) -> None:
    assert migrations.head(tmp_path) is None
    migrations.revisions.cache_clear()
    write(tmp_path, "one", "None")
    write(tmp_path, "two", '"one"')
    assert migrations.head(tmp_path) == "two"


def test_two_heads_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "one", "None")
    write(tmp_path, "two", "None")
    with pytest.raises(RuntimeError, match="one head, not one, two"):
        migrations.head(tmp_path)


def test_a_revision_that_is_not_known_is_a_newer_release(tmp_path: Path) -> None:
    write(tmp_path, "one", "None")
    assert migrations.is_current("one", tmp_path)
    assert not migrations.is_current(None, tmp_path)
    with pytest.raises(migrations.SchemaIsNewer, match="three"):
        migrations.is_current("three", tmp_path)


async def test_a_server_that_is_too_old_is_refused_by_its_version(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrations, "OLDEST", 99)
    with pytest.raises(migrations.ServerTooOld, match="99 is the oldest"):
        await migrations.upgrade(database)


def test_files_are_named_by_day_and_words() -> None:
    names = [file.name for file in migrations.VERSIONS.glob("*.py")]
    assert [name for name in names if not re.fullmatch(r"\d{4}_\d\d_\d\d_[a-z0-9_]+\.py", name)] == []


async def test_a_migrated_database_needs_nothing_and_imports_no_alembic(database: str) -> None:
    code = (
        "import asyncio, sys; from datawave import migrations; asyncio.run(migrations.upgrade(sys.argv[1])); "
        "print({'alembic', 'sqlalchemy'} & set(sys.modules))"
    )
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, database, stdout=asyncio.subprocess.PIPE
    )
    assert (await done.communicate())[0] == b"set()\n"


async def test_of_several_at_once_one_migrates_and_the_others_wait(database: str) -> None:
    async with connected(database) as connection:
        await connection.execute("drop schema public cascade; create schema public")
    await asyncio.gather(*(migrations.upgrade(database) for _ in range(3)))
    assert await migrations.head_is_current(database)


async def test_models_and_migrations_say_the_same(database: str) -> None:
    engine = create_async_engine(migrations.async_url(database))

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"include_name": migrations.is_compared, "include_object": migrations.is_checked}
        )
        return list(compare_metadata(context, migrations.metadata()))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("url", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+asyncpg://u@h/d"])
def test_an_address_is_spelt_for_each_driver(url: str) -> None:
    assert migrations.plain_url(url) == "postgresql://u@h/d"
    assert migrations.async_url(url) == "postgresql+asyncpg://u@h/d"
