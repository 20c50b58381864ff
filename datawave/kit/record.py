"""What the record of a command holds: its input and changes as JSON without secrets, and its answer for a
repetition."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar, cast
from uuid import UUID

import orjson
from sqlalchemy import inspect as inspected
from sqlalchemy.ext.asyncio import AsyncSession

from datawave.kit.database import UNWRITABLE, Base, encoded
from datawave.kit.secrets import HIDDEN, Secret

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A secret a command shows once: kept sealed for a repetition of the same key, then gone."""

    value: Secret | None


HIDDEN_COLUMNS = frozenset(
    {
        "updated_at",
        "valid_from",
        "version",
        "password_hash",
        "sealed",
        "wrapped",
        "secret_hash",
        "token_hash",
    }
)


def key_of(thing: Any) -> UUID:
    """Every row that a command touches has an id."""
    return thing.id


def shown(thing: Base) -> dict[str, Any]:
    """The columns of a row that may be read in its record."""
    state = inspected(thing)
    assert state is not None
    return {
        attribute.key: plain(getattr(thing, attribute.key))
        for attribute in state.mapper.column_attrs
        if attribute.key not in HIDDEN_COLUMNS
    }


def difference(thing: Base, before: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not before:
        return []
    return [
        {"field": name, "before": before.get(name), "after": value}
        for name, value in shown(thing).items()
        if before.get(name) != value
    ]


def taken_away(before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a thing was that is no more."""
    return [{"field": name, "before": value, "after": None} for name, value in before.items()]


def place_of(thing: Base | None) -> tuple[UUID | None, UUID | None]:
    """Workspace and source of a thing, as far as it carries them itself."""
    if thing is None:
        return None, None
    word, own = thing.__word__, key_of(thing)
    workspace = own if word == "workspace" else getattr(thing, "workspace_id", None)
    source = own if word == "source" else getattr(thing, "source_id", None)
    return workspace, source


def plain(value: Any) -> Any:
    """As JSON that PostgreSQL takes, with secrets hidden: for the record."""
    match value:
        case Secret() | Shown() | bytes():
            return HIDDEN
        case Enum():
            return value.value
        case UUID():
            return value.hex
        case datetime():
            return value.isoformat()
        case str():
            return UNWRITABLE.sub("\ufffd", value)
        case bool() | None:
            return value
        case int() | float():
            return _number(value)
        case Mapping():
            return {plain(str(key)): plain(each) for key, each in cast(Mapping[Any, Any], value).items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in cast("list[Any]", value)]
        case Base():
            return [value.__word__, key_of(value).hex]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _ if hasattr(value, "model_dump"):
            return plain(value.model_dump())
        case _:
            return plain(str(value))


def _number(value: float) -> Any:
    """As PostgreSQL gives it back: the digest of the record is made before it is written, and checked
    after."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        if abs(value) < 1e15:
            return value + 0.0
        value = int(value)
    return value if -(2**63) <= value < 2**64 else str(value)


def revealed(value: Any) -> Any:
    """As JSON with secrets in it: only ever fed to a keyed hash."""
    match value:
        case Secret():
            return {"secret": plain(value.reveal())}
        case bytes():
            return {"bytes": value.hex()}
        case Mapping():
            return {plain(str(key)): revealed(each) for key, each in cast(Mapping[Any, Any], value).items()}
        case list() | tuple():
            return [revealed(each) for each in cast("list[Any]", value)]
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {f.name: revealed(getattr(value, f.name)) for f in dataclasses.fields(value)}
        case _ if hasattr(value, "model_dump"):
            return revealed(value.model_dump())
        case _:
            return plain(value)


RESULTS: dict[str, type[Any]] = {}


def result(made: type[R]) -> type[R]:
    """Marks a dataclass that a command returns beside rows, so that a repetition can rebuild it."""
    RESULTS[made.__name__] = made
    return made


def packed(value: Any, secrets: list[str]) -> Any:
    """What a command returned, as JSON: rows by their ids, what is shown once by its place in `secrets`."""
    match value:
        case Base():
            return {"row": [value.__tablename__, key_of(value).hex]}
        case Shown():
            if value.value is None:
                return {"shown": None}
            secrets.append(value.value.reveal())
            return {"shown": len(secrets) - 1}
        case list() | tuple():
            return {"list": [packed(each, secrets) for each in cast("list[Any]", value)]}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            name = type(value).__name__
            assert name in RESULTS, f"{name} is returned by a command: mark it with @result"
            fields = {f.name: packed(getattr(value, f.name), secrets) for f in dataclasses.fields(value)}
            return {"result": name, "fields": fields}
        case _:
            return {"plain": orjson.loads(encoded(value))}


async def unpacked(session: AsyncSession, value: Any, secrets: list[str]) -> Any:
    """The same things as they are now."""
    match value:
        case {"row": [table, key]}:
            row = next(m.class_ for m in Base.registry.mappers if m.class_.__tablename__ == table)
            return await session.get(row, UUID(key))
        case {"shown": at}:
            place = cast("int | None", at)
            return Shown(value=Secret(secrets[place]) if place is not None and place < len(secrets) else None)
        case {"list": many}:
            return [await unpacked(session, each, secrets) for each in many]
        case {"result": name, "fields": fields}:
            values = {key: await unpacked(session, each, secrets) for key, each in fields.items()}
            return RESULTS[name](**values)
        case {"plain": given}:
            return given
        case _:
            return None
