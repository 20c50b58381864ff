"""What the tests of people ask."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from datawave.kit.access import SYSTEM
from datawave.kit.secrets import Secret
from domain import identity
from models.identity import Role
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House

ERRORS = """ fragment Errors on UserError { __typename code message path ... on AccessError { permission }
  ... on ConflictError { currentVersion } }"""
INVITE = (
    """mutation($i: InviteUserInput!) { inviteUser(input: $i) { errors { ...Errors } trackingId invitationUrl
  user { id email displayName state version grants { role { name } scope { id } } } } }"""
    + ERRORS
)
UPDATE = (
    """mutation($i: UpdateUserInput!) { updateUser(input: $i) { errors { ...Errors } trackingId
  user { id email displayName state version locale timeZone } } }"""
    + ERRORS
)
RESET = (
    "mutation($e: String!) { requestPasswordReset(input: {email: $e}) { errors { ...Errors } done } }"
    + ERRORS
)
SET_BY_TOKEN = (
    """mutation($t: Secret!, $n: Secret!) { setPassword(input: {token: {token: $t, newPassword: $n}}) {
  errors { ...Errors } tokens { accessToken } viewer { user { email state } } } }"""
    + ERRORS
)
UNDO = "mutation($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code message } } }"
PEOPLE = """query($s: String, $t: [UserState!]) { users(search: $s, states: $t) { totalCount nodes { id email
  displayName state } } }"""
WHO = "{ viewer { user { id email } actor { id } permissions } }"

PASSWORD = "tangerine window orbit 42"
OTHER = "walnut lantern drifts 17"


async def role_ids(house: House, *names: str) -> list[Any]:
    async with house.core.database.session() as session:
        return list(await session.scalars(select(Role.id).where(Role.name.in_(names))))


async def person(house: House, email: str, *roles: str, name: str | None = None) -> Client:
    """Somebody with these roles, signed in."""
    arguments = {
        "email": email,
        "display_name": name,
        "password_hash": await house.served.gate.passwords.hash(Secret(PASSWORD)),
        "role_ids": await role_ids(house, *roles),
    }
    await house.core.commands.run(identity.add_user, SYSTEM, arguments)
    return await signed_in(house, email)


async def signed_in(house: House, email: str, password: str = PASSWORD) -> Client:
    client = Client(house.url)
    answer = await client.done(SIGN_IN, email=email, password=password)
    client.token = answer["tokens"]["accessToken"]
    return client


async def id_of(client: Client) -> str:
    return (await client.data(WHO))["viewer"]["actor"]["id"]


def code(answer: dict[str, Any]) -> str:
    return answer["errors"][0]["extensions"]["code"]


def first_error(payload: dict[str, Any]) -> tuple[str, list[str]]:
    return payload["errors"][0]["code"], payload["errors"][0]["path"]
