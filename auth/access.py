"""What an actor may do: roles and grants turned into `Rights`, one immutable value for each actor, kept in
process.

A change of grants or roles is an event of the topic `access`; pub/sub brings it within milliseconds, and
where Valkey is silent the topic's head in PostgreSQL is looked at every few seconds (see `auth.gate`).
"""

from __future__ import annotations

import hashlib
import time
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from auth.permissions import BUILT_IN_ROLES
from datawave.kit.access import NOBODY, SYSTEM, Rights, Scope, Viewer
from datawave.kit.database import Database

MOST_KEPT = 5_000

ACTORS = text(
    "SELECT id, 'user' AS word, display_name AS name, state = 'ACTIVE' AS active FROM person WHERE"
    " id = ANY(:ids)"
    " UNION ALL SELECT id, 'service', display_name, enabled FROM service_account WHERE id = ANY(:ids)"
    " UNION ALL SELECT id, 'agent', name, state <> 'REVOKED' FROM edge_agent WHERE id = ANY(:ids)"
)
GRANTS = text(
    "SELECT g.actor_id, g.scope_word, g.scope_id, r.permission_names,"
    " extract(epoch FROM g.expires_at - datawave_now())::float8 AS lasts"
    " FROM access_grant g JOIN role r ON r.id = g.role_id"
    " WHERE g.actor_id = ANY(:ids) AND (g.expires_at IS NULL OR g.expires_at > datawave_now())"
)


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An actor as they were when last looked at."""

    id: UUID
    word: str
    display_name: str = ""
    active: bool = False
    rights: Rights = field(default_factory=Rights)
    stale_at: float = float("inf")
    """By the monotonic clock: when the first of the grants ends."""

    def viewer(self, **more: Any) -> Viewer:
        return Viewer(
            actor_id=self.id, actor_word=self.word, display_name=self.display_name, rights=self.rights, **more
        )


def rights_made(granted: Iterable[tuple[Sequence[str], str | None, UUID | None]]) -> Rights:
    """Rights from (permissions, scope's word, scope's id)."""
    everywhere: set[str] = set()
    workspaces: defaultdict[str, set[UUID]] = defaultdict(set)
    sources: defaultdict[str, set[UUID]] = defaultdict(set)
    for permissions, word, scope_id in granted:
        if scope_id is None:
            everywhere.update(permissions)
            continue
        reached = workspaces if word == "workspace" else sources
        for permission in permissions:
            reached[permission].add(scope_id)
    held = {
        permission: Scope(
            everywhere=permission in everywhere,
            workspaces=frozenset(workspaces.get(permission, ())),
            sources=frozenset(sources.get(permission, ())),
        )
        for permission in everywhere | workspaces.keys() | sources.keys()
    }
    return Rights(held=held, digest=_digest(held))


def _digest(held: dict[str, Scope]) -> str:
    told = [
        [
            permission,
            scope.everywhere,
            sorted(i.hex for i in scope.workspaces),
            sorted(i.hex for i in scope.sources),
        ]
        for permission, scope in sorted(held.items())
    ]
    return hashlib.sha256(orjson.dumps(told)).hexdigest()[:16]


def limited(rights: Rights, permissions: Sequence[str] | None) -> Rights:
    """No more than these: the scopes that a program asked for."""
    if permissions is None:
        return rights
    held = {name: scope for name, scope in rights.held.items() if name in permissions}
    return Rights(held=held, digest=_digest(held))


class Seat:
    """The place of one actor in this process: who holds it always sees the actor as last looked at."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self._watching: weakref.WeakSet[Any] = weakref.WeakSet()

    def watched_by(self, watcher: Any) -> None:
        """Its `rights_changed(before)` is called after each change."""
        self._watching.add(watcher)

    def put(self, actor: Actor) -> None:
        before, self.actor = self.actor, actor
        if before.rights.digest == actor.rights.digest and before.active == actor.active:
            return
        for watcher in list(self._watching):
            watcher.rights_changed(before)


class Actors:
    """The actors of this process. The last used are kept; those that somebody holds a seat of are never
    lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seats: weakref.WeakValueDictionary[UUID, Seat] = weakref.WeakValueDictionary()
        self._kept: OrderedDict[UUID, Seat] = OrderedDict()

    async def seat(self, actor_id: UUID, word: str) -> Seat:
        seat = self._seats.get(actor_id)
        if seat is None:
            seat = Seat((await self.looked_up({actor_id: word}))[actor_id])
            seat = self._seats.setdefault(actor_id, seat)
        elif seat.actor.stale_at <= time.monotonic():
            await self.refresh([actor_id])
        self._kept[actor_id] = seat
        self._kept.move_to_end(actor_id)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return seat

    async def rights_of(self, actor_id: UUID, word: str) -> Rights:
        return (await self.seat(actor_id, word)).actor.rights

    async def viewer_of(self, actor_id: UUID | None, word: str | None) -> Viewer:
        """With the rights of this moment: for jobs, which run as whoever asked for them."""
        if word == "system":
            return SYSTEM
        if actor_id is None or word is None:
            return NOBODY
        return (await self.looked_up({actor_id: word}))[actor_id].viewer()

    async def refresh(self, ids: Iterable[UUID] | None = None) -> None:
        """Looks again at these actors, or at all that are held here."""
        seats = dict(self._seats)
        wanted = [key for key in (seats if ids is None else ids) if key in seats]
        for at in range(0, len(wanted), 1_000):
            part = {key: seats[key].actor.word for key in wanted[at : at + 1_000]}
            for key, actor in (await self.looked_up(part)).items():
                seats[key].put(actor)

    def passing(self) -> list[UUID]:
        """Those of whom a grant has run out since they were looked at."""
        now = time.monotonic()
        return [key for key, seat in list(self._seats.items()) if seat.actor.stale_at <= now]

    async def looked_up(self, wanted: dict[UUID, str]) -> dict[UUID, Actor]:
        ids = list(wanted)
        async with self._database.connection() as connection:
            known = {row.id: row for row in await connection.execute(ACTORS, {"ids": ids})}
            granted: defaultdict[UUID, list[Any]] = defaultdict(list)
            for row in await connection.execute(GRANTS, {"ids": ids}):
                granted[row.actor_id].append(row)
        return {key: _made(key, word, known.get(key), granted[key]) for key, word in wanted.items()}


def _made(key: UUID, word: str, row: Any, grants: Sequence[Any]) -> Actor:
    if row is None or row.word != word or not row.active:
        return Actor(id=key, word=word, display_name=row.name if row else "")
    held = [(grant.permission_names, grant.scope_word, grant.scope_id) for grant in grants]
    if word == "agent":
        held.append((sorted(BUILT_IN_ROLES["Agent"][1]), None, None))
    lasts = min((grant.lasts for grant in grants if grant.lasts is not None), default=float("inf"))
    return Actor(
        id=key,
        word=word,
        display_name=row.name,
        active=True,
        rights=rights_made(held),
        stale_at=time.monotonic() + lasts,
    )
