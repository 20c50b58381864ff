"""The roots of the catalog."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

import strawberry
from sqlalchemy import func, select
from strawberry.scalars import ID

from auth.permissions import Permission
from datawave.kit.access import visible
from datawave.kit.database import Db
from datawave.kit.events import Logged
from datawave.kit.given import later
from datawave.kit.history import as_of as as_of_time
from datawave.kit.ids import key_of, keys_of
from datawave.kit.pages import Key
from datawave.kit.reads import Of, Rows, Shape
from domain.catalog import edits, reads
from domain.catalog import tags as tagging
from models import catalog as rows
from models import sources as source_rows
from schema.catalog import Asset, Tag
from schema.catalog_edits import AssetsPayload, SaveTagInput, TagPayload, UpdateAssetsInput
from schema.catalog_events import TYPES, CatalogEvent
from schema.catalog_filters import AssetFilter, AssetOrder, wanted_by
from schema.context import Info
from schema.directives import DeliveryMode
from schema.drift import SchemaDiff, diff_between
from schema.fields import mutation, query, read, subscription
from schema.scalars import Cursor
from schema.shapes import Connection, given


def asset(of: Of, qualified_name: str, as_of: datetime | None = strawberry.UNSET) -> Rows:
    at = given(as_of)
    asset = as_of_time(rows.Asset, at)
    query = select(asset).where(asset.qualified_name == qualified_name, visible(asset, of.viewer))
    return Rows(query=query, row=asset, at=at)


def assets(
    of: Of,
    filter: AssetFilter | None = strawberry.UNSET,
    order_by: AssetOrder | None = AssetOrder.NAME,
    as_of: datetime | None = strawberry.UNSET,
) -> Rows:
    """By name, or the last changed first."""
    at, by_change, wanted = given(as_of), order_by is AssetOrder.CHANGED_AT, wanted_by(filter)
    query, asset, spread = reads.assets(of.viewer, wanted, at=at)
    first = Key(asset.valid_from, descending=True) if by_change else Key(asset.qualified_name)
    order = [first, Key(asset.id, descending=by_change)]
    return Rows(query=query, row=asset, order=order, at=at, spread=spread)


def tags(of: Of, search: str | None = strawberry.UNSET) -> Rows:
    query = select(rows.Tag).where(visible(rows.Tag, of.viewer))
    if words := given(search):
        query = query.where(rows.Tag.name.ilike(later(reads.like, words), escape="\\"))
    return Rows(query=query, row=rows.Tag, order=[Key(rows.Tag.name), Key(rows.Tag.id)])


@strawberry.type
class Queries:
    asset: Asset | None = read(
        Shape.ONE,
        asset,
        needs=Permission.ASSET_READ,
        description="One asset by its qualified name, now or as of a time.",
    )
    assets: Connection[Asset] = read(
        Shape.PAGE,
        assets,
        needs=Permission.ASSET_READ,
        description="Assets by properties, now or as of a time.",
        cost=2,
    )
    tags: Connection[Tag] = read(Shape.PAGE, tags, needs=Permission.ASSET_READ, description="Tags, by name.")

    @query(needs=Permission.ASSET_READ, description="What differs in a source between two times.", cost=20)
    async def schema_diff(
        self,
        info: Info,
        data_source_id: ID,
        from_: Annotated[datetime, strawberry.argument(name="from")],
        to: datetime | None = strawberry.UNSET,
    ) -> SchemaDiff:
        source = await info.context.see(source_rows.DataSource, data_source_id, path=["dataSourceId"])
        now = await info.context.db.scalar(select(func.datawave_now()))
        return await diff_between(info, source.id, from_, given(to), now)


@strawberry.type
class Mutations:
    @mutation(runs=edits.update_assets, description="Change assets: description, tags, owners, deprecation.")
    async def update_assets(self, info: Info, input: UpdateAssetsInput) -> AssetsPayload:
        found = await info.context.run(
            edits.update_assets,
            idempotency_key=input.idempotency_key,
            asset_ids=keys_of("asset", input.ids),
            edit=input.edit(),
            version=given(input.version),
        )
        return AssetsPayload(assets=[Asset.of(row) for row in found])

    @mutation(runs=tagging.save_tag, description="Make or change a tag.")
    async def save_tag(self, info: Info, input: SaveTagInput) -> TagPayload:
        tag = await info.context.run(
            tagging.save_tag,
            idempotency_key=input.idempotency_key,
            tag_id=key_of("tag", input.id) if input.id else None,
            name=input.name,
            description=given(input.description),
            color=given(input.color),
        )
        return TagPayload(tag=Tag.of(tag))


@strawberry.type
class Subscriptions:
    @subscription(
        needs=Permission.ASSET_READ,
        delivery=DeliveryMode.EVERY,
        description="The catalog: one asset and what is under it, one source, or all that match. Events of"
        " many assets at"
        " once are told by their source and workspace; the filter's other parts are asked of single assets.",
    )
    async def catalog_changed(
        self,
        info: Info,
        filter: AssetFilter | None = strawberry.UNSET,
        after: Cursor | None = strawberry.UNSET,
    ) -> AsyncIterator[CatalogEvent]:
        context, asked = info.context, given(filter)
        wanted = asked.wanted() if asked is not None else reads.ANY
        sources = await _sources(context.db, wanted)

        def concerns(event: Logged) -> bool:
            return (
                event.type in TYPES
                and context.may_see_event(event, Permission.ASSET_READ)
                and (sources is None or event.source_id in sources)
                and (wanted.workspace_id is None or event.workspace_id == wanted.workspace_id)
            )

        async def sees(event: Logged) -> bool:
            key = event.key("asset_id") if event.type == "AssetChanged" else None
            return key is None or await _matches(context.db, wanted, key)

        topic = f"source:{next(iter(sources))}" if sources is not None and len(sources) == 1 else "catalog"
        async for event in context.follow(topic, given(after), wanted=concerns, sees=sees):
            yield TYPES[event.type].of(event)


async def _sources(db: Db, wanted: reads.Wanted) -> frozenset[object] | None:
    """The sources whose events can matter; None is any."""
    if wanted.under_id is not None:
        row = await db.scalar(
            select(rows.Asset).where(rows.Asset.id == wanted.under_id, visible(rows.Asset, db.viewer))
        )
        return frozenset([row.source_id]) if row is not None else frozenset()
    return frozenset(wanted.source_ids) if wanted.source_ids is not None else None


async def _matches(db: Db, wanted: reads.Wanted, key: object) -> bool:
    """Whether a single asset is meant by the filter: itself, or what is under the asset that is named."""
    if wanted == reads.ANY or key == wanted.under_id:
        return True
    states = [rows.Asset.state.in_(wanted.states)] if wanted.states else []
    where = [rows.Asset.id == key, *states, *reads.conditions(rows.Asset, db.viewer, wanted)]
    return await db.scalar(select(rows.Asset.id).where(*where)) is not None
