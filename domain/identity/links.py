"""Links that let somebody set a password: one use, one hour or one week, only their hash kept.

The secret of a link that is mailed is made from the installation's key and the job that mails it. So it
stands nowhere, not even sealed; a job that is tried again sends the same link, whether or not the first mail
arrived; and a job's arguments, which operators read, hold nothing that lets anybody in.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert

from auth.tokens import digest
from datawave.kit.commands import Tx
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from domain.identity.events import UserStateChanged
from models.identity import PasswordToken, TokenKind, User, UserState

LASTS = {TokenKind.INVITATION: timedelta(days=7), TokenKind.RESET: timedelta(hours=1)}


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where links lead, and whether they are mailed: what the program hands to whoever makes them."""

    origin: str
    mailed: bool = False

    def to(self, kind: TokenKind, token: Secret) -> Secret:
        """The secret is in the fragment, which a browser sends to no server and no log."""
        return Secret(f"{self.origin}/#{kind.value.lower()}={token.reveal()}")


def token_of(keyring: Keyring, job_id: UUID) -> Secret:
    """256 bits that nobody knows without the installation's key."""
    made = keyring.mac(b"datawave.link:" + job_id.bytes)
    return Secret(urlsafe_b64encode(made).decode().rstrip("="))


async def keep_link(tx: Tx, user_id: UUID, kind: TokenKind, token: Secret) -> bool:
    """Good from now on, in place of any before; one that is kept already stays as it is. Whether it is
    good."""
    hashed, row = digest(token), PasswordToken
    kept = insert(row).values(
        token_hash=hashed, user_id=user_id, kind=kind, made_at=tx.now, expires_at=tx.now + LASTS[kind]
    )
    await tx.session.execute(kept.on_conflict_do_nothing())
    good = await tx.session.scalar(
        select(row.token_hash).where(row.token_hash == hashed, row.used_at.is_(None), row.expires_at > tx.now)
    )
    if good is not None:
        await end_links(tx, user_id, but=hashed)
    return good is not None


async def end_links(tx: Tx, user_id: UUID, *, but: bytes | None = None) -> None:
    """None that were sent to this person lets anybody in any more."""
    await tx.session.execute(
        update(PasswordToken)
        .where(
            PasswordToken.user_id == user_id,
            PasswordToken.used_at.is_(None),
            PasswordToken.token_hash != (but or b""),
        )
        .values(used_at=tx.now)
        .execution_options(synchronize_session=False)
    )


def let_in(tx: Tx, user: User) -> None:
    """Whoever was invited has come: every process hears of it."""
    if user.state is UserState.INVITED:
        user.state = UserState.ACTIVE
        tx.emit(
            UserStateChanged(actor_id=user.id, before=UserState.INVITED.value, after=UserState.ACTIVE.value)
        )
