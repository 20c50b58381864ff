"""Programs and what they come in with, as tests make them through the API."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from datawave.kit.access import SYSTEM
from datawave.kit.secrets import Secret
from domain import identity
from models.identity import Role
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House

PASSWORD = "tangerine window orbit 42"
WHO = "{ viewer { actor { id displayName } session { id } permissions } }"
STREAM = "subscription { eventRecorded { type } }"
MAKE = """mutation($i: CreateServiceAccountInput!) { createServiceAccount(input: $i) {
  errors { code path message } clientSecret serviceAccount { id clientId } } }"""
MAKE_KEY = """mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) {
  errors { __typename code path message ... on AccessError { permission } } trackingId value
  apiKey { id name prefix permissions createdAt expiresAt lastUsedAt revokedAt actor { id } } } }"""
REVOKE_KEY = """mutation($id: ID!) { revokeApiKey(input: {id: $id}) { errors { code path message }
  apiKey { id revokedAt } } }"""


def code(answer: dict[str, Any]) -> str:
    return answer["errors"][0]["extensions"]["code"]


async def role_ids(house: House, *names: str) -> list[str]:
    async with house.core.database.session() as session:
        found = await session.scalars(select(Role.id).where(Role.name.in_(names)))
        return [f"role_{each.hex}" for each in found]


async def program(house: House, api: Client, *roles: str, name: str = "Partner") -> dict[str, Any]:
    """A program with these roles: `id`, `clientId`, `secret`."""
    made = await api.done(MAKE, i={"displayName": name, "roleIds": await role_ids(house, *roles)})
    return {**made["serviceAccount"], "secret": made["clientSecret"]}


async def person(house: House, email: str, *permissions: str) -> Client:
    """Somebody with exactly these permissions, signed in."""
    commands = house.core.commands
    role: Any = await commands.run(
        identity.save_role, SYSTEM, {"name": f"role of {email}", "permissions": list(permissions)}
    )
    hashed = await house.served.gate.passwords.hash(Secret(PASSWORD))
    arguments = {"email": email, "password_hash": hashed, "role_ids": [role.value.id] if permissions else []}
    await commands.run(identity.add_user, SYSTEM, arguments)
    client = Client(house.url)
    answer = await client.done(SIGN_IN, email=email, password=PASSWORD)
    client.token = answer["tokens"]["accessToken"]
    return client


async def key(client: Client, name: str = "Nightly", **more: Any) -> dict[str, Any]:
    """A key: `id`, `value` and what else is told of it."""
    made = await client.done(MAKE_KEY, i={"name": name, **more})
    return {**made["apiKey"], "value": made["value"]}
