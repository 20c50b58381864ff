"""API keys: made for oneself or for a program, with no more than they hold, for a time, and revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from auth.key_shapes import new_key
from auth.permissions import Permission
from datawave.kit.access import Rights
from datawave.kit.commands import Shown, Tx, command, result
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, invalid
from datawave.kit.events import Event
from domain.identity.programs import refuse_way_beyond_own, rights_of
from domain.identity.sessions import checked_scopes
from domain.workspaces import checked_name
from models.identity import ApiKey, ServiceAccount, User

USUAL_DAYS = 90
LONGEST_DAYS = 365
MOST_KEYS = 50
"""That are good at once, of one actor."""

HOLDERS: dict[str, type[Any]] = {"user": User, "service": ServiceAccount}


@dataclass(frozen=True, kw_only=True)
class ApiKeyCreated(Event):
    """Somebody has a new API key."""

    topics = ("users", "actor:{owner_id}")
    subject = ("apikey", "key_id")
    key_id: UUID
    owner_id: UUID
    prefix: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(Event):
    """An API key is good for nothing any more: whoever came in with it is out at once."""

    topics = ("access", "actor:{owner_id}")
    key_ids: Sequence[UUID]
    owner_id: UUID


@result
@dataclass(frozen=True, kw_only=True)
class NewApiKey:
    key: ApiKey
    value: Shown


@command(needs=Permission.APIKEY_CREATE)
async def create_api_key(
    tx: Tx,
    *,
    name: str,
    actor_id: UUID | None = None,
    actor_word: str | None = None,
    permissions: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    longest_days: int = LONGEST_DAYS,
) -> NewApiKey:
    """A key for oneself, or for a program; its value is shown once. Without `permissions` it has all that its
    actor holds now."""
    name, ends = checked_name(name), _checked_end(tx, expires_at, longest_days)
    word, holder_id = actor_word or tx.viewer.actor_word, actor_id or tx.viewer.actor_id
    if word not in HOLDERS or holder_id is None:
        raise InputError(ErrorCode.REQUIRED, "Say for whom the key is.", path=["actorId"])
    own = holder_id == tx.viewer.actor_id
    if not own:
        await _refuse_other_people(tx, word, holder_id)
    # One at a time for each actor, so that they are counted rightly.
    await tx.session.get_one(HOLDERS[word], holder_id, with_for_update={"key_share": True})
    held = tx.viewer.rights if own else await rights_of(tx, holder_id)
    wanted = _wanted(held, checked_scopes(permissions, path=["permissions"]), own=own)
    if not own:
        await refuse_way_beyond_own(tx, held, wanted, account_id=holder_id)
    await _refuse_too_many(tx, holder_id)
    made = new_key()
    key = await tx.add(
        ApiKey(
            actor_id=holder_id,
            actor_word=word,
            name=name,
            prefix=made.prefix,
            key_hash=made.hashed,
            permission_names=wanted,
            created_at=tx.now,
            expires_at=ends,
        )
    )
    tx.emit(ApiKeyCreated(key_id=key.id, owner_id=holder_id, prefix=key.prefix, expires_at=key.expires_at))
    return NewApiKey(key=key, value=Shown(value=made.value))


async def _refuse_other_people(tx: Tx, word: str, holder_id: UUID) -> None:
    """A key is as good as its owner's word: nobody gets one in another person's name."""
    if word != "service":
        raise invalid(
            "People make their own keys; make one for yourself or for a program.",
            path=["actorId"],
            expected="service_…",
        )
    await tx.within(ServiceAccount, holder_id, path=["actorId"])


def _wanted(held: Rights, permissions: Sequence[str] | None, *, own: bool) -> list[str]:
    having = sorted(name for name in held.held if name != Permission.AGENT_ACT and held.anywhere(name))
    wanted = list(permissions) if permissions is not None else having
    if not wanted:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "A key with no permission opens nothing; name some, or give its actor a role first.",
            path=["permissions"],
        )
    for at, name in enumerate(permissions or ()):
        if name not in having and own:
            raise forbidden(name, path=["permissions", str(at)])
        if name not in having:
            raise invalid(
                f"The program does not hold {name}; give it a role that does first.",
                path=["permissions", str(at)],
                expected="a permission that it holds",
            )
    return wanted


def _checked_end(tx: Tx, expires_at: datetime | None, longest_days: int) -> datetime:
    latest = tx.now + timedelta(days=longest_days)
    if expires_at is None:
        return min(latest, tx.now + timedelta(days=USUAL_DAYS))
    if not tx.now < expires_at <= latest:
        raise invalid(
            f"A key ends within {longest_days} days; make another before it does.",
            path=["expiresAt"],
            expected=f"a time to come, at most {longest_days} days from now",
        )
    return expires_at


async def _refuse_too_many(tx: Tx, holder_id: UUID) -> None:
    living = await tx.session.scalar(
        select(func.count()).where(
            ApiKey.actor_id == holder_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > tx.now
        )
    )
    if (living or 0) >= MOST_KEYS:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"There are {MOST_KEYS} keys already; revoke those that nobody uses.",
            path=["actorId"],
        )


@command(needs=Permission.APIKEY_CREATE)
async def revoke_api_key(tx: Tx, *, key_id: UUID) -> ApiKey:
    """Ends a key, one's own or anybody's with the permission everywhere."""
    key = await tx.get(ApiKey, key_id)
    if key.revoked_at is not None:
        raise ConflictError(ErrorCode.WRONG_STATE, "This key was revoked before.", path=["id"])
    key.revoked_at = tx.now
    tx.emit(ApiKeyRevoked(key_ids=[key.id], owner_id=key.actor_id))
    return key
