"""What every resolver finds in `info.context`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import select

from datawave.kit import log
from datawave.kit.access import Viewer, visible
from datawave.kit.commands import INSIDE, Command, Commands
from datawave.kit.database import Base, Database, Db
from datawave.kit.errors import not_found
from datawave.kit.events import Logged
from datawave.kit.history import as_of
from datawave.kit.ids import key_of, taken_apart
from datawave.kit.live import Live
from datawave.kit.loaders import Loaders
from datawave.kit.secrets import Secret
from datawave.transports.door import OperationContext, raw
from schema.own import Touched
from schema.rows import SHOWN, row_shown_by

SOMEBODY = UUID(int=0)
"""Signed in, and the owner of nothing."""

R = TypeVar("R")
N = TypeVar("N")


def set_cookie(name: str, value: str | None, seconds: int, secure: bool) -> str:
    """A cookie's header; without a value it takes the cookie away."""
    age, only_tls = seconds if value else 0, "; Secure" if secure else ""
    return f"{name}={value or ''}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{only_tls}"


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What the program hands to every request."""

    database: Database
    commands: Commands
    live: Live
    extras: dict[str, Any] = field(default_factory=dict[str, Any])
    """Things of one domain (the gate of sign-in, settings for `configuration`), by name: the layers between
    know none."""


@dataclass(kw_only=True)
class Context(OperationContext):
    platform: Platform
    viewer: Viewer
    wants_cookie: bool = False
    """A browser that asked for a cookie (`X-DataWave-Cookie: 1`) instead of tokens."""
    cookie_name: str = "datawave"
    cookie_secure: bool = False
    device_cookie_name: str = "datawave_device"
    device: Secret | None = None
    """What a remembered device keeps, where a browser that asks for a cookie came with it."""
    current: Callable[[], Viewer] | None = None
    """The viewer as they are now: a stream outlives a change of rights."""
    tracking_id: UUID | None = None
    told: set[tuple[str, ...]] = field(default_factory=set[tuple[str, ...]])
    """Response paths (without list indices) whose refusal has been told."""

    def __post_init__(self) -> None:
        self.db = Db(self.platform.database, self.viewer, self.platform.extras)
        self._loaders: Loaders | None = None

    @property
    def loaders(self) -> Loaders:
        """Made when one is needed: a planned query needs none."""
        if self._loaders is None:
            self._loaders = Loaders(self.db)
        return self._loaders

    def set_cookie(self, session: str | None, *, seconds: int = 30 * 86_400) -> None:
        """Gives the browser its session's id; None takes it away."""
        self._set_cookie(self.cookie_name, session, seconds)

    def set_device_cookie(self, device: str, *, seconds: int) -> None:
        """Gives the browser what makes it a remembered device."""
        self._set_cookie(self.device_cookie_name, device, seconds)

    def _set_cookie(self, name: str, value: str | None, seconds: int) -> None:
        self.headers.append(raw("set-cookie", set_cookie(name, value, seconds, self.cookie_secure)))

    async def run(self, what: Command[..., R], *, idempotency_key: str | None = None, **arguments: Any) -> R:
        """Runs a command as the viewer; its id is the payload's `trackingId`."""
        if what.needs == INSIDE:
            raise TypeError(f"{what.name} is run inside alone: no resolver may run it")
        key = None if idempotency_key is strawberry.UNSET else idempotency_key
        done = await self.platform.commands.run(what, self.viewer, arguments, idempotency_key=key)
        self.tracking_id = done.tracking_id
        return done.value

    async def see(self, row: type[Any], text: str, *, path: list[str] | None = None) -> Any:
        """The row behind a global id, NOT_FOUND for whoever may not see it."""
        where = path or ["id"]
        key = key_of(row.__word__, text, path=where)
        found = await self.db.scalar(select(row).where(row.id == key, visible(row, self.viewer)))
        if found is None:
            raise not_found(row.__word__, path=where)
        return found

    async def node(self, word: str, key: UUID) -> Any:
        """Anything by word and key, or None."""
        row = row_of(word)
        if row is None or row not in SHOWN:
            return None
        return SHOWN[row].of_maybe(await self.loaders.row(row).load(key))

    async def node_of(self, kind: type[N], key: UUID | None) -> N | None:
        """A thing of a known type by its key; None without one, or where the viewer may not see it."""
        if key is None:
            return None
        row = row_shown_by(kind)
        shown: Any = SHOWN[row].of_maybe(await self.loaders.row(row).load(key))
        return shown

    async def by_id(self, text: str) -> Any:
        parts = taken_apart(text)
        return await self.node(*parts) if parts else None

    def row_of(self, word: str) -> type[Any] | None:
        """The table of a word, where a type shows it."""
        row = row_of(word)
        return row if row in SHOWN else None

    async def instance(self, row: type[Any], key: UUID, at: datetime | None) -> Any:
        """A thing as its type, as of a time; for resolvers that want the whole row."""
        there = as_of(row, at)
        found = await self.db.scalar(select(there).where(there.id == key, visible(there, self.viewer)))
        if found is None:
            return None
        shows: Any = SHOWN[row]
        return shows.of(found, at) if at is not None else shows.of(found)

    async def follow(
        self,
        topic: str,
        after: str | None,
        *,
        wanted: Callable[[Logged], bool] | None = None,
        sees: Callable[[Logged], Awaitable[bool]] | None = None,
        progress: Callable[[dict[str, Any]], Logged | None] | None = None,
    ) -> AsyncIterator[Logged]:
        """Events of a topic, without gap or duplicate. `wanted` filters on the way; `progress` turns what is
        not kept into something like an event (a Logged with position 0)."""
        position = self.position
        async for step in self._steps(topic, after):
            event = step.event
            self.renewed()
            self.told.clear()
            if event is None:
                made = progress(step.progress) if progress and step.progress is not None else None
                if made is not None:
                    position.give_progress(step.key)
                    yield replace(made, cursor=step.cursor)
                continue
            if (wanted is not None and not wanted(event)) or (sees is not None and not await sees(event)):
                continue
            position.give(step.cursor, event.position)
            yield event
            position.passed(step.cursor, event.position)

    def _steps(self, topic: str, after: str | None) -> AsyncIterator[log.Step]:
        """Of a group from where the log stands; of one who is to meet it until then; else of one alone."""
        database, live, moved = self.platform.database, self.platform.live, self.position.passed
        cursor = self.last_event_id or after  # a reader that came back knows better than its address
        if self.leading:
            return log.follow(database, live, topic, after=None, moved=moved)
        if self.meeting is not None:
            return log.catch_up(database, topic, after=cursor, ahead=self.meeting, moved=moved)
        return log.follow(database, live, topic, after=cursor, moved=moved)

    def among(self, touched: Touched) -> Hashable | None:
        """Whoever has the same rights; where one's own things are touched, the viewer alone."""
        if self.current is None:
            return None
        viewer = self.current()
        mine = (viewer.actor_id, viewer.actor_word, viewer.session_id) if touched.own_of(viewer) else ()
        return viewer.rights.digest, viewer.signed_in, mine

    def shared(self, touched: Touched) -> Context:
        """As somebody with these rights and no name: what was not declared to be one's own is nobody's."""
        viewer = self.current() if self.current else self.viewer
        if not touched.own_of(viewer):
            nobody = SOMEBODY if viewer.signed_in else None
            viewer = Viewer(actor_id=nobody, rights=viewer.rights)
        return Context(platform=self.platform, viewer=viewer)

    def afresh(self) -> None:
        self.told.clear()
        self._loaders = None

    def renewed(self) -> None:
        """Each event of a stream is read afresh, with the rights of this moment: what an earlier one loaded
        may have changed since, and so may what the viewer may see."""
        if self.current is not None:
            self.viewer = self.current()
            self.db = Db(self.platform.database, self.viewer, self.platform.extras)
        self._loaders = None

    def may_see_event(self, event: Logged, permission: str) -> bool:
        """Whether the viewer may read an event, by what the event itself carries."""
        return self.viewer.rights.on(permission, workspace_id=event.workspace_id, source_id=event.source_id)


Info: TypeAlias = strawberry.Info[Context, Any]


def row_of(word: str) -> type[Any] | None:
    return _words().get(word)


def _words() -> dict[str, type[Any]]:
    if not WORDS:
        for mapper in Base.registry.mappers:
            row: Any = mapper.class_
            if not row.__access__.internal:
                WORDS[row.__word__] = row
    return WORDS


WORDS: dict[str, type[Any]] = {}

__all__ = ["Context", "Info", "Platform", "row_of"]
