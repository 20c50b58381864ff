"""Which assets are meant, and in which order."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from datawave.kit.errors import invalid
from datawave.kit.ids import key_of, keys_of, taken_apart
from domain.catalog import reads
from models.catalog import AssetKind, AssetState, StrEnum
from schema.shapes import TimeRangeInput, given
from schema.texts import refuse_unfit

MOST = 500
ACTORS = ("user", "service")


@strawberry.enum(description="The order of assets.")
class AssetOrder(StrEnum):
    NAME = "NAME"
    CHANGED_AT = "CHANGED_AT"


@strawberry.input(
    description="Which assets are meant. Without `states`, those that are there (ACTIVE, DEPRECATED)."
    " `namePattern` takes"
    " `*` and `?`, or words found anywhere in a name."
)
class AssetFilter:
    kinds: list[AssetKind] | None = strawberry.UNSET
    states: list[AssetState] | None = strawberry.UNSET
    data_source_ids: list[ID] | None = strawberry.UNSET
    workspace_id: ID | None = strawberry.UNSET
    owner_ids: list[ID] | None = strawberry.UNSET
    tags: list[str] | None = strawberry.UNSET
    labels: list[str] | None = strawberry.UNSET
    min_confidence: float | None = strawberry.UNSET
    unowned: bool | None = strawberry.UNSET
    under_id: ID | None = strawberry.UNSET
    name_pattern: str | None = strawberry.UNSET
    changed: TimeRangeInput | None = strawberry.UNSET

    def wanted(self) -> reads.Wanted:
        """The filter as the domain takes it; ids are checked at their path, texts for fields that are no
        roots."""
        refuse_unfit({"filter": self})
        span = given(self.changed)
        sources = self.data_source_ids
        return reads.Wanted(
            kinds=_all(self.kinds, "kinds"),
            states=_all(self.states, "states"),
            source_ids=tuple(keys_of("source", sources, path=["filter", "dataSourceIds"]))
            if _all(sources, "dataSourceIds") is not None and sources
            else None,
            workspace_id=_one("workspace", self.workspace_id, "workspaceId"),
            owner_ids=_actors(self.owner_ids),
            tags=_all(self.tags, "tags"),
            labels=_all(self.labels, "labels"),
            min_confidence=given(self.min_confidence),
            unowned=given(self.unowned),
            under_id=_one("asset", self.under_id, "underId"),
            name_pattern=_pattern(given(self.name_pattern)),
            changed_from=_time(span, "from_"),
            changed_to=_time(span, "to"),
        )


def _all(values: list[Any] | None, name: str) -> Any:
    found = given(values)
    if found is None:
        return None
    if len(found) > MOST:
        raise invalid(f"Give at most {MOST} of these.", path=["filter", name], expected=f"at most {MOST}")
    return tuple(found)


def _one(word: str, value: ID | None, name: str) -> UUID | None:
    return key_of(word, value, path=["filter", name]) if value else None


def _actors(values: list[ID] | None) -> tuple[UUID, ...] | None:
    found = _all(values, "ownerIds")
    if found is None:
        return None
    keys: list[UUID] = []
    for at, text in enumerate(found):
        parts = taken_apart(text)
        if parts is None or parts[0] not in ACTORS:
            raise invalid("This is not the id of an actor.", path=["filter", "ownerIds", str(at)])
        keys.append(parts[1])
    return tuple(keys)


def _pattern(pattern: str | None) -> str | None:
    if pattern is not None and len(pattern) > 200:
        raise invalid(
            "A pattern has at most 200 characters.", path=["filter", "namePattern"], expected="as *mail*"
        )
    return pattern


def _time(span: TimeRangeInput | None, name: str) -> datetime | None:
    return given(getattr(span, name)) if span is not None else None
