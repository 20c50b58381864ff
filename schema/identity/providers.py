"""Login services and the people they know, in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from auth.permissions import Permission as P
from datawave.kit.ids import global_id
from datawave.kit.secrets import Secret
from models import identity as rows
from schema.reads import column, computed, one
from schema.rows import FromRow
from schema.shapes import Node, Payload, Timestamped, Versioned

if TYPE_CHECKING:
    pass


@strawberry.type(description="Who a login service says is in a group, is in this one of ours.")
class OidcGroupMapping:
    value: str = strawberry.field(description="What the claim holds.")
    group_id: ID


@strawberry.type(
    description="A login service (OpenID Connect) that people may come from. Anybody sees its name and where"
    " to begin."
)
class OidcProvider(FromRow, Node, Timestamped, Versioned, shows=rows.OidcProvider):
    name: str
    issuer: str | None = column("issuer", needs=P.SETTINGS_MANAGE)
    client_id: str | None = column("client_id", needs=P.SETTINGS_MANAGE)
    scopes: list[str] | None = column("scopes", needs=P.SETTINGS_MANAGE)
    enabled: bool | None = column("enabled", needs=P.SETTINGS_MANAGE)
    role_claim: str | None = column(
        "role_claim", needs=P.SETTINGS_MANAGE, description="Where it says in which groups somebody is."
    )
    redirect_uris: list[str] | None = column(
        "redirect_uris", needs=P.SETTINGS_MANAGE, description="Where programs may have answers sent."
    )
    creates_users: bool | None = column(
        "creates_users", needs=P.SETTINGS_MANAGE, description="Whoever comes for the first time is added."
    )
    links_by_email: bool | None = column(
        "links_by_email",
        needs=P.SETTINGS_MANAGE,
        description="Whoever has a verified e-mail that an account here has is that person.",
    )
    trusts_emails: bool | None = column(
        "trusts_emails",
        needs=P.SETTINGS_MANAGE,
        description="E-mails count as verified where the service says nothing about it.",
    )

    @computed(description="Where a browser begins, on the platform's own address; `?return=/…` follows.")
    @staticmethod
    def sign_in_url(id: UUID) -> str:
        return f"/auth/oidc/{global_id('oidc_provider', id)}/start"

    @computed(needs=P.SETTINGS_MANAGE, description="Whether there is a client secret; it is never shown.")
    @staticmethod
    def has_client_secret(secret_reference: str | None) -> bool | None:
        return secret_reference is not None

    @computed(needs=P.SETTINGS_MANAGE)
    @staticmethod
    def group_mappings(group_mappings: list[Any]) -> list[OidcGroupMapping] | None:
        return [
            OidcGroupMapping(value=each["value"], group_id=ID(global_id("group", UUID(each["group"]))))
            for each in group_mappings
        ]

    @computed(needs=P.SETTINGS_MANAGE, description="Roles that newcomers get, everywhere.")
    @staticmethod
    def default_role_ids(default_role_ids: list[UUID]) -> list[ID] | None:
        return [ID(global_id("role", each)) for each in default_role_ids]


@strawberry.type(description="A person as a login service knows them.")
class ExternalIdentity(FromRow, Node, shows=rows.ExternalIdentity):
    subject: str
    linked_at: datetime
    last_used_at: datetime | None
    provider: OidcProvider | None = one("provider_id", rows.OidcProvider)


@strawberry.input(description="Members of a group there are members of this one here.")
class OidcGroupMappingInput:
    value: str
    group_id: ID


@strawberry.input(description="A login service to make or change; what is left out stays as it is.")
class SaveOidcProviderInput:
    name: str
    issuer: str
    client_id: str
    id: ID | None = strawberry.UNSET
    version: int | None = strawberry.UNSET
    client_secret: Secret | None = strawberry.field(
        default=strawberry.UNSET, description="An empty one leaves none: a public client."
    )
    scopes: list[str] | None = strawberry.field(
        default=strawberry.UNSET, description="By default openid, email, profile."
    )
    role_claim: str | None = strawberry.field(
        default=strawberry.UNSET, description="A claim's name, or a path as `realm_access.roles`."
    )
    group_mappings: list[OidcGroupMappingInput] | None = strawberry.UNSET
    enabled: bool | None = strawberry.UNSET
    creates_users: bool | None = strawberry.UNSET
    links_by_email: bool | None = strawberry.UNSET
    trusts_emails: bool | None = strawberry.UNSET
    default_role_ids: list[ID] | None = strawberry.UNSET
    redirect_uris: list[str] | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.input(description="Where a program wants to come from, and where the answer is to be sent.")
class BeginOidcSignInInput:
    provider_id: ID
    redirect_uri: str


@strawberry.type(description="The login service as it now is.")
class OidcProviderPayload(Payload):
    provider: OidcProvider | None = None


@strawberry.type(
    description="Where to send the person. What comes back goes to `signIn(oidcCode:)`, if its state is this"
    " one."
)
class OidcSignInPayload(Payload):
    url: str | None = None
    state: str | None = None
    expires_at: datetime | None = None
