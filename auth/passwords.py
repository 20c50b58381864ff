"""Passwords: Argon2id in a thread, a few at once; weak ones refused with the reason.

A hash takes a thirtieth of a second and 19 MiB on purpose, so how many are computed and how many wait is
bounded: a flood of sign-ins is refused, it neither eats the machine nor keeps others from working.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn_rs_py import zxcvbn

from datawave.kit.errors import ErrorCode, InputError, UnavailableError
from datawave.kit.secrets import Secret

SHORTEST = 10
LONGEST = 128
STRONG_ENOUGH = 3
"""zxcvbn's score: beyond 10^8 guesses."""
PRODUCT = "datawave"
WORDS = re.compile(r"[\W_]+")

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
"""The least that OWASP recommends for Argon2id; its other sets (46 MiB and one pass, for instance) are of the
same strength. RFC 9106's second (64 MiB, three passes) lets a core verify five a second and this some thirty,
so that a sign-in, with all that is done beside it, takes less than a tenth of a second of one core.
`benchmarks/login.py` measures it."""


def recommended() -> PasswordHasher:
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)


class Passwords:
    def __init__(
        self, hasher: PasswordHasher | None = None, *, at_once: int = 2, most_waiting: int = 50
    ) -> None:
        self._hasher = hasher or recommended()
        self._places = asyncio.Semaphore(at_once)
        self._most_waiting = most_waiting
        self._waiting = 0
        self._nobodys: str | None = None

    async def hash(self, password: Secret) -> Secret:
        async with self._place():
            return Secret(await asyncio.to_thread(self._hasher.hash, password.reveal()))

    async def matches(self, hashed: str | None, password: Secret) -> bool:
        """Whether this is the password. Without a hash it takes as long as with one and is never true."""
        async with self._place():
            return await asyncio.to_thread(self._matches, hashed, password.reveal())

    async def renewed(self, hashed: str, password: Secret) -> Secret | None:
        """The hash of a password that was right, where the one kept has other parameters than those of
        now."""
        return await self.hash(password) if self._hasher.check_needs_rehash(hashed) else None

    def _matches(self, hashed: str | None, password: str) -> bool:
        if len(password) > LONGEST:
            hashed, password = None, ""
        if self._nobodys is None:  # by whoever comes first, known or not
            self._nobodys = self._hasher.hash(secrets.token_urlsafe(16))
        try:
            # A lone surrogate has no UTF-8 form of its own.
            same = self._hasher.verify(hashed or self._nobodys, password.encode("utf-8", "replace"))
        except (VerificationError, InvalidHashError):
            return False
        return same and hashed is not None

    @asynccontextmanager
    async def _place(self) -> AsyncGenerator[None]:
        if self._waiting >= self._most_waiting:
            raise UnavailableError(
                ErrorCode.RATE_LIMITED,
                "Too many people are signing in at once; try again.",
                retry_after_seconds=5,
            )
        self._waiting += 1
        try:
            async with self._places:
                yield
        finally:
            self._waiting -= 1


def _near(word: str) -> set[str]:
    """The word, its parts, and its parts in one."""
    parts = WORDS.split(word)
    return {word, *word.split("@"), *parts, "".join(parts)}


def refuse_weak(password: Secret, about: Sequence[str], *, path: Sequence[str]) -> None:
    """Refuses a password that is guessed soon; `about` are words that lie near (e-mail, name)."""
    text = password.reveal()
    expected = f"{SHORTEST} to {LONGEST} characters that are not guessed soon"
    if not SHORTEST <= len(text) <= LONGEST:
        raise InputError(
            ErrorCode.INVALID,
            f"A password has {SHORTEST} to {LONGEST} characters.",
            path=path,
            expected=expected,
        )
    if any(ord(c) == 0 or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise InputError(
            ErrorCode.INVALID,
            "This password holds a character that no keyboard makes.",
            path=path,
            expected=expected,
        )
    near = {part for word in (PRODUCT, *about) for part in _near(word)}
    found = zxcvbn(text, sorted(filter(None, near)))
    if int(found.score) < STRONG_ENOUGH:
        why = found.feedback.warning if found.feedback and found.feedback.warning else "It is guessed soon."
        raise InputError(
            ErrorCode.INVALID,
            f"This password is too weak. {why} Take a few unrelated words, or let a password manager"
            f" make one.",
            path=path,
            expected=expected,
        )
