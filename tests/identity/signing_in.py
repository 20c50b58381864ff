"""What the tests of signing in share: the documents, and an authenticator app by the platform's clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pyotp.totp import TOTP
from sqlalchemy import text

from datawave.kit.access import SYSTEM
from datawave.kit.secrets import Secret
from domain import identity
from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.clock import HouseClock

PASSWORD = "tangerine window orbit 42"
ANSWER = """errors { code path message } mfaRequired challenge challengeExpiresAt
  deviceToken deviceExpiresAt tokens { accessToken refreshToken } viewer { user { email } }"""
SIGN_IN = f"mutation($i: SignInInput!) {{ signIn(input: $i) {{ {ANSWER} }} }}"
ENROLL = """mutation($i: EnrollMfaInput!) { enrollMfa(input: $i) { errors { code path }
  provisioningUri recoveryCodes factor { id kind name confirmedAt codesLeft } } }"""
CONFIRM = """mutation($id: ID!, $c: String!) { confirmMfa(input: {factorId: $id, code: $c}) {
  errors { code path } recoveryCodes factor { id confirmedAt } } }"""
REMOVE = "mutation($i: RemoveMfaInput!) { removeMfa(input: $i) { done deletedId errors { code path } } }"
MINE = """{ viewer { user { id mfaFactors { id kind name confirmedAt lastUsedAt codesLeft }
  devices { id device address } sessions { id current device method address } } } }"""


def code(answer: dict[str, Any]) -> str:
    return answer["errors"][0]["extensions"]["code"]


def secret_of(begun: dict[str, Any]) -> str:
    """What an app reads from the code on the screen."""
    uri: str = begun["provisioningUri"]
    return parse_qs(urlsplit(uri).query)["secret"][0]


@dataclass
class App:
    """An authenticator app: each code is of a later time step than the one before."""

    secret: str
    house: House
    clock: HouseClock

    async def code(self) -> str:
        await self.clock.shift(seconds=31)
        async with self.house.core.database.connection() as connection:
            now = (await connection.execute(text("SELECT datawave_now()"))).scalar_one()
        return TOTP(self.secret).at(now)


@dataclass
class Person:
    """Somebody with an account, signed in."""

    id: str
    email: str
    client: Client
    app: App
    recovery_codes: list[str]

    async def signs_in(self, client: Client | None = None, **more: Any) -> dict[str, Any]:
        """The whole answer."""
        wanted = {"password": {"email": self.email, "password": PASSWORD} | more}
        return await (client or self.client.as_(None)).ask(SIGN_IN, i=wanted)


async def person(house: House, email: str) -> Client:
    """Somebody without a role, signed in."""
    hashed = await house.served.gate.passwords.hash(Secret(PASSWORD))
    await house.core.commands.run(identity.add_user, SYSTEM, {"email": email, "password_hash": hashed})
    client = Client(house.url)
    done = await client.done(SIGN_IN, i={"password": {"email": email, "password": PASSWORD}})
    client.token = done["tokens"]["accessToken"]
    return client


async def protected(house: House, clock: HouseClock, email: str = "owner@example.com") -> Person:
    """Somebody with a second factor."""
    client = await person(house, email)
    begun = await client.done(ENROLL, i={"name": "Phone", "password": PASSWORD})
    app = App(secret_of(begun), house, clock)
    confirmed = await client.done(CONFIRM, id=begun["factor"]["id"], c=await app.code())
    who = (await client.data(MINE))["viewer"]["user"]["id"]
    return Person(who, email, client, app, confirmed["recoveryCodes"])
