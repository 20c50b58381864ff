"""Login services: set up, begun with, come back from."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from sqlalchemy import select

from auth.permissions import Permission as P
from datawave.kit.access import allowed
from datawave.kit.commands import PUBLIC
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.ids import key_of, keys_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from datawave.kit.secrets import Secret
from domain import identity
from models import identity as rows
from schema.context import Info
from schema.fields import mutation, read
from schema.gate import gate_of
from schema.identity.providers import (
    BeginOidcSignInInput,
    OidcProvider,
    OidcProviderPayload,
    OidcSignInPayload,
    SaveOidcProviderInput,
)
from schema.identity.sessions import OidcCodeInput
from schema.shapes import DonePayload, NodeInput, given

BEGIN_COSTS = 1_000
PLAIN = (
    "scopes", "role_claim", "enabled", "creates_users", "links_by_email", "trusts_emails", "redirect_uris",
)  # fmt: skip


def oidc_providers(of: Of) -> Rows:
    """Those that are open to anybody; all of them for whoever sets them up."""
    row = rows.OidcProvider
    query = select(row).where(row.enabled | allowed(P.SETTINGS_MANAGE, row, of.viewer))
    return Rows(query=query, row=row, order=[Key(row.name), Key(row.id)])


def sign_ins_of(info: Info) -> identity.ProviderSignIns:
    return cast("identity.ProviderSignIns", info.context.platform.extras["oidc"])


async def come_back(info: Info, brought: OidcCodeInput) -> identity.SignedIn:
    """A program's person is back. A browser comes back to us instead, where a cookie shows that it is the one
    that began."""
    context = info.context
    if context.wants_cookie:
        raise InputError(
            ErrorCode.INVALID, "Browsers begin at the provider's signInUrl.", path=["input", "oidcCode"]
        )
    answer = identity.Answer(state=brought.state, code=brought.code, issuer=given(brought.iss))
    came = await sign_ins_of(info).come_back(context.viewer, answer)
    context.tracking_id = came.tracking_id
    assert came.signed is not None, "a program links nothing"
    return came.signed


@strawberry.type
class Queries:
    oidc_providers: list[OidcProvider] = read(
        Shape.MANY, oidc_providers, needs=PUBLIC, description="Ways to sign in that are open to anybody."
    )


@strawberry.type
class Mutations:
    @mutation(
        runs=identity.begin_oidc_sign_in,
        description="Begin to sign in by a login service, as a program; browsers go to its `signInUrl`.",
        cost=BEGIN_COSTS,
    )
    async def begin_oidc_sign_in(self, info: Info, input: BeginOidcSignInInput) -> OidcSignInPayload:
        prepared = await sign_ins_of(info).prepare(
            info.context.viewer,
            key_of("oidc_provider", input.provider_id, path=["providerId"]),
            identity.Aim(redirect_uri=input.redirect_uri),
        )
        until = await info.context.run(identity.begin_oidc_sign_in, prepared=prepared)
        return OidcSignInPayload(url=prepared.url, state=prepared.state.reveal(), expires_at=until)

    @mutation(runs=identity.save_oidc_provider, description="Make or change a login service.")
    async def save_oidc_provider(self, info: Info, input: SaveOidcProviderInput) -> OidcProviderPayload:
        wanted = given(input.id)
        provider = await info.context.run(
            identity.save_oidc_provider,
            idempotency_key=input.idempotency_key,
            provider_id=key_of("oidc_provider", wanted) if wanted else None,
            version=given(input.version),
            name=input.name,
            issuer=input.issuer,
            client_id=input.client_id,
            client_secret=cast("Secret | None", given(input.client_secret)),
            changes=_changes(input),
            loopback=sign_ins_of(info).loopback,
        )
        await gate_of(info).actors.refresh()
        return OidcProviderPayload(provider=OidcProvider.of(provider))

    @mutation(
        runs=identity.delete_oidc_provider,
        description="Delete a login service: nobody comes by it any more, and who did is out.",
    )
    async def delete_oidc_provider(self, info: Info, input: NodeInput) -> DonePayload:
        await info.context.run(
            identity.delete_oidc_provider,
            idempotency_key=input.idempotency_key,
            provider_id=key_of("oidc_provider", input.id),
            version=given(input.version),
        )
        await gate_of(info).actors.refresh()
        return DonePayload(done=True, deleted_id=input.id)

    @mutation(
        runs=identity.unlink_identity,
        description="Take away a way to sign in: one's own, or anybody's with `user:update`; never the last."
        " Who came in by it is out.",
    )
    async def unlink_identity(self, info: Info, input: NodeInput) -> DonePayload:
        await info.context.run(
            identity.unlink_identity,
            idempotency_key=input.idempotency_key,
            identity_id=key_of("external_identity", input.id),
        )
        await gate_of(info).actors.refresh()
        return DonePayload(done=True, deleted_id=input.id)


def _changes(input: SaveOidcProviderInput) -> dict[str, Any]:
    """What was said, under the names of the columns."""
    said = {name: value for name in PLAIN if (value := given(getattr(input, name))) is not None}
    if (mappings := given(input.group_mappings)) is not None:
        said["group_mappings"] = [
            {
                "value": each.value,
                "group": key_of("group", each.group_id, path=["groupMappings", str(at), "groupId"]).hex,
            }
            for at, each in enumerate(mappings)
        ]
    if (roles := given(input.default_role_ids)) is not None:
        said["default_role_ids"] = keys_of("role", roles, path=["defaultRoleIds"])
    return said
