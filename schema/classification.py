"""The taxonomy and what assets are taken to be, in the API."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

import strawberry
from strawberry.scalars import ID

from datawave.kit.reads import Shape
from domain import classification as domain
from models import classification as rows
from models.catalog import StrEnum
from resolvers.loaders import catalog as catalog_loaders
from resolvers.loaders import classification as loaders
from schema.keys import key_in, keys_in
from schema.lineage import ReviewState
from schema.reads import actor, computed, one, related
from schema.rows import FromRow
from schema.shapes import Actor, Node, Timestamped, Versioned, given
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

    children: list[Label] = related(Shape.MANY, loaders.children)
    asset_count: int = related(
        Shape.VALUE, loaders.asset_counts, missing=0, description="How many assets carry it.", cost=1
    )


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

    asset: Asset = related(Shape.ONE, catalog_loaders.assets, key="asset_id")
    label: Label = one("label_id", rows.Label)

    @computed
    @staticmethod
    def evidence(evidence: list[Any]) -> list[Evidence]:
        return [Evidence.of(kept) for kept in evidence]


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
        under, sources = given(self.asset_under_id), given(self.data_source_ids)
        return domain.Wanted(
            under_id=key_in("asset", under, "filter", "assetUnderId") if under else None,
            source_ids=keys_in("source", sources, "filter", "dataSourceIds") if sources else None,
            labels=given(self.labels),
            states=given(self.states),
            layers=given(self.layers),
            min_confidence=given(self.min_confidence),
            max_confidence=given(self.max_confidence),
            fallback=given(self.fallback),
        )
