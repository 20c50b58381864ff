"""How API keys look.

A key is `dwk_<prefix>_<secret>`: a name that scanners of leaked secrets find, a prefix that may be shown, 256
random bits, and at the end a checksum, so that a key that was mistyped or cut short is refused without asking
anybody. Only the hash of the whole is kept.
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass
from hashlib import sha256

from datawave.kit.secrets import Secret

BEGINS = "dwk_"
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SHOWN, HIDDEN, CHECK = 8, 43, 6
"""Characters of each part: 43 of 62 kinds hold 256 bits."""

KEY = re.compile(rf"dwk_([0-9A-Za-z]{{{SHOWN}}})_([0-9A-Za-z]{{{HIDDEN}}})([0-9A-Za-z]{{{CHECK}}})")
SHAPE = rf"dwk(?:_|%5[Ff])[0-9A-Za-z]{{{SHOWN}}}(?:_|%5[Ff])[0-9A-Za-z]{{{HIDDEN // 2},}}"
"""A key in a text, or so much of one that the rest may be lost elsewhere."""

KEY_SOMEWHERE = re.compile(SHAPE.encode())


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """A key that was just made: what is shown once, what may be shown always, what is kept."""

    value: Secret
    prefix: str
    hashed: bytes


def new_key() -> NewKey:
    prefix = _random(SHOWN)
    body = f"{BEGINS}{prefix}_{_written(secrets.randbits(256), HIDDEN)}"
    value = body + _checksum(body)
    return NewKey(value=Secret(value), prefix=f"{BEGINS}{prefix}", hashed=digest_of(value))


def is_key(token: str) -> bool:
    """Whether a Bearer claims to be a key."""
    return token.startswith(BEGINS)


def is_whole(token: str) -> bool:
    """Whether nothing of the key is missing or mistyped."""
    return KEY.fullmatch(token) is not None and _checksum(token[:-CHECK]) == token[-CHECK:]


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(body: str) -> str:
    return _written(zlib.crc32(body.encode()), CHECK)


def _written(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[rest])
    return "".join(reversed(digits))


def digest_of(token: str) -> bytes:
    return sha256(token.encode()).digest()
