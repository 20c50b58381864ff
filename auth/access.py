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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from auth.permissions import BUILT_IN_ROLES
from datawave.kit.access import EVERYWHERE, NOBODY, SYSTEM, Rights, Scope, Viewer
from datawave.kit.database import Database
from datawave.kit.events import Logged

MOST_KEPT = 5_000

ACTORS = text(
    "SELECT id, 'user' AS word, display_name AS name, state = 'ACTIVE' AS active FROM person WHERE"
    " id = ANY(:ids)"
    " UNION ALL SELECT id, 'service', display_name, enabled FROM service_account WHERE id = ANY(:ids)"
    " UNION ALL SELECT id, 'agent', name, state <> 'REVOKED' FROM edge_agent WHERE id = ANY(:ids)"
)
HELD = text(
    "SELECT holder.id AS holder, holder.members, held.* FROM ("
    " SELECT id, ARRAY[id] AS members FROM unnest(CAST(:ids AS uuid[])) AS id"
    " UNION ALL SELECT group_id, array_agg(member_id) FROM group_member WHERE member_id = ANY(:ids)"
    " GROUP BY group_id) AS holder"
    " LEFT JOIN LATERAL ("
    " SELECT r.id AS role_id, r.permission_names, g.scope_word, array_agg(g.scope_id) AS scope_ids,"
    " extract(epoch FROM min(g.expires_at) - datawave_now())::float8 AS lasts"
    " FROM access_grant g JOIN role r ON r.id = g.role_id"
    " WHERE g.actor_id = holder.id AND (g.expires_at IS NULL OR g.expires_at > datawave_now())"
    " GROUP BY r.id, g.scope_word) AS held ON true"
)
"""One row for each role that somebody of `ids`, or a group of theirs, holds in one kind of place: what a
group holds is read once for all its members."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An actor as they were when last looked at."""

    id: UUID
    word: str
    display_name: str = ""
    active: bool = False
    rights: Rights = field(default_factory=Rights)
    holds: frozenset[UUID] = frozenset()
    """Their groups and roles: a change of one of these is a change of theirs."""
    stale_at: float = float("inf")
    """By the monotonic clock: when the first of the grants ends."""

    def viewer(self, **more: Any) -> Viewer:
        return Viewer(
            actor_id=self.id, actor_word=self.word, display_name=self.display_name, rights=self.rights, **more
        )


@dataclass(frozen=True, eq=False)
class Held:
    """Permissions held together: everywhere without places, or in some workspaces or sources."""

    permissions: Sequence[str]
    word: str | None = None
    places: frozenset[UUID] = frozenset()


def rights_made(granted: Iterable[tuple[Sequence[str], str | None, UUID | None]]) -> Rights:
    """Rights from (permissions, scope's word, scope's id)."""
    return rights_of(
        Held(permissions) if scope_id is None else Held(permissions, word, frozenset((scope_id,)))
        for permissions, word, scope_id in granted
    )


def rights_of(all_held: Iterable[Held]) -> Rights:
    """The sum. Permissions that are held in the same places share one scope, and what was worked out for
    it."""
    by_permission: defaultdict[str, list[Held]] = defaultdict(list)
    for held in all_held:
        for permission in held.permissions:
            by_permission[permission].append(held)
    scopes: dict[tuple[int, ...], Scope] = {}
    for together in by_permission.values():
        key = tuple(map(id, together))
        if key not in scopes:
            scopes[key] = _scope(together)
    found = {name: scopes[tuple(map(id, together))] for name, together in by_permission.items()}
    return Rights(held=found, digest=_digest(found))


def _scope(together: Sequence[Held]) -> Scope:
    if any(held.word is None for held in together):
        return EVERYWHERE
    return Scope(workspaces=_places(together, "workspace"), sources=_places(together, "source"))


def _places(together: Sequence[Held], word: str) -> frozenset[UUID]:
    found = [held.places for held in together if held.word == word]
    return found[0] if len(found) == 1 else frozenset[UUID]().union(*found)


def _digest(held: Mapping[str, Scope]) -> str:
    told = [[permission, scope.digest] for permission, scope in sorted(held.items())]
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
        self._rights: weakref.WeakValueDictionary[str, Rights] = weakref.WeakValueDictionary()
        """By digest: a thousand people who may do the same share one value, however many places it names."""
        self._changes = 0

    async def seat(self, actor_id: UUID, word: str) -> Seat:
        seat = self._seats.get(actor_id)
        if seat is None:
            seat = await self._first_seat(actor_id, word)
        elif seat.actor.stale_at <= time.monotonic():
            await self.refresh([actor_id])
        self._kept[actor_id] = seat
        self._kept.move_to_end(actor_id)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return seat

    async def _first_seat(self, actor_id: UUID, word: str) -> Seat:
        """A change that is heard while we look does not find them among those held here: look again."""
        while True:
            before = self._changes
            actor = (await self.looked_up({actor_id: word}))[actor_id]
            if before == self._changes:
                return self._seats.setdefault(actor_id, Seat(actor))

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
        """Looks again at these actors, or at all that are held here. A group stands for its members."""
        self._changes += 1
        seats = dict(self._seats)
        wanted = list(seats) if ids is None else _concerned(seats, frozenset(ids))
        for at in range(0, len(wanted), 1_000):
            part = {key: seats[key].actor.word for key in wanted[at : at + 1_000]}
            for key, actor in (await self.looked_up(part)).items():
                seats[key].put(actor)

    def concerns(self, actor_id: UUID, event: Logged) -> bool:
        """Whether an event of the topic `access` may have changed what somebody who is held here may do."""
        seat = self._seats.get(actor_id)
        holds = seat.actor.holds if seat is not None else frozenset[UUID]()
        named = event.value("actor_ids") or [event.value("actor_id") or event.value("role_id")]
        return any(UUID(each) in {actor_id, *holds} for each in named if each)

    def passing(self) -> list[UUID]:
        """Those of whom a grant has run out since they were looked at."""
        now = time.monotonic()
        return [key for key, seat in list(self._seats.items()) if seat.actor.stale_at <= now]

    async def looked_up(self, wanted: dict[UUID, str]) -> dict[UUID, Actor]:
        ids = list(wanted)
        async with self._database.connection() as connection:
            known = {row.id: row for row in await connection.execute(ACTORS, {"ids": ids})}
            held: defaultdict[UUID, list[_HeldByOne]] = defaultdict(list)
            for row in await connection.execute(HELD, {"ids": ids}):
                one = _HeldByOne.of(row)
                for member in row.members:
                    held[member].append(one)
        summed: dict[tuple[int, ...], Rights] = {}
        return {key: self._made(key, word, known.get(key), held[key], summed) for key, word in wanted.items()}

    def _made(
        self,
        key: UUID,
        word: str,
        row: Any,
        held: Sequence[_HeldByOne],
        summed: dict[tuple[int, ...], Rights],
    ) -> Actor:
        """`summed` is what was added up before, for those who hold the very same."""
        if row is None or row.word != word or not row.active:
            return Actor(id=key, word=word, display_name=row.name if row else "")
        parts = [one.held for one in held if one.held is not None]
        if word == "agent":
            parts.append(OF_AGENTS)
        same = tuple(map(id, parts))
        if same not in summed:
            rights = rights_of(parts)
            summed[same] = self._rights.setdefault(rights.digest, rights)
        return Actor(
            id=key,
            word=word,
            display_name=row.name,
            active=True,
            rights=summed[same],
            holds=frozenset(part for one in held for part in (one.holder, one.role_id) if part) - {key},
            stale_at=time.monotonic() + min((one.lasts for one in held), default=float("inf")),
        )


OF_AGENTS = Held(sorted(BUILT_IN_ROLES["Agent"][1]))


@dataclass(frozen=True, kw_only=True, slots=True)
class _HeldByOne:
    """What an actor or a group holds by one role in one kind of place; nothing, of a group without grants."""

    holder: UUID
    role_id: UUID | None
    held: Held | None
    lasts: float

    @classmethod
    def of(cls, row: Any) -> _HeldByOne:
        held = None
        if row.role_id is not None:
            places = frozenset(row.scope_ids) if row.scope_word else frozenset[UUID]()
            held = Held(row.permission_names, row.scope_word, places)
        lasts = float("inf") if row.lasts is None else row.lasts
        return cls(holder=row.holder, role_id=row.role_id, held=held, lasts=lasts)


def _concerned(seats: Mapping[UUID, Seat], ids: frozenset[UUID]) -> list[UUID]:
    own = [key for key in ids if key in seats]
    if len(own) == len(ids):
        return own
    others = (key for key, seat in seats.items() if key not in ids and not ids.isdisjoint(seat.actor.holds))
    return [*own, *others]
