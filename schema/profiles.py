"""What is known of an asset beside itself: profiles of its values, and what it was before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import strawberry

from auth.permissions import Permission
from auth.values import Shown
from datawave.kit.database import Db
from domain.catalog import versions as history
from domain.policies.values import Telling
from models import agents as agent_rows
from schema.reads import computed, loaded, one, pointed
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


@strawberry.type(description="A value that is frequent in a column; `masked` says that it is hidden.")
class ColumnValue:
    value: str
    count: BigInt = strawberry.field(description="How often it was seen among the sampled rows.")
    masked: bool


async def values_told(db: Db, asset_ids: Sequence[UUID], _at: Any) -> Mapping[UUID, list[ColumnValue] | None]:
    """As the rules let the viewer see them. Values have no history."""
    telling: Telling = db.extras["telling"]
    return {asset_id: _told(each) for asset_id, each in (await telling.of(db, asset_ids)).items()}


def _told(told: Shown) -> list[ColumnValue] | None:
    if told.values is None:
        return None
    masked = told.masked_with is not None
    return [ColumnValue(value=value, count=BigInt(count), masked=masked) for value, count in told.values]


def _of_profile(name: str) -> Any:
    def found(profile: dict[str, Any]) -> Any:
        return profile.get(name)

    return computed(found)


@strawberry.type(description="What a column's values look like; `histogram` is 18 relative bins.")
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

    top_values: list[ColumnValue] | None = loaded(
        values_told,
        keys=("asset_id",),
        missing=(),
        needs=Permission.SAMPLE_READ,
        own=True,
        cost=5,
        description="The most frequent values, as far as the policies of the agent and of the source let them"
        " leave and the rules of access let the viewer see them: masked, or null where a rule hides them;"
        " empty where none are kept. Who is told values that a rule keeps from others is put on record.",
    )

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
