"""Whose an API key is, and until when: keys as a process remembers them."""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from auth.key_shapes import digest_of, is_whole
from datawave.kit.database import Database
from datawave.kit.errors import AccessError, unauthenticated
from models.identity import ApiKey

USED_AGAIN = 60.0
"""Seconds between two writings of a key's last use."""

MOST_KEPT = 10_000

LIVING = text(
    "SELECT id FROM api_key WHERE id = ANY(:ids) AND revoked_at IS NULL AND expires_at > datawave_now()"
)
USED = text("UPDATE api_key SET last_used_at = datawave_now() WHERE id = ANY(:ids)")


@dataclass(eq=False)
class KnownKey:
    """A key as this process knows it; one object for each, so that who came in with it hears of its end."""

    id: UUID
    actor_id: UUID
    actor_word: str
    scopes: list[str]
    expires_at: datetime
    over: bool = False
    used: bool = False
    """Since its last use was written."""
    written: float = -USED_AGAIN
    watching: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet[Any])
    """Their `session_ended()` is called when it ends."""

    def end(self) -> None:
        if not self.over:
            self.over = True
            for watcher in list(self.watching):
                watcher.session_ended()


class ApiKeys:
    """The keys that this process has met. Like sessions they are not believed for long: `look` asks for those
    that have ended, should a message have been lost."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        self._known: weakref.WeakValueDictionary[UUID, KnownKey] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[bytes, KnownKey] = OrderedDict()
        self._strangers: OrderedDict[bytes, None] = OrderedDict()
        """Hashes of what is no key: 256 random bits that are nobody's today are nobody's tomorrow."""
        self._revocations = 0

    async def of(self, token: str) -> KnownKey:
        """UNAUTHENTICATED for whatever is not a key that is good now."""
        if not is_whole(token):
            raise _refused("it is mistyped, or a part of it is missing")
        hashed = digest_of(token)
        known = self._kept.get(hashed) or await self._met(hashed)
        if known.over:
            raise _refused("it was revoked, or has expired")
        if known.expires_at <= self._now():
            raise _refused("it has expired")
        known.used = True
        _keep(self._kept, hashed, known)
        return known

    async def _met(self, hashed: bytes) -> KnownKey:
        if hashed in self._strangers:
            raise _refused("it is not known here")
        while True:
            before = self._revocations
            async with self._database.session() as session:
                row = (await session.scalars(select(ApiKey).where(ApiKey.key_hash == hashed))).one_or_none()
            if before == self._revocations:  # else this very key may have been revoked while we looked
                break
        if row is None:
            _keep(self._strangers, hashed, None)
            raise _refused("it is not known here")
        met = KnownKey(
            id=row.id,
            actor_id=row.actor_id,
            actor_word=row.actor_word,
            scopes=row.permission_names,
            expires_at=row.expires_at,
            over=row.revoked_at is not None,
        )
        return self._known.setdefault(row.id, met)

    def revoked(self, ids: Iterable[UUID]) -> None:
        """Told by an event: whoever is in with one of these is out."""
        self._revocations += 1
        for key_id in ids:
            if known := self._known.get(key_id):
                known.end()

    async def look(self) -> None:
        """Writes the last use of those in use, and asks which of those known here have ended."""
        now = time.monotonic()
        here = [known for known in list(self._known.values()) if not known.over]
        used = [k for k in here if (k.used or k.watching) and now - k.written >= USED_AGAIN]
        if not here:
            return
        async with self._database.connection() as connection:
            if used:
                await connection.execute(USED, {"ids": [known.id for known in used]})
                for known in used:
                    known.written, known.used = now, False
            for at in range(0, len(here), 1_000):
                part = here[at : at + 1_000]
                found = await connection.execute(LIVING, {"ids": [known.id for known in part]})
                living = set(found.scalars())
                for known in part:
                    if known.id not in living:
                        known.end()


def _refused(why: str) -> AccessError:
    return unauthenticated(f"This API key is not accepted: {why}. Use another, or make a new one.")


def _keep(memory: OrderedDict[Any, Any], key: object, value: object) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MOST_KEPT:
        memory.popitem(last=False)
