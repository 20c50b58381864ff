"""Invitations: a person who has not come yet, what they will hold, and the link by which they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from sqlalchemy import or_, select

from auth.permissions import Permission
from auth.tokens import new_opaque
from datawave.kit.commands import INSIDE, PUBLIC, Shown, Tx, command, result
from datawave.kit.emails import checked
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden
from datawave.kit.jobs import Job
from datawave.kit.secrets import Secret
from domain.identity.accounts import refuse_taken
from domain.identity.erasure import erase_user
from domain.identity.events import UserAdded, UserInvited
from domain.identity.grants import Place, give_everywhere, give_in_workspace, place_of, refuse_beyond_own
from domain.identity.links import keep_link
from domain.workspaces import checked_name
from models.identity import Grant, GroupMember, Role, TokenKind, User, UserState
from models.workspaces import Workspace


@dataclass(frozen=True, kw_only=True)
class SendInvitation(Job):
    """Mails the link. Some hours of a mail server's silence are waited out."""

    tries: ClassVar[int] = 40
    user_id: UUID


@result
@dataclass(frozen=True, kw_only=True)
class Invited:
    """Who was invited; the link's secret only where no mail carries it."""

    user: User
    token: Shown


@command(needs=Permission.USER_CREATE)
async def invite_user(
    tx: Tx,
    *,
    email: str,
    mailed: bool,
    display_name: str | None = None,
    role_ids: Sequence[UUID] = (),
    workspace_id: UUID | None = None,
) -> Invited:
    """Invites a person, or again one who has not come yet: then only the newest link is good."""
    email = checked(email)
    place = await _place(tx, workspace_id, role_ids)
    user = await _still_invited(tx, email)
    if user is None:
        await refuse_taken(tx, email)
        name = checked_name(display_name or email.partition("@")[0], path="displayName")
        user = await tx.add(User(email=email, display_name=name, state=UserState.INVITED))
        tx.emit(UserAdded(user_id=user.id))
        tx.undone_by(withdraw_invitation, user_id=user.id)
    else:
        await _refuse_more_than_own(tx, user)
        if display_name is not None:
            user.display_name = checked_name(display_name, path="displayName")
        role_ids = await _not_held(tx, user, role_ids, workspace_id)
    if place.workspace_id is not None:
        await give_in_workspace(tx, "user", user.id, role_ids, place.workspace_id)
    else:
        await give_everywhere(tx, "user", user.id, role_ids)
    tx.emit(UserInvited(user_id=user.id))
    return Invited(user=user, token=await _on_its_way(tx, user, mailed=mailed))


async def _place(tx: Tx, workspace_id: UUID | None, role_ids: Sequence[UUID]) -> Place:
    """Whoever may invite in one workspace alone invites nobody elsewhere."""
    if workspace_id is None:
        if not tx.viewer.rights.scope(Permission.USER_CREATE).everywhere:
            raise forbidden(Permission.USER_CREATE)
        return Place()
    if not role_ids:
        raise InputError(ErrorCode.REQUIRED, "Say which roles they get in this workspace.", path=["roleIds"])
    await tx.within(Workspace, workspace_id, path=["workspaceId"])
    return Place(workspace_id=workspace_id)


async def _still_invited(tx: Tx, email: str) -> User | None:
    found = await tx.session.scalar(
        select(User)
        .where(User.email == email, User.state == UserState.INVITED)
        .with_for_update(key_share=True)
    )
    if found is not None:
        tx.touches(found)
    return found


async def _refuse_more_than_own(tx: Tx, user: User) -> None:
    """The link is as good as what waits behind it: nobody gets one to more than they could give."""
    groups = select(GroupMember.group_id).where(GroupMember.member_id == user.id)
    held = await tx.session.execute(
        select(Grant, Role)
        .join(Role, Role.id == Grant.role_id)
        .where(or_(Grant.actor_id == user.id, Grant.actor_id.in_(groups)))
    )
    for grant, role in held.all():
        place = await place_of(tx, grant.scope_word, grant.scope_id)
        refuse_beyond_own(tx, place, [Permission.ROLE_GRANT, *role.permission_names])


async def _not_held(tx: Tx, user: User, role_ids: Sequence[UUID], workspace_id: UUID | None) -> list[UUID]:
    there = Grant.scope_id.is_not_distinct_from(workspace_id)
    held = await tx.session.scalars(select(Grant.role_id).where(Grant.actor_id == user.id, there))
    known = set(held.all())
    return [each for each in role_ids if each not in known]


async def _on_its_way(tx: Tx, user: User, *, mailed: bool) -> Shown:
    if mailed:
        tx.enqueue(SendInvitation(user_id=user.id), subject=("user", user.id))
        return Shown(value=None)
    token = new_opaque()
    await keep_link(tx, user.id, TokenKind.INVITATION, token)
    return Shown(value=token)


@command(needs=INSIDE, recorded=False)
async def begin_invitation(tx: Tx, *, user_id: UUID, token: Secret) -> User | None:
    """The link that is about to be mailed is good from now on; None for whoever has come, or is to come no
    more."""
    user = await tx.session.get(User, user_id, with_for_update={"key_share": True})
    if user is None or user.state is not UserState.INVITED:
        return None
    return user if await keep_link(tx, user.id, TokenKind.INVITATION, token) else None


@command(needs=Permission.USER_CREATE)
async def withdraw_invitation(tx: Tx, *, user_id: UUID) -> User:
    """Takes back an invitation that was not followed: nothing of the person stays."""
    user = await tx.get(User, user_id, needs=PUBLIC)
    await _refuse_more_than_own(tx, user)
    if user.state is not UserState.INVITED:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "They have come already; suspend or delete the account instead.",
            path=["id"],
            current=("user", user.id),
            current_version=user.version,
        )
    await erase_user(tx, user)
    return user
