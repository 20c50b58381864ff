"""A sign-in in two steps: the password was right and the second factor is awaited. The client keeps a
challenge for a few minutes, so that the password does not travel twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from auth.permissions import Permission
from auth.tokens import digest, new_opaque
from datawave.kit.commands import Shown, Tx, command, result
from datawave.kit.errors import unauthenticated
from datawave.kit.secrets import Secret
from domain.identity.events import SignInChallenged
from domain.identity.proofs import WRONG_PASSWORD, Proof, has_been_at, second_slowing, standing_user
from models.identity import SignInChallenge, User

GOOD_FOR = timedelta(minutes=5)
TRIES = 5


@result
@dataclass(frozen=True, kw_only=True)
class Challenged:
    """What the client shows with its code, until when."""

    challenge: Shown
    expires_at: datetime


@command(needs=Permission.USER_UPDATE)
async def challenge_sign_in(tx: Tx, *, name: str, proof: Proof) -> Challenged:
    """The password was right; `name` is what they called themselves. Run by the platform itself: nobody is
    signed in yet."""
    user = await standing_user(tx, proof)
    if user is None:
        raise unauthenticated(WRONG_PASSWORD)
    tx.touches(user)
    return await challenged(tx, user)


async def challenged(tx: Tx, user: User) -> Challenged:
    value, expires_at = new_opaque(), tx.now + GOOD_FOR
    challenge = SignInChallenge(
        token_hash=digest(value),
        user_id=user.id,
        against=digest(Secret(user.password_hash or "")),
        address=tx.viewer.address,
        client=tx.viewer.client,
        tries=0,
        expires_at=expires_at,
    )
    tx.session.add(challenge)
    await tx.session.flush()
    tx.emit(SignInChallenged(user_id=user.id))
    return Challenged(challenge=Shown(value=value), expires_at=expires_at)


@command(needs=Permission.USER_UPDATE, recorded=False)
async def try_challenge(tx: Tx, *, challenge: Secret) -> Proof | None:
    """Counts a try, before it is made, so that it counts whatever becomes of it; None for a challenge that is
    not, or no longer, good for whoever shows it. Run by the platform itself; the sign-in that follows leaves
    the record."""
    kept = (
        await tx.session.execute(
            update(SignInChallenge)
            .where(
                SignInChallenge.token_hash == digest(challenge),
                SignInChallenge.used_at.is_(None),
                SignInChallenge.expires_at > tx.now,
                SignInChallenge.tries < TRIES,
                SignInChallenge.address.is_not_distinct_from(tx.viewer.address),
                SignInChallenge.client.is_not_distinct_from(tx.viewer.client),
            )
            .values(tries=SignInChallenge.tries + 1)
            .returning(SignInChallenge.user_id, SignInChallenge.against)
        )
    ).one_or_none()
    if kept is None:
        return None
    address = tx.viewer.address
    asked = select(User.password_hash, has_been_at(address)).where(User.id == kept.user_id)
    hashed, known_there = (await tx.session.execute(asked)).one()
    against = Secret(hashed or "")
    if digest(against) != kept.against:
        return None
    slowing = second_slowing(kept.user_id, f"address:{address}" if known_there else None)
    return Proof(actor_id=kept.user_id, actor_word="user", against=against, slowing=slowing)


async def use_challenge(tx: Tx, challenge: Secret) -> None:
    """It begins one session; of two that come at once the second is refused."""
    used = await tx.session.scalar(
        update(SignInChallenge)
        .where(SignInChallenge.token_hash == digest(challenge), SignInChallenge.used_at.is_(None))
        .values(used_at=tx.now)
        .returning(SignInChallenge.user_id)
    )
    if used is None:
        raise unauthenticated("This sign-in has been finished already; sign in again.")
