"""Qualified names: the source's key and the names within, joined by dots."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256

MOST_BYTES = 2_000
"""An index entry holds some 2,700 bytes; a longer name keeps its beginning and ends in a print of the
whole."""

_PLAIN = re.compile(r"\w+").fullmatch


def part(name: str) -> str:
    """One name as it stands in a qualified name: quoted where it holds more than letters, digits and `_`."""
    return name if _PLAIN(name) else '"' + name.replace('"', '""') + '"'


def below(parent: str, name: str) -> str:
    """The qualified name of something within another."""
    joined = f"{parent}.{part(name)}"
    return joined if len(joined) * 4 <= MOST_BYTES else _bounded(joined)


def qualified(key: str, path: Sequence[str]) -> str:
    """The qualified name of a path in the source with this key."""
    name = part(key)
    for each in path:
        name = below(name, each)
    return name


def _bounded(joined: str) -> str:
    data = joined.encode("utf-8", "replace")
    if len(data) <= MOST_BYTES:
        return joined
    print_ = sha256(data).hexdigest()[:32]
    return f"{data[: MOST_BYTES - 40].decode('utf-8', 'ignore')}…{print_}"


def tidy(text: str | None, most: int = 4_000) -> str | None:
    """A source's text as PostgreSQL holds it: without NUL and lone surrogates, bounded; None stays None."""
    if text is None:
        return None
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isascii():
        return text.replace("\x00", "�") if "\x00" in text else text
    return text.replace("\x00", "�").encode("utf-8", "replace").decode("utf-8")
