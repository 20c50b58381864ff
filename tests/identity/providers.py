"""Documents and short ways for tests of login services."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import select

from connectors.base import Guard
from datawave.kit.tables import AuditEntry
from models.identity import Group, GroupMember
from tests import furnished, servers
from tests.client import Client
from tests.fixtures.api import House, house_at

ERRORS = """fragment Errors on UserError { __typename code message path ... on AccessError { permission } }"""
SAVE = (
    """mutation($i: SaveOidcProviderInput!) { saveOidcProvider(input: $i) { errors { ...Errors } trackingId
      provider { id version name issuer clientId scopes enabled roleClaim hasClientSecret redirectUris
        createsUsers linksByEmail trustsEmails defaultRoleIds signInUrl
        groupMappings { value groupId } } } }"""
    + ERRORS
)
DELETE = (
    """mutation($id: ID!) { deleteOidcProvider(input: {id: $id}) { errors { ...Errors } trackingId
      deletedId } }"""
    + ERRORS
)
UNDO = (
    """mutation($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code message } trackingId } }"""
)
REDO = (
    """mutation($id: ID!) { redoCommand(input: {commandId: $id}) { errors { code message } trackingId } }"""
)
BEGIN = (
    """mutation($i: BeginOidcSignInInput!) { beginOidcSignIn(input: $i) { errors { ...Errors } url state
      expiresAt } }"""
    + ERRORS
)
BY_CODE = (
    """mutation($i: OidcCodeInput!) { signIn(input: {oidcCode: $i}) { errors { ...Errors } trackingId
      tokens { accessToken refreshToken } viewer { user { email } session { method } permissions } } }"""
    + ERRORS
)
WHO = "{ viewer { user { id email displayName state } session { id method } permissions } }"
MINE = "{ viewer { user { id identities { id subject linkedAt lastUsedAt provider { name } } } } }"
UNLINK = (
    """mutation($id: ID!) { unlinkIdentity(input: {id: $id}) { errors { ...Errors } trackingId
      deletedId } }"""
    + ERRORS
)
PRIVATE = Guard(private=True)


@asynccontextmanager
async def private_house(valkey: servers.ValkeySpace, **more: Any) -> AsyncGenerator[House]:
    """A house whose login services may be on this machine."""
    given: Mapping[str, Any] = {"guard": PRIVATE, "failures_per_minute": 1_000, **more}
    async with furnished.fresh_database() as url, house_at(url, valkey, **given) as house:
        yield house


async def saved(api: Client, **input: Any) -> dict[str, Any]:
    return (await api.done(SAVE, i=input))["provider"]


async def group(house: House, name: str) -> str:
    """A group's global id."""
    async with house.core.database.session() as session:
        made = Group(name=name)
        session.add(made)
        await session.flush()
        return f"group_{made.id.hex}"


async def members(house: House) -> set[tuple[str, str]]:
    """(group's name, whether a service said so) of all members."""
    async with house.core.database.session() as session:
        found = await session.execute(
            select(Group.name, GroupMember.provider_id).join(GroupMember, GroupMember.group_id == Group.id)
        )
        return {(name, "service" if provider else "here") for name, provider in found}


async def entries(house: House, action: str) -> list[AuditEntry]:
    async with house.core.database.session() as session:
        found = await session.scalars(
            select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.at)
        )
        return list(found)


def code(answer: Mapping[str, Any]) -> str:
    return answer["errors"][0]["extensions"]["code"]
