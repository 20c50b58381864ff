"""Groups: everybody who follows the same in the same way, served by one execution an event.

Who comes catches up alone, with a source of its own, until it stands where its group stands; there it enters.
The group keeps for it what it tells meanwhile, so that nobody has to be fast to catch a group that runs.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from datawave.kit import metrics, passing
from datawave.transports.door import Position
from datawave.transports.errors import Rejected, failure
from datawave.transports.fanout import Batch, Told
from datawave.transports.rounds import newcomers

if TYPE_CHECKING:
    from datawave.transports.execution import Operation

TICK = 0.002
"""Answers so close together are written at once."""

MOST_KEPT = 1_000
"""Answers a group keeps for those who are about to enter; who needs an older one reads the log on."""

MOST_READ = 4
"""Pages of its log that a group keeps while anybody catches up: those who return have missed the same."""

AT_ONCE = 4
"""Sources that catch up at the same moment: a herd of those who return leaves the others their turn."""


class Key(NamedTuple):
    """What is asked, and as whom."""

    asked: Hashable
    among: Hashable


class Member(Protocol):
    """One subscriber, as its transport sees it. Neither may wait."""

    def take(self, batch: Batch) -> None: ...

    def source_ended(self, rejected: Rejected | None) -> None:
        """The stream is through, or broke for everybody."""
        ...


class _Place(Position):
    """A group's position: those who wait for it to move on hear of it."""

    __slots__ = ("_group",)

    def __init__(self, group: Group) -> None:
        super().__init__()
        self._group = group

    def passed(self, cursor: str, place: int = 0) -> None:
        super().passed(cursor, place)
        self._group.stands(place, cursor)


class _Held(NamedTuple):
    """From which answer on, and from which place on, what is told is kept for one who catches up."""

    since: int
    place: int


class _Read(NamedTuple):
    """What one of those who catch up has read, after the group stood at the goal."""

    goal: int
    found: Sequence[Any]


class Group:
    """Ends with its last member; whoever comes after that begins another."""

    def __init__(self, groups: Groups, key: Key, operation: Operation) -> None:
        self._groups, self.key = groups, key
        self.operation = operation
        self.begun = asyncio.Event()
        self.rejected: Rejected | None = None
        self.place = -1
        self.cursor: str | None = None
        """Everything of the stream up to here was told."""
        self._members: dict[Member, None] = {}
        self._ahead: dict[Member, int] = {}
        self._arriving: dict[Meet, _Held] = {}
        self._read: dict[Hashable, _Read] = {}
        self._kept: deque[Told] = deque(maxlen=MOST_KEPT)
        self._count = 0
        """Answers so far, while anybody is arriving."""
        self._outbox: list[Told] = []
        self._tick: asyncio.TimerHandle | None = None
        # Without what surrounds whoever came first: a group belongs to nobody's request.
        self._task = asyncio.create_task(self._run(), name="stream.group", context=contextvars.Context())

    # --- the source

    async def _run(self) -> None:
        context = self.operation.context
        position = context.position = _Place(self)
        rejected = None
        try:
            async with aclosing(self.operation.stream(counted=False)) as answers:
                async for answer in answers:
                    metrics.STREAM_EXECUTIONS.labels("group").inc()
                    self._tell(Told(answer, position.of_event, position.place, position.key))
        except Rejected as error:
            rejected = error
        except Exception as error:
            rejected = failure(error)
        self._end(rejected)

    def _end(self, rejected: Rejected | None) -> None:
        """The source is through, or broken. Those who are arriving hear of it when they ask."""
        self.flush()
        self._groups.forget(self.key, self)
        self.rejected = rejected
        self.begun.set()
        metrics.STREAM_MEMBERS.dec(self.size)
        for member in [*self._members, *self._ahead]:
            member.source_ended(rejected)
        self._members.clear()
        self._ahead.clear()

    @property
    def ended(self) -> bool:
        return self._groups.get(self.key) is not self

    def _tell(self, told: Told) -> None:
        if told.key is None:
            self._caught_up(told.place)
            self.place = max(self.place, told.place)
            self.cursor = told.cursor or self.cursor
        elif self._ahead:
            batch = Batch([told])
            for member in self._ahead:
                member.take(batch)
        if self._arriving:
            self._kept.append(told)
            self._count += 1
        if self._members:
            self._outbox.append(told)
            passing.events.noticed()
            if self._tick is None:
                self._tick = asyncio.get_running_loop().call_later(TICK, self.flush)

    def flush(self) -> None:
        """Writes what was told since the last time to everybody."""
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if not self._outbox:
            return
        batch, self._outbox = Batch(self._outbox), []
        for member in list(self._members):
            member.take(batch)

    def stands(self, place: int, cursor: str) -> None:
        """All up to here was told, or is not for these readers."""
        self.place, self.cursor = place, cursor
        self._caught_up(place + 1)
        self.begun.set()

    def _caught_up(self, next_place: int) -> None:
        """Those who were ahead of the group are with it from the first answer that they have not had."""
        if not self._ahead:
            return
        for member, place in list(self._ahead.items()):
            if place < next_place:
                self.flush()
                del self._ahead[member]
                self._members[member] = None

    # --- members

    def hold(self, arriving: Meet) -> int:
        """Keeps for it what comes from here on; the place is where that begins."""
        held = self._arriving.get(arriving)
        if held is None or held.place < 0 or self._lost(held):
            held = self._arriving[arriving] = _Held(self._count, self.place)
        return held.place

    async def together(
        self, what: Hashable, goal: int, read: Callable[[], Awaitable[Sequence[Any]]]
    ) -> Sequence[Any]:
        known = self._read.pop(what, None)
        if known is None or known.goal < goal:
            known = _Read(goal, await read())
        self._read[what] = known
        if len(self._read) > MOST_READ:
            del self._read[next(iter(self._read))]
        return known.found

    def _lost(self, held: _Held) -> bool:
        return held.since < self._count - len(self._kept)

    def let_in(self, arriving: Meet, place: int) -> bool:
        """Who has passed all up to `place` enters, if what came beyond it was kept or is still to come."""
        held = self._arriving.get(arriving)
        whole = held is not None and 0 <= held.place <= place and not self._lost(held)
        if not self.begun.is_set() or (self.place > place and not whole):
            return False
        self.flush()
        kept = self._kept_since(held.since, place) if held is not None and whole else []
        self.no_longer_arriving(arriving)
        if kept:
            arriving.member.take(Batch(kept))
        if place > self.place:
            self._ahead[arriving.member] = place
        else:
            self._members[arriving.member] = None
        metrics.STREAM_MEMBERS.inc()
        return True

    def _kept_since(self, since: int, place: int) -> list[Told]:
        """Each event the reader has not had; progress is worth telling only as far as it is the newest."""
        first = self._count - len(self._kept)
        kept = [told for at, told in enumerate(self._kept, first) if at >= since]
        newest = {told.key: told for told in kept if told.key is not None}
        return [
            told for told in kept if (told.place > place if told.key is None else newest[told.key] is told)
        ]

    def no_longer_arriving(self, arriving: Meet) -> None:
        self._arriving.pop(arriving, None)
        if not self._arriving:
            self._kept.clear()
            self._read.clear()
            self._count = 0
        self._end_if_alone()

    def leave(self, member: Member) -> str | None:
        """The cursor up to which the member was told."""
        self.flush()
        cursor = self.cursor if member in self._members else None
        size = self.size
        self._members.pop(member, None)
        self._ahead.pop(member, None)
        metrics.STREAM_MEMBERS.dec(size - self.size)
        self._end_if_alone()
        return cursor

    def up_to(self, member: Member) -> str | None:
        """As `leave` says it; None for one who stands further than the group."""
        self.flush()
        return self.cursor if member in self._members else None

    def _end_if_alone(self) -> None:
        # Checked a turn later: who stops arriving may enter in the same breath.
        if not (self._members or self._ahead or self._arriving):
            asyncio.get_running_loop().call_soon(self._end_unless_joined)

    def _end_unless_joined(self) -> None:
        if not (self._members or self._ahead or self._arriving):
            self._groups.forget(self.key, self)
            self._task.cancel()

    @property
    def size(self) -> int:
        return len(self._members) + len(self._ahead)


class Groups:
    """The groups of this process."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Group] = {}
        self.turns = asyncio.Semaphore(AT_ONCE)

    def get(self, key: Key) -> Group | None:
        return self._by_key.get(key)

    def joined(self, key: Key, operation: Operation, arriving: Meet) -> Group:
        group = self._by_key.get(key)
        if group is None:
            group = self._by_key[key] = Group(self, key, operation.led())
            metrics.STREAM_GROUPS.inc()
        group.hold(arriving)
        return group

    def forget(self, key: Key, group: Group) -> None:
        if self._by_key.get(key) is group:
            del self._by_key[key]
            metrics.STREAM_GROUPS.dec()

    def __len__(self) -> int:
        return len(self._by_key)


class Turn:
    """One of the few that may work at once, while it is held."""

    __slots__ = ("_held", "_turns")

    def __init__(self, turns: asyncio.Semaphore) -> None:
        self._turns, self._held = turns, False

    async def take(self) -> None:
        if not self._held:
            await self._turns.acquire()
            self._held = True
            try:
                await newcomers().turn()
            except BaseException:
                self.give()
                raise

    def give(self) -> None:
        if self._held:
            self._held = False
            self._turns.release()


class Meet:
    """The way of one subscriber from its own source into its group; the source drives it (`door.Meeting`)."""

    def __init__(self, groups: Groups, operation: Operation, member: Member, turn: Turn) -> None:
        self._groups = groups
        self._operation: Operation | None = operation
        self.member = member
        self.group: Group | None = None
        self.entered = False
        self.turn = turn

    async def begun(self) -> None:
        while True:
            group = self._own_group()
            if not group.begun.is_set():
                self.turn.give()
                await group.begun.wait()
                await self.turn.take()
            if group.rejected is not None:
                raise group.rejected
            if group is self._own_group():
                return

    def hold(self) -> int:
        assert self.group is not None
        return self.group.hold(self)

    async def together(
        self, what: Hashable, goal: int, read: Callable[[], Awaitable[Sequence[Any]]]
    ) -> Sequence[Any]:
        assert self.group is not None
        return await self.group.together(what, goal, read)

    def enter(self, place: int) -> bool:
        self.entered = self._own_group().let_in(self, place)
        if self.entered:
            self._operation = None  # all that is needed of it is the group's
        return self.entered

    def _own_group(self) -> Group:
        """Where the subscriber belongs as of now: rights may have changed on the way, or the group ended."""
        assert self._operation is not None
        key = self._operation.key
        assert key is not None
        if self.group is None or self.group.ended or self.group.key != key:
            self.leave()
            self.group = self._groups.joined(key, self._operation, self)
        return self.group

    def leave(self) -> str | None:
        """The cursor up to which the group has told the subscriber, if it was told by the group."""
        if self.group is None:
            return None
        if self.entered:
            return self.group.leave(self.member)
        self.group.no_longer_arriving(self)
        return None
