"""Which assets are meant, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import ID

from datawave.kit.errors import invalid
from datawave.kit.given import later
from datawave.kit.ids import key_of, keys_of, taken_apart
from domain.catalog import reads
from models.catalog import AssetKind, AssetState, StrEnum
from schema.shapes import TimeRangeInput, given
from schema.texts import refuse_unfit

strawberry.enum(AssetKind, name="AssetKind", description="What kind of thing an asset is.")
strawberry.enum(AssetState, name="AssetState", description="Whether it is still there.")

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
        return reads.Wanted(
            kinds=_all(self.kinds, "kinds"),
            states=_all(self.states, "states"),
            source_ids=_ids("source", self.data_source_ids, "dataSourceIds"),
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
    return None if found is None else later(lambda values: _bounded(values, name), found)


def _bounded(values: Sequence[Any], name: str) -> tuple[Any, ...]:
    if len(values) > MOST:
        raise invalid(f"Give at most {MOST} of these.", path=["filter", name], expected=f"at most {MOST}")
    return tuple(values)


def _one(word: str, value: ID | None, name: str) -> UUID | None:
    return later(lambda text: key_of(word, text, path=["filter", name]), value) if value else None


def _ids(word: str, values: list[ID] | None, name: str) -> tuple[UUID, ...] | None:
    """None where none are given."""
    if not given(values):
        return None
    return later(lambda texts: tuple(keys_of(word, _bounded(texts, name), path=["filter", name])), values)


def _actors(values: list[ID] | None) -> tuple[UUID, ...] | None:
    found = given(values)
    return None if found is None else later(_actors_of, found)


def _actors_of(texts: Sequence[str]) -> tuple[UUID, ...]:
    keys: list[UUID] = []
    for at, text in enumerate(_bounded(texts, "ownerIds")):
        parts = taken_apart(text)
        if parts is None or parts[0] not in ACTORS:
            raise invalid("This is not the id of an actor.", path=["filter", "ownerIds", str(at)])
        keys.append(parts[1])
    return tuple(keys)


def _pattern(pattern: str | None) -> str | None:
    return later(_fitting, pattern) if pattern is not None else None


def _fitting(pattern: str) -> str:
    if len(pattern) > 200:
        raise invalid(
            "A pattern has at most 200 characters.", path=["filter", "namePattern"], expected="as *mail*"
        )
    return pattern


def _time(span: TimeRangeInput | None, name: str) -> datetime | None:
    return given(getattr(span, name)) if span is not None else None


def wanted_by(filter: AssetFilter | None) -> reads.Wanted:
    wanted = given(filter)
    return wanted.wanted() if wanted is not None else reads.ANY
