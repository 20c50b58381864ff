"""Signing in, and what it gives."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from datawave.kit.access import Viewer as Asking
from datawave.kit.secrets import Secret
from domain.identity import device_named
from models import identity as rows
from schema.reads import computed
from schema.rows import FromRow
from schema.shapes import Node, Payload

if TYPE_CHECKING:
    from schema.identity.viewer import Viewer

    pass


strawberry.enum(rows.AuthMethod, name="AuthMethod", description="How somebody proved who they are.")


@strawberry.type(description="A signed-in client; ends everywhere at once when revoked.")
class AuthSession(FromRow, Node, shows=rows.AuthSession):
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    client: str | None
    method: rows.AuthMethod

    @computed(description="What it came from, in words: `Firefox on Linux`.")
    @staticmethod
    def device(client: str | None) -> str | None:
        return device_named(client)

    @computed(description="Whether this very request came with it.", own=True)
    @staticmethod
    def current(viewer: Asking, id: UUID) -> bool:
        return id == viewer.session_id


@strawberry.type(
    description="A short access token and the refresh token that replaces it; each refresh token works once."
)
class TokenPair:
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime


@strawberry.input(description="E-mail and password, with the second factor's code where there is one.")
class PasswordSignInInput:
    email: str
    password: Secret
    totp: str | None = strawberry.UNSET
    remember_device: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Whether this device needs no second factor from now on, for 30 days.",
    )
    device_token: Secret | None = strawberry.field(
        default=strawberry.UNSET, description="What a remembered device keeps, where it is no browser."
    )


@strawberry.input(
    description="The code that a sign-in waits for, by its challenge: `totp`, or `recoveryCode` in its place."
)
class SecondFactorSignInInput:
    challenge: Secret
    totp: str | None = strawberry.UNSET
    recovery_code: Secret | None = strawberry.UNSET
    remember_device: bool | None = strawberry.UNSET


@strawberry.input(description="A recovery code in place of a second factor; it works once.")
class RecoverySignInInput:
    email: str
    password: Secret
    recovery_code: Secret


@strawberry.input(description="A partner's program, as in OAuth 2.")
class ClientCredentialsInput:
    client_id: str
    client_secret: Secret
    scopes: list[str] | None = strawberry.UNSET


@strawberry.input(description="What a login service sent back to a program's redirect.")
class OidcCodeInput:
    state: Secret
    code: Secret
    iss: str | None = strawberry.field(
        default=strawberry.UNSET, description="Where the answer came with one: who says that they sent it."
    )


@strawberry.input(one_of=True, description="One way to prove who one is.")
class SignInInput:
    password: PasswordSignInInput | None = strawberry.UNSET
    client_credentials: ClientCredentialsInput | None = strawberry.UNSET
    oidc_code: OidcCodeInput | None = strawberry.UNSET
    second_factor: SecondFactorSignInInput | None = strawberry.UNSET
    recovery: RecoverySignInInput | None = strawberry.UNSET


@strawberry.input(description="A refresh token.")
class RefreshSessionInput:
    refresh_token: Secret


@strawberry.input(description="The old password and the new.")
class PasswordChangeInput:
    current_password: Secret
    new_password: Secret


@strawberry.input(description="A token from a mail and the new password.")
class PasswordTokenInput:
    token: Secret
    new_password: Secret


@strawberry.input(one_of=True, description="One way to set a password.")
class SetPasswordInput:
    change: PasswordChangeInput | None = strawberry.UNSET
    token: PasswordTokenInput | None = strawberry.UNSET


@strawberry.type(
    description="Tokens, or the need for a second factor; for a browser a cookie in place of tokens."
)
class SignInPayload(Payload):
    tokens: TokenPair | None = None
    viewer: Viewer | None = None
    mfa_required: bool = strawberry.field(
        default=False, description="The password was right; nobody is signed in before the second factor."
    )
    challenge: str | None = strawberry.field(
        default=None, description="To be sent with the code, as `secondFactor`; good for a few minutes."
    )
    challenge_expires_at: datetime | None = None
    device_token: str | None = strawberry.field(
        default=None, description="What a remembered device keeps; a browser has it in a cookie instead."
    )
    device_expires_at: datetime | None = None


@strawberry.input(description="Whose sessions to end: by default one's own, but this one.")
class EndOtherSessionsInput:
    user_id: ID | None = strawberry.UNSET
    idempotency_key: str | None = strawberry.UNSET


@strawberry.type(description="How many sessions were ended.")
class SessionsPayload(Payload):
    ended: int = 0


@strawberry.type(description="The key that signs from now on, as JWKS name it (`kid`).")
class SigningKeyPayload(Payload):
    key_id: ID | None = None
