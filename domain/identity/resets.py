"""New passwords for whoever has forgotten theirs. Asking tells nobody whether an account exists: the same is
done for every address, and only the job looks for the account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from sqlalchemy import func, select

from auth.attempts import Attempts
from auth.tokens import digest
from datawave.kit.commands import INSIDE, PUBLIC, Tx, command
from datawave.kit.emails import LONGEST, folded
from datawave.kit.errors import ErrorCode, UnavailableError
from datawave.kit.ids import new_id
from datawave.kit.jobs import Job
from datawave.kit.secrets import Secret
from domain.identity.links import LASTS, keep_link
from models.identity import PasswordToken, TokenKind, User, UserState

MOST_IN_AN_HOUR = 5
"""So many mails go to one person; more would be somebody's mischief."""


@dataclass(frozen=True, kw_only=True)
class SendPasswordReset(Job):
    """Mails the link, if there is an account. Tried for about half the hour that the link is good. Whoever
    reads jobs sees only under which reference the vault keeps the address."""

    tries: ClassVar[int] = 14
    reference: str


async def count_request(attempts: Attempts, *, email: str, address: str | None) -> None:
    """RATE_LIMITED after too many, for an address that is known as for one that is not."""
    try:
        await attempts.begin(f"reset-from:{address}" if address else None, f"reset:{folded(email)}")
    except UnavailableError as refused:
        wait = refused.retry_after_seconds or 60
        raise UnavailableError(
            ErrorCode.RATE_LIMITED,
            f"Too many mails were asked for from here or for this address; try again in {wait} s.",
            retry_after_seconds=wait,
        ) from None


@command(needs=PUBLIC, hides=("email",))
async def request_password_reset(tx: Tx, *, email: str) -> None:
    """Has a mail sent to whoever has this address, if anybody has."""
    reference = f"reset/{new_id().hex}"
    kept: dict[str, object] = {"email": folded(email)[:LONGEST]}
    await tx.vault.put(tx.session, reference, kept, expires_at=tx.now + LASTS[TokenKind.RESET])
    job = tx.enqueue(SendPasswordReset(reference=reference))
    # Nobody's, and of no command: who asked could else see how long it takes, and so whether mail was sent.
    job.actor_id = job.actor_word = None
    job.command_id = new_id()


@command(needs=INSIDE, recorded=False)
async def begin_reset(tx: Tx, *, reference: str, token: Secret) -> User | None:
    """The link that is about to be mailed is good from now on. None where nobody is to get one: suspended
    people, those who never came, those who sign in without a password."""
    kept = await tx.vault.get(tx.session, reference)
    if kept is None:
        return None
    user = await tx.session.scalar(
        select(User)
        .where(
            User.email == kept["email"],
            User.state == UserState.ACTIVE,
            User.password_hash.is_not(None),
        )
        .with_for_update(key_share=True)
    )
    if user is None or await _has_had_enough(tx, user, token):
        return None
    return user if await keep_link(tx, user.id, TokenKind.RESET, token) else None


async def _has_had_enough(tx: Tx, user: User, token: Secret) -> bool:
    sent = await tx.session.scalar(
        select(func.count()).where(
            PasswordToken.user_id == user.id,
            PasswordToken.kind == TokenKind.RESET,
            PasswordToken.made_at > tx.now - timedelta(hours=1),
            PasswordToken.token_hash != digest(token),
        )
    )
    return (sent or 0) >= MOST_IN_AN_HOUR
