"""What happens to people, programs, roles and sessions. The topic `access` is heard by the gate of every
process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from datawave.kit.events import Event


@dataclass(frozen=True, kw_only=True)
class UserAdded(Event):
    """A person was added."""

    topics = ("users", "actor:{user_id}")
    subject = ("user", "user_id")
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class UserInvited(Event):
    """A person was invited, for the first time or again."""

    topics = ("users", "actor:{user_id}")
    subject = ("user", "user_id")
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class UserUpdated(Event):
    """A person's name, language or time zone was changed."""

    topics = ("users", "actor:{user_id}")
    subject = ("user", "user_id")
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class UserStateChanged(Event):
    """A person came in for the first time, was suspended, brought back, or deleted."""

    topics = ("access", "users", "actor:{actor_id}")
    subject = ("user", "actor_id")
    actor_id: UUID
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class PasswordSet(Event):
    """Somebody has a new password."""

    topics = ("users", "actor:{user_id}")
    subject = ("user", "user_id")
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class ServiceAccountCreated(Event):
    """An account for a program was made."""

    topics = ("users", "actor:{service_id}")
    subject = ("service", "service_id")
    service_id: UUID


@dataclass(frozen=True, kw_only=True)
class ServiceAccountChanged(Event):
    """The account of a program was renamed, disabled, or enabled again."""

    topics = ("access", "users", "actor:{actor_id}")
    subject = ("service", "actor_id")
    actor_id: UUID
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class SessionStarted(Event):
    """Somebody signed in."""

    topics = ("actor:{owner_id}",)
    subject = ("session", "session_id")
    session_id: UUID
    owner_id: UUID
    method: str


@dataclass(frozen=True, kw_only=True)
class SessionsEnded(Event):
    """Sessions ended: signed out, revoked, or a refresh token was used twice."""

    topics = ("access", "actor:{owner_id}")
    session_ids: Sequence[UUID]
    owner_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class RoleSaved(Event):
    """A role was made or changed."""

    topics = ("access", "roles")
    subject = ("role", "role_id")
    role_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class RoleRemoved(Event):
    """A role that nobody holds was deleted."""

    topics = ("access", "roles")
    subject = ("role", "role_id")
    role_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class RoleGranted(Event):
    """A role was given: everywhere, in a workspace, or on a source."""

    topics = ("access", "actor:{actor_id}", "workspace:{workspace_id}", "source:{source_id}")
    subject = ("grant", "grant_id")
    grant_id: UUID
    actor_id: UUID
    role_id: UUID
    workspace_id: UUID | None
    source_id: UUID | None
    expires_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class GrantRevoked(Event):
    """A role was taken away."""

    topics = ("access", "actor:{actor_id}", "workspace:{workspace_id}", "source:{source_id}")
    subject = ("grant", "grant_id")
    grant_id: UUID
    actor_id: UUID
    role_id: UUID
    workspace_id: UUID | None
    source_id: UUID | None
    expired: bool = False


@dataclass(frozen=True, kw_only=True)
class GroupSaved(Event):
    """A group was made, renamed, or came back."""

    topics = ("groups", "group:{group_id}")
    subject = ("group", "group_id")
    group_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class GroupRemoved(Event):
    """A group was deleted; what its members lost by it is told of them."""

    topics = ("groups", "group:{group_id}")
    subject = ("group", "group_id")
    group_id: UUID
    name: str


@dataclass(frozen=True, kw_only=True)
class GroupMembersAdded(Event):
    """People or programs came into a group, and hold what it holds."""

    topics = ("access", "groups", "group:{group_id}", "actor:{actor_ids}")
    subject = ("group", "group_id")
    group_id: UUID
    actor_ids: Sequence[UUID]


@dataclass(frozen=True, kw_only=True)
class GroupMembersRemoved(Event):
    """People or programs left a group, or were taken out of it."""

    topics = ("access", "groups", "group:{group_id}", "actor:{actor_ids}")
    subject = ("group", "group_id")
    group_id: UUID
    actor_ids: Sequence[UUID]


@dataclass(frozen=True, kw_only=True)
class SignInChallenged(Event):
    """Somebody's password was right; the second factor is awaited."""

    topics = ("actor:{user_id}",)
    subject = ("user", "user_id")
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class MfaEnrolled(Event):
    """A second factor is being set up; nobody is asked for it yet."""

    topics = ("users", "actor:{user_id}")
    subject = ("factor", "factor_id")
    factor_id: UUID
    user_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class MfaConfirmed(Event):
    """A second factor works from now on."""

    topics = ("users", "actor:{user_id}")
    subject = ("factor", "factor_id")
    factor_id: UUID
    user_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class MfaRemoved(Event):
    """A second factor was taken away."""

    topics = ("users", "actor:{user_id}")
    subject = ("factor", "factor_id")
    factor_id: UUID
    user_id: UUID
    kind: str


@dataclass(frozen=True, kw_only=True)
class RecoveryCodeUsed(Event):
    """A recovery code was used in place of a code; so many are left."""

    topics = ("actor:{user_id}",)
    subject = ("factor", "factor_id")
    factor_id: UUID
    user_id: UUID
    left: int


@dataclass(frozen=True, kw_only=True)
class DeviceRemembered(Event):
    """A device is not asked for a second factor for a while."""

    topics = ("actor:{user_id}",)
    subject = ("device", "device_id")
    device_id: UUID
    user_id: UUID


@dataclass(frozen=True, kw_only=True)
class DevicesForgotten(Event):
    """Devices are asked for a second factor again."""

    topics = ("actor:{user_id}",)
    device_ids: Sequence[UUID]
    user_id: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class SigningKeyRotated(Event):
    """Access tokens are signed with a new key."""

    topics = ("access",)
    kid: str
