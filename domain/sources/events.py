"""What happens to data sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

from datawave.kit.events import Event

TOPICS = ("source:{source_id}", "workspace:{workspace_id}", "sources")


@dataclass(frozen=True, kw_only=True)
class SourceEvent(Event):
    """Base of the events of one source; whoever follows `sources` gets them all."""

    topics: ClassVar[tuple[str, ...]] = TOPICS
    subject: ClassVar[tuple[str, str] | None] = ("source", "source_id")
    source_id: UUID
    workspace_id: UUID


@dataclass(frozen=True, kw_only=True)
class SourceCreated(SourceEvent):
    """A source was configured."""

    name: str
    key: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class SourceChanged(SourceEvent):
    """A source was changed; `changes` says what, before and after."""

    changes: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class SourceStateChanged(SourceEvent):
    """A source went from one state of its life to another."""

    before: str
    after: str
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class SourceHealthChanged(SourceEvent):
    """A source became well, slow, or stopped answering."""

    before: str
    after: str
    failure: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class ConnectionTested(SourceEvent):
    """A source's connection was tried, with success or not."""

    test_id: UUID
    ok: bool


@dataclass(frozen=True, kw_only=True)
class CredentialsRotated(SourceEvent):
    """A new version of the credentials is in force; agents drop their connections with the former."""

    number: int
    former: int


@dataclass(frozen=True, kw_only=True)
class RotationFailed(SourceEvent):
    """New credentials were not let in and were thrown away; the former version stays in force."""

    number: int
    failure: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SourceDecommissioned(SourceEvent):
    """A source was ended; for the days of grace undo brings it back."""

    keep_catalog: bool


@dataclass(frozen=True, kw_only=True)
class SourceRecommissioned(SourceEvent):
    """A decommissioned source was brought back."""


@dataclass(frozen=True, kw_only=True)
class SourceDestroyed(SourceEvent):
    """The grace is over: the secrets are gone (and the catalog, where it was not to be kept)."""

    kept_catalog: bool


SOURCE_EVENTS = (
    SourceCreated, SourceChanged, SourceStateChanged, SourceHealthChanged, ConnectionTested,
    CredentialsRotated, RotationFailed, SourceDecommissioned, SourceRecommissioned, SourceDestroyed,
)  # fmt: skip
