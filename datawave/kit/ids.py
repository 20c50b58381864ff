"""Global ids: `<row word>_<uuid hex>`, opaque to clients, checked here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as DriverUUID
from sqlalchemy import ColumnElement, Text, cast, func, literal
from uuid_utils import uuid7 as quick_uuid7
from uuid_utils.compat import uuid7

from datawave.kit.errors import invalid


def new_id() -> UUID:
    return uuid7()


def driver_id() -> UUID:
    """The same in the form in which the driver sends it: for rows that are made by the thousand."""
    return DriverUUID(quick_uuid7().bytes)


def global_id(word: str, key: UUID) -> str:
    return f"{word}_{key.hex}"


def taken_apart(text: str) -> tuple[str, UUID] | None:
    """The word and key of a global id, or None where it is not one of ours."""
    word, _, hexed = text.rpartition("_")
    if not word or len(hexed) != 32:
        return None
    try:
        key = UUID(hex=hexed)
    except ValueError:
        return None
    return (word, key) if key.hex == hexed else None


def key_of(word: str, text: str, *, path: Sequence[str] = ("id",)) -> UUID:
    """The key in a global id of this word; anything else is INVALID at its path."""
    parts = taken_apart(text)
    if parts is None or parts[0] != word:
        raise invalid(
            f"This is not the id of a {word.replace('_', ' ')};"
            " ids come from the API and are passed on unchanged.",
            path=path,
            expected=f"an id that begins with {word}_",
        )
    return parts[1]


def any_key_of(text: str, *, path: Sequence[str]) -> UUID:
    """The key in a global id of whatever word."""
    parts = taken_apart(text)
    if parts is None:
        raise invalid("This is not an id; ids come from the API and are passed on unchanged.", path=path)
    return parts[1]


def named_among(words: Sequence[str], text: str, *, path: Sequence[str]) -> tuple[str, UUID]:
    """The word and key in a global id of one of these words."""
    parts = taken_apart(text)
    if parts is None or parts[0] not in words:
        raise invalid(
            "This is the id of something else; ids come from the API and are passed on unchanged.",
            path=path,
            expected=" or ".join(f"{word}_…" for word in words),
        )
    return parts


def keys_of(word: str, texts: Sequence[str], *, path: Sequence[str] = ("ids",)) -> list[UUID]:
    return [key_of(word, text, path=[*path, str(at)]) for at, text in enumerate(texts)]


def global_id_sql(word: str, key: ColumnElement[UUID]) -> ColumnElement[str]:
    """The same id made by the database."""
    return func.concat(literal(f"{word}_"), func.replace(cast(key, Text), "-", ""))
