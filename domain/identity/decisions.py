"""What somebody may do with something, and why: computed by the predicates that every read and command
uses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, select

from auth.access import rights_made
from auth.permissions import Permission
from datawave.kit.access import Reach, Viewer, allowed, visible
from datawave.kit.database import Base, Db
from datawave.kit.duties import NOW
from datawave.kit.errors import ErrorCode, InputError, not_found
from datawave.kit.ids import taken_apart
from models.identity import Grant, GroupMember, Role


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Whether something is allowed; the grants that allow it, or who could."""

    allowed: bool
    permission: str
    resource: tuple[str, UUID] | None
    because: Sequence[Grant]
    held_by: Sequence[Role]

    @property
    def resource_word(self) -> str | None:
        return self.resource[0] if self.resource else None

    @property
    def resource_id(self) -> UUID | None:
        return self.resource[1] if self.resource else None

    @property
    def missing(self) -> str | None:
        return None if self.allowed else self.permission


def row_of(word: str) -> type[Any] | None:
    """The table of a row word."""
    found = (mapper.class_ for mapper in Base.registry.mappers if mapper.class_.__word__ == word)
    return next((row for row in found if not row.__access__.internal), None)


async def decide(db: Db, *, permission: str, actor: Viewer, on: tuple[str, UUID] | None = None) -> Decision:
    """Whether the actor may; the thing has to be visible to who asks (`db.viewer`)."""
    if permission not in Permission.__members__.values():
        raise InputError(
            ErrorCode.INVALID,
            "There is no such permission; `permissions` lists them.",
            path=["permission"],
            expected="a permission's name",
        )
    row = await _seen(db, on)
    roles = {role.id: role for role in await db.scalars(select(Role).order_by(Role.name))}
    giving = {key for key, role in roles.items() if permission in role.permission_names}
    grants = cast(
        "Sequence[Grant]",
        await db.scalars(
            select(Grant).where(_theirs(actor.actor_id), Grant.role_id.in_(giving)).order_by(Grant.id)
        ),
    )
    because = await _covering(db, permission, actor, grants, row, on)
    return Decision(
        allowed=bool(because) or await _may(db, permission, actor, row, on),
        permission=permission,
        resource=on,
        because=because,
        held_by=[role for role in roles.values() if role.id in giving],
    )


def _theirs(actor_id: UUID | None) -> ColumnElement[bool]:
    """Their own grants that count, and those of their groups."""
    groups = select(GroupMember.group_id).where(GroupMember.member_id == actor_id)
    counts = Grant.expires_at.is_(None) | (Grant.expires_at > NOW)
    return counts & ((Grant.actor_id == actor_id) | Grant.actor_id.in_(groups))


async def _seen(db: Db, on: tuple[str, UUID] | None) -> type[Any] | None:
    if on is None:
        return None
    row = row_of(on[0])
    if row is None or await db.scalar(select(row.id).where(row.id == on[1], visible(row, db.viewer))) is None:
        raise not_found(on[0], path=["onId"])
    return row


async def _may(
    db: Db, permission: str, actor: Viewer, row: type[Any] | None, on: tuple[str, UUID] | None
) -> bool:
    """Also by what is not a grant: one's own things, what every agent holds."""
    if row is None or on is None:
        return actor.rights.scope(permission).everywhere
    return await db.scalar(select(row.id).where(row.id == on[1], allowed(permission, row, actor))) is not None


async def _covering(
    db: Db,
    permission: str,
    actor: Viewer,
    grants: Sequence[Grant],
    row: type[Any] | None,
    on: tuple[str, UUID] | None,
) -> list[Grant]:
    """Which of the grants reach the thing: one statement for all of them."""
    if row is None or on is None:
        return [grant for grant in grants if grant.scope_id is None]
    if not grants:
        return []
    reaching: list[ColumnElement[bool]] = []
    for grant in grants:
        alone = rights_made([([permission], grant.scope_word, grant.scope_id)])
        reaching.append(allowed(permission, row, Viewer(actor_word=actor.actor_word, rights=alone)))
    [found] = await db.rows(
        select(*(part.label(f"g{at}") for at, part in enumerate(reaching))).where(row.id == on[1])
    )
    return [grant for grant, reached in zip(grants, found, strict=True) if reached]


async def permissions_on(db: Db, ids: Sequence[str]) -> Mapping[str, list[str]]:
    """What the viewer may do with each of these things: one statement for each kind of thing. What cannot be
    seen is absent."""
    by_word: defaultdict[str, dict[UUID, str]] = defaultdict(dict)
    for text in ids:
        if parts := taken_apart(text):
            by_word[parts[0]][parts[1]] = text
    found: dict[str, list[str]] = {}
    for word, keys in by_word.items():
        row = row_of(word)
        if row is None:
            continue
        held = [p for p in Permission if db.viewer.rights.scope(p).reach is not Reach.NOWHERE]
        columns = [allowed(p, row, db.viewer).label(p.name) for p in held]
        rows = await db.rows(select(row.id, *columns).where(row.id.in_(list(keys)), visible(row, db.viewer)))
        for each in rows:
            found[keys[each[0]]] = [p.value for p, may in zip(held, each[1:], strict=True) if may]
    return found


def held_everywhere(viewer: Viewer) -> list[str]:
    return [p.value for p in Permission if viewer.rights.scope(p).everywhere]
