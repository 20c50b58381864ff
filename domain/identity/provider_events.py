"""What happens to login services, and to people because of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from datawave.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class OidcProviderSaved(Event):
    """A login service was made or changed; who is in which group by its word may be too."""

    topics = ("access", "providers")
    subject = ("oidc_provider", "provider_id")
    provider_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class OidcProviderDeleted(Event):
    """A login service was deleted; nobody is in a group by its word any more."""

    topics = ("access", "providers")
    subject = ("oidc_provider", "provider_id")
    provider_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class IdentityLinked(Event):
    """A person can sign in by a login service from now on."""

    topics = ("access", "users", "actor:{actor_id}")
    subject = ("user", "actor_id")
    actor_id: UUID
    provider_id: UUID


@dataclass(frozen=True, kw_only=True)
class IdentityUnlinked(Event):
    """A person can no longer sign in by a login service."""

    topics = ("access", "users", "actor:{actor_id}")
    subject = ("user", "actor_id")
    actor_id: UUID
    provider_id: UUID


@dataclass(frozen=True, kw_only=True)
class MembershipsSynced(Event):
    """A login service said at a sign-in in which groups somebody is, and it was not as before."""

    topics = ("access", "users", "actor:{actor_id}")
    subject = ("user", "actor_id")
    actor_id: UUID
    provider_id: UUID
    joined: Sequence[UUID]
    left: Sequence[UUID]
