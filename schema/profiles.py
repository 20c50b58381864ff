"""What is known of an asset beside itself: profiles of its values, and what it was before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import strawberry

from domain.catalog import versions as history
from models import agents as agent_rows
from schema.reads import computed, one, pointed
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

    agent: EdgeAgent | None = one("agent_id", agent_rows.EdgeAgent, description="The agent that read it.")


def _of_profile(name: str) -> Any:
    def found(profile: dict[str, Any]) -> Any:
        return profile.get(name)

    return computed(found)


@strawberry.type(
    description="What a column's values look like, without the values; `histogram` is 18 relative bins."
)
class ColumnProfile(FromRow):
    count: BigInt = _of_profile("count")
    null_ratio: float = _of_profile("null_ratio")
    distinct: BigInt | None = _of_profile("distinct")
    unique_ratio: float | None = _of_profile("unique_ratio")
    min_length: int | None = _of_profile("min_length")
    max_length: int | None = _of_profile("max_length")
    mean: float | None = _of_profile("mean")
    standard_deviation: float | None = _of_profile("standard_deviation")
    quantiles: list[float] | None = _of_profile("quantiles")
    histogram: list[float] | None = _of_profile("histogram")

    @computed
    @staticmethod
    def patterns(profile: dict[str, Any]) -> list[Count]:
        return [
            Count(key=each["pattern"], label=each["pattern"], count=BigInt(each["count"]))
            for each in profile.get("patterns") or ()
        ]

    profiled_at: datetime


@strawberry.type(description="An asset as it was.")
class AssetVersion:
    version: int
    at: datetime
    changes: list[FieldChange]
    snapshot: JSON
    row: strawberry.Private[history.Version]

    @classmethod
    def of(cls, made: history.Version) -> Self:
        return cls(
            version=made.version,
            at=made.at,
            changes=FieldChange.all_of(made.changes),
            snapshot=JSON(made.snapshot),
            row=made,
        )

    actor: Actor | None = pointed(
        "actor_word", "actor_id", description="Who made it so; null where a discovery did."
    )
