"""What is changed of a person: by themselves, what they are called; by others, whether they may come in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from auth.permissions import Permission
from datawave.kit.commands import SIGNED_IN, Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError
from domain.identity.erasure import erase_user
from domain.identity.events import UserStateChanged, UserUpdated
from domain.identity.links import end_links
from domain.identity.roles import refuse_nobody_left, stand_in_line
from domain.identity.sessions import end_sessions
from domain.workspaces import checked_name
from models.identity import AuthSession, User, UserState

LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}")

CAN_BECOME: dict[UserState, frozenset[UserState]] = {
    UserState.INVITED: frozenset({UserState.DELETED}),
    UserState.ACTIVE: frozenset({UserState.SUSPENDED, UserState.DELETED}),
    UserState.SUSPENDED: frozenset({UserState.ACTIVE, UserState.DELETED}),
    UserState.DELETED: frozenset(),
}


@command(needs=SIGNED_IN)
async def update_user(
    tx: Tx,
    *,
    user_id: UUID,
    version: int | None = None,
    profile: Mapping[str, str | None] | None = None,
    state: UserState | None = None,
) -> User:
    """Changes oneself; others, and whether they may come in, with the permission. `profile` holds what is to
    be another: display_name, locale, time_zone."""
    own = user_id == tx.viewer.actor_id
    user = await tx.get(User, user_id, version=version, needs=SIGNED_IN if own else Permission.USER_UPDATE)
    if user.state is UserState.DELETED:
        raise _wrong_state(user, "This person was deleted; there is nothing left to change.")
    former = _rewritten(user, profile or {})
    if former:
        tx.emit(UserUpdated(user_id=user.id))
    if state is None or state is user.state:
        if former:
            tx.undone_by(update_user, user_id=user.id, profile=former)
        return user
    _refuse_to_become(user, state, own=own)
    if state is UserState.DELETED:
        await erase_user(tx, user)
        return user
    tx.undone_by(update_user, user_id=user.id, profile=former, state=user.state)
    await _become(tx, user, state)
    return user


def _rewritten(user: User, profile: Mapping[str, str | None]) -> dict[str, str | None]:
    """What it was, where it is another now."""
    wanted = {name: _checked(name, value) for name, value in profile.items()}
    former = {name: getattr(user, name) for name, value in wanted.items() if getattr(user, name) != value}
    for name in former:
        setattr(user, name, wanted[name])
    return former


def _checked(name: str, value: str | None) -> str | None:
    match name:
        case "display_name":
            return checked_name(value or "", path="displayName")
        case "locale":
            return _checked_locale(value) if value else None
        case _:
            return _checked_zone(value) if value else None


def _checked_locale(value: str) -> str:
    if LOCALE.fullmatch(value) is None:
        raise InputError(
            ErrorCode.INVALID, "This is no language tag.", path=["locale"], expected="such as en or pt-BR"
        )
    return value


def _checked_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InputError(
            ErrorCode.INVALID,
            "There is no such time zone.",
            path=["timeZone"],
            expected="such as Europe/Lisbon",
        ) from None
    return value


def _refuse_to_become(user: User, state: UserState, *, own: bool) -> None:
    if own:
        raise _wrong_state(user, "Nobody suspends or deletes themselves; ask another administrator.")
    if state is UserState.INVITED:
        raise InputError(ErrorCode.INVALID, "People are invited with inviteUser.", path=["state"])
    if state not in CAN_BECOME[user.state]:
        raise _wrong_state(
            user,
            "They have not come yet: invite them again, or delete the account.",
        )


async def _become(tx: Tx, user: User, state: UserState) -> None:
    """Suspended people are out everywhere within a second: their sessions end, and their open streams."""
    await stand_in_line(tx)
    before, user.state = user.state, state
    await tx.session.flush()
    if state is UserState.SUSPENDED:
        await refuse_nobody_left(tx)
        await end_sessions(tx, AuthSession.actor_id == user.id, reason="suspended")
        await end_links(tx, user.id)
    tx.emit(UserStateChanged(actor_id=user.id, before=before.value, after=state.value))


def _wrong_state(user: User, message: str) -> ConflictError:
    return ConflictError(
        ErrorCode.WRONG_STATE,
        message,
        path=["state"],
        current=("user", user.id),
        current_version=user.version,
    )
