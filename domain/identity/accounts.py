"""People and programs: accounts made, passwords set for others."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text

from auth.permissions import Permission
from auth.tokens import digest, new_opaque
from datawave.kit.commands import Shown, Tx, command, result
from datawave.kit.emails import checked, skeleton
from datawave.kit.errors import ErrorCode, InputError
from datawave.kit.secrets import Secret
from domain.identity.devices import forget_devices
from domain.identity.events import PasswordSet, ServiceAccountCreated, UserAdded
from domain.identity.grants import give_everywhere
from domain.identity.links import end_links, let_in
from domain.identity.sessions import end_sessions
from domain.workspaces import checked_name
from models.identity import AuthSession, RememberedDevice, ServiceAccount, User, UserState

ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('datawave.people', 0))")


@command(needs=Permission.USER_CREATE)
async def add_user(
    tx: Tx,
    *,
    email: str,
    display_name: str | None = None,
    password_hash: Secret | None = None,
    role_ids: Sequence[UUID] = (),
) -> User:
    """Adds a person; without a password they are invited."""
    email = checked(email)
    await refuse_taken(tx, email)
    user = await tx.add(
        User(
            email=email,
            display_name=checked_name(display_name or email.partition("@")[0], path="displayName"),
            state=UserState.ACTIVE if password_hash else UserState.INVITED,
            password_hash=password_hash.reveal() if password_hash else None,
        )
    )
    tx.emit(UserAdded(user_id=user.id))
    await give_everywhere(tx, "user", user.id, role_ids)
    return user


@command(needs=Permission.USER_UPDATE)
async def reset_password(tx: Tx, *, user_id: UUID, password_hash: Secret) -> User:
    """Gives a person who is locked out a new password, and ends their sessions."""
    user = await tx.get(User, user_id)
    user.password_hash = password_hash.reveal()
    user.version += 1
    let_in(tx, user)
    await end_sessions(tx, AuthSession.actor_id == user.id, reason="password set")
    await end_links(tx, user.id)
    await forget_devices(tx, RememberedDevice.user_id == user.id, reason="password set")
    tx.emit(PasswordSet(user_id=user.id))
    return user


async def refuse_taken(tx: Tx, email: str) -> None:
    """One account for an address, and none for another that looks like it; asked one after the other."""
    await tx.session.execute(ONE_AT_A_TIME)
    looks = skeleton(email)
    alike = select(User.email).where(User.email_skeleton == looks).order_by(User.email != email).limit(1)
    taken = await tx.session.scalar(alike)
    if taken == email:
        raise InputError(ErrorCode.ALREADY_EXISTS, f"{email} has an account already.", path=["email"])
    if taken is not None:
        raise InputError(
            ErrorCode.ALREADY_EXISTS,
            "An account has an address that looks like this one; nobody could tell them apart.",
            path=["email"],
        )


@result
@dataclass(frozen=True, kw_only=True)
class NewServiceAccount:
    account: ServiceAccount
    client_secret: Shown


@command(needs=Permission.USER_CREATE)
async def create_service_account(
    tx: Tx, *, display_name: str, role_ids: Sequence[UUID] = ()
) -> NewServiceAccount:
    """Makes an account for a program, with its client credentials; the secret is shown once."""
    client_secret = new_opaque()
    account = await tx.add(
        ServiceAccount(
            display_name=checked_name(display_name, path="displayName"),
            client_id=f"dw-{secrets.token_hex(12)}",
            secret_hash=digest(client_secret),
        )
    )
    tx.emit(ServiceAccountCreated(service_id=account.id))
    await give_everywhere(tx, "service", account.id, role_ids)
    return NewServiceAccount(account=account, client_secret=Shown(value=client_secret))
