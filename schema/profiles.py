"""What is known of an asset beside itself: profiles of its values, and what it was before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

import strawberry

from domain.catalog import versions as history
from models import catalog as rows
from schema.context import Info
from schema.rows import FromRow
from schema.scalars import JSON, BigInt
from schema.shapes import Actor, Count, FieldChange

if TYPE_CHECKING:
    from schema.agents import EdgeAgent


@strawberry.type(description="What the rows look like as a whole.")
class DatasetProfile(FromRow):
    row_count: BigInt | None
    size_bytes: BigInt | None
    sampled_rows: BigInt | None
    profiled_at: datetime

    @strawberry.field(description="The agent that read it.")
    async def agent(self, info: Info) -> EdgeAgent | None:
        from schema.agents import EdgeAgent

        return await info.context.node_of(EdgeAgent, self.row.agent_id)


@strawberry.type(
    description="What a column's values look like, without the values; `histogram` is 18 relative bins."
)
class ColumnProfile:
    count: BigInt
    null_ratio: float
    distinct: BigInt | None
    unique_ratio: float | None
    min_length: int | None
    max_length: int | None
    mean: float | None
    standard_deviation: float | None
    quantiles: list[float] | None
    histogram: list[float] | None
    patterns: list[Count]
    profiled_at: datetime

    @classmethod
    def of_row(cls, row: rows.ColumnProfile) -> Self:
        kept = dict(row.profile)
        patterns = [
            Count(key=each["pattern"], label=each["pattern"], count=BigInt(each["count"]))
            for each in kept.pop("patterns", None) or ()
        ]
        return cls(**kept, patterns=patterns, profiled_at=row.profiled_at)


@strawberry.type(description="An asset as it was.")
class AssetVersion:
    version: int
    at: datetime
    changes: list[FieldChange]
    snapshot: JSON
    made: strawberry.Private[history.Version]

    @classmethod
    def of(cls, made: history.Version) -> Self:
        return cls(
            version=made.version,
            at=made.at,
            changes=FieldChange.all_of(made.changes),
            snapshot=JSON(made.snapshot),
            made=made,
        )

    @strawberry.field(description="Who made it so; null where a discovery did.")
    async def actor(self, info: Info) -> Actor | None:
        key, word = self.made.actor_id, self.made.actor_word
        return await info.context.node(word, key) if key and word else None
