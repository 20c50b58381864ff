"""Who somebody is at a login service, and what follows from its word: the account that is theirs, the groups
they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import delete, exists, select
from sqlalchemy.dialects.postgresql import insert

from auth.oidc import claim_at
from auth.permissions import Permission
from datawave.kit.access import SYSTEM
from datawave.kit.commands import SIGNED_IN, Tx, command
from datawave.kit.duties import Duty, duty
from datawave.kit.emails import checked
from datawave.kit.errors import (
    ConflictError,
    ErrorCode,
    InputError,
    not_found,
    unauthenticated,
)
from domain.identity.accounts import add_user
from domain.identity.grants import give_everywhere
from domain.identity.links import end_links, let_in
from domain.identity.provider_events import IdentityLinked, IdentityUnlinked, MembershipsSynced
from domain.identity.sessions import end_sessions
from domain.workspaces import checked_name
from models.identity import (
    AuthSession,
    ExternalIdentity,
    Group,
    GroupMember,
    OidcProvider,
    Role,
    User,
    UserState,
)

UNDONE_WITHIN = timedelta(days=30)
"""So long what a deleted service knew of people is kept."""
MOST_GROUPS = 5_000
NO_ACCOUNT = (
    "Nobody here is linked with this identity. Whoever has an account signs in to it as before and links it;"
    " everybody else asks an administrator."
)


@dataclass(frozen=True, kw_only=True)
class Vouched:
    """What a login service says of somebody who has signed in there. `email` only where it is theirs;
    `groups` is None where the service did not say."""

    subject: str
    email: str | None
    display_name: str | None
    groups: Sequence[str] | None


def vouched(provider: OidcProvider, claims: Mapping[str, Any]) -> Vouched:
    return Vouched(
        subject=claims["sub"],
        email=_email(provider, claims),
        display_name=_display_name(claims),
        groups=_groups(provider.role_claim, claims),
    )


def _email(provider: OidcProvider, claims: Mapping[str, Any]) -> str | None:
    """Anybody may write anything into a profile: only what the service has checked counts, or, where it says
    nothing about it, what it is trusted to have checked."""
    said = claims.get("email_verified")
    if said not in (True, "true") and not (said is None and provider.trusts_emails):
        return None
    try:
        return checked(str(claims.get("email") or ""))
    except InputError:
        return None


def _display_name(claims: Mapping[str, Any]) -> str | None:
    for name in ("name", "preferred_username"):
        try:
            return checked_name(str(claims.get(name) or ""))
        except InputError:
            continue
    return None


def _groups(claim: str | None, claims: Mapping[str, Any]) -> list[str] | None:
    if claim is None:
        return None
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and claim in elsewhere:
        return None  # there are too many to be told here (Entra): what is known stays
    found = claim_at(claims, claim)
    values = cast("list[Any]", found) if isinstance(found, list) else [found]
    return [value for value in values[:MOST_GROUPS] if isinstance(value, str)]


async def account_of(tx: Tx, provider: OidcProvider, proof: Vouched) -> User:
    """The account of whoever the service vouches for: linked before, found by e-mail, or made; locked."""
    identity = await _known(tx, provider.id, proof.subject)
    if identity is not None:
        identity.last_used_at = tx.now
        user = await tx.session.get_one(User, identity.user_id, with_for_update=True)
        if user.state is not UserState.ACTIVE:
            raise unauthenticated("This account is not active; ask an administrator.")
        return user
    user = await _by_email(tx, provider, proof) or await _made(tx, provider, proof)
    await _link(tx, provider.id, proof.subject, user)
    return user


async def _known(tx: Tx, provider_id: UUID, subject: str) -> ExternalIdentity | None:
    row = ExternalIdentity
    query = select(row).where(row.provider_id == provider_id, row.subject == subject).with_for_update()
    return (await tx.session.scalars(query)).one_or_none()


async def _by_email(tx: Tx, provider: OidcProvider, proof: Vouched) -> User | None:
    if proof.email is None:
        return None
    user = await tx.session.scalar(select(User).where(User.email == proof.email).with_for_update())
    if user is None:
        return None
    if not provider.links_by_email or user.state not in (UserState.ACTIVE, UserState.INVITED):
        raise unauthenticated(NO_ACCOUNT)
    tx.touches(user)
    if user.state is UserState.INVITED:  # an invitation is taken up by whoever has its e-mail
        let_in(tx, user)
        await end_links(tx, user.id)
    return user


async def _made(tx: Tx, provider: OidcProvider, proof: Vouched) -> User:
    if not provider.creates_users or proof.email is None:
        raise unauthenticated(NO_ACCOUNT)
    user = await add_user(tx, email=proof.email, display_name=proof.display_name)
    let_in(tx, user)
    roles = await tx.session.scalars(select(Role.id).where(Role.id.in_(provider.default_role_ids)))
    # Whoever chose these roles for newcomers held all that is in them: the platform gives them now.
    before, tx.viewer = tx.viewer, replace(SYSTEM, address=tx.viewer.address, client=tx.viewer.client)
    await give_everywhere(tx, "user", user.id, roles.all())
    tx.viewer = before
    return user


async def _link(tx: Tx, provider_id: UUID, subject: str, user: User) -> ExternalIdentity:
    identity = ExternalIdentity(
        provider_id=provider_id, subject=subject, user_id=user.id, linked_at=tx.now, last_used_at=tx.now
    )
    await tx.add(identity)
    tx.emit(IdentityLinked(actor_id=user.id, provider_id=provider_id))
    return identity


@command(needs=SIGNED_IN)
async def link_identity(tx: Tx, *, provider_id: UUID, proof: Vouched) -> ExternalIdentity:
    """Lets the viewer sign in by this service too, as whoever it says that they are."""
    provider = await tx.session.get_one(OidcProvider, provider_id)
    user = await tx.session.get(User, tx.viewer.actor_id, with_for_update=True)
    if user is None or user.state is not UserState.ACTIVE:
        raise InputError(ErrorCode.INVALID, "Only people sign in by a login service.", path=["id"])
    identity = await _known(tx, provider_id, proof.subject)
    if identity is None:
        identity = await _link(tx, provider_id, proof.subject, user)
        tx.undone_by(unlink_identity, identity_id=identity.id)
    elif identity.user_id != user.id:
        raise InputError(
            ErrorCode.ALREADY_EXISTS, "This identity is linked with another account.", path=["id"]
        )
    await sync_memberships(tx, provider, user.id, proof.groups)
    return identity


@command(needs=SIGNED_IN)
async def unlink_identity(tx: Tx, *, identity_id: UUID) -> UUID:
    """Takes a way in away: one's own, or anybody's with the permission; never the last. Whoever came in by it
    is out."""
    identity = await tx.get(ExternalIdentity, identity_id, needs=Permission.USER_UPDATE)
    user = await tx.session.get_one(User, identity.user_id, with_for_update=True)
    if user.password_hash is None and not await _comes_otherwise(tx, identity):
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "This is the last way in: set a password first, or link another identity.",
            path=["id"],
            current=("user", user.id),
            current_version=user.version,
        )
    tx.undone_by(
        restore_identity,
        identity_id=identity.id,
        provider_id=identity.provider_id,
        subject=identity.subject,
        user_id=user.id,
        linked_at=identity.linked_at,
    )
    await tx.session.delete(identity)
    mine = (GroupMember.provider_id == identity.provider_id, GroupMember.member_id == user.id)
    await tx.session.execute(delete(GroupMember).where(*mine))
    by_it = (AuthSession.actor_id == user.id, AuthSession.provider_id == identity.provider_id)
    await end_sessions(tx, *by_it, reason="identity unlinked")
    tx.emit(IdentityUnlinked(actor_id=user.id, provider_id=identity.provider_id))
    return identity.id


async def _comes_otherwise(tx: Tx, identity: ExternalIdentity) -> bool:
    row = ExternalIdentity
    there = select(OidcProvider.id).where(OidcProvider.enabled)
    others = select(row.id).where(
        row.user_id == identity.user_id, row.id != identity.id, row.provider_id.in_(there)
    )
    return bool(await tx.session.scalar(select(exists(others))))


@command(needs=SIGNED_IN)
async def restore_identity(
    tx: Tx, *, identity_id: UUID, provider_id: UUID, subject: str, user_id: UUID, linked_at: datetime
) -> ExternalIdentity:
    """The way in again, under its own id; the groups come back with the next sign-in."""
    user = await tx.get(User, user_id, needs=Permission.USER_UPDATE)
    if await tx.session.get(OidcProvider, provider_id) is None:
        raise not_found("oidc_provider")
    if await _known(tx, provider_id, subject) is not None:
        raise ConflictError(
            ErrorCode.WRONG_STATE, "This identity has been linked again since.", path=["commandId"]
        )
    identity = await tx.add(
        ExternalIdentity(
            id=identity_id,
            provider_id=provider_id,
            subject=subject,
            user_id=user.id,
            linked_at=linked_at,
        )
    )
    tx.undone_by(unlink_identity, identity_id=identity.id)
    tx.emit(IdentityLinked(actor_id=user.id, provider_id=provider_id))
    return identity


async def sync_memberships(
    tx: Tx, provider: OidcProvider, user_id: UUID, groups: Sequence[str] | None
) -> None:
    """The person is in the groups that the service's are mapped to, and by its word in no others. What
    somebody here has said stays."""
    if groups is None:
        return
    told = set(groups)
    mapped = {UUID(each["group"]) for each in provider.group_mappings if each["value"] in told}
    wanted = set(await tx.session.scalars(select(Group.id).where(Group.id.in_(mapped))))
    by_its_word = (GroupMember.provider_id == provider.id, GroupMember.member_id == user_id)
    left = await tx.session.scalars(
        delete(GroupMember)
        .where(*by_its_word, GroupMember.group_id.not_in(wanted))
        .returning(GroupMember.group_id)
    )
    gone = list(left)
    joined: list[UUID] = []
    if wanted:
        rows = [
            {
                "group_id": each,
                "member_id": user_id,
                "member_word": "user",
                "provider_id": provider.id,
                "joined_at": tx.now,
            }
            for each in sorted(wanted)
        ]
        added = insert(GroupMember).values(rows).on_conflict_do_nothing().returning(GroupMember.group_id)
        joined = list(await tx.session.scalars(added))
    if gone or joined:
        tx.emit(MembershipsSynced(actor_id=user_id, provider_id=provider.id, joined=joined, left=gone))


@duty(every=3600.0)
async def forget_lapsed_identities(standing: Duty) -> None:
    """What a deleted service knew of people goes when its deletion can no longer be undone."""
    long_ago = standing.now - UNDONE_WITHIN
    await standing.session.execute(delete(ExternalIdentity).where(ExternalIdentity.lapsed_at < long_ago))


__all__ = [
    "NO_ACCOUNT",
    "UNDONE_WITHIN",
    "Vouched",
    "account_of",
    "link_identity",
    "restore_identity",
    "sync_memberships",
    "unlink_identity",
    "vouched",
]
