"""The gate: who comes in, until when, and how they hear that their session or their rights have changed.

One for each `serve`. It recognises a session's access token, a browser's cookie, an API key, and the token
that the holder of a certificate signs, an agent or a partner; everything else is refused. The transports ask
it through `datawave.app`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog
from redis.asyncio import Redis
from sqlalchemy import text

from auth.access import Actor, Actors, Seat, limited
from auth.apikeys import ApiKeys, KnownKey
from auth.attempts import Attempts
from auth.certificates import Bearers, Holders, is_holders
from auth.key_shapes import is_key
from auth.passwords import Passwords
from auth.sessions import Known, Sessions
from auth.tokens import Claims, Tokens
from datawave.kit.access import NOBODY, Viewer
from datawave.kit.database import Database
from datawave.kit.ending import ended
from datawave.kit.errors import UnavailableError, unauthenticated
from datawave.kit.events import from_wire
from datawave.kit.ids import global_id
from datawave.kit.live import Live
from datawave.kit.vault import Keyring

log = structlog.get_logger(__name__)

TOPIC = "access"
"""Every event that changes who may do what: its `actor_id`, `actor_ids` or `session_ids` say whom it
concerns, none of them: everybody. A group stands for its members. `fingerprints` and `key_ids` are
certificates and keys that nobody comes in with any more; a `kid` is a new signing key."""

LOOK = 5.0
MOST_REMEMBERED = 10_000
A_MOMENT = 1.0
"""For so long who came in is let in again with nothing looked up."""

STANDS = text("SELECT datawave_now(), coalesce((SELECT position FROM topic_head WHERE topic = 'access'), 0)")


Way = Known | KnownKey | Bearers
"""What somebody came in by: a session, a key, a certificate. Whoever watches it is told of its end."""


class Entered:
    """Somebody who came in. `viewer` is as of now: it follows changes of rights while a socket is open."""

    def __init__(
        self,
        *,
        seat: Seat | None,
        way: Way | None,
        expires_at: datetime | None,
        address: str | None,
        client: str | None,
    ) -> None:
        self._seat = seat
        self._way = way
        self._expires_at = expires_at
        self.address = address
        self.client = client
        self.ended = False
        """The session has ended, or nothing is left of its rights."""
        self._changed: asyncio.Event | None = None
        self.listeners: set[Callable[[], None]] | None = None
        """Called at the end, and at each change of rights."""
        self._viewer: tuple[Actor, Viewer] | None = None
        if seat is not None:
            seat.watched_by(self)
        if way is not None:
            way.watching.add(self)

    @property
    def viewer(self) -> Viewer:
        if self._seat is None:
            return replace(NOBODY, address=self.address, client=self.client)
        actor = self._seat.actor
        if self._viewer is None or self._viewer[0] is not actor:
            viewer = actor.viewer(
                session_id=self.session_id, address=self.address, client=_told(self._way, actor, self.client)
            )
            if isinstance(self._way, Known | KnownKey) and self._way.scopes is not None:
                viewer = replace(viewer, rights=limited(actor.rights, self._way.scopes))
            self._viewer = (actor, viewer)
        return self._viewer[1]

    @property
    def session_id(self) -> UUID | None:
        return self._way.id if isinstance(self._way, Known) else None

    @property
    def expires_at(self) -> datetime | None:
        """A cookie's session is prolonged by use; a token's is not."""
        way = self._way
        return way.expires_at if isinstance(way, Known) and way.cookie else self._expires_at

    @property
    def changed(self) -> asyncio.Event:
        """Set at the next change of rights, or the end: wait for it, then look at `viewer` again."""
        self._changed = self._changed or asyncio.Event()
        return self._changed

    def session_ended(self) -> None:
        self._end()

    def _end(self) -> None:
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None
        for listener in [*(self.listeners or ())]:
            listener()

    def is_good(self, now: datetime) -> bool:
        """Whether they would be let in again, by what is known here."""
        if self.ended or self._seat is None or self._expires_at is None:
            return False
        return now < self._expires_at and time.monotonic() < self._seat.actor.stale_at

    def rights_changed(self, before: Actor) -> None:
        now = self._seat.actor if self._seat else before
        if not now.active or (before.rights.held and not now.rights.held):
            self._end()
        else:
            self._tell()

    def goes_on_as(self, other: Entered) -> None:
        """With the other's token: same actor, later end."""
        if self._way is not None:
            self._way.watching.discard(self)
        if other._way is not None:
            other._way.watching.add(self)
        self._way = other._way
        self._expires_at, self._viewer = other._expires_at, None
        self._tell()  # its scopes may be others


def _told(way: Way | None, actor: Actor, client: str | None) -> str | None:
    """The program, as the record tells it: a key or certificate is named first, since there is no session to
    name. An agent has one certificate at a time."""
    match way:
        case KnownKey():
            named = global_id("apikey", way.id)
        case Bearers() if actor.word != "agent":
            named = global_id("certificate", way.certificate_id)
        case _:
            return client
    return f"{named} {client}" if client else named


@dataclass(frozen=True)
class _Remembered:
    claims: Claims


class Gate:
    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        valkey: Redis,
        *,
        prefix: str,
        issuer: str,
        passwords: Passwords | None = None,
        failures_per_minute: int = 10,
    ) -> None:
        self._database = database
        self.actors = Actors(database)
        self.passwords = passwords or Passwords()
        self.attempts = Attempts(
            valkey, prefix=prefix, per_minute=failures_per_minute, now=lambda: self.now().timestamp()
        )
        self.tokens = Tokens(database, keyring, issuer=issuer, now=self.now)
        self.sessions = Sessions(database, keyring, valkey, prefix=prefix, now=self.now)
        self.keys = ApiKeys(database, now=self.now)
        self.holders = Holders(database, now=self.now)
        self._ahead = timedelta()
        self._head = 0
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()
        self._lately: dict[Hashable, Entered] = {}
        self._wanted: set[UUID] | None = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def now(self) -> datetime:
        """The platform's clock, which is the database's, as of the last look."""
        return datetime.now(UTC) + self._ahead

    async def start(self, live: Live | None = None) -> None:
        """Listens to `live` for changes of access, and looks at PostgreSQL for those that pub/sub loses."""
        await self.look()
        if live is not None:
            live.listen(TOPIC, self.heard)
        self._tasks = [
            asyncio.create_task(self._refreshes(), name="gate.refreshes"),
            asyncio.create_task(self._looks(), name="gate.looks"),
        ]

    async def stop(self) -> None:
        await ended(self._tasks)

    async def enter(
        self, token: str | None, cookie: str | None, *, address: str | None = None, client: str | None = None
    ) -> Entered:
        """Whoever asks; nobody without token and cookie. UNAUTHENTICATED for one that is not, or no longer,
        good."""
        where = {"address": address, "client": client}
        if token is not None:
            if is_key(token):
                return await self._with_key(token, where)
            hashed = sha256(token.encode("utf-8", "replace")).digest()
            # Holders' tokens are not among those remembered here: what is needs no other look.
            if hashed not in self._remembered and is_holders(token):
                return await self._with_certificate(token, where)
            return await self._with_token(token, hashed, where)
        if cookie is not None:
            return await self._with_cookie(cookie, where)
        return Entered(seat=None, way=None, expires_at=None, **where)

    def lately(self, token: str, address: str | None, client: str | None) -> Entered | None:
        """Whoever came in with this token, from there, a moment ago (`remember`)."""
        entered = self._lately.get((token, address, client))
        return entered if entered is not None and entered.is_good(self.now()) else None

    def remember(self, entered: Entered, token: str) -> None:
        """For a moment: it ends soon, because a session is in use for as long as somebody is in with it."""
        coming = (token, entered.address, entered.client)
        if coming not in self._lately and len(self._lately) < MOST_REMEMBERED:
            self._lately[coming] = entered
            asyncio.get_running_loop().call_later(A_MOMENT, self._lately.pop, coming, None)

    async def renew(self, entered: Entered, token: str) -> None:
        """An open socket goes on with a new token of the same actor."""
        fresh = await self.enter(token, None, address=entered.address, client=entered.client)
        before = entered.viewer
        if before.signed_in and fresh.viewer.actor_id != before.actor_id:
            raise unauthenticated("This token is somebody else's; open another connection for them.")
        if not before.signed_in:
            raise unauthenticated("This connection was opened without signing in; open another one.")
        entered.goes_on_as(fresh)

    async def _with_token(self, token: str, hashed: bytes, where: dict[str, str | None]) -> Entered:
        kept = self._remembered.get(hashed)
        if kept is None or kept.claims.expires_at <= self.now():
            self._remembered.pop(hashed, None)
            kept = _Remembered(await self.tokens.claims_of(token))
            self._remember(hashed, kept)
        claims = kept.claims
        known = await self.sessions.by_id(claims.session_id)
        if known is None or known.actor_id != claims.actor_id:
            self._remembered.pop(hashed, None)
            raise unauthenticated("The session of this token has ended; sign in again.")
        return await self._seated(known, min(claims.expires_at, known.expires_at), where)

    async def _with_cookie(self, cookie: str, where: dict[str, str | None]) -> Entered:
        known = await self.sessions.by_cookie(cookie[:200])
        if known is None or not known.cookie:
            raise unauthenticated("This session has ended; sign in again.")
        return await self._seated(known, known.expires_at, where)

    async def _with_key(self, token: str, where: dict[str, str | None]) -> Entered:
        known = await self.keys.of(token)
        return await self._seated(known, known.expires_at, where)

    async def _seated(
        self, known: Known | KnownKey, until: datetime, where: dict[str, str | None]
    ) -> Entered:
        seat = await self.actors.seat(known.actor_id, known.actor_word)
        if not seat.actor.active:
            raise unauthenticated("This account is not active; ask an administrator.")
        entered = Entered(seat=seat, way=known, expires_at=until, **where)
        if known.over:  # before it was watched nobody would have told it
            raise unauthenticated("This has ended; sign in again.")
        return entered

    async def _with_certificate(self, token: str, where: dict[str, str | None]) -> Entered:
        holder = await self.holders.holder_of(token)
        seat = await self.actors.seat(holder.actor_id, holder.actor_word)
        if not seat.actor.active:
            raise unauthenticated(
                "This agent was revoked; it has to be enrolled again."
                if holder.actor_word == "agent"
                else "This account is not active; ask an administrator."
            )
        bearers = self.holders.bearers(holder)
        entered = Entered(seat=seat, way=bearers, expires_at=holder.expires_at, **where)
        # Before this nobody would have told it.
        await self.holders.refuse_revoked(holder.fingerprint)
        return entered

    def _remember(self, hashed: bytes, kept: _Remembered) -> None:
        self._remembered[hashed] = kept
        while len(self._remembered) > MOST_REMEMBERED:
            self._remembered.popitem(last=False)

    def heard(self, message: dict[str, Any]) -> None:
        """A message of the topic `access`, from whichever process."""
        events = [from_wire(values) for _, values in message.get("events", [])]
        if not events:
            self.tokens.changed()
            self._concerns(None)
        for event in events:
            self._take(event.data)

    def _take(self, data: dict[str, Any]) -> None:
        if fingerprints := data.get("fingerprints"):
            self.holders.revoked(fingerprints)
        if key_ids := data.get("key_ids"):
            self.keys.revoked(UUID(each) for each in key_ids)
        if data.get("kid"):
            self.tokens.changed()
        elif session_ids := data.get("session_ids"):
            self.sessions.ended(UUID(each) for each in session_ids)
        elif actor_ids := data.get("actor_ids"):
            self._concerns(UUID(each) for each in actor_ids)
        elif actor_id := data.get("actor_id"):
            self._concerns([UUID(actor_id)])
        else:
            self._concerns(None)

    def _concerns(self, actors: Iterable[UUID] | None) -> None:
        if actors is None or self._wanted is None:
            self._wanted = None
        else:
            self._wanted.update(actors)
        self._wake.set()

    async def _refresh(self) -> None:
        wanted, self._wanted = self._wanted, set[UUID]()
        self._wake.clear()
        try:
            if wanted is None:
                await self.holders.look()
            if wanted is None or wanted:
                await self.actors.refresh(wanted)
        except BaseException:
            self._concerns(wanted)
            raise

    async def look(self) -> None:
        """What pub/sub may have lost, and the clock: a few statements for the whole process."""
        async with self._database.connection() as connection:
            before = time.monotonic()
            now, head = (await connection.execute(STANDS)).one()
            half = timedelta(seconds=(time.monotonic() - before) / 2)
        ahead = now + half - datetime.now(UTC)
        # Two clocks that agree to a tenth of a second are one clock.
        self._ahead = ahead if abs(ahead) > timedelta(seconds=0.1) else timedelta()
        if head != self._head:
            self.tokens.changed()
            self._concerns(None)
        elif passing := self.actors.passing():
            self._concerns(passing)
        await self._refresh()
        self._head = head
        await self.sessions.look()
        await self.keys.look()

    async def _refreshes(self) -> None:
        while True:
            await self._wake.wait()
            try:
                await self._refresh()
            except UnavailableError:
                await asyncio.sleep(0.5)
            except Exception:
                log.exception("gate.not_refreshed")
                await asyncio.sleep(0.5)

    async def _looks(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
            except UnavailableError:
                log.warning("gate.waits")
            except Exception:
                log.exception("gate.failed")
