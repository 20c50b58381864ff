"""Sessions: rows in PostgreSQL, remembered by the process that met them, mirrored in Valkey for the others.

Neither memory is believed for long: every few seconds the rows are asked which of the sessions known here
have ended (`look`), so that a message that was lost, or a forged or stale mirror, counts for no more than
that.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy import select, text

from auth.tokens import digest
from datawave.kit.database import Database
from datawave.kit.secrets import Secret
from datawave.kit.vault import Keyring
from models.identity import AuthSession

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Lifetimes:
    """How long signing in lasts: of idleness, and in all; with a cookie, and with refresh tokens."""

    idle: timedelta = timedelta(hours=12)
    longest: timedelta = timedelta(days=30)
    refresh_idle: timedelta = timedelta(days=30)
    refresh_longest: timedelta = timedelta(days=90)
    signing_key: timedelta = timedelta(days=90)
    """After which tokens are signed with a new key."""


class _Set:
    lifetimes = Lifetimes()


def lifetimes() -> Lifetimes:
    return _Set.lifetimes


@contextmanager
def lasting(given: Lifetimes) -> Generator[None]:
    """The program sets it once, for as long as it serves."""
    before, _Set.lifetimes = _Set.lifetimes, given
    try:
        yield
    finally:
        _Set.lifetimes = before


MIRRORED = 60
"""Seconds a mirror lasts."""

TOUCHED_AGAIN = 60.0
MOST_KEPT = 10_000

OVER = text(
    "SELECT id, expires_at FROM auth_session"
    " WHERE id = ANY(:ids) AND ended_at IS NULL AND expires_at > datawave_now()"
)
TOUCH = text(
    "UPDATE auth_session SET last_seen_at = datawave_now(), expires_at = CASE WHEN cookie_hash IS"
    " NULL THEN expires_at"
    " ELSE least(datawave_now() + CAST(:idle AS interval), started_at + CAST(:longest AS interval)) END"
    " WHERE id = ANY(:ids) AND ended_at IS NULL AND expires_at > datawave_now()"
)
SEEN = text(
    "UPDATE person p SET last_seen_at = s.last_seen_at FROM auth_session s WHERE s.id = ANY(:ids)"
    " AND s.actor_id = p.id"
)


@dataclass(eq=False)
class Known:
    """A session as this process knows it; one object for each, so that who holds it hears of its end."""

    id: UUID
    actor_id: UUID
    actor_word: str
    expires_at: datetime
    scopes: list[str] | None
    cookie: bool
    over: bool = False
    seen: bool = False
    """Used since its last use was written."""
    touched: float = field(default_factory=time.monotonic)
    watching: weakref.WeakSet[Any] = field(default_factory=weakref.WeakSet[Any])
    """Their `session_ended()` is called when it ends."""

    def end(self) -> None:
        if not self.over:
            self.over = True
            for watcher in list(self.watching):
                watcher.session_ended()


class Sessions:
    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        valkey: Redis,
        *,
        prefix: str,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._valkey = valkey
        self._prefix = f"{prefix}session:"
        self._now = now
        self._known: weakref.WeakValueDictionary[UUID, Known] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[UUID, Known] = OrderedDict()
        self._cookies: OrderedDict[bytes, UUID] = OrderedDict()

    async def by_id(self, session_id: UUID) -> Known | None:
        """The session, if it has not ended."""
        known = self._known.get(session_id)
        if known is None:
            known = await self._met(f"id:{session_id.hex}", AuthSession.id == session_id)
        return self._living(known)

    async def by_cookie(self, cookie: str) -> Known | None:
        hashed = digest(Secret(cookie))
        session_id = self._cookies.get(hashed)
        known = self._known.get(session_id) if session_id else None
        if known is None:
            known = await self._met(f"cookie:{hashed.hex()}", AuthSession.cookie_hash == hashed)
            if known is not None:
                _keep(self._cookies, hashed, known.id)
        return self._living(known)

    def _living(self, known: Known | None) -> Known | None:
        if known is None or known.over or known.expires_at <= self._now():
            return None
        known.seen = True
        _keep(self._kept, known.id, known)
        return known

    async def _met(self, name: str, where: Any) -> Known | None:
        facts = await self._mirrored(name)
        if facts is None:
            async with self._database.session() as session:
                row = (await session.scalars(select(AuthSession).where(where))).one_or_none()
            if row is None:
                return None
            facts = _facts(row)
            await self._mirror(name, facts)
        return self._known.setdefault(facts.id, facts)

    def ended(self, ids: Iterable[UUID]) -> None:
        """Told by an event: whoever is in with one of these is out."""
        for session_id in ids:
            if known := self._known.get(session_id):
                known.end()

    async def look(self) -> None:
        """Writes the last use of those in use, and asks which of those known here have ended."""
        now = time.monotonic()
        used = [
            k for k in self._known.values() if (k.seen or k.watching) and now - k.touched >= TOUCHED_AGAIN
        ]
        ids = [known.id for known in list(self._known.values()) if not known.over]
        async with self._database.connection() as connection:
            if used:
                touched = {"ids": [known.id for known in used]}
                lasts = lifetimes()
                await connection.execute(TOUCH, touched | {"idle": lasts.idle, "longest": lasts.longest})
                await connection.execute(SEEN, touched)
                for known in used:
                    known.touched, known.seen = now, False
            for at in range(0, len(ids), 1_000):
                part = ids[at : at + 1_000]
                self._settle(part, (await connection.execute(OVER, {"ids": part})).all())

    def _settle(self, asked: list[UUID], living: Iterable[Any]) -> None:
        until = {row.id: row.expires_at for row in living}
        for session_id in asked:
            known = self._known.get(session_id)
            if known is None:
                continue
            if session_id in until:
                known.expires_at = until[session_id]
            else:
                known.end()

    async def _mirrored(self, name: str) -> Known | None:
        """What another process has left in Valkey: signed, since who reaches Valkey must not make
        sessions."""
        try:
            async with asyncio.timeout(1):
                kept = await self._valkey.get(self._prefix + name)
        except (RedisError, OSError, TimeoutError):
            return None
        if not isinstance(kept, bytes) or self._signed(name, kept[32:]) != kept[:32]:
            return None
        facts = orjson.loads(kept[32:])
        return Known(
            id=UUID(facts["id"]),
            actor_id=UUID(facts["actor_id"]),
            actor_word=facts["actor_word"],
            expires_at=datetime.fromisoformat(facts["expires_at"]),
            scopes=facts["scopes"],
            cookie=facts["cookie"],
        )

    async def _mirror(self, name: str, known: Known) -> None:
        if known.over:
            return
        facts = orjson.dumps(
            {
                "id": known.id.hex,
                "actor_id": known.actor_id.hex,
                "actor_word": known.actor_word,
                "expires_at": known.expires_at,
                "scopes": known.scopes,
                "cookie": known.cookie,
            }
        )
        try:
            async with asyncio.timeout(1):
                await self._valkey.set(self._prefix + name, self._signed(name, facts) + facts, ex=MIRRORED)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("session.not_mirrored", error=type(error).__name__)

    def _signed(self, name: str, facts: bytes) -> bytes:
        return self._keyring.mac(b"session\0" + name.encode() + b"\0" + facts)


def _facts(row: AuthSession) -> Known:
    return Known(
        id=row.id,
        actor_id=row.actor_id,
        actor_word=row.actor_word,
        expires_at=row.expires_at,
        scopes=row.scopes,
        cookie=row.cookie_hash is not None,
        over=row.ended_at is not None,
    )


def _keep(memory: OrderedDict[Any, Any], key: object, value: object) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MOST_KEPT:
        memory.popitem(last=False)
