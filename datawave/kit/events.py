"""Events: what happened, appended to the log by the command that made it happen.

The log is its own outbox: a row has no position until the relay has given it one (see `relay`).
"""

from __future__ import annotations

import dataclasses
import string
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson

from datawave.kit.database import encoded

ALL = "all"
"""The topic of every event; it needs no rows of its own, since positions have no gaps."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all events. `topics` are patterns over the event's own fields; a field that is a list gives a
    topic for each. `subject` names the thing it is about: (row word, field)."""

    topics: ClassVar[tuple[str, ...]] = ()
    subject: ClassVar[tuple[str, str] | None] = None
    schema_version: ClassVar[int] = 1

    def __init_subclass__(cls) -> None:
        KINDS[cls.__name__] = cls

    def in_topics(self) -> list[str]:
        return sorted({topic for pattern in self.topics for topic in _filled(pattern, self)})

    def data(self) -> dict[str, Any]:
        return orjson.loads(encoded({f.name: getattr(self, f.name) for f in dataclasses.fields(self)}))


KINDS: dict[str, type[Event]] = {}
"""Every type of event there is, by name."""

E = TypeVar("E", bound=Event)


def _filled(pattern: str, event: Event) -> list[str]:
    fields = [name for _, name, _, _ in string.Formatter().parse(pattern) if name]
    values = {name: getattr(event, name) for name in fields}
    if any(value is None for value in values.values()):
        return []
    many = [name for name, value in values.items() if isinstance(value, list | tuple)]
    if not many:
        return [pattern.format(**values)]
    [name] = many
    return [pattern.format(**{**values, name: value}) for value in values[name]]


@dataclass(frozen=True, slots=True)
class Logged:
    """An event as a reader meets it: its place, and enough to decide who may see it without another query."""

    id: UUID
    position: int
    type: str
    schema_version: int
    at: datetime
    actor_id: UUID | None
    actor_word: str | None
    command_id: UUID | None
    subject_word: str | None
    subject_id: UUID | None
    workspace_id: UUID | None
    source_id: UUID | None
    correlation_id: str | None
    data: dict[str, Any]
    cursor: str = ""
    replayed: bool = False

    def value(self, name: str) -> Any:
        return self.data.get(name)

    def key(self, name: str) -> UUID | None:
        """A field that holds an id."""
        found = self.data.get(name)
        return UUID(found) if found else None


WIRE = (
    "id", "position", "type", "schema_version", "at", "actor_id", "actor_word", "command_id", "subject_word",
    "subject_id", "workspace_id", "source_id", "correlation_id", "data",
)  # fmt: skip


def from_wire(values: list[Any]) -> Logged:
    """The other end of `relay.to_wire`."""
    found = dict(zip(WIRE, values, strict=True))
    for name in ("id", "actor_id", "command_id", "subject_id", "workspace_id", "source_id"):
        found[name] = UUID(found[name]) if found[name] else None
    found["at"] = datetime.fromisoformat(found["at"])
    found["data"] = found["data"] or {}
    return Logged(**found)


def from_row(row: Any) -> Logged:
    return Logged(**{name: getattr(row, name) for name in WIRE if name != "data"}, data=row.data or {})
