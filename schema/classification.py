"""The taxonomy and what assets are taken to be, in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import strawberry
from strawberry.scalars import ID

from domain import classification as domain
from models import classification as rows
from models.catalog import StrEnum
from resolvers.loaders import classification as loaders
from schema.context import Info
from schema.fields import actor, field, one
from schema.lineage import ReviewState
from schema.rows import FromRow
from schema.shapes import Actor, Node, Timestamped, Versioned
from schema.times import AsOf

if TYPE_CHECKING:
    from schema.catalog import Asset

strawberry.enum(rows.ClassifierLayer, name="ClassifierLayer", description="How a classifier works.")


@strawberry.enum(description="Kinds of reason.")
class EvidenceKind(StrEnum):
    CHECKSUM = "CHECKSUM"
    PATTERN = "PATTERN"
    NAME = "NAME"
    STATISTICS = "STATISTICS"
    MODEL = "MODEL"
    RULE = "RULE"
    LINEAGE = "LINEAGE"
    QUERY = "QUERY"
    PERSON = "PERSON"


@strawberry.type(
    description="A reason to believe something, with its weight; values only as the source's policy allows."
)
class Evidence:
    kind: EvidenceKind
    text: str
    weight: float
    match_ratio: float | None

    @classmethod
    def of(cls, kept: dict[str, Any]) -> Self:
        return cls(
            kind=EvidenceKind(kept["kind"]),
            text=kept.get("text") or "",
            weight=kept.get("weight", 1.0),
            match_ratio=kept.get("matchRatio"),
        )


@strawberry.type(
    description="A word of the taxonomy for what data is, as `EMAIL`, and how sensitive that makes it."
)
class Label(FromRow, Node, Versioned, shows=rows.Label):
    name: str
    title: str
    description: str | None
    sensitivity: rows.Severity
    parent: Label | None = one("parent_id", rows.Label)

    @strawberry.field
    async def children(self, info: Info) -> list[Label]:
        found = await info.context.loaders.batch(loaders.children, []).load(self.row.id)
        return [Label.of(row) for row in found]

    @field(description="How many assets carry it.", cost=1)
    async def asset_count(self, info: Info) -> int:
        return await info.context.loaders.batch(loaders.asset_counts, 0).load(self.row.id)


@strawberry.type(
    description="That an asset carries a label: how sure, on what evidence, said by whom, and what people"
    " made of it."
)
class Classification(AsOf, Node, Timestamped, shows=rows.Classification):
    confidence: float
    state: ReviewState
    fallback: bool = strawberry.field(description="True where the model failed and its fallback answered.")
    reviewed_at: datetime | None
    review_reason: str | None
    made_by: Actor | None = actor(
        "made_by", description="The person who said so; null where a classifier did."
    )
    reviewed_by: Actor | None = actor("reviewed_by")

    @strawberry.field
    async def asset(self, info: Info) -> Asset:
        from schema.catalog import asset_by_id

        return await asset_by_id(info, self.row.asset_id, self.at)

    @strawberry.field
    async def label(self, info: Info) -> Label:
        return Label.of(await info.context.loaders.row(rows.Label).load(self.row.label_id))

    @strawberry.field
    def evidence(self) -> list[Evidence]:
        return [Evidence.of(kept) for kept in self.row.evidence]


@strawberry.input(description="Which classifications are meant.")
class ClassificationFilter:
    asset_under_id: ID | None = strawberry.UNSET
    data_source_ids: list[ID] | None = strawberry.UNSET
    labels: list[str] | None = strawberry.UNSET
    states: list[ReviewState] | None = strawberry.UNSET
    layers: list[rows.ClassifierLayer] | None = strawberry.UNSET
    min_confidence: float | None = strawberry.UNSET
    max_confidence: float | None = strawberry.UNSET
    fallback: bool | None = strawberry.UNSET

    def wanted(self) -> domain.Wanted:
        from datawave.kit.ids import key_of, keys_of
        from schema.shapes import given

        under, sources = given(self.asset_under_id), given(self.data_source_ids)
        return domain.Wanted(
            under_id=key_of("asset", under, path=["filter", "assetUnderId"]) if under else None,
            source_ids=keys_of("source", sources, path=["filter", "dataSourceIds"]) if sources else None,
            labels=given(self.labels),
            states=given(self.states),
            layers=given(self.layers),
            min_confidence=given(self.min_confidence),
            max_confidence=given(self.max_confidence),
            fallback=given(self.fallback),
        )
