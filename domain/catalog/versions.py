"""An asset as it was, version by version: out of its history, with who made each and what they changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, literal, select, union_all

from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.history import TWINS
from datawave.kit.pages import Asked, Key, Page, paged, windowed
from models.catalog import Asset

SHOWN = (
    "name", "description", "comment", "state", "attributes", "definition", "primary_key", "ordinal",
    "native_type", "data_type", "nullable", "default_expression",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Version:
    """An asset from one time to the next."""

    version: int
    at: datetime
    actor_id: UUID | None
    actor_word: str | None
    changes: list[dict[str, Any]]
    snapshot: dict[str, Any]


async def versions(db: Db, asset: Asset, asked: Asked) -> Page[Version]:
    """Newest first. A version was made by the command that superseded the one before it."""
    states, seen = _states(asset.id), visible(Asset, db.viewer)
    allowed = select(literal(1)).where(Asset.id == asset.id, seen).exists()
    query = select(states).where(allowed)
    order = [Key(states.c.valid_from, descending=True), Key(states.c.version, descending=True)]
    page = paged(await db.rows(windowed(query, order, asked)), order, asked, total=_total(db, query))
    rows = list(page.rows)
    before = await _before(db, query, states, rows)
    makers = await _makers(db, asset.id, rows)
    shown = [
        _version(row, older, makers.get(row.valid_from))
        for row, older in zip(rows, [*rows[1:], before], strict=True)
    ]
    return replace(page, rows=shown)


def _total(db: Db, query: Select[Any]) -> Any:
    async def total() -> int:
        return await db.scalar(select(func.count()).select_from(query.subquery()))

    return total


def _states(asset_id: UUID) -> Any:
    """The asset now and all it was: rows, not things, since all of them are one thing."""
    table, twin = Asset.__table__, TWINS[Asset.__tablename__]
    now = select(*table.c).where(table.c.id == asset_id)
    former: list[Any] = [twin.c[each.name] for each in table.c]
    then = select(*former).where(twin.c.id == asset_id)
    return union_all(now, then).subquery("asset_versions")


async def _before(db: Db, query: Select[Any], states: Any, rows: Sequence[Any]) -> Any:
    """The state before the oldest of the page, to tell what that one changed."""
    if not rows:
        return None
    older = query.where(states.c.valid_from < rows[-1].valid_from)
    found = await db.rows(older.order_by(states.c.valid_from.desc()).limit(1))
    return found[0] if found else None


async def _makers(db: Db, asset_id: UUID, rows: Sequence[Any]) -> dict[datetime, Any]:
    twin, command = TWINS[Asset.__tablename__], tables.Command
    if not rows:
        return {}
    made = (
        select(twin.c.valid_to, command.actor_id, command.actor_word)
        .select_from(twin)
        .join(command, command.id == twin.c.superseded_by)
        .where(twin.c.id == asset_id, twin.c.valid_to.in_([row.valid_from for row in rows]))
    )
    return {row.valid_to: row for row in await db.rows(made)}


def _version(row: Any, older: Any, maker: Any) -> Version:
    snapshot, before = _snapshot(row), _snapshot(older) if older is not None else {}
    return Version(
        version=row.version,
        at=row.valid_from,
        actor_id=maker.actor_id if maker is not None else None,
        actor_word=maker.actor_word if maker is not None else None,
        changes=[
            {"field": name, "before": before.get(name), "after": value}
            for name, value in snapshot.items()
            if older is not None and before.get(name) != value
        ],
        snapshot=snapshot,
    )


def _snapshot(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SHOWN if getattr(row, name) is not None}
