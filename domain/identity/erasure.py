"""A person who is deleted: their words go, wherever they are kept; their id stays, so that history is whole.

Other rooms that keep words of people say how those go with `@erases`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy import ColumnElement, delete, func, or_, select, update

from datawave.kit.commands import Tx
from datawave.kit.tables import AuditEntry, Command
from domain.identity.events import GrantRevoked, UserStateChanged
from domain.identity.grants import place_of
from domain.identity.roles import refuse_nobody_left, stand_in_line
from domain.identity.sessions import end_sessions
from models.identity import AuthSession, Grant, GroupMember, PasswordToken, User, UserState

NOWHERE = "deleted.invalid"
"""No mail goes there: the name is reserved for that."""

SAYING_WHO = (
    "sign_in", "request_password_reset", "invite_user", "add_user", "update_user", "sign_in_by_provider",
    "link_identity", "unlink_identity", "restore_identity", "enroll_mfa", "create_api_key",
)  # fmt: skip
"""Commands whose input holds an address, or a name, or what somebody calls their things."""

Eraser = Callable[[Tx, User], Awaitable[None]]
ERASERS: list[Eraser] = []


def erases(run: Eraser) -> Eraser:
    """Registers what else goes with a person, in the same transaction, while their address is still known."""
    ERASERS.append(run)
    return run


async def erase_user(tx: Tx, user: User) -> None:
    """The person, whom the command has got, is nobody any more."""
    await stand_in_line(tx)
    await end_sessions(tx, AuthSession.actor_id == user.id, reason="deleted")
    for eraser in ERASERS:
        await eraser(tx, user)
    before = user.state
    user.email = f"{user.id.hex}@{NOWHERE}"
    user.email_skeleton = user.email
    user.display_name = f"Deleted person {user.id.hex[-6:]}"
    user.password_hash = user.locale = user.time_zone = user.last_seen_at = None
    await tx.session.flush()
    tx.forgets(user)
    user.state = UserState.DELETED
    await tx.session.flush()
    await refuse_nobody_left(tx)
    tx.emit(UserStateChanged(actor_id=user.id, before=before.value, after=user.state.value))


@erases
async def forget_sessions(tx: Tx, user: User) -> None:
    """Where they signed in from, and every link they were sent."""
    await tx.session.execute(
        update(AuthSession).where(AuthSession.actor_id == user.id).values(address=None, client=None)
    )
    await tx.session.execute(delete(PasswordToken).where(PasswordToken.user_id == user.id))


@erases
async def take_grants(tx: Tx, user: User) -> None:
    gone = await tx.session.scalars(delete(Grant).where(Grant.actor_id == user.id).returning(Grant))
    for grant in gone.all():
        place = await place_of(tx, grant.scope_word, grant.scope_id)
        tx.emit(
            GrantRevoked(
                grant_id=grant.id,
                actor_id=grant.actor_id,
                role_id=grant.role_id,
                workspace_id=place.workspace_id,
                source_id=place.source_id,
            )
        )
    await tx.session.execute(delete(GroupMember).where(GroupMember.member_id == user.id))


@erases
async def forget_words(tx: Tx, user: User) -> None:
    """In the trail and the commands: what was said of them, and how they called themselves. The trail stays
    whole, since its chain holds only a digest of that."""
    entry, kept = AuditEntry, Command
    told = entry.detail["input"]
    about = or_(
        entry.subject_id == user.id,
        entry.action.in_(SAYING_WHO)
        & or_(
            entry.actor_id == user.id,
            _says(told["name"], user),
            _says(told["email"], user),
            _says(told["proof"]["email"], user),
        ),
    )
    await tx.session.execute(
        update(entry)
        .where(about, entry.detail.is_not(None))
        .values(detail=None, erased_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    commands = select(kept.id).where(
        or_(
            kept.subject_ids.contains([user.id]),
            kept.name.in_(SAYING_WHO)
            & or_(
                kept.actor_id == user.id,
                _says(kept.input["name"], user),
                _says(kept.input["email"], user),
                _says(kept.input["proof"]["email"], user),
            ),
        )
    )
    await tx.session.execute(
        update(kept)
        .where(kept.id.in_(commands))
        .values(input=None, changes=[], inverse=None, erased_at=tx.now)
        .execution_options(synchronize_session=False)
    )


def _says(word: ColumnElement[object], user: User) -> ColumnElement[bool]:
    return func.lower(func.trim(word.astext)) == user.email
