"""Names and values weighed against each other: a name stands only if the values agree, values alone only if
they check out or are unmistakable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.entries import Evidence, Prediction
from domain.classifiers.evidence import JUDGES
from domain.classifiers.names import STRONG, denied, said_by, words_of
from domain.classifiers.samples import ColumnSample
from domain.classifiers.values import Support, Values

THRESHOLD = 0.5
MOST_LABELS = 3
SUPPORTED = 0.5
"""A weak name needs this share of the values to fit in a way that tells the label from others."""

TELLING = frozenset(
    {"JOB_TITLE", "PERSON_NAME", "COMPANY_NAME", "COUNTRY", "STATE_REGION", "URL", "CREDIT_CARD", "LONGITUDE"}
)
"""Labels whose values tell them apart well enough that a weak name may stand with them."""

_PLACES = frozenset({"CITY", "POSTAL_CODE", "STREET_ADDRESS"})

SHADOWED = {
    "PERSON_NAME": ("FIRST_NAME", "LAST_NAME", "USERNAME", "COMPANY_NAME", "JOB_TITLE", "COUNTRY"),
    "STREET_ADDRESS": ("EMAIL", "IP_ADDRESS", "URL"),
    "CITY": ("STREET_ADDRESS",),
    "COMPANY_NAME": ("EMAIL", "URL", "PHONE", "COUNTRY"),
    "CREDIT_CARD": ("CARD_SECURITY_CODE",),
    "STATE_REGION": ("COUNTRY",),
    "COUNTRY": ("CURRENCY_CODE",),
    "PHONE": ("IP_ADDRESS",),
}
"""What a label gives way to, where both would stand."""


@dataclass(frozen=True, kw_only=True)
class Belief:
    label: str
    confidence: float
    name: float
    support: Support | None


def classify(
    columns: Sequence[ColumnSample], *, threshold: float = THRESHOLD, most: int = MOST_LABELS
) -> list[list[Prediction]]:
    """For each column its labels, the best first; none where nothing is sure enough. Evidence never holds
    values."""
    placed = {
        column.path[:-1] for column in columns if _PLACES.intersection(said_by(column.name, column.table))
    }
    return [_predictions(column, threshold, most, column.path[:-1] in placed) for column in columns]


def _predictions(column: ColumnSample, threshold: float, most: int, placed: bool) -> list[Prediction]:
    beliefs = [belief for belief in _beliefs(column, placed) if belief.confidence >= threshold]
    beliefs.sort(key=lambda belief: (-belief.confidence, belief.label))
    return [_prediction(column, belief) for belief in _unshadowed(beliefs)[:most]]


def _beliefs(column: ColumnSample, placed: bool) -> list[Belief]:
    said = dict(said_by(column.name, column.table))
    if placed and "STATE_REGION" in said:
        said["STATE_REGION"] = STRONG  # a region beside a city is one of a country, not of sales
    values = Values(column)
    if not values.all:
        return [
            Belief(label=label, confidence=0.55, name=strength, support=None)
            for label, strength in said.items()
            if strength == STRONG
        ]
    found: list[Belief] = []
    for label, judge in JUDGES.items():
        support = judge(values)
        if support is None:
            continue
        strength = said.get(label, 0.0)
        confidence = _confidence(label, strength, support)
        if not strength and support.kind == "PATTERN" and denied(column.name, label):
            continue
        if confidence > 0:
            found.append(Belief(label=label, confidence=confidence, name=strength, support=support))
    return found


def _confidence(label: str, name: float, support: Support) -> float:
    if name and not support.agrees:
        return 0.0
    if name == STRONG:
        return round(max(0.8 + 0.18 * support.ratio, support.alone), 3)
    if name and (support.alone or (label in TELLING and support.ratio >= SUPPORTED)):
        return round(max(0.65 + 0.25 * support.ratio, support.alone), 3)
    return support.alone


def _unshadowed(beliefs: list[Belief]) -> list[Belief]:
    stronger = {belief.label for belief in beliefs}
    return [
        belief
        for belief in beliefs
        if belief.name == STRONG or not stronger.intersection(SHADOWED.get(belief.label, ()))
    ]


def _prediction(column: ColumnSample, belief: Belief) -> Prediction:
    evidence: list[Evidence] = []
    if belief.name:
        words = words_of(column.name)[:120]
        text = f"the name reads “{words}”"
        evidence.append(Evidence(kind="NAME", text=text, weight=round(belief.name, 2)))
    support = belief.support
    if support is not None and (support.ratio > 0 or not evidence):
        evidence.append(
            Evidence(
                kind=support.kind,
                text=f"of the values looked at, {support.text}",
                weight=round(support.ratio, 3),
                match_ratio=round(support.ratio, 3),
            )
        )
    return Prediction(
        path=(*column.path, column.name) if column.path[-1:] != (column.name,) else column.path,
        label=belief.label,
        confidence=min(0.99, belief.confidence),
        layer="PATTERN" if support is not None and support.alone else "NAME",
        evidence=tuple(evidence),
    )
