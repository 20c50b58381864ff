"""Who somebody shows to be, before any session: what takes long (Argon2) or asks outside (the counting of
failures) is done here, since a command holds a transaction."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select

from auth.attempts import Attempts
from auth.passwords import Passwords
from auth.tokens import digest
from datawave.kit.commands import Tx
from datawave.kit.database import Db
from datawave.kit.emails import folded
from datawave.kit.secrets import Secret
from models.identity import (
    AuthSession,
    MfaFactor,
    MfaKind,
    RememberedDevice,
    ServiceAccount,
    User,
    UserState,
)

KNOWN_FOR = timedelta(days=28)
"""An address from which somebody has signed in is known to their account for so long."""

WRONG_PASSWORD = "The e-mail or the password is wrong, or the account is not active."


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Who somebody has shown to be; `against` is the kept hash that it was shown against and that must still
    stand."""

    actor_id: UUID
    actor_word: str
    against: Secret
    renewed: Secret | None = None
    """The same password under the parameters of now, where the kept hash has others."""
    needs_second: bool = False
    """Whether a second factor is to be shown, as far as was known then; signing in looks again."""
    slowing: str | None = None
    """By what failures of the second factor are counted: the account, or a device that it knows."""


async def prove_password(
    db: Db,
    passwords: Passwords,
    attempts: Attempts,
    *,
    email: str,
    password: Secret,
    address: str | None,
    device: Secret | None = None,
) -> Proof | None:
    """None where the e-mail or the password is wrong: it takes as long either way. RATE_LIMITED after too
    many failures; those of others do not count against a device that the account knows."""
    account = folded(email)
    user, second, known = await _met(db, account, address, device)
    where = f"account:{account}:{known}" if known else f"account:{account}"
    begun = await attempts.begin(f"address:{address}" if address else None, slowing=where)
    hashed = user.password_hash if user is not None else None
    if not await passwords.matches(hashed, password) or user is None or hashed is None:
        return None
    await attempts.succeeded(begun)
    return Proof(
        actor_id=user.id,
        actor_word="user",
        against=Secret(hashed),
        renewed=await passwords.renewed(hashed, password),
        needs_second=second and not (known or "").startswith("device"),
        slowing=second_slowing(user.id, known),
    )


async def _met(
    db: Db, account: str, address: str | None, device: Secret | None
) -> tuple[User | None, bool, str | None]:
    """The person, whether they have a second factor, and as what they are known here: one statement, whoever
    it is about. A remembered device is known wherever it is; an address is shared by whoever is there."""
    remembered = exists().where(
        RememberedDevice.user_id == User.id,
        RememberedDevice.token_hash == digest(device or Secret("")),
        RememberedDevice.expires_at > func.datawave_now(),
    )
    second = exists().where(
        MfaFactor.user_id == User.id, MfaFactor.kind == MfaKind.TOTP, MfaFactor.confirmed_at.is_not(None)
    )
    asked = select(User, second, remembered, has_been_at(address)).where(User.email == account[:320])
    found: Any = next(iter(await db.rows(asked)), None)
    if found is None:
        return None, False, None
    user, has_second, is_remembered, has_been_there = found
    if is_remembered and device is not None:
        return user, has_second, f"device:{digest(device).hex()}"
    return user, has_second, f"address:{address}" if has_been_there else None


def has_been_at(address: str | None) -> ColumnElement[bool]:
    """Whether a person has signed in from there lately."""
    return exists().where(
        AuthSession.actor_id == User.id,
        AuthSession.address == address,
        AuthSession.started_at > func.datawave_now() - KNOWN_FOR,
    )


def second_slowing(user_id: UUID, known: str | None) -> str:
    return f"second:{user_id}:{known}" if known else f"second:{user_id}"


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


async def stands(tx: Tx, proof: Proof) -> bool:
    """Whether the account is active and the secret still the one that was proved."""
    if proof.actor_word == "user":
        return await standing_user(tx, proof) is not None
    account = await tx.session.get(ServiceAccount, proof.actor_id)
    if account is None or not account.enabled:
        return False
    good = [account.secret_hash]
    if account.former_secret_until is not None and tx.now < account.former_secret_until:
        good.append(account.former_secret_hash)
    return proof.against.reveal() in [each.hex() for each in good if each is not None]


async def standing_user(tx: Tx, proof: Proof) -> User | None:
    """The person, locked, so that a password that is being changed is not signed in with; their hash brought
    to the parameters of now."""
    user = await tx.session.get(User, proof.actor_id, with_for_update={"key_share": True})
    if user is None or user.state is not UserState.ACTIVE or user.password_hash != proof.against.reveal():
        return None
    if proof.renewed is not None:
        user.password_hash = proof.renewed.reveal()
        await tx.session.flush()
    return user
