"""How values are hidden, by agents before they leave and by the API before they are shown: the same methods
at both ends.

Every method takes a key, so that nobody who sees what is masked can try out what a guessable value would look
like. Whoever masks keeps the key; no one who reads needs it.
"""

from __future__ import annotations

import hmac
import re
import string
from collections.abc import Iterator
from enum import StrEnum
from itertools import count
from unicodedata import category

HIDDEN = "•••"
MOST_CHARACTERS = 200
"""Of a value; the rest is cut."""
SHOWN_PART = 4
"""At most one of so many characters is left by PARTIAL."""
MOST_SHOWN = 4
LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
KEPT = frozenset(string.punctuation + " ")
"""Signs that FORMAT_PRESERVING leaves where they are."""

_HASH = re.compile(r"#[0-9a-f]{16}")


class ValuesLeave(StrEnum):
    """What an agent may send home."""

    NEVER = "NEVER"
    MASKED = "MASKED"
    SAMPLES = "SAMPLES"


class MaskMethod(StrEnum):
    """The strictest first."""

    REDACT = "REDACT"
    HASH = "HASH"
    PARTIAL = "PARTIAL"
    FORMAT_PRESERVING = "FORMAT_PRESERVING"


STRICTNESS: dict[MaskMethod | None, int] = {
    None: 0,
    MaskMethod.PARTIAL: 1,
    MaskMethod.FORMAT_PRESERVING: 2,
    MaskMethod.HASH: 3,
    MaskMethod.REDACT: 4,
}
"""PARTIAL leaves characters of the value, FORMAT_PRESERVING its length and signs, HASH only whether two are
alike, REDACT nothing. None is a value as it is."""


def stricter(one: MaskMethod | None, other: MaskMethod | None) -> MaskMethod | None:
    return one if STRICTNESS[one] >= STRICTNESS[other] else other


def masked(value: str, method: MaskMethod, key: bytes) -> str:
    """The value, hidden. Alike for alike values under one key; never the value itself."""
    match method:
        case MaskMethod.REDACT:
            return HIDDEN
        case MaskMethod.HASH:
            return "#" + hmac.digest(key, _bytes(value), "sha256").hex()[:16]
        case MaskMethod.PARTIAL:
            return HIDDEN + _end(value)
        case MaskMethod.FORMAT_PRESERVING:
            return _of_same_form(value, key)


def is_masked(text: str, method: MaskMethod) -> bool:
    """Whether a text could have come out of a method: what can be told without the key."""
    match method:
        case MaskMethod.REDACT:
            return text == HIDDEN
        case MaskMethod.HASH:
            return _HASH.fullmatch(text) is not None
        case MaskMethod.PARTIAL:
            return text.startswith(HIDDEN) and len(text) <= len(HIDDEN) + MOST_SHOWN
        case MaskMethod.FORMAT_PRESERVING:
            return text.isascii() or text == HIDDEN


def cut(value: str) -> str:
    """A value as long as it may be, in characters that every end can hold."""
    text = value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "replace")


def _end(value: str) -> str:
    """Nothing of a short value: its end would be most of it."""
    shown = min(MOST_SHOWN, len(value) // SHOWN_PART)
    return value[-shown:] if shown else ""


def _of_same_form(value: str, key: bytes) -> str:
    """Letters for letters, digits for digits, signs where they were; what consists of signs alone would be
    told by its form, so it is hidden whole."""
    if all(character in KEPT for character in value):
        return HIDDEN
    for attempt in count():  # by chance a short value may come out as itself: then it is drawn again
        drawn = _stream(key, b"%d:" % attempt + _bytes(value))
        made = "".join(_like(character, drawn) for character in value[:MOST_CHARACTERS])
        if made != value:
            return made
    raise AssertionError("some drawing differs")


def _like(character: str, drawn: Iterator[int]) -> str:
    if character in KEPT:
        return character
    kind = category(character)
    alphabet = DIGITS if kind.startswith("N") else UPPER if kind in ("Lu", "Lt") else LOWER
    return alphabet[next(drawn) % len(alphabet)]


def _stream(key: bytes, about: bytes) -> Iterator[int]:
    """As many numbers as are wanted, that only the key tells."""
    for block in count():
        yield from hmac.digest(key, block.to_bytes(4, "big") + about, "sha512")
