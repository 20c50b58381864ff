"""Second factors: set up, confirmed by a first code, asked for at sign-in, taken away.

Somebody has a second factor from the moment they have confirmed a TOTP; recovery codes stand in for it.
Whoever adds or removes one proves themselves anew, the first one too, so that a stolen session cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import delete, func, select, update

from auth import totp
from auth.attempts import Attempts
from auth.passwords import Passwords
from auth.permissions import Permission
from datawave.kit.commands import SIGNED_IN, Shown, Tx, command, result
from datawave.kit.database import Db
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, invalid, unauthenticated
from datawave.kit.secrets import Secret
from domain.identity.devices import device_stands, forget_devices
from domain.identity.events import MfaConfirmed, MfaEnrolled, MfaRemoved, RecoveryCodeUsed
from domain.workspaces import checked_name
from models.identity import AuthSession, MfaFactor, MfaKind, RecoveryCode, RememberedDevice, User

MOST_FACTORS = 10
JUST_NOW = timedelta(minutes=15)
"""So long a sign-in proves that it is still the same person."""
NAMES = {MfaKind.TOTP: "Authenticator app", MfaKind.RECOVERY_CODES: "Recovery codes"}


@dataclass(frozen=True, kw_only=True)
class SecondFactor:
    """What somebody shows beside their password: one of these, or nothing."""

    totp: Secret | None = None
    recovery_code: Secret | None = None
    device: Secret | None = None
    remember: bool = False
    """Whether this device is to be remembered."""

    @property
    def has_code(self) -> bool:
        return self.totp is not None or self.recovery_code is not None


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """What somebody who is signed in proves themselves anew with: the hash that their password was right
    for, or a code."""

    against: Secret | None = None
    code: Secret | None = None


@result
@dataclass(frozen=True, kw_only=True)
class FactorShown:
    """A factor, with what is shown of it once."""

    factor: MfaFactor
    provisioning_uri: Shown | None = None
    recovery_codes: Sequence[Shown] = field(default_factory=list[Shown])


async def prove_anew(
    db: Db, passwords: Passwords, attempts: Attempts, *, password: Secret | None, code: Secret | None
) -> Fresh | None:
    """The viewer's own password, checked; whether a code is right is for the command to say."""
    if password is None:
        return Fresh(code=code) if code is not None else None
    user = await own_account(db)
    async with attempts.counted(slowing=f"own:{user.id}"):
        if not await passwords.matches(user.password_hash, password):
            raise invalid("This is not the present password.", path=["password"])
    return Fresh(against=Secret(user.password_hash or ""), code=code)


async def own_account(db: Db) -> User:
    """The person who asks."""
    if not db.viewer.signed_in:
        raise unauthenticated()
    user = None
    if db.viewer.actor_word == "user":
        user = cast("User | None", await db.scalar(select(User).where(User.id == db.viewer.actor_id)))
    if user is None:
        raise InputError(ErrorCode.INVALID, "Only people have passwords and second factors.", path=["input"])
    return user


@command(needs=SIGNED_IN)
async def enroll_mfa(
    tx: Tx, *, kind: MfaKind, name: str | None = None, fresh: Fresh | None = None
) -> FactorShown:
    """Begins to set up a TOTP, or makes new recovery codes in place of the former."""
    user = await _own_account(tx)
    factors = await confirmed_factors(tx, user.id)
    if has_totp(factors):
        await _refuse_unproved(tx, user, factors, fresh)
    else:
        await _refuse_unproved_first(tx, user, fresh)
    name = checked_name(name or NAMES[kind])
    if kind is MfaKind.RECOVERY_CODES:
        if not has_totp(factors):
            raise ConflictError(
                ErrorCode.WRONG_STATE,
                "Recovery codes stand in for another factor; set up a TOTP first.",
                path=["kind"],
            )
        return await _with_recovery_codes(tx, user.id, name)
    await _refuse_too_many(tx, user.id)
    factor = await tx.add(MfaFactor(user_id=user.id, kind=kind, name=name))
    secret = totp.new_secret()
    await tx.vault.put(tx.session, _reference(factor.id), {"secret": secret.reveal()})
    tx.emit(MfaEnrolled(factor_id=factor.id, user_id=user.id, kind=kind.value))
    uri = totp.provisioning_uri(secret, user.email)
    return FactorShown(factor=factor, provisioning_uri=Shown(value=uri))


@command(needs=SIGNED_IN)
async def confirm_mfa(tx: Tx, *, factor_id: UUID, code: Secret) -> FactorShown:
    """The first code shows that the app has the secret: from now on sign-in asks for it. Whoever has no
    recovery codes yet gets them."""
    factor = await tx.get(MfaFactor, factor_id, path=["factorId"])
    if factor.user_id != tx.viewer.actor_id:
        raise forbidden(Permission.USER_UPDATE, path=["factorId"])
    if factor.confirmed_at is not None:
        raise ConflictError(
            ErrorCode.WRONG_STATE, "This factor has been confirmed already.", path=["factorId"]
        )
    if not await _totp_is_right(tx, factor, code):
        raise invalid(
            "This is not the code that the app shows now; see that its clock is right.", path=["code"]
        )
    factor.confirmed_at = tx.now
    tx.emit(MfaConfirmed(factor_id=factor.id, user_id=factor.user_id, kind=factor.kind.value))
    if any(each.kind is MfaKind.RECOVERY_CODES for each in await confirmed_factors(tx, factor.user_id)):
        return FactorShown(factor=factor)
    codes = await _with_recovery_codes(tx, factor.user_id, NAMES[MfaKind.RECOVERY_CODES])
    return FactorShown(factor=factor, recovery_codes=codes.recovery_codes)


@command(needs=SIGNED_IN)
async def remove_mfa(tx: Tx, *, factor_id: UUID, fresh: Fresh | None = None) -> None:
    """Takes a factor away: one's own with a fresh proof, another's with the permission. Remembered devices
    are forgotten; with the last TOTP go the recovery codes."""
    factor = await tx.get(MfaFactor, factor_id)
    if factor.user_id == tx.viewer.actor_id:
        user = await _own_account(tx)
        if factor.confirmed_at is not None:
            await _refuse_unproved(tx, user, await confirmed_factors(tx, user.id), fresh)
    elif not tx.viewer.rights.scope(Permission.USER_UPDATE).everywhere:
        raise forbidden(Permission.USER_UPDATE, path=["id"])
    gone = [factor]
    left = [each for each in await confirmed_factors(tx, factor.user_id) if each.id != factor.id]
    if not has_totp(left):
        gone += left
    for each in gone:
        await _take_away(tx, each)
    of_theirs = RememberedDevice.user_id == factor.user_id
    await forget_devices(tx, of_theirs, reason="second factor removed")


async def refuse_without_second(tx: Tx, user_id: UUID, shown: SecondFactor | None) -> None:
    """Whoever has a second factor signs in with it, or on a device that is remembered."""
    factors = await confirmed_factors(tx, user_id)
    if not has_totp(factors):
        return
    if shown is None or not (shown.has_code or shown.device):
        raise unauthenticated("This account has a second factor; sign in with a code of it.")
    if shown.has_code:
        if await _code_is_right(tx, factors, shown):
            return
    elif shown.device is not None and await device_stands(tx, user_id, shown.device):
        return
    raise unauthenticated(
        "The code of the second factor is wrong, or has been used before; take the next one."
    )


async def confirmed_factors(tx: Tx, user_id: UUID) -> list[MfaFactor]:
    """Locked: of two that show the same code, the second sees that it was used."""
    of_theirs = select(MfaFactor).where(MfaFactor.user_id == user_id, MfaFactor.confirmed_at.is_not(None))
    locked = of_theirs.order_by(MfaFactor.id).with_for_update().execution_options(populate_existing=True)
    return list(await tx.session.scalars(locked))


def has_totp(factors: Sequence[MfaFactor]) -> bool:
    return any(factor.kind is MfaKind.TOTP for factor in factors)


async def _code_is_right(tx: Tx, factors: Sequence[MfaFactor], shown: SecondFactor) -> bool:
    for factor in factors:
        if factor.kind is MfaKind.TOTP and shown.totp is not None:
            right = await _totp_is_right(tx, factor, shown.totp)
        elif factor.kind is MfaKind.RECOVERY_CODES and shown.recovery_code is not None:
            right = await _recovery_code_is_right(tx, factor, shown.recovery_code)
        else:
            right = False
        if right:
            return True
    return False


async def _totp_is_right(tx: Tx, factor: MfaFactor, code: Secret) -> bool:
    kept = await tx.vault.get(tx.session, _reference(factor.id))
    if kept is None:
        return False
    secret = Secret(str(kept["secret"]))
    step = totp.step_of(secret, code, now=tx.now, after=factor.last_step)
    if step is None:
        return False
    factor.last_step, factor.last_used_at = step, tx.now
    await tx.session.flush()
    return True


async def _recovery_code_is_right(tx: Tx, factor: MfaFactor, code: Secret) -> bool:
    used = await tx.session.scalar(
        update(RecoveryCode)
        .where(
            RecoveryCode.code_hash == totp.recovery_hash(factor.id, code),
            RecoveryCode.factor_id == factor.id,
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=tx.now)
        .returning(RecoveryCode.factor_id)
    )
    if used is None:
        return False
    left = (factor.codes_left or 1) - 1
    factor.codes_left, factor.last_used_at = left, tx.now
    tx.emit(RecoveryCodeUsed(factor_id=factor.id, user_id=factor.user_id, left=left))
    return True


async def _refuse_unproved(tx: Tx, user: User, factors: Sequence[MfaFactor], fresh: Fresh | None) -> None:
    if fresh is None:
        raise InputError(
            ErrorCode.REQUIRED,
            "Prove yourself anew: with your password, or a code of your second factor.",
            path=["password"],
        )
    if fresh.against is not None:
        if user.password_hash != fresh.against.reveal():
            raise invalid("The password has just been changed.", path=["password"])
        return
    shown = SecondFactor(totp=fresh.code, recovery_code=fresh.code)
    if not await _code_is_right(tx, factors, shown):
        raise invalid("This code is wrong, or has been used before; take the next one.", path=["code"])


async def _refuse_unproved_first(tx: Tx, user: User, fresh: Fresh | None) -> None:
    """Before there is a second factor the password proves it; whoever has none, since they come by a login
    service, has come a moment ago."""
    if user.password_hash is None:
        session = await tx.session.get(AuthSession, tx.viewer.session_id) if tx.viewer.session_id else None
        if session is None or session.started_at <= tx.now - JUST_NOW:
            raise ConflictError(
                ErrorCode.WRONG_STATE,
                "Sign in anew, and set it up within 15 minutes.",
                path=["input"],
            )
        return
    if fresh is None or fresh.against is None:
        raise InputError(ErrorCode.REQUIRED, "Prove yourself anew, with your password.", path=["password"])
    await _refuse_unproved(tx, user, [], fresh)


async def _own_account(tx: Tx) -> User:
    """The viewer's own row, locked: what is set up at the same time is set up one after the other."""
    user = None
    if tx.viewer.actor_word == "user" and tx.viewer.actor_id is not None:
        user = await tx.session.get(User, tx.viewer.actor_id, with_for_update={"key_share": True})
    if user is None:
        raise InputError(ErrorCode.INVALID, "Only people have a second factor.", path=["input"])
    return user


async def _refuse_too_many(tx: Tx, user_id: UUID) -> None:
    """One that was never confirmed makes room for the next try."""
    begun = select(MfaFactor).where(MfaFactor.user_id == user_id, MfaFactor.confirmed_at.is_(None))
    for each in list(await tx.session.scalars(begun)):
        await _take_away(tx, each)
    of_theirs = select(func.count()).select_from(MfaFactor).where(MfaFactor.user_id == user_id)
    if (await tx.session.scalar(of_theirs) or 0) >= MOST_FACTORS:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"There are {MOST_FACTORS} factors already; take one away first.",
            path=["kind"],
        )


async def _with_recovery_codes(tx: Tx, user_id: UUID, name: str) -> FactorShown:
    """Ten new ones; the former work no more."""
    former = select(MfaFactor).where(MfaFactor.user_id == user_id, MfaFactor.kind == MfaKind.RECOVERY_CODES)
    for each in list(await tx.session.scalars(former)):
        await _take_away(tx, each)
    codes = totp.new_recovery_codes()
    factor = await tx.add(
        MfaFactor(
            user_id=user_id,
            kind=MfaKind.RECOVERY_CODES,
            name=name,
            confirmed_at=tx.now,
            codes_left=len(codes),
        )
    )
    tx.session.add_all(
        RecoveryCode(code_hash=totp.recovery_hash(factor.id, code), factor_id=factor.id) for code in codes
    )
    await tx.session.flush()
    tx.emit(MfaConfirmed(factor_id=factor.id, user_id=user_id, kind=factor.kind.value))
    return FactorShown(factor=factor, recovery_codes=[Shown(value=code) for code in codes])


async def take_away_factors(tx: Tx, user_id: UUID) -> None:
    """All of somebody's, confirmed or not, with their secrets."""
    for each in list(await tx.session.scalars(select(MfaFactor).where(MfaFactor.user_id == user_id))):
        await _take_away(tx, each)


async def _take_away(tx: Tx, factor: MfaFactor) -> None:
    await tx.session.execute(
        delete(MfaFactor).where(MfaFactor.id == factor.id).execution_options(synchronize_session=False)
    )
    await tx.vault.destroy(tx.session, _reference(factor.id))
    tx.emit(MfaRemoved(factor_id=factor.id, user_id=factor.user_id, kind=factor.kind.value))


def _reference(factor_id: UUID) -> str:
    return f"factor:{factor_id.hex}"
