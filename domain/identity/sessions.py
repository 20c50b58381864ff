"""Signing in and what follows: sessions begun, refreshed, ended, passwords set.

What takes long or asks outside (Argon2, the counting of failures) comes before the command, since a command
holds a transaction: `prove_…` find out who somebody is, the commands make or refuse the session and leave the
record.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, update

from auth.attempts import Attempts
from auth.passwords import Passwords, refuse_weak
from auth.permissions import Permission
from auth.sessions import IDLE
from auth.tokens import digest, new_opaque
from datawave.kit.commands import PUBLIC, SIGNED_IN, Shown, Tx, command, result
from datawave.kit.database import Db
from datawave.kit.duties import Duty, duty
from datawave.kit.errors import AccessError, ErrorCode, InputError, unauthenticated
from datawave.kit.secrets import Secret
from domain.identity.events import PasswordSet, SessionsEnded, SessionStarted
from models.identity import (
    AuthMethod,
    AuthSession,
    PasswordToken,
    RefreshToken,
    ServiceAccount,
    User,
    UserState,
)

REFRESHED = timedelta(days=30)
REMEMBERED = timedelta(days=90)
"""How long a session that is over is kept, for whoever asks where somebody signed in from."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Who somebody has shown to be; `against` is the kept hash that it was shown against and that must still
    stand."""

    actor_id: UUID
    actor_word: str
    against: Secret


@result
@dataclass(frozen=True, kw_only=True)
class SignedIn:
    """A session that has begun or goes on, and what its client keeps: a refresh token, or a cookie."""

    session: AuthSession
    refresh: Shown | None = None
    refresh_expires_at: datetime | None = None
    cookie: Shown | None = None


def folded(email: str) -> str:
    return email.strip().casefold()


async def prove_password(
    db: Db, passwords: Passwords, attempts: Attempts, *, email: str, password: Secret, address: str | None
) -> Proof | None:
    """None where the e-mail or the password is wrong: it takes as long either way. RATE_LIMITED after too
    many."""
    begun = await attempts.begin(f"address:{address}" if address else None, f"account:{folded(email)}")
    user = cast("User | None", await db.scalar(select(User).where(User.email == folded(email)[:320])))
    hashed = user.password_hash if user is not None else None
    if not await passwords.matches(hashed, password) or user is None or hashed is None:
        return None
    await attempts.succeeded(begun)
    return Proof(actor_id=user.id, actor_word="user", against=Secret(hashed))


async def prove_client(
    db: Db, attempts: Attempts, *, client_id: str, client_secret: Secret, address: str | None
) -> Proof | None:
    """None where the secret is not that program's; RATE_LIMITED after too many. A secret is 256 random bits:
    guessing at it is hopeless, so failures of strangers keep nobody out who knows it."""
    account = cast(
        "ServiceAccount | None",
        await db.scalar(select(ServiceAccount).where(ServiceAccount.client_id == client_id[:200])),
    )
    shown = digest(client_secret)
    kept = [account.secret_hash, account.former_secret_hash] if account is not None else [None, None]
    # As many comparisons for everybody; whether a former secret is still good is for the command to say.
    fitting = [hmac.compare_digest(each or bytes(32), shown) for each in kept]
    if account is None or not any(fitting):
        await attempts.begin(f"address:{address}" if address else None, f"client:{client_id}")
        return None
    return Proof(actor_id=account.id, actor_word="service", against=Secret(shown.hex()))


@command(needs=PUBLIC)
async def sign_in(
    tx: Tx,
    *,
    name: str,
    method: AuthMethod,
    proof: Proof | None,
    scopes: Sequence[str] | None = None,
    cookie: bool = False,
    lasts: timedelta | None = None,
) -> SignedIn:
    """Begins a session for whoever has proved who they are; `name` is what they called themselves."""
    if proof is None or not await _stands(tx, proof):
        raise unauthenticated(
            "The client id or the secret is wrong, or the account is not active."
            if method is AuthMethod.CLIENT_CREDENTIALS
            else "The e-mail or the password is wrong, or the account is not active."
        )
    return await begin_session(
        tx, proof.actor_word, proof.actor_id, method, scopes=scopes, cookie=cookie, lasts=lasts
    )


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


async def _stands(tx: Tx, proof: Proof) -> bool:
    """Whether the account is active and the secret still the one that was proved."""
    if proof.actor_word == "user":
        user = await tx.session.get(User, proof.actor_id)
        return (
            user is not None
            and user.state is UserState.ACTIVE
            and user.password_hash == proof.against.reveal()
        )
    account = await tx.session.get(ServiceAccount, proof.actor_id)
    if account is None or not account.enabled:
        return False
    good = [account.secret_hash]
    if account.former_secret_until is not None and tx.now < account.former_secret_until:
        good.append(account.former_secret_hash)
    return proof.against.reveal() in [each.hex() for each in good if each is not None]


async def begin_session(
    tx: Tx,
    actor_word: str,
    actor_id: UUID,
    method: AuthMethod,
    *,
    scopes: Sequence[str] | None = None,
    cookie: bool = False,
    lasts: timedelta | None = None,
) -> SignedIn:
    """A session for somebody who has proved, in whatever way, who they are. One that `lasts` for so long
    cannot be refreshed: its program proves itself again."""
    value = new_opaque()
    session = AuthSession(
        actor_id=actor_id,
        actor_word=actor_word,
        method=method,
        started_at=tx.now,
        last_seen_at=tx.now,
        expires_at=tx.now + (lasts or (IDLE if cookie else REFRESHED)),
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
    expires_at = tx.now + REFRESHED
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


async def end_sessions(tx: Tx, *which: ColumnElement[bool], reason: str) -> None:
    """Ends those that have not ended, and tells every process of it."""
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
    begun = await attempts.begin(f"account:{user.email}")
    if not await passwords.matches(user.password_hash, current):
        raise InputError(
            ErrorCode.INVALID, "This is not the present password.", path=["change", "currentPassword"]
        )
    await attempts.succeeded(begun)
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
        refuse_weak(new, [about.email, about.display_name], path=["token", "newPassword"])
    return NewPassword(user_id=None, against=None, token=token, hashed=await passwords.hash(new))


@command(needs=PUBLIC)
async def set_password(tx: Tx, *, new: NewPassword, cookie: bool = False) -> SignedIn:
    """Sets a person's password, ends all their sessions, and begins a new one."""
    user = await _owner(tx, new)
    tx.touches(user)
    user.password_hash = new.hashed.reveal()
    user.version += 1
    user.updated_at = tx.now
    if user.state is UserState.INVITED:
        user.state = UserState.ACTIVE
    await end_sessions(tx, AuthSession.actor_id == user.id, reason="password set")
    tx.emit(PasswordSet(user_id=user.id))
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
    """Sessions long over go with their refresh tokens; links from mails go when they are no longer good."""
    long_ago = standing.now - REMEMBERED
    await standing.session.execute(delete(AuthSession).where(AuthSession.expires_at < long_ago))
    await standing.session.execute(delete(PasswordToken).where(PasswordToken.expires_at < standing.now))
    spent = (RefreshToken.expires_at < standing.now) & RefreshToken.used_at.is_not(None)
    await standing.session.execute(delete(RefreshToken).where(spent))
