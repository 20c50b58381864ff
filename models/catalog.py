"""Assets of every kind in one table, what people put on them, and what profiling found."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from datawave.kit.history import TWINS
from models.base import INTERNAL, UNCHECKED, Access, Base, Entity, Historic, historic


class AssetKind(StrEnum):
    DATABASE = "DATABASE"
    SCHEMA = "SCHEMA"
    TABLE = "TABLE"
    VIEW = "VIEW"
    MATERIALIZED_VIEW = "MATERIALIZED_VIEW"
    COLUMN = "COLUMN"
    BUCKET = "BUCKET"
    FOLDER = "FOLDER"
    FILE = "FILE"
    TOPIC = "TOPIC"
    STREAM = "STREAM"
    DASHBOARD = "DASHBOARD"
    PIPELINE = "PIPELINE"
    OTHER = "OTHER"


class AssetState(StrEnum):
    ACTIVE = "ACTIVE"
    MISSING = "MISSING"
    DEPRECATED = "DEPRECATED"
    ARCHIVED = "ARCHIVED"
    DELETED = "DELETED"


class DataType(StrEnum):
    """Types common to all sources (the agent protocol's enum of the same name)."""

    BOOLEAN = "BOOLEAN"
    INTEGER = "INTEGER"
    DECIMAL = "DECIMAL"
    FLOAT = "FLOAT"
    STRING = "STRING"
    BINARY = "BINARY"
    DATE = "DATE"
    TIME = "TIME"
    TIMESTAMP = "TIMESTAMP"
    INTERVAL = "INTERVAL"
    UUID = "UUID"
    JSON = "JSON"
    ARRAY = "ARRAY"
    STRUCT = "STRUCT"
    MAP = "MAP"
    GEOMETRY = "GEOMETRY"
    OTHER = "OTHER"


class OwnershipKind(StrEnum):
    OWNER = "OWNER"
    STEWARD = "STEWARD"
    TECHNICAL = "TECHNICAL"
    CONSUMER = "CONSUMER"


CONTAINERS = frozenset({AssetKind.DATABASE, AssetKind.SCHEMA, AssetKind.BUCKET, AssetKind.FOLDER})
DATASETS = frozenset(
    {
        AssetKind.TABLE,
        AssetKind.VIEW,
        AssetKind.MATERIALIZED_VIEW,
        AssetKind.FILE,
        AssetKind.TOPIC,
        AssetKind.STREAM,
    }
)


@historic
class Asset(Historic, Entity):
    """Any governed thing. A column is one too, under its dataset. `qualified_name` is the source's key
    and the names within."""

    __tablename__ = "asset"
    __word__ = "asset"
    __access__ = Access(read="asset:read", source="source_id", workspace="source_id.workspace_id")

    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id", info=UNCHECKED))
    parent_id: Mapped[UUID | None]
    kind: Mapped[AssetKind]
    name: Mapped[str]
    qualified_name: Mapped[str]
    description: Mapped[str | None]
    """A person's words; where there are none, `comment` answers."""
    comment: Mapped[str | None]
    """The source's own comment."""
    state: Mapped[AssetState] = mapped_column(default=AssetState.ACTIVE, server_default="ACTIVE")
    state_before: Mapped[AssetState | None]
    """What an undone decommission of the source returns to."""
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    digest: Mapped[str | None]
    """Of a container or dataset: changes when anything that the source says of it does."""
    definition: Mapped[str | None]
    primary_key: Mapped[list[str] | None]
    """Of a dataset: names of its columns."""
    ordinal: Mapped[int | None]
    native_type: Mapped[str | None]
    data_type: Mapped[DataType | None]
    nullable: Mapped[bool | None]
    default_expression: Mapped[str | None]

    __table_args__ = (
        Index("uq_asset_qualified_name", "qualified_name", unique=True),
        Index("ix_asset_parent_place", "parent_id", "ordinal", "id"),
        Index("ix_asset_source_kind_name", "source_id", "kind", "qualified_name", "id"),
    )


class ForeignKeyOfAsset(Base):
    """Rows that point at other rows, as the source names them, and as assets as far as they are known
    yet: what is pointed at may be read later, or never."""

    __tablename__ = "asset_foreign_key"
    __word__ = "foreign_key"
    __access__ = Access(read="asset:read", source="source_id", workspace="source_id.workspace_id")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id"), index=True)
    dataset_id: Mapped[UUID] = mapped_column(index=True)
    to_dataset_id: Mapped[UUID | None] = mapped_column(index=True)
    name: Mapped[str | None]
    to_name: Mapped[str]
    """Qualified name of the dataset pointed at."""
    column_names: Mapped[list[str]]
    to_column_names: Mapped[list[str]]
    columns: Mapped[list[UUID]] = mapped_column(server_default=text("'{}'"))
    references: Mapped[list[UUID]] = mapped_column(server_default=text("'{}'"))
    enforced: Mapped[bool] = mapped_column(server_default="true", default=True)


@historic
class Ownership(Historic, Base):
    __tablename__ = "ownership"
    __word__, __access__ = "ownership", INTERNAL

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    actor_id: Mapped[UUID] = mapped_column(index=True)
    actor_word: Mapped[str]
    kind: Mapped[OwnershipKind]

    __table_args__ = (Index("uq_ownership", "asset_id", "actor_id", unique=True),)


class Tag(Base):
    __tablename__ = "tag"
    __word__, __access__ = "tag", Access(read="asset:read")

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    color: Mapped[str | None]


@historic
class AssetTag(Historic, Base):
    __tablename__ = "asset_tag"
    __word__, __access__ = "asset_tag", INTERNAL

    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("datawave_uuid()"))
    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"))
    tag_id: Mapped[UUID] = mapped_column(ForeignKey("tag.id", ondelete="CASCADE"), index=True)

    __table_args__ = (Index("uq_asset_tag", "asset_id", "tag_id", unique=True),)


class DatasetProfile(Base):
    """What the rows of a dataset look like as a whole: the latest reading."""

    __tablename__ = "dataset_profile"
    __word__, __access__ = "dataset_profile", INTERNAL

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    row_count: Mapped[int | None] = mapped_column(BigInteger)
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    sampled_rows: Mapped[int | None] = mapped_column(BigInteger)
    profiled_at: Mapped[datetime]
    digest: Mapped[str | None]
    """The dataset's digest when it was profiled: another one now, and it is to be sampled again."""
    agent_id: Mapped[UUID | None]


class ColumnProfile(Base):
    """What a column's values look like, without the values: the latest reading. Seen with its column; what
    tells more of it asks for a permission in its source."""

    __tablename__ = "column_profile"
    __word__ = "column_profile"
    __access__ = Access(read="asset:read", source="source_id", workspace="source_id.workspace_id")

    asset_id: Mapped[UUID] = mapped_column(ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True)
    source_id: Mapped[UUID] = mapped_column(ForeignKey("data_source.id", info=UNCHECKED))
    run_id: Mapped[UUID | None]
    profile: Mapped[dict[str, Any]]
    profiled_at: Mapped[datetime]


class MarkKind(StrEnum):
    """What a reading leaves open until it is complete."""

    ABSENT = "ABSENT"
    """A known column that its dataset did not show; what follows of the dataset may show it yet."""
    DIGEST = "DIGEST"
    """A dataset whose digest counts only once all of it has arrived."""
    PREDICTED = "PREDICTED"
    """A classification that was predicted again."""


class ReadingMark(Base):
    """A note of one run about a thing; read and dropped when the run's reading is complete."""

    __tablename__ = "reading_mark"
    __word__, __access__ = "reading_mark", INTERNAL

    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[MarkKind] = mapped_column(primary_key=True)
    thing_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[str | None]


# What is beneath or on an asset as of a time is found by its former rows too.
for _twin, _columns in (
    ("asset", ("parent_id", "qualified_name")),
    ("ownership", ("asset_id",)),
    ("asset_tag", ("asset_id",)),
):
    for _column in _columns:
        Index(f"ix_{_twin}_history_{_column}", TWINS[_twin].c[_column])
