"""What programs come in with: nobody opens a way to more than they hold themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select

from auth.access import rights_made
from auth.permissions import Permission
from auth.tokens import digest, new_opaque
from datawave.kit.access import Rights, Scope, Viewer
from datawave.kit.commands import SIGNED_IN, Shown, Tx, command
from datawave.kit.errors import forbidden, invalid
from datawave.kit.events import Event
from datawave.kit.ids import global_id
from domain.identity.accounts import NewServiceAccount
from domain.identity.sessions import end_sessions
from models.identity import AuthMethod, AuthSession, Grant, GroupMember, Role, ServiceAccount
from models.sources import DataSource

LONGEST_GRACE = 7 * 24


@dataclass(frozen=True, kw_only=True)
class ClientSecretRotated(Event):
    """A program has a new secret; the former one is good for a while, or not at all."""

    topics = ("users", "actor:{service_id}")
    subject = ("service", "service_id")
    service_id: UUID
    former_until: datetime | None


@command(needs=SIGNED_IN)
async def rotate_client_secret(tx: Tx, *, service_id: UUID, grace_hours: int = 24) -> NewServiceAccount:
    """A new secret for a program, by itself or by whoever may change people. The former one is good for some
    hours more; without them what it let in is out at once, as after a leak."""
    if not 0 <= grace_hours <= LONGEST_GRACE:
        raise invalid(
            f"The former secret may be good for {LONGEST_GRACE} hours more at most.",
            path=["graceHours"],
            expected=f"0 to {LONGEST_GRACE}",
        )
    own = tx.viewer.actor_id == service_id
    account = await tx.get(ServiceAccount, service_id, needs=SIGNED_IN if own else Permission.USER_UPDATE)
    held = await rights_of(tx, account.id)
    await refuse_way_beyond_own(tx, held, held.held, account_id=account.id)
    secret = new_opaque()
    until = tx.now + timedelta(hours=grace_hours) if grace_hours else None
    account.former_secret_hash = account.secret_hash if until else None
    account.former_secret_made_at = account.secret_made_at if until else None
    account.former_secret_until = until
    account.secret_hash, account.secret_made_at = digest(secret), tx.now
    if until is None:
        begun_with_it = AuthSession.method == AuthMethod.CLIENT_CREDENTIALS
        await end_sessions(tx, AuthSession.actor_id == account.id, begun_with_it, reason="secret rotated")
    tx.emit(ClientSecretRotated(service_id=account.id, former_until=until))
    return NewServiceAccount(account=account, client_secret=Shown(value=secret))


async def rights_of(tx: Tx, actor_id: UUID) -> Rights:
    """What somebody holds now, by themselves and by their groups."""
    groups = select(GroupMember.group_id).where(GroupMember.member_id == actor_id)
    found = await tx.session.execute(
        select(Role.permission_names, Grant.scope_word, Grant.scope_id)
        .join(Role, Role.id == Grant.role_id)
        .where(or_(Grant.actor_id == actor_id, Grant.actor_id.in_(groups)))
        .where(or_(Grant.expires_at.is_(None), Grant.expires_at > tx.now))
    )
    return rights_made((names, word, place) for names, word, place in found)


async def refuse_way_beyond_own(
    tx: Tx, held: Rights, permissions: Iterable[str], *, account_id: UUID
) -> None:
    """FORBIDDEN where the account holds one of these in more places than whoever makes a way in to it:
    otherwise making keys would be as good as being an administrator."""
    for name in sorted(permissions):
        if not await _reaches(tx, tx.viewer, name, held.scope(name)):
            raise forbidden(name, resource_id=global_id("service", account_id), path=["permissions"])


async def _reaches(tx: Tx, viewer: Viewer, name: str, scope: Scope) -> bool:
    own = viewer.rights.scope(name)
    if own.everywhere:
        return True
    if scope.everywhere or not scope.workspaces <= own.workspaces:
        return False
    elsewhere = scope.sources - own.sources
    if not elsewhere:
        return True
    places = await tx.session.scalars(
        select(DataSource.workspace_id).where(DataSource.id.in_(elsewhere)).distinct()
    )
    return set(places) <= own.workspaces
