"""A plain Strawberry service, as its documents advise: SQLAlchemy's ORM, a DataLoader a relation, no caches.

The tables are the product's own, mapped once more with what a service would use of them.
"""

from __future__ import annotations

import base64
import os
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NewType
from uuid import UUID

import strawberry
from sqlalchemy import DateTime, ForeignKey, func, literal, select, true
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column
from starlette.applications import Starlette
from starlette.routing import Route
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.scalars import ID
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

HERE = ("ACTIVE", "DEPRECATED")


class Base(DeclarativeBase):
    pass


class AssetRow(Base):
    __tablename__ = "asset"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    parent_id: Mapped[UUID | None]
    source_id: Mapped[UUID]
    kind: Mapped[str]
    name: Mapped[str]
    qualified_name: Mapped[str]
    description: Mapped[str | None]
    comment: Mapped[str | None]
    state: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    ordinal: Mapped[int | None]
    native_type: Mapped[str | None]
    data_type: Mapped[str | None]
    nullable: Mapped[bool | None]


class PersonRow(Base):
    __tablename__ = "person"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    display_name: Mapped[str]


class OwnershipRow(Base):
    __tablename__ = "ownership"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id"))
    actor_id: Mapped[UUID]
    kind: Mapped[str]


class TagRow(Base):
    __tablename__ = "tag"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    color: Mapped[str | None]


class AssetTagRow(Base):
    __tablename__ = "asset_tag"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id"))
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tag.id"))


url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg")
sessions = async_sessionmaker(create_async_engine(url, pool_size=16, max_overflow=4), expire_on_commit=False)


async def owners_of(keys: list[UUID]) -> list[list[OwnershipRow]]:
    """An asset's own owners, then those of what it is in; each person once."""
    up = (
        select(
            AssetRow.id.label("start"),
            AssetRow.id.label("node"),
            AssetRow.parent_id.label("above"),
            literal(0).label("height"),
        )
        .where(AssetRow.id.in_(keys))
        .cte(recursive=True)
    )
    up = up.union_all(
        select(up.c.start, AssetRow.id, AssetRow.parent_id, up.c.height + 1).where(AssetRow.id == up.c.above)
    )
    # Beside a recursion PostgreSQL expects so much of it that it would read the whole table.
    owned = aliased(
        OwnershipRow, select(OwnershipRow).where(OwnershipRow.asset_id == up.c.node).offset(0).lateral()
    )
    query = (
        select(up.c.start, owned)
        .select_from(up)
        .join(owned, true())
        .order_by(up.c.height, owned.kind, owned.actor_id)
    )
    found: defaultdict[UUID, dict[UUID, OwnershipRow]] = defaultdict(dict)
    async with sessions() as session:
        for start, row in await session.execute(query):
            found[start].setdefault(row.actor_id, row)
    return [list(found[key].values()) for key in keys]


async def people(keys: list[UUID]) -> list[PersonRow | None]:
    async with sessions() as session:
        found = {
            row.id: row for row in await session.scalars(select(PersonRow).where(PersonRow.id.in_(keys)))
        }
    return [found.get(key) for key in keys]


async def tags_of(keys: list[UUID]) -> list[list[TagRow]]:
    query = (
        select(AssetTagRow.asset_id, TagRow)
        .join(TagRow, TagRow.id == AssetTagRow.tag_id)
        .where(AssetTagRow.asset_id.in_(keys))
        .order_by(TagRow.name)
    )
    found: defaultdict[UUID, list[TagRow]] = defaultdict(list)
    async with sessions() as session:
        for key, row in await session.execute(query):
            found[key].append(row)
    return [found[key] for key in keys]


def columns_of(first: int) -> Callable[[list[UUID]], Any]:
    async def load(keys: list[UUID]) -> list[list[AssetRow]]:
        place = func.row_number().over(partition_by=AssetRow.parent_id, order_by=AssetRow.ordinal)
        numbered = (
            select(AssetRow.id, place.label("place"))
            .where(AssetRow.parent_id.in_(keys), AssetRow.kind == "COLUMN", AssetRow.state.in_(HERE))
            .subquery()
        )
        query = (
            select(AssetRow)
            .join(numbered, numbered.c.id == AssetRow.id)
            .where(numbered.c.place <= first)
            .order_by(AssetRow.parent_id, AssetRow.ordinal)
        )
        found: defaultdict[UUID, list[AssetRow]] = defaultdict(list)
        async with sessions() as session:
            for row in await session.scalars(query):
                found[row.parent_id].append(row)
        return [found[key] for key in keys]

    return load


class Loaders:
    """Made for each request."""

    def __init__(self) -> None:
        self.owners = DataLoader(load_fn=owners_of)
        self.people = DataLoader(load_fn=people)
        self.tags = DataLoader(load_fn=tags_of)
        self._columns: dict[int, DataLoader[UUID, list[AssetRow]]] = {}

    def columns(self, first: int) -> DataLoader[UUID, list[AssetRow]]:
        if first not in self._columns:
            self._columns[first] = DataLoader(load_fn=columns_of(first))
        return self._columns[first]


@strawberry.type
class Actor:
    id: ID
    display_name: str


@strawberry.type
class Ownership:
    kind: str
    actor_id: strawberry.Private[UUID]

    @strawberry.field
    async def actor(self, info: Info) -> Actor | None:
        row = await info.context["loaders"].people.load(self.actor_id)
        return Actor(id=ID(f"user_{row.id.hex}"), display_name=row.display_name) if row else None


@strawberry.type
class Tag:
    id: ID
    name: str
    color: str | None


@strawberry.type
class Column:
    id: ID
    name: str
    ordinal: int
    native_type: str
    data_type: str
    nullable: bool


@strawberry.type
class Columns:
    nodes: list[Column]


Cursor = NewType("Cursor", str)
SCALARS: dict[Any, Any] = {
    Cursor: strawberry.scalar(name="Cursor", serialize=str, parse_value=str),
    datetime: strawberry.scalar(
        name="DateTime",
        serialize=lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        parse_value=datetime.fromisoformat,
    ),
}


@strawberry.enum
class AssetKind(Enum):
    TABLE = "TABLE"
    VIEW = "VIEW"
    COLUMN = "COLUMN"
    SCHEMA = "SCHEMA"


@strawberry.input
class AssetFilter:
    data_source_ids: list[ID]
    kinds: list[AssetKind]


@strawberry.type
class Asset:
    key: strawberry.Private[UUID]
    id: ID
    name: str
    qualified_name: str
    kind: str
    state: str
    description: str | None
    version: int
    created_at: datetime

    @strawberry.field
    async def owners(self, info: Info) -> list[Ownership]:
        found = await info.context["loaders"].owners.load(self.key)
        return [Ownership(kind=row.kind, actor_id=row.actor_id) for row in found]

    @strawberry.field
    async def tags(self, info: Info) -> list[Tag]:
        found = await info.context["loaders"].tags.load(self.key)
        return [Tag(id=ID(f"tag_{row.id.hex}"), name=row.name, color=row.color) for row in found]

    @strawberry.field
    async def columns(self, info: Info, first: int = 50) -> Columns:
        found = await info.context["loaders"].columns(first).load(self.key)
        return Columns(
            nodes=[
                Column(
                    id=ID(f"asset_{row.id.hex}"),
                    name=row.name,
                    ordinal=row.ordinal,
                    native_type=row.native_type,
                    data_type=row.data_type,
                    nullable=row.nullable,
                )
                for row in found
            ]
        )


def shown(row: AssetRow) -> Asset:
    return Asset(
        key=row.id,
        id=ID(f"asset_{row.id.hex}"),
        name=row.name,
        qualified_name=row.qualified_name,
        kind=row.kind,
        state=row.state,
        description=row.description or row.comment,
        version=row.version,
        created_at=row.created_at,
    )


@strawberry.type
class Edge:
    cursor: Cursor
    node: Asset


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: Cursor | None


@strawberry.type
class Assets:
    nodes: list[Asset]
    more: strawberry.Private[bool]

    @strawberry.field
    def edges(self) -> list[Edge]:
        return [Edge(cursor=cursor_of(node), node=node) for node in self.nodes]

    @strawberry.field
    def page_info(self) -> PageInfo:
        return PageInfo(has_next_page=self.more, end_cursor=cursor_of(self.nodes[-1]) if self.nodes else None)


def cursor_of(asset: Asset) -> Cursor:
    return Cursor(base64.urlsafe_b64encode(asset.qualified_name.encode()).decode())


@strawberry.type
class Query:
    @strawberry.field
    async def asset(self, qualified_name: str) -> Asset | None:
        async with sessions() as session:
            row = await session.scalar(select(AssetRow).where(AssetRow.qualified_name == qualified_name))
        return shown(row) if row else None

    @strawberry.field
    async def assets(self, filter: AssetFilter, first: int = 50, after: Cursor | None = None) -> Assets:
        query = (
            select(AssetRow)
            .where(
                AssetRow.source_id.in_(
                    [UUID(each.removeprefix("source_")) for each in filter.data_source_ids]
                ),
                AssetRow.kind.in_([kind.value for kind in filter.kinds]),
                AssetRow.state.in_(HERE),
            )
            .order_by(AssetRow.qualified_name)
            .limit(first + 1)
        )
        if after:
            query = query.where(AssetRow.qualified_name > base64.urlsafe_b64decode(after).decode())
        async with sessions() as session:
            rows = (await session.scalars(query)).all()
        return Assets(nodes=[shown(row) for row in rows[:first]], more=len(rows) > first)


class Service(GraphQL):
    async def get_context(self, request: Any, response: Any) -> dict[str, Any]:
        return {"request": request, "response": response, "loaders": Loaders()}


schema = strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))
app = Starlette(routes=[Route("/graphql", Service(schema))])
