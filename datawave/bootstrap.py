"""What every installation holds, and what is done to it from the command line.

`migrate` ends each upgrade by making what must be there: the workspace, the roles that come with the product,
the admin, the authority of agents, the key that signs tokens. It does so under a lock and finds nothing to do
the next time.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from auth.certificates import make_authority
from auth.passwords import Passwords, refuse_weak
from auth.tokens import make_signing_key
from datawave import migrations
from datawave.embedded.processes import CannotRun
from datawave.kit.access import SYSTEM
from datawave.kit.commands import Commands
from datawave.kit.database import Database
from datawave.kit.emails import folded
from datawave.kit.errors import UserError
from datawave.kit.ids import new_id
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring, Vault, VaultError
from domain import identity, workspaces
from domain.classifiers import taxonomy
from domain.policies import rules
from models.agents import Authority
from models.classification import Label, Severity
from models.identity import Role, SigningKey, User
from models.workspaces import Workspace

if TYPE_CHECKING:
    from datawave.settings import Settings

ADMINISTRATOR = "Administrator"
LOCK = text("SELECT pg_advisory_lock(hashtextextended('datawave.bootstrap', 0))")
UNLOCK = text("SELECT pg_advisory_unlock(hashtextextended('datawave.bootstrap', 0))")
NEW_EPOCH = text("UPDATE event_log SET epoch = encode(uuid_send(gen_random_uuid()), 'hex')")


@dataclass(frozen=True, kw_only=True)
class Admin:
    """The person that the first migration makes."""

    email: str
    password: Secret | None


@dataclass(frozen=True, kw_only=True)
class House:
    """A database with what it takes to run commands in it, without the rest of the program."""

    database: Database
    keyring: Keyring
    commands: Commands


@asynccontextmanager
async def house(url: str, secret_key: Secret, *, former: Secret | None = None) -> AsyncGenerator[House]:
    database = Database(url, pool_size=2, overflow=2, name="datawave bootstrap")
    keyring = Keyring(secret_key, former=former)
    try:
        yield House(database=database, keyring=keyring, commands=Commands(database, keyring))
    finally:
        await database.close()


async def migrate(settings: Settings, *, new_epoch: bool = False) -> None:
    """Brings the database to this release and makes what it must hold."""
    url, former = settings.database().reveal(), settings.former_secret_key
    await migrations.upgrade(url)
    admin = Admin(email=settings.admin_email, password=settings.admin_password)
    async with house(url, settings.master_key(), former=former) as made:
        await furnish(made, admin, former=Keyring(former) if former else None)
        if new_epoch:
            await _begin_epoch(made.database)


async def furnish(
    made: House, admin: Admin, *, former: Keyring | None = None, passwords: Passwords | None = None
) -> None:
    """Everything that must be there; whoever comes second waits and finds it done."""
    async with made.database.connection() as lock:
        await lock.execute(LOCK)
        try:
            await _keep_keys(made, former)
            await made.commands.run(identity.keep_built_in_roles, SYSTEM, {})
            await _keep_workspace(made)
            await _keep_admin(made, admin, passwords or Passwords())
            await _keep_taxonomy(made)
            await made.commands.run(rules.keep_built_in_rules, SYSTEM, {})
        finally:
            await lock.execute(UNLOCK)


async def _keep_keys(made: House, former: Keyring | None) -> None:
    """The authority and the signing key; sealed anew where the master key has changed."""
    async with AsyncSession(made.database.engine) as session:
        now = (await session.execute(text("SELECT datawave_now()"))).scalar_one()
        if former is not None and former.master_id != made.keyring.master_id:
            await _seal_anew(session, made.keyring, former)
        await make_authority(session, made.keyring, now=now)
        await make_signing_key(session, made.keyring)
        await session.commit()


async def _seal_anew(session: AsyncSession, keyring: Keyring, former: Keyring) -> None:
    await Vault(keyring).rewrap(session)
    sealed: list[tuple[Any, str]] = [(row, "authority") for row in await session.scalars(select(Authority))]
    living = select(SigningKey).where(SigningKey.retired_at.is_(None))
    sealed += [(row, f"signing:{row.kid}") for row in await session.scalars(living)]
    for row, about in sealed:
        if _opens(keyring, row.sealed, about):
            continue
        row.sealed = keyring.seal(former.open(row.sealed, about), about)
    await session.flush()


def _opens(keyring: Keyring, sealed: bytes, about: str) -> bool:
    try:
        keyring.open(sealed, about)
    except VaultError:
        return False
    return True


async def _keep_workspace(made: House) -> None:
    """Only where there is none: Main may be renamed."""
    async with made.database.session() as session:
        if (await session.scalar(select(Workspace.id).limit(1))) is not None:
            return
    await made.commands.run(workspaces.save_workspace, SYSTEM, {"name": workspaces.MAIN})


async def _keep_admin(made: House, admin: Admin, passwords: Passwords) -> None:
    """Only where there is nobody: an admin who was removed does not come back."""
    if admin.password is None:
        return
    async with made.database.session() as session:
        if (await session.scalar(select(User.id).limit(1))) is not None:
            return
        role_id = await session.scalar(select(Role.id).where(Role.name == ADMINISTRATOR))
    arguments = {
        "email": admin.email,
        "display_name": "Administrator",
        "password_hash": await passwords.hash(admin.password),
        "role_ids": [role_id],
    }
    await made.commands.run(identity.add_user, SYSTEM, arguments)


async def _keep_taxonomy(made: House) -> None:
    """The labels that the classifiers know are rows, so that classifications refer to them. What people have
    changed stays as it is."""
    async with AsyncSession(made.database.engine) as session:
        ids = {row.name: row.id for row in await session.execute(select(Label.name, Label.id))}
        missing = [label for label in taxonomy.LABELS if label.name not in ids]
        ids |= {label.name: new_id() for label in missing}
        session.add_all(
            Label(
                id=ids[label.name],
                name=label.name,
                title=label.title,
                description=label.description or None,
                parent_id=ids[label.parent] if label.parent else None,
                sensitivity=Severity(label.sensitivity),
                regulations=list(label.regulations),
            )
            for label in missing
        )
        await session.commit()


async def new_epoch(settings: Settings) -> None:
    """After a restore: cursors of the former life expire."""
    async with house(settings.database().reveal(), settings.master_key()) as made:
        await _begin_epoch(made.database)


async def _begin_epoch(database: Database) -> None:
    async with database.connection() as connection:
        await connection.execute(NEW_EPOCH)


async def add_user(settings: Settings, email: str, role: str) -> str:
    """Adds a person with a role everywhere; what is said holds their first password, once."""
    password = Secret(secrets.token_urlsafe(12))
    async with house(settings.database().reveal(), settings.master_key()) as made:
        async with made.database.session() as session:
            roles = (await session.scalars(select(Role).order_by(Role.name))).all()
        found = next((each for each in roles if each.name.casefold() == role.strip().casefold()), None)
        if found is None:
            raise CannotRun(f"There is no role {role}. There are: {', '.join(each.name for each in roles)}.")
        arguments = {
            "email": email,
            "password_hash": await Passwords().hash(password),
            "role_ids": [found.id],
        }
        user = await _run(made, identity.add_user, arguments)
    return (
        f"{user.email} was added with the role {found.name} and the password {password.reveal()}"
        f" (shown once)."
    )


async def set_password(settings: Settings, email: str, password: Secret) -> None:
    """A new password for somebody who is locked out; their sessions end."""
    async with house(settings.database().reveal(), settings.master_key()) as made:
        async with made.database.session() as session:
            user = await session.scalar(select(User).where(User.email == folded(email)))
        if user is None:
            raise CannotRun(f"Nobody has the e-mail {email}.")
        try:
            refuse_weak(password, [user.email, user.display_name], path=["password"])
        except UserError as refused:
            raise CannotRun(refused.message) from None
        arguments = {"user_id": user.id, "password_hash": await Passwords().hash(password)}
        await _run(made, identity.reset_password, arguments)


async def rotate_signing_key(settings: Settings) -> str:
    """A new key for access tokens, by its id; every process that serves hears of it."""
    async with house(settings.database().reveal(), settings.master_key()) as made:
        return await _run(made, identity.rotate_signing_key, {})


async def _run(made: House, what: Any, arguments: dict[str, Any]) -> Any:
    try:
        return (await made.commands.run(what, SYSTEM, arguments)).value
    except UserError as refused:
        raise CannotRun(refused.message) from None


async def connect_demo(settings: Settings) -> None:
    """Connects the demo's sources, as `up` does once the API answers."""
    from datawave.app import demo  # the API's types: only these two commands need them

    await demo.connect(settings)


async def remove_demo(settings: Settings) -> None:
    from datawave.app import demo

    await demo.remove(settings)
