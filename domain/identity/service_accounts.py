"""Accounts of programs, once they are made: renamed, disabled, enabled again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from auth.permissions import Permission
from datawave.kit.commands import Tx, command
from domain.identity.events import ServiceAccountChanged
from domain.identity.sessions import end_sessions
from domain.workspaces import checked_name
from models.identity import AuthSession, ServiceAccount


@command(needs=Permission.USER_UPDATE)
async def update_service_account(tx: Tx, *, service_id: UUID, changes: Mapping[str, Any]) -> ServiceAccount:
    """Changes what `changes` names: display_name, enabled. One that is disabled is out within a second, with
    all its sessions; its rights wait for it."""
    account = await tx.get(ServiceAccount, service_id)
    tx.undone_by(
        update_service_account,
        service_id=account.id,
        changes={name: getattr(account, name) for name in changes},
    )
    if "display_name" in changes:
        account.display_name = checked_name(changes["display_name"], path="displayName")
    if "enabled" in changes:
        account.enabled = changes["enabled"]
    if not account.enabled:
        await end_sessions(tx, AuthSession.actor_id == account.id, reason="disabled")
    tx.emit(ServiceAccountChanged(actor_id=account.id, enabled=account.enabled))
    return account
