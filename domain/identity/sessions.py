"""Signing in and what follows: sessions begun, refreshed, ended, passwords set.

What takes long or asks outside (Argon2, the counting of failures) comes before the command, since a command
holds a transaction: `prove_…` find out who somebody is (`proofs`), the commands make or refuse the session
and leave the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from auth.attempts import Attempts
from auth.passwords import Passwords, refuse_weak
from auth.permissions import Permission
from auth.sessions import lifetimes
from auth.tokens import digest, new_opaque
from datawave.kit.commands import PUBLIC, SIGNED_IN, Shown, Tx, command, result
from datawave.kit.database import Db
from datawave.kit.duties import Duty, duty
from datawave.kit.errors import AccessError, ErrorCode, InputError, forbidden, unauthenticated
from datawave.kit.secrets import Secret
from domain.identity.challenges import Challenged, challenged, use_challenge
from domain.identity.devices import forget_devices, remember_device
from domain.identity.events import PasswordSet, SessionsEnded, SessionStarted
from domain.identity.factors import SecondFactor, confirmed_factors, has_totp, refuse_without_second
from domain.identity.links import end_links, let_in
from domain.identity.proofs import WRONG_PASSWORD, Proof, stands
from domain.identity.tried import account_tried
from models.identity import (
    AuthMethod,
    AuthSession,
    PasswordToken,
    RefreshToken,
    RememberedDevice,
    SignInChallenge,
    User,
    UserState,
)

REMEMBERED = timedelta(days=90)
"""How long a session that is over is kept, for whoever asks where somebody signed in from."""


@result
@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A session that has begun or goes on, and what its client keeps: a refresh token, or a cookie; and
    what a remembered device keeps."""

    session: AuthSession
    refresh: Shown | None = None
    refresh_expires_at: datetime | None = None
    cookie: Shown | None = None
    device: Shown | None = None
    device_expires_at: datetime | None = None


@command(needs=PUBLIC, hides=("name",), about=account_tried)
async def sign_in(
    tx: Tx,
    *,
    name: str,
    method: AuthMethod,
    proof: Proof | None,
    scopes: Sequence[str] | None = None,
    cookie: bool = False,
    lasts: timedelta | None = None,
    second: SecondFactor | None = None,
    challenge: Secret | None = None,
) -> SignedIn:
    """Begins a session for whoever has proved who they are, with their second factor where they have one;
    `name` is what they called themselves."""
    if proof is None or not await stands(tx, proof):
        raise unauthenticated(_why_refused(method, challenge))
    if proof.actor_word == "user":
        await refuse_without_second(tx, proof.actor_id, second)
    if challenge is not None:
        await use_challenge(tx, challenge)
    signed = await begin_session(
        tx, proof.actor_word, proof.actor_id, method, scopes=scopes, cookie=cookie, lasts=lasts
    )
    if proof.actor_word != "user" or second is None or not second.remember:
        return signed
    token, until = await remember_device(tx, proof.actor_id)
    return replace(signed, device=Shown(value=token), device_expires_at=until)


def _why_refused(method: AuthMethod, challenge: Secret | None) -> str:
    if challenge is not None:
        return "This sign-in has taken too long, or too many codes were wrong; begin it again."
    if method is AuthMethod.CLIENT_CREDENTIALS:
        return "The client id or the secret is wrong, or the account is not active."
    return WRONG_PASSWORD


def checked_scopes(scopes: Sequence[str] | None, *, path: Sequence[str]) -> list[str] | None:
    """The permissions a program limits itself to."""
    if scopes is None:
        return None
    for at, name in enumerate(scopes):
        if name not in Permission.__members__.values():
            raise InputError(
                ErrorCode.INVALID,
                "There is no such permission; `permissions` lists them.",
                path=[*path, str(at)],
                expected="a permission's name",
            )
    return sorted(set(scopes))


async def begin_session(
    tx: Tx,
    actor_word: str,
    actor_id: UUID,
    method: AuthMethod,
    *,
    scopes: Sequence[str] | None = None,
    cookie: bool = False,
    lasts: timedelta | None = None,
    provider_id: UUID | None = None,
) -> SignedIn:
    """A session for somebody who has proved, in whatever way, who they are. One that `lasts` for so long
    cannot be refreshed: its program proves itself again. A browser's former session ends with it: whoever put
    a cookie there is not signed in with it."""
    if cookie and tx.viewer.session_id is not None:
        former = (AuthSession.id == tx.viewer.session_id, AuthSession.cookie_hash.is_not(None))
        await end_sessions(tx, *former, reason="signed in anew")
    value, limits = new_opaque(), lifetimes()
    session = AuthSession(
        actor_id=actor_id,
        actor_word=actor_word,
        method=method,
        provider_id=provider_id,
        started_at=tx.now,
        last_seen_at=tx.now,
        expires_at=tx.now + (lasts or (limits.idle if cookie else limits.refresh_idle)),
        address=tx.viewer.address,
        client=tx.viewer.client,
        cookie_hash=digest(value) if cookie else None,
        scopes=list(scopes) if scopes is not None else None,
    )
    await tx.add(session)
    # Whoever has just proved who they are is the one who did this.
    tx.viewer = replace(tx.viewer, actor_id=actor_id, actor_word=actor_word, session_id=session.id)
    tx.emit(SessionStarted(session_id=session.id, owner_id=actor_id, method=method.value))
    if cookie:
        return SignedIn(session=session, cookie=Shown(value=value))
    if lasts is not None:
        return SignedIn(session=session)
    return await _with_refresh(tx, session, value)


async def _with_refresh(tx: Tx, session: AuthSession, value: Secret) -> SignedIn:
    lasts = lifetimes()
    expires_at = min(tx.now + lasts.refresh_idle, session.started_at + lasts.refresh_longest)
    tx.session.add(RefreshToken(token_hash=digest(value), session_id=session.id, expires_at=expires_at))
    session.expires_at = expires_at
    await tx.session.flush()
    return SignedIn(session=session, refresh=Shown(value=value), refresh_expires_at=expires_at)


class UsedAgain(AccessError):
    """A refresh token came a second time: either it was stolen, or its answer was lost. The session ends."""

    def __init__(self, session_id: UUID) -> None:
        super().__init__(
            ErrorCode.UNAUTHENTICATED,
            "This refresh token was used before, so the session has been ended; sign in again.",
        )
        self.session_id = session_id


@command(needs=PUBLIC)
async def refresh_session(tx: Tx, *, refresh_token: Secret) -> SignedIn:
    """Trades a refresh token for the next one of its family."""
    token = await tx.session.get(RefreshToken, digest(refresh_token), with_for_update=True)
    if token is None:
        raise unauthenticated("This refresh token is not known; sign in again.")
    session = await tx.session.get_one(AuthSession, token.session_id, with_for_update=True)
    if session.ended_at is not None or token.expires_at <= tx.now:
        raise unauthenticated("This session has ended; sign in again.")
    if token.used_at is not None:
        raise UsedAgain(session.id)
    tx.viewer = replace(
        tx.viewer, actor_id=session.actor_id, actor_word=session.actor_word, session_id=session.id
    )
    tx.touches(session)
    token.used_at = tx.now
    session.last_seen_at = tx.now
    return await _with_refresh(tx, session, new_opaque())


@command(needs=Permission.USER_UPDATE)
async def end_reused_session(tx: Tx, *, session_id: UUID) -> None:
    """What follows the second use of a refresh token; run by the platform itself."""
    await end_sessions(tx, AuthSession.id == session_id, reason="reused")


@command(needs=SIGNED_IN)
async def end_session(tx: Tx, *, session_id: UUID | None = None) -> AuthSession:
    """Ends this session, another of one's own, or anybody's with the permission."""
    key = session_id or tx.viewer.session_id
    if key is None:
        raise InputError(
            ErrorCode.REQUIRED, "This client has no session of its own; say which to end.", path=["id"]
        )
    session = await tx.get(AuthSession, key, needs=Permission.USER_UPDATE)
    await end_sessions(tx, AuthSession.id == session.id, reason="ended")
    await tx.session.refresh(session)
    return session


@command(needs=SIGNED_IN)
async def end_other_sessions(tx: Tx, *, user_id: UUID | None = None) -> int:
    """Ends all of one's own sessions but this one, or, with the permission, all of somebody's; says how
    many."""
    if user_id is None or user_id == tx.viewer.actor_id:
        which = [AuthSession.actor_id == tx.viewer.actor_id, AuthSession.id != tx.viewer.session_id]
    elif tx.viewer.rights.scope(Permission.USER_UPDATE).everywhere:
        user = await tx.get(User, user_id, needs=Permission.USER_UPDATE, path=["userId"], lock=False)
        which = [AuthSession.actor_id == user.id]
    else:
        raise forbidden(Permission.USER_UPDATE, path=["userId"])
    return await end_sessions(tx, *which, AuthSession.expires_at > tx.now, reason="ended")


async def end_sessions(tx: Tx, *which: ColumnElement[bool], reason: str) -> int:
    """Ends those that have not ended, and tells every process of it; says how many."""
    ended = await tx.session.execute(
        update(AuthSession)
        .where(*which, AuthSession.ended_at.is_(None))
        .values(ended_at=tx.now)
        .returning(AuthSession.id, AuthSession.actor_id)
        .execution_options(synchronize_session=False)
    )
    by_owner: dict[UUID, list[UUID]] = {}
    for row in ended:
        by_owner.setdefault(row.actor_id, []).append(row.id)
    for owner, sessions in by_owner.items():
        tx.emit(SessionsEnded(session_ids=sessions, owner_id=owner, reason=reason))
    return sum(map(len, by_owner.values()))


@dataclass(frozen=True, kw_only=True)
class NewPassword:
    """A password that may be set, already hashed: by its owner, or by a token from a mail."""

    user_id: UUID | None
    against: Secret | None
    token: Secret | None
    hashed: Secret


async def prepare_change(
    db: Db, passwords: Passwords, attempts: Attempts, *, current: Secret, new: Secret
) -> NewPassword:
    """By the old password: the viewer's own."""
    if not db.viewer.signed_in:
        raise unauthenticated()
    user = None
    if db.viewer.actor_word == "user":
        user = cast("User | None", await db.scalar(select(User).where(User.id == db.viewer.actor_id)))
    if user is None:
        raise InputError(ErrorCode.INVALID, "Only people have passwords.", path=["change"])
    async with attempts.counted(slowing=f"own:{user.id}"):
        if not await passwords.matches(user.password_hash, current):
            raise InputError(
                ErrorCode.INVALID, "This is not the present password.", path=["change", "currentPassword"]
            )
    refuse_weak(new, [user.email, user.display_name], path=["change", "newPassword"])
    hashed = await passwords.hash(new)
    return NewPassword(user_id=user.id, against=Secret(user.password_hash or ""), token=None, hashed=hashed)


async def prepare_by_token(
    db: Db, passwords: Passwords, attempts: Attempts, *, token: Secret, new: Secret, address: str | None
) -> NewPassword:
    """By a token from a mail; whether it is good is for the command to say."""
    begun = await attempts.begin(f"address:{address}" if address else None)
    about = cast(
        "User | None",
        await db.scalar(
            select(User)
            .join(PasswordToken, PasswordToken.user_id == User.id)
            .where(PasswordToken.token_hash == digest(token))
        ),
    )
    if about is not None:
        await attempts.succeeded(begun)
    words = [about.email, about.display_name] if about is not None else []
    refuse_weak(new, words, path=["token", "newPassword"])
    return NewPassword(user_id=None, against=None, token=token, hashed=await passwords.hash(new))


@command(needs=PUBLIC)
async def set_password(tx: Tx, *, new: NewPassword, cookie: bool = False) -> SignedIn | Challenged:
    """Sets a person's password, ends all their sessions, and begins a new one. Whoever came by a mail has
    shown no second factor: where there is one, they are asked for it first."""
    user = await _owner(tx, new)
    tx.touches(user)
    user.password_hash = new.hashed.reveal()
    user.version += 1
    user.updated_at = tx.now
    let_in(tx, user)
    await end_sessions(tx, AuthSession.actor_id == user.id, reason="password set")
    await end_links(tx, user.id)
    await forget_devices(tx, RememberedDevice.user_id == user.id, reason="password set")
    tx.emit(PasswordSet(user_id=user.id))
    if new.token is not None and has_totp(await confirmed_factors(tx, user.id)):
        return await challenged(tx, user)
    return await begin_session(tx, "user", user.id, AuthMethod.PASSWORD, cookie=cookie)


async def _owner(tx: Tx, new: NewPassword) -> User:
    if new.token is None:
        user = await tx.session.get(User, new.user_id, with_for_update=True)
        if (
            user is None
            or user.id != tx.viewer.actor_id
            or user.password_hash != (new.against or Secret("")).reveal()
        ):
            raise InputError(
                ErrorCode.INVALID, "The password has just been changed.", path=["change", "currentPassword"]
            )
        return user
    token = await tx.session.get(PasswordToken, digest(new.token), with_for_update=True)
    if token is None or token.used_at is not None or token.expires_at <= tx.now:
        raise InputError(
            ErrorCode.INVALID,
            "This link is not good any more; ask for another mail.",
            path=["token", "token"],
        )
    user = await tx.session.get_one(User, token.user_id, with_for_update=True)
    if user.state not in (UserState.ACTIVE, UserState.INVITED):
        raise InputError(ErrorCode.INVALID, "This account is not active.", path=["token", "token"])
    token.used_at = tx.now
    return user


@duty(every=3600.0)
async def forget_old_sessions(standing: Duty) -> None:
    """Sessions long over go with their refresh tokens; links from mails, challenges and remembered devices go
    when they are no longer good."""
    long_ago = standing.now - REMEMBERED
    await standing.session.execute(delete(AuthSession).where(AuthSession.expires_at < long_ago))
    await standing.session.execute(delete(PasswordToken).where(PasswordToken.expires_at < standing.now))
    await standing.session.execute(delete(SignInChallenge).where(SignInChallenge.expires_at < standing.now))
    await standing.session.execute(delete(RememberedDevice).where(RememberedDevice.expires_at < standing.now))
    spent = (RefreshToken.expires_at < standing.now) & RefreshToken.used_at.is_not(None)
    await standing.session.execute(delete(RefreshToken).where(spent))
