"""A furnished platform without its API: commands, the gate, and people with rights, against a fresh
database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest
from argon2 import PasswordHasher, profiles
from redis.asyncio import Redis
from sqlalchemy import select, text

from auth.gate import Entered, Gate
from auth.passwords import Passwords
from datawave.bootstrap import Admin, House, furnish
from datawave.kit import tables
from datawave.kit.access import NOBODY, SYSTEM, Viewer
from datawave.kit.commands import Command, Commands
from datawave.kit.database import Database, Db
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from domain import identity
from models.identity import AuthMethod, Role, User
from tests.fixtures.clock import HouseClock
from tests.servers import ValkeySpace

MASTER = Secret("the master key of the tests, long enough")
ADMIN = "admin@example.com"
PASSWORD = Secret("correct horse battery staple")


@dataclass
class Platform:
    database: Database
    keyring: Keyring
    commands: Commands
    gate: Gate
    valkey: Redis
    admin: Viewer = field(default_factory=Viewer)

    async def run(self, what: Command[..., Any], viewer: Viewer | None = None, **arguments: Any) -> Any:
        return (await self.done(what, viewer, **arguments)).value

    async def done(self, what: Command[..., Any], viewer: Viewer | None = None, **arguments: Any) -> Any:
        return await self.commands.run(what, viewer or self.admin, arguments)

    async def role(self, name: str) -> Role:
        async with self.database.session() as session:
            return (await session.scalars(select(Role).where(Role.name == name))).one()

    async def person(self, email: str, *, roles: Sequence[str] = (), password: Secret = PASSWORD) -> User:
        return await self.run(
            identity.add_user,
            SYSTEM,
            email=email,
            password_hash=await self.gate.passwords.hash(password),
            role_ids=[(await self.role(name)).id for name in roles],
        )

    async def holder(self, email: str, *permissions: str, scope: tuple[str, UUID] | None = None) -> Viewer:
        """Somebody with exactly these permissions."""
        user = await self.person(email)
        if permissions:
            role = await self.run(
                identity.save_role, SYSTEM, name=f"role of {email}", permissions=list(permissions)
            )
            await self.run(
                identity.grant_role,
                SYSTEM,
                actor_word="user",
                actor_id=user.id,
                role_id=role.id,
                scope_word=scope[0] if scope else None,
                scope_id=scope[1] if scope else None,
            )
        return await self.viewer(user.id)

    async def viewer(self, user_id: UUID, word: str = "user") -> Viewer:
        return await self.gate.actors.viewer_of(user_id, word)

    async def sign_in(
        self,
        email: str = ADMIN,
        password: Secret = PASSWORD,
        *,
        cookie: bool = False,
        address: str = "10.0.0.1",
    ) -> identity.SignedIn:
        who = Viewer(address=address, client="tests")
        proof = await identity.prove_password(
            Db(self.database),
            self.gate.passwords,
            self.gate.attempts,
            email=email,
            password=password,
            address=address,
        )
        return await self.run(
            identity.sign_in, who, name=email, method=AuthMethod.PASSWORD, proof=proof, cookie=cookie
        )

    async def token(self, signed: identity.SignedIn) -> str:
        session = signed.session
        minted = await self.gate.tokens.mint(
            actor_word=session.actor_word,
            actor_id=session.actor_id,
            session_id=session.id,
            until=session.expires_at,
        )
        return minted.token.reveal()

    async def enter(self, signed: identity.SignedIn) -> Entered:
        if signed.cookie is not None and signed.cookie.value is not None:
            return await self.gate.enter(None, signed.cookie.value.reveal())
        return await self.gate.enter(await self.token(signed), None)

    async def db(self, viewer: Viewer = NOBODY) -> Db:
        return Db(self.database, viewer)

    async def duty(self, name: str) -> None:
        await HouseClock(self.database, self.commands).do(name)

    async def place(self) -> None:
        """What the relay does."""
        async with self.database.connection() as connection:
            await connection.execute(text("SELECT count(*) FROM place_events(1000)"))

    async def advance(self, **span: float) -> None:
        """Time goes on for the database, and with its next look for the gate."""
        await HouseClock(self.database, self.commands).shift(**span)

    async def entries(self, *where: Any) -> list[tables.AuditEntry]:
        row = tables.AuditEntry
        async with self.database.session() as session:
            return list(await session.scalars(select(row).where(*where).order_by(row.number)))

    async def events(self, kind: str) -> list[tables.Event]:
        row = tables.Event
        async with self.database.session() as session:
            return list(await session.scalars(select(row).where(row.type == kind).order_by(row.number)))


@pytest.fixture
async def platform(database: str, valkey: ValkeySpace) -> AsyncIterator[Platform]:
    connected, keyring = Database(database), Keyring(MASTER)
    cache: Redis = cast("Any", Redis).from_url(valkey.url)
    passwords = Passwords(PasswordHasher.from_parameters(profiles.CHEAPEST))
    gate = Gate(connected, keyring, cache, prefix=valkey.prefix, issuer="http://test", passwords=passwords)
    made = Platform(connected, keyring, Commands(connected, keyring), gate, cache)
    house = House(database=connected, keyring=keyring, commands=made.commands)
    await furnish(house, Admin(email=ADMIN, password=PASSWORD), passwords=passwords)
    async with connected.session() as session:
        user = (await session.scalars(select(User).where(User.email == ADMIN))).one()
    made.admin = await made.viewer(user.id)
    await gate.start()
    yield made
    await gate.stop()
    await cache.aclose()
    await connected.close()
