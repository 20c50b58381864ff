"""Devices: which one somebody came with, in words, and those that are remembered, which need no second
factor for a while."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select

from auth.permissions import Permission
from auth.tokens import digest, new_opaque
from datawave.kit.commands import SIGNED_IN, Tx, command
from datawave.kit.secrets import Secret
from domain.identity.events import DeviceRemembered, DevicesForgotten
from models.identity import RememberedDevice

REMEMBERED = timedelta(days=30)
MOST_REMEMBERED = 50
"""Of each person; the one longest unused makes room."""

BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Version", "Safari"),
)  # fmt: skip
"""As a browser names itself → as people call it; many also name those further down."""

SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
PROGRAM = re.compile(r"^([A-Za-z][\w.+-]{0,40})(?:/([\w.+-]{1,20}))?")


def device_named(client: str | None) -> str | None:
    """`Firefox on Linux`, or a program's own name: from what a client says of itself."""
    if not client:
        return None
    if client.startswith("Mozilla/"):
        browser = next((name for mark, name in BROWSERS if f"{mark}/" in client), "A browser")
        system = next((name for mark, name in SYSTEMS if mark in client), None)
        return f"{browser} on {system}" if system else browser
    found = PROGRAM.match(client)
    return " ".join(part for part in found.groups() if part) if found else "A program"


async def device_stands(tx: Tx, user_id: UUID, token: Secret) -> bool:
    """Whether this is a remembered device of theirs; its use is written down."""
    device = await tx.session.scalar(
        select(RememberedDevice)
        .where(
            RememberedDevice.token_hash == digest(token),
            RememberedDevice.user_id == user_id,
            RememberedDevice.expires_at > tx.now,
        )
        .with_for_update()
    )
    if device is None:
        return False
    device.last_used_at, device.address, device.client = tx.now, tx.viewer.address, tx.viewer.client
    return True


async def remember_device(tx: Tx, user_id: UUID) -> tuple[Secret, datetime]:
    """The device that the viewer comes with; what it keeps, and until when it is good."""
    await _make_room(tx, user_id)
    token, expires_at = new_opaque(), tx.now + REMEMBERED
    device = RememberedDevice(
        user_id=user_id,
        token_hash=digest(token),
        address=tx.viewer.address,
        client=tx.viewer.client,
        remembered_at=tx.now,
        last_used_at=tx.now,
        expires_at=expires_at,
    )
    tx.session.add(device)
    await tx.session.flush()
    tx.emit(DeviceRemembered(device_id=device.id, user_id=user_id))
    return token, expires_at


async def _make_room(tx: Tx, user_id: UUID) -> None:
    newest = (
        select(RememberedDevice.id)
        .where(RememberedDevice.user_id == user_id, RememberedDevice.expires_at > tx.now)
        .order_by(RememberedDevice.last_used_at.desc())
        .limit(MOST_REMEMBERED - 1)
    )
    of_theirs = RememberedDevice.user_id == user_id
    await forget_devices(tx, of_theirs, RememberedDevice.id.not_in(newest), reason="too many")


async def forget_devices(tx: Tx, *which: ColumnElement[bool], reason: str) -> None:
    """From now on these are asked for a second factor again."""
    gone = await tx.session.execute(
        delete(RememberedDevice)
        .where(*which)
        .returning(RememberedDevice.id, RememberedDevice.user_id)
        .execution_options(synchronize_session=False)
    )
    by_owner: dict[UUID, list[UUID]] = {}
    for row in gone:
        by_owner.setdefault(row.user_id, []).append(row.id)
    for owner, ids in by_owner.items():
        tx.emit(DevicesForgotten(device_ids=ids, user_id=owner, reason=reason))


@command(needs=SIGNED_IN)
async def forget_device(tx: Tx, *, device_id: UUID) -> None:
    """Forgets a device of one's own, or anybody's with the permission."""
    device = await tx.get(RememberedDevice, device_id, needs=Permission.USER_UPDATE)
    await forget_devices(tx, RememberedDevice.id == device.id, reason="forgotten")
