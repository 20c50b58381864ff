"""What people put on assets: descriptions, tags, owners, that something is deprecated. One asset or many
at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from auth.permissions import Permission
from datawave.kit.access import allowed, visible
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, forbidden, invalid, not_found
from datawave.kit.ids import global_id, taken_apart
from domain.catalog.events import AssetChanged
from domain.catalog.tags import tag_ids
from models.catalog import Asset, AssetState, AssetTag, Ownership, OwnershipKind, Tag
from models.identity import ServiceAccount, User
from models.sources import DataSource

MOST_AT_ONCE = 500
MOST_DESCRIPTION = 10_000
BY_PEOPLE = frozenset({AssetState.ACTIVE, AssetState.DEPRECATED})

Marks = dict[str, Any]
"""What people put on one asset: description, state, tags (names), owners ({"actor": id, "kind": …})."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Somebody's responsibility."""

    actor_word: str
    actor_id: UUID
    kind: OwnershipKind = OwnershipKind.OWNER


@dataclass(frozen=True, kw_only=True)
class Edit:
    """What to change; None of a part leaves it, an empty description takes it away."""

    description: str | None = None
    state: AssetState | None = None
    add_tags: Sequence[str] = ()
    remove_tags: Sequence[str] = ()
    add_owners: Sequence[Owner] = ()
    remove_owners: Sequence[UUID] = ()


@command(needs=Permission.ASSET_EDIT)
async def update_assets(
    tx: Tx, *, asset_ids: Sequence[UUID], edit: Edit, version: int | None = None
) -> list[Asset]:
    """The same change to one asset (with the version it was based on) or to many; undo gives each back
    what it had."""
    description = _checked(asset_ids, edit, version)
    assets = await _found(tx, asset_ids, version)
    _check_states(assets, edit.state)
    await _check_owners(tx, edit.add_owners)
    before = await _marks(tx, assets)
    for asset in assets:
        if edit.description is not None:
            asset.description = description
        if edit.state is not None:
            asset.state = edit.state
    await _put_tags(tx, assets, add=edit.add_tags, remove=edit.remove_tags)
    await _put_owners(tx, assets, add=edit.add_owners, remove=edit.remove_owners)
    return await _told(tx, assets, before)


@command(needs=Permission.ASSET_EDIT)
async def restore_assets(tx: Tx, *, marks: Mapping[str, Marks]) -> list[Asset]:
    """Gives assets back what people had put on them: the way back from a change."""
    assets = await _found(tx, [UUID(key) for key in marks], None)
    before = await _marks(tx, assets)
    for asset in assets:
        kept = marks[asset.id.hex]
        asset.description = kept["description"]
        if asset.state in BY_PEOPLE:
            asset.state = AssetState(kept["state"])
    ids = [asset.id for asset in assets]
    await tx.session.execute(delete(AssetTag).where(AssetTag.asset_id.in_(ids)))
    await tx.session.execute(delete(Ownership).where(Ownership.asset_id.in_(ids)))
    names = sorted({name for kept in marks.values() for name in kept["tags"]})
    tags = await tag_ids(tx, names)
    tagged = [
        {"asset_id": asset.id, "tag_id": tags[name]}
        for asset in assets
        for name in marks[asset.id.hex]["tags"]
    ]
    owned = [
        {"asset_id": asset.id, **_ownership(_owner(kept))}
        for asset in assets
        for kept in marks[asset.id.hex]["owners"]
    ]
    if tagged:
        await tx.session.execute(insert(AssetTag), tagged)
    if owned:
        await tx.session.execute(insert(Ownership), owned)
    return await _told(tx, assets, before)


def _checked(asset_ids: Sequence[UUID], edit: Edit, version: int | None) -> str | None:
    """Refuses what can be refused without looking at anything; answers with the description as it is kept."""
    if not asset_ids:
        raise InputError(ErrorCode.REQUIRED, "Name at least one asset.", path=["ids"])
    if len(asset_ids) > MOST_AT_ONCE:
        raise invalid(
            f"Change at most {MOST_AT_ONCE} assets at once; send the others in further requests.",
            path=["ids"],
            expected=f"1 to {MOST_AT_ONCE} ids",
        )
    if version is not None and len(asset_ids) > 1:
        raise invalid("A version belongs to one asset; leave it out to change several.", path=["version"])
    if edit.state is not None and edit.state not in BY_PEOPLE:
        raise invalid(
            "People say that an asset is ACTIVE or DEPRECATED; the other states follow from the source.",
            path=["state"],
            expected="ACTIVE or DEPRECATED",
        )
    description = (edit.description or "").strip()
    if len(description) > MOST_DESCRIPTION or "\x00" in description:
        raise invalid(
            f"A description has at most {MOST_DESCRIPTION} characters and no NUL.", path=["description"]
        )
    return description or None


async def _found(tx: Tx, asset_ids: Sequence[UUID], version: int | None) -> list[Asset]:
    """The assets, locked, in the order asked; one statement however many."""
    if len(asset_ids) == 1:
        return [await tx.get(Asset, asset_ids[0], version=version, path=("ids", "0"))]
    wanted = list(dict.fromkeys(asset_ids))
    may = allowed(Permission.ASSET_EDIT, Asset, tx.viewer).label("may")
    seen = visible(Asset, tx.viewer).label("seen")
    query = select(Asset, may, seen).where(Asset.id.in_(wanted)).order_by(Asset.id).with_for_update(of=Asset)
    found = {row[0].id: row for row in await tx.session.execute(query)}
    for at, asset_id in enumerate(wanted):
        row = found.get(asset_id)
        path = ["ids", str(at)]
        if row is None or not (row.may or row.seen):
            raise not_found("asset", path=path)
        if not row.may:
            raise forbidden(Permission.ASSET_EDIT, resource_id=global_id("asset", asset_id), path=path)
    assets: list[Asset] = [found[asset_id][0] for asset_id in wanted]
    for asset in assets:
        _check_undone(tx, asset)
        tx.touches(asset)
    return assets


def _check_undone(tx: Tx, asset: Asset) -> None:
    """An undo takes back only what nobody has changed since."""
    expected = tx.undoing.get(asset.id)
    if expected is not None and asset.version != expected:
        raise ConflictError(
            ErrorCode.STALE_VERSION,
            f"“{asset.qualified_name}” has been changed since (it is at version {asset.version} now); "
            "change it by hand if that is still wanted.",
            current=("asset", asset.id),
            current_version=asset.version,
        )


def _check_states(assets: Iterable[Asset], wanted: AssetState | None) -> None:
    for asset in assets:
        if wanted is not None and asset.state not in BY_PEOPLE:
            raise ConflictError(
                ErrorCode.WRONG_STATE,
                f"“{asset.qualified_name}” is {asset.state.value}: only what is there can be called active or"
                " deprecated.",
                path=["state"],
                current=("asset", asset.id),
                current_version=asset.version,
            )


async def _check_owners(tx: Tx, owners: Sequence[Owner]) -> None:
    known: set[UUID] = set()
    for word, row in (("user", User), ("service", ServiceAccount)):
        ids = [owner.actor_id for owner in owners if owner.actor_word == word]
        if ids:
            known.update(await tx.session.scalars(select(row.id).where(row.id.in_(ids))))
    for at, owner in enumerate(owners):
        if owner.actor_id not in known:
            raise not_found("user", path=["addOwners", str(at), "actorId"])


async def _marks(tx: Tx, assets: Sequence[Asset]) -> dict[str, Marks]:
    """What is on each asset now."""
    await tx.session.flush()
    ids = [asset.id for asset in assets]
    marks: dict[str, Marks] = {
        asset.id.hex: {
            "description": asset.description,
            "state": asset.state.value,
            "tags": [],
            "owners": [],
        }
        for asset in assets
    }
    tags = select(AssetTag.asset_id, Tag.name).join(Tag, Tag.id == AssetTag.tag_id)
    for asset_id, name in await tx.session.execute(tags.where(AssetTag.asset_id.in_(ids)).order_by(Tag.name)):
        marks[asset_id.hex]["tags"].append(name)
    owners = select(Ownership).where(Ownership.asset_id.in_(ids)).order_by(Ownership.actor_id)
    for owner in await tx.session.scalars(owners):
        who = {"actor": global_id(owner.actor_word, owner.actor_id), "kind": owner.kind.value}
        marks[owner.asset_id.hex]["owners"].append(who)
    return marks


async def _put_tags(tx: Tx, assets: Sequence[Asset], *, add: Sequence[str], remove: Sequence[str]) -> None:
    ids = [asset.id for asset in assets]
    if remove:
        named = select(Tag.id).where(Tag.name.in_([name.strip() for name in remove]))
        await tx.session.execute(
            delete(AssetTag).where(AssetTag.asset_id.in_(ids), AssetTag.tag_id.in_(named))
        )
    if add:
        tags = await tag_ids(tx, add)
        rows = [{"asset_id": asset_id, "tag_id": tag} for asset_id in ids for tag in tags.values()]
        await tx.session.execute(insert(AssetTag).on_conflict_do_nothing(), rows)


async def _put_owners(
    tx: Tx, assets: Sequence[Asset], *, add: Sequence[Owner], remove: Sequence[UUID]
) -> None:
    ids = [asset.id for asset in assets]
    if remove:
        await tx.session.execute(
            delete(Ownership).where(Ownership.asset_id.in_(ids), Ownership.actor_id.in_(remove))
        )
    for owner in add:
        row = insert(Ownership).on_conflict_do_update(
            index_elements=["asset_id", "actor_id"],
            set_={"kind": owner.kind},
            where=Ownership.kind != owner.kind,
        )
        await tx.session.execute(row, [{"asset_id": each, **_ownership(owner)} for each in ids])


def _ownership(owner: Owner) -> dict[str, Any]:
    return {"actor_id": owner.actor_id, "actor_word": owner.actor_word, "kind": owner.kind}


def _owner(kept: Mapping[str, str]) -> Owner:
    parts = taken_apart(kept["actor"])
    assert parts is not None, "owners are kept by their global id"
    return Owner(actor_word=parts[0], actor_id=parts[1], kind=OwnershipKind(kept["kind"]))


async def _told(tx: Tx, assets: list[Asset], before: dict[str, Marks]) -> list[Asset]:
    """Versions, the way back, and an event for each asset that is other than it was."""
    after = await _marks(tx, assets)
    changed = [asset for asset in assets if before[asset.id.hex] != after[asset.id.hex]]
    if not changed:
        return assets
    tx.undone_by(restore_assets, marks={asset.id.hex: before[asset.id.hex] for asset in changed})
    workspaces = await _workspaces(tx, changed)
    for asset in changed:
        was, now = before[asset.id.hex], after[asset.id.hex]
        changes = [
            {"field": name, "before": was[name], "after": now[name]} for name in was if was[name] != now[name]
        ]
        if was["description"] == now["description"] and was["state"] == now["state"]:
            asset.version += (
                1  # tags and owners stand in tables of their own, but are edited as part of the asset
            )
            asset.updated_at = tx.now
        tx.emit(
            AssetChanged(
                asset_id=asset.id,
                source_id=asset.source_id,
                workspace_id=workspaces[asset.source_id],
                changes=changes,
            )
        )
    tx.counts(assets=len(assets), changed=len(changed))
    return assets


async def _workspaces(tx: Tx, assets: Iterable[Asset]) -> dict[UUID, UUID]:
    sources = {asset.source_id for asset in assets}
    found = await tx.session.execute(
        select(DataSource.id, DataSource.workspace_id).where(DataSource.id.in_(sources))
    )
    return {row.id: row.workspace_id for row in found}
