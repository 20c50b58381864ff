"""Live topics: `broadcaster` in front, our own Valkey backend (`channels`) behind it, the log beneath as the
truth.

Pub/sub is a hint. A follower subscribes first, reads the log, then takes what the hub hands it; a hole, a
reconnect, an overrun or a beat that knows of more sends it back to the log. So nothing here needs to be
reliable, only bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import orjson
import structlog
from broadcaster import Broadcast
from redis.asyncio import Redis

from datawave.kit import passing
from datawave.kit.channels import QUIET, ValkeyBackend
from datawave.kit.ending import ended
from datawave.kit.events import ALL, Logged, from_wire

log = structlog.get_logger(__name__)

MOST_WAITING = 2_000
"""Events a follower may have waiting; beyond it they are dropped and read from the log again."""

PATIENCE = 2.0
"""So long Valkey may take to be told something: it is a hint, and nobody waits for it longer."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a topic with the place of the one before it there."""

    previous: int
    event: Logged


class Follower:
    """What one reader has been told and not yet taken. `look` says: read the log, something may have been
    missed."""

    def __init__(self) -> None:
        self._waiting: deque[Told] = deque()
        self._progress: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self.look = False
        self.place = 0
        """How far in its topic this reader has been told, or has read: what the beat is held against."""
        self.head = 0
        """The log stood here when the beat found that nothing of the topic was missing."""

    def tell(self, told: list[Told]) -> None:
        if len(self._waiting) + len(told) > MOST_WAITING:
            self._waiting.clear()
            self.look = True
        else:
            self._waiting.extend(told)
            self.place = max(self.place, told[-1].event.position)
        self._changed.set()

    def tell_progress(self, key: str, value: dict[str, Any]) -> None:
        """Progress is not kept: only the latest of each run and stage waits."""
        self._progress[key] = value
        if len(self._progress) > MOST_WAITING:
            del self._progress[next(iter(self._progress))]
        self._changed.set()

    def tell_to_look(self) -> None:
        self.look = True
        self._changed.set()

    def tell_heads(self, topic: int, log: int) -> None:
        """Where the topic and the whole log stood, read at one moment."""
        if topic > self.place:
            self.tell_to_look()
        elif log > self.head:
            self.head = log
            self._changed.set()

    def read_to(self, position: int) -> None:
        self.place = max(self.place, position)

    def take(self) -> Taken:
        taken = Taken(self.look, list(self._waiting), list(self._progress.items()), self.head)
        self.look = False
        self._waiting.clear()
        self._progress.clear()
        self._changed.clear()
        return taken

    async def changed(self) -> None:
        await self._changed.wait()


@dataclass(frozen=True, slots=True)
class Taken:
    look: bool
    told: list[Told]
    progress: list[tuple[str, dict[str, Any]]]
    head: int


Heads = Callable[[list[str]], Awaitable[dict[str, int]]]
Heard = Callable[[dict[str, Any]], None]


class _Topic:
    """The followers of one topic and the task that hands them what is published. It ends with its last
    follower; who comes while it ends waits until it is gone, so that a channel is never subscribed and left
    at once."""

    def __init__(self) -> None:
        self.followers: set[Follower] = set()
        self.pump: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()
        self.leaving = False
        self.gone = asyncio.Event()


class Live:
    """The followers of this process, by topic, over one connection."""

    def __init__(self, valkey: Redis, *, prefix: str, quiet: float = QUIET) -> None:
        self._backend = ValkeyBackend(
            valkey, prefix=f"{prefix}live:", reconnected=self._all_look, quiet=quiet
        )
        self._broadcast = Broadcast(backend=self._backend)
        self._topics: dict[str, _Topic] = {}
        self._heads: Heads | None = None
        self._beat: asyncio.Task[None] | None = None
        self._listeners: dict[str, list[Heard]] = {}
        self._listening: list[asyncio.Task[None]] = []
        self._last_heads: dict[str, int] = {}

    async def start(self, heads: Heads, *, beat: float = 2.0) -> None:
        """`heads` asks the database where topics stand; it is asked every `beat` seconds for those followed
        here."""
        self._heads = heads
        await self._broadcast.connect()
        self._beat = asyncio.create_task(self._beats(beat), name="live.beat")

    async def stop(self) -> None:
        tasks = [topic.pump for topic in self._topics.values() if topic.pump]
        tasks += self._listening
        if self._beat:
            tasks.append(self._beat)
        await ended(tasks)
        await self._broadcast.disconnect()

    @property
    def connected(self) -> bool:
        return self._backend.connected.is_set()

    @property
    def topics(self) -> list[str]:
        """What is followed here."""
        return list(self._topics)

    async def publish(self, topic: str, message: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._broadcast.publish(topic, message)

    async def publish_many(self, messages: list[tuple[str, bytes]]) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._backend.publish_many(messages)

    @contextlib.asynccontextmanager
    async def following(self, name: str) -> AsyncGenerator[Follower]:
        """Subscribed before this is entered: what is published from here on is told."""
        while (topic := self._topics.get(name)) is not None and topic.leaving:
            await topic.gone.wait()
        if topic is None:
            topic = self._topics[name] = _Topic()
            topic.pump = asyncio.create_task(self._pump(name, topic), name=f"live.{name}")
        follower = Follower()
        topic.followers.add(follower)
        try:
            await topic.ready.wait()
            yield follower
        finally:
            topic.followers.discard(follower)
            if not topic.followers and topic.ready.is_set():
                self._leave(topic)

    def _leave(self, topic: _Topic) -> None:
        if not topic.leaving and topic.pump is not None:
            topic.leaving = True
            topic.pump.cancel()

    def listen(self, channel: str, heard: Heard) -> None:
        """A word between processes (rights changed, wake up): heard while connected, never relied on."""
        self._listeners.setdefault(channel, []).append(heard)
        if len(self._listeners[channel]) == 1:
            listening = asyncio.create_task(self._listen(channel), name=f"live.{channel}")
            self._listening.append(listening)

    async def _listen(self, channel: str) -> None:
        async with self._broadcast.subscribe(channel) as subscriber:
            while True:
                message = _read_message(channel, (await subscriber.get()).message)
                if message is None:
                    continue
                for heard in self._listeners[channel]:
                    try:
                        heard(message)
                    except Exception:
                        log.exception("live.listener_failed", channel=channel)

    async def _pump(self, name: str, topic: _Topic) -> None:
        try:
            while not topic.leaving:
                try:
                    await self._hand_on(name, topic)
                except Exception:  # followers of a topic without a pump would be deaf
                    log.exception("live.pump_failed", topic=name)
                    topic.ready.set()
                    await asyncio.sleep(1)
        finally:
            if self._topics.get(name) is topic:
                del self._topics[name]
            self._last_heads.pop(name, None)
            topic.leaving = True
            topic.ready.set()
            topic.gone.set()

    async def _hand_on(self, name: str, topic: _Topic) -> None:
        """Until nobody follows. Who comes between the last look at that and the end of the channel waits for
        it."""
        async with self._broadcast.subscribe(name) as subscriber:
            topic.ready.set()
            while topic.followers:
                self._hand_out(topic, _read_message(name, (await subscriber.get()).message) or {})
            topic.leaving = True

    def _hand_out(self, topic: _Topic, message: dict[str, Any]) -> None:
        if "progress" in message:
            for follower in topic.followers:
                follower.tell_progress(str(message.get("key")), message["progress"])
        elif told := _told(message.get("events")):
            passing.events.noticed()
            for follower in topic.followers:
                follower.tell(told)
        else:
            for follower in topic.followers:
                follower.tell_to_look()

    def _all_look(self) -> None:
        for topic in self._topics.values():
            for follower in topic.followers:
                follower.tell_to_look()

    async def _beats(self, every: float) -> None:
        """Catches the lost last event of a topic: nothing after it would show the hole."""
        while True:
            await asyncio.sleep(every)
            followed = list(self._topics)
            if not followed or self._heads is None:
                continue
            try:
                heads = await self._heads([*followed, ALL])
            except Exception as error:  # the database may be away: the next beat asks again
                log.warning("live.beat_failed", error=type(error).__name__)
                continue
            self._compare(followed, heads)

    def _compare(self, followed: list[str], heads: dict[str, int]) -> None:
        for name in followed:
            head = heads.get(name, 0)
            restored = head < self._last_heads.get(name, 0)  # a log of another life: whoever looks will see
            if topic := self._topics.get(name):
                self._last_heads[name] = head
                for follower in topic.followers:
                    if restored:
                        follower.tell_to_look()
                    else:
                        follower.tell_heads(head, heads.get(ALL, 0))


def _read_message(channel: str, message: Any) -> dict[str, Any] | None:
    """None where it is none of ours: then whoever follows looks at the log instead."""
    try:
        read = orjson.loads(message)
    except orjson.JSONDecodeError:
        read = None
    if not isinstance(read, dict):
        log.warning("live.unreadable", channel=channel)
        return None
    return cast("dict[str, Any]", read)


def _told(events: Any) -> list[Told]:
    try:
        return [Told(previous, from_wire(values)) for previous, values in events or ()]
    except (TypeError, ValueError, KeyError) as error:
        log.warning("live.unreadable", error=type(error).__name__)
        return []
