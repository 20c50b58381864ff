"""An asset as it was, version by version: out of its history, with who made each and what they changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any
from uuid import UUID

from sqlalchemy import literal, select, union_all

from datawave.kit import tables
from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.history import TWINS
from datawave.kit.kept import kept
from datawave.kit.pages import Asked, Key, Page
from datawave.kit.reads import Of, Rows
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
    reading, arguments = kept(_described, of_parents=False), {"asset_id": asset.id}
    page, _ = await reading.page(db, asked, arguments)
    older: Sequence[Any] = ()
    if page.has_next:
        # The one before the oldest tells what that one changed.
        beyond, _ = await reading.page(db, Asked(first=1, after=page.cursors[-1]), arguments)
        older = beyond.rows
    makers = await _makers(db, asset.id, page.rows)
    shown = [
        _version(row, before, makers.get(row.valid_from))
        for row, before in zip_longest(page.rows, [*page.rows[1:], *older])
    ]
    return replace(page, rows=shown)


def _described(of: Of, asset_id: UUID) -> Rows:
    states = _states(asset_id)
    allowed = select(literal(1)).where(Asset.id == asset_id, visible(Asset, of.viewer)).exists()
    order = [Key(states.c.valid_from, descending=True), Key(states.c.version, descending=True)]
    return Rows(query=select(states).where(allowed), row=states.c, order=order)


def _states(asset_id: UUID) -> Any:
    """The asset now and all it was: rows, not things, since all of them are one thing."""
    table, twin = Asset.__table__, TWINS[Asset.__tablename__]
    now = select(*table.c).where(table.c.id == asset_id)
    former: list[Any] = [twin.c[each.name] for each in table.c]
    then = select(*former).where(twin.c.id == asset_id)
    return union_all(now, then).subquery("asset_versions")


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
