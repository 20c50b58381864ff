"""Ids among the arguments of what is declared: checked at their place as soon as they are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from strawberry.scalars import ID

from datawave.kit import ids
from datawave.kit.given import later


def key_in(word: str, text: ID, *path: str) -> Any:
    """The key in an id of this word."""
    return later(lambda text: ids.key_of(word, text, path=path), text)


def keys_in(word: str, texts: Sequence[ID], *path: str) -> Any:
    return later(lambda texts: ids.keys_of(word, texts, path=path), texts)


def any_key_in(text: ID, *path: str) -> Any:
    """The key in an id of whatever word."""
    return later(lambda text: ids.any_key_of(text, path=path), text)


def key_among(words: Sequence[str], text: ID, *path: str) -> Any:
    """The key in an id of one of these words."""
    return later(lambda text: ids.named_among(words, text, path=path)[1], text)
