"""What a migration leaves in every installation, made once, and the command line's ways in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, profiles
from sqlalchemy import func, select, text

from auth.passwords import Passwords
from auth.permissions import BUILT_IN_ROLES
from datawave import bootstrap, trail
from datawave.embedded.processes import CannotRun
from datawave.kit import tables
from datawave.kit.database import Database
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring, Vault
from datawave.settings import Settings, load
from domain.classifiers import taxonomy
from models.agents import Authority
from models.classification import Label
from models.identity import Grant, Role, SigningKey, User, UserState
from models.workspaces import Workspace

KEY, NEXT = Secret("k" * 40), Secret("n" * 40)
PASSWORD = Secret("correct horse battery staple")
KINDS: tuple[Any, ...] = (Role, Workspace, User, Grant, Authority, SigningKey, Label, tables.Command)


def settings_for(url: str, home: Path, **more: Any) -> Settings:
    given: dict[str, Any] = {
        "home": home,
        "database_url": url,
        "secret_key": KEY.reveal(),
        "admin_email": "Admin@Example.com",
        "admin_password": PASSWORD.reveal(),
        **more,
    }
    return load(_env_file=None, **given)


async def counts(database: Database) -> list[int]:
    async with database.session() as session:
        return [(await session.scalar(select(func.count()).select_from(kind))) or 0 for kind in KINDS]


async def test_everything_is_made_once_whoever_comes(database: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    await asyncio.gather(bootstrap.migrate(settings), bootstrap.migrate(settings))
    connected = Database(database)
    first = await counts(connected)
    await bootstrap.migrate(settings)
    assert await counts(connected) == first
    assert first[:7] == [len(BUILT_IN_ROLES), 1, 1, 1, 1, 1, len(taxonomy.LABELS)]
    async with connected.session() as session:
        admin = (await session.scalars(select(User))).one()
        roles = {each.name: set(each.permission_names) for each in await session.scalars(select(Role))}
    assert (admin.email, admin.state) == ("admin@example.com", UserState.ACTIVE)
    assert roles == {name: set(map(str, held)) for name, (_, held) in BUILT_IN_ROLES.items()}
    await connected.close()


async def test_what_people_changed_stays(database: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    await bootstrap.migrate(settings)
    connected = Database(database)
    async with connected.connection() as connection:
        await connection.execute(text("UPDATE workspace SET name = 'Headquarters'"))
        await connection.execute(text("UPDATE label SET title = 'Mail' WHERE name = 'EMAIL'"))
        await connection.execute(text("UPDATE role SET permission_names = '{}' WHERE name = 'Analyst'"))
    await bootstrap.migrate(settings)
    async with connected.session() as session:
        assert (await session.scalars(select(Workspace.name))).all() == ["Headquarters"]
        assert await session.scalar(select(Label.title).where(Label.name == "EMAIL")) == "Mail"
        analyst = (await session.scalars(select(Role).where(Role.name == "Analyst"))).one()
        assert set(analyst.permission_names) == set(map(str, BUILT_IN_ROLES["Analyst"][1]))
    await connected.close()


async def test_a_new_master_key_takes_over_with_the_former_beside_it(database: str, tmp_path: Path) -> None:
    await bootstrap.migrate(settings_for(database, tmp_path))
    connected = Database(database)
    async with connected.engine.begin() as connection:
        from sqlalchemy.ext.asyncio import AsyncSession

        await Vault(Keyring(KEY)).put(AsyncSession(connection), "r", {"password": "planted"})
    changed = settings_for(database, tmp_path, secret_key=NEXT.reveal(), former_secret_key=KEY.reveal())
    await bootstrap.migrate(changed)
    await bootstrap.migrate(settings_for(database, tmp_path, secret_key=NEXT.reveal()))
    fresh = Keyring(NEXT)
    async with connected.session() as session:
        assert await Vault(fresh).get(session, "r") == {"password": "planted"}
        authority, signing = (
            (await session.scalars(select(Authority))).one(),
            (await session.scalars(select(SigningKey))).one(),
        )
    assert fresh.open(authority.sealed, "authority")
    assert fresh.open(signing.sealed, f"signing:{signing.kid}")
    await connected.close()


async def test_the_command_line_adds_people_and_opens_locked_doors(database: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    await bootstrap.migrate(settings)
    said = await bootstrap.add_user(settings, "Ada@Example.com", "data steward")
    assert said.startswith("ada@example.com was added with the role Data steward")
    password = Secret("tangerine window orbit 42")
    await bootstrap.set_password(settings, "ada@example.com", password)
    connected = Database(database)
    async with connected.session() as session:
        user = (await session.scalars(select(User).where(User.email == "ada@example.com"))).one()
    passwords = Passwords(PasswordHasher.from_parameters(profiles.CHEAPEST))
    assert await passwords.matches(user.password_hash, password)
    for refused in (
        bootstrap.add_user(settings, "ada@example.com", "Analyst"),
        bootstrap.add_user(settings, "bob@example.com", "Emperor"),
        bootstrap.add_user(settings, "not an address", "Analyst"),
        bootstrap.set_password(settings, "nobody@example.com", password),
        bootstrap.set_password(settings, "ada@example.com", Secret("weak")),
    ):
        with pytest.raises(CannotRun):
            await refused
    fresh = await bootstrap.rotate_signing_key(settings)
    async with connected.session() as session:
        keys = {row.kid: row for row in await session.scalars(select(SigningKey))}
    assert [kid for kid, row in keys.items() if row.retired_at is None] == [fresh]
    assert [row.sealed for kid, row in keys.items() if kid != fresh] == [b""]
    assert (await trail.verify(settings)).intact
    await connected.close()


async def test_a_new_epoch_is_another_life_of_the_log(database: str, tmp_path: Path) -> None:
    settings = settings_for(database, tmp_path)
    await bootstrap.migrate(settings)
    connected = Database(database)
    async with connected.session() as session:
        before = await session.scalar(select(tables.EventLog.epoch))
        await bootstrap.new_epoch(settings)
        middle = await session.scalar(select(tables.EventLog.epoch).execution_options(populate_existing=True))
        await bootstrap.migrate(settings, new_epoch=True)
        after = await session.scalar(select(tables.EventLog.epoch).execution_options(populate_existing=True))
    assert len({before, middle, after}) == 3
    await connected.close()
