"""Login services that people may come from, and who they are there."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import INTERNAL, Access, Base, Entity

NONE = text("'{}'")


class OidcProvider(Entity):
    """A service that says who somebody is, by OpenID Connect. Its client secret is in the vault only."""

    __tablename__ = "oidc_provider"
    __word__, __access__ = "oidc_provider", Access(read="settings:manage", public=True)

    name: Mapped[str] = mapped_column(unique=True)
    issuer: Mapped[str]
    """As the service calls itself, to the letter: what it signs has to name it."""
    client_id: Mapped[str]
    secret_reference: Mapped[str | None]
    """Where the vault keeps the client secret; a public client has none."""
    scopes: Mapped[list[str]] = mapped_column(server_default=NONE)
    enabled: Mapped[bool] = mapped_column(server_default="true", default=True)
    role_claim: Mapped[str | None]
    group_mappings: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """`[{"value": what the claim says, "group": the id of ours}]`."""
    default_role_ids: Mapped[list[UUID]] = mapped_column(server_default=NONE)
    redirect_uris: Mapped[list[str]] = mapped_column(server_default=NONE)
    creates_users: Mapped[bool] = mapped_column(server_default="false", default=False)
    links_by_email: Mapped[bool] = mapped_column(server_default="false", default=False)
    trusts_emails: Mapped[bool] = mapped_column(server_default="false", default=False)


class ExternalIdentity(Base):
    """A person as a login service knows them. It outlives its service for a while, so that the deletion can
    be undone."""

    __tablename__ = "external_identity"
    __word__, __access__ = "external_identity", Access(read="user:update", own="user_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    provider_id: Mapped[UUID]
    subject: Mapped[str]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("person.id", ondelete="CASCADE"), index=True)
    linked_at: Mapped[datetime] = mapped_column(server_default=text("datawave_now()"))
    last_used_at: Mapped[datetime | None]
    lapsed_at: Mapped[datetime | None]
    """Since when its service is deleted."""

    __table_args__ = (UniqueConstraint("provider_id", "subject"),)


class OidcAttempt(Base):
    """A sign-in that was begun and has not come back: each comes back once, or never."""

    __tablename__ = "oidc_attempt"
    __word__, __access__ = "oidc_attempt", INTERNAL

    state_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(ForeignKey("oidc_provider.id", ondelete="CASCADE"), index=True)
    browser_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Of what the browser that began it keeps; a program keeps the state itself."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """What only the platform may know until then: verifier, nonce, where to go afterwards."""
    expires_at: Mapped[datetime] = mapped_column(index=True)
