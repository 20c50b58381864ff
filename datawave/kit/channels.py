"""Channels of Valkey behind `broadcaster`: one pub/sub connection, reconnected, with every channel subscribed
anew."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import structlog
from broadcaster import BroadcastBackend
from broadcaster import Event as Published
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from datawave.kit.ending import ended

log = structlog.get_logger(__name__)

BEAT = "beat"
"""The channel every connection has: its confirmation says that all before it are subscribed too."""

QUIET = 5.0
"""A connection on which nothing was heard for so long is asked for a sign of life, and given up after as long
again."""


class ValkeyBackend(BroadcastBackend):
    """One pub/sub connection, reconnected with back-off, every channel subscribed anew, and its owner
    told."""

    def __init__(
        self, valkey: Redis, *, prefix: str, reconnected: Callable[[], None], quiet: float = QUIET
    ) -> None:
        self._valkey: Any = valkey  # redis-py types its pub/sub only in part
        self._prefix = prefix
        self._reconnected = reconnected
        self._quiet = quiet
        self._channels: set[str] = set()
        self._asked: set[str] = set()
        """What this connection was asked to subscribe before it is known to be whole."""
        self._confirmations: dict[str, asyncio.Event] = {}
        self._inbox: asyncio.Queue[Published] = asyncio.Queue(maxsize=10_000)
        self._pubsub: Any = self._valkey.pubsub()
        self._reader: asyncio.Task[None] | None = None
        self.connected = asyncio.Event()

    async def connect(self) -> None:
        self._reader = asyncio.create_task(self._read(), name="live.valkey")

    async def disconnect(self) -> None:
        if self._reader:
            await ended([self._reader])
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._pubsub.aclose()

    async def subscribe(self, group: str) -> None:
        """Waits for the confirmation, though not for ever: with Valkey away the follower lives on the log and
        beats. (A group is what broadcaster calls a channel here.)"""
        self._channels.add(group)
        confirmed = self._confirmations.setdefault(group, asyncio.Event())
        if not self.connected.is_set():
            return
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(2):
                await self._pubsub.subscribe(self._prefix + group)
                await confirmed.wait()

    async def unsubscribe(self, group: str) -> None:
        self._channels.discard(group)
        self._confirmations.pop(group, None)
        if self.connected.is_set():
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(2):
                    await self._pubsub.unsubscribe(self._prefix + group)

    async def publish(self, channel: str, message: Any) -> None:
        await self._valkey.publish(self._prefix + channel, message)

    async def publish_many(self, messages: list[tuple[str, bytes]]) -> None:
        """All in one round trip."""
        async with self._valkey.pipeline(transaction=False) as pipeline:
            for channel, message in messages:
                pipeline.publish(self._prefix + channel, message)
            await pipeline.execute()

    async def next_published(self) -> Published:
        return await self._inbox.get()

    async def _read(self) -> None:
        wait = 0.05
        while True:
            try:
                await self._begin()
                while True:
                    await self._take(await self._next_message())
                    wait = 0.05
            except (RedisError, OSError, RuntimeError, TimeoutError) as error:
                if self.connected.is_set():
                    log.warning("live.disconnected", error=type(error).__name__)
                self.connected.clear()
            await asyncio.sleep(wait * random.uniform(0.5, 1.5))
            wait = min(wait * 2, 2.0)

    async def _begin(self) -> None:
        """A fresh connection that is asked for every channel, the beat's last."""
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(1):
                await self._pubsub.aclose()
        self._pubsub = self._valkey.pubsub()
        self._asked = set(self._channels)
        async with asyncio.timeout(self._quiet):
            await self._pubsub.subscribe(
                *(self._prefix + c for c in sorted(self._asked)), self._prefix + BEAT
            )

    async def _next_message(self) -> dict[str, Any]:
        """What comes next on a connection that is shown to be alive: one whose server was paused or vanished
        is silent without ever failing."""
        message = await self._pubsub.get_message(timeout=self._quiet)
        if message is None:
            await self._pubsub.ping()
            message = await self._pubsub.get_message(timeout=self._quiet)
        if message is None:
            raise RedisConnectionError("no sign of life")
        return message

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "pong":
            return
        channel = message["channel"].decode().removeprefix(self._prefix)
        if message["type"] == "subscribe":
            if confirmed := self._confirmations.get(channel):
                confirmed.set()
            if channel == BEAT:
                await self._complete()
        elif message["type"] == "message":
            await self._inbox.put(Published(channel, message["data"]))

    async def _complete(self) -> None:
        """All that was asked is subscribed. What came or went meanwhile is asked now, and only a connection
        that knows every channel is one; then followers are told to look, since they missed what was said
        before."""
        if self.connected.is_set():
            return
        gone, late = self._asked - self._channels, self._channels - self._asked
        if gone:
            await self._pubsub.unsubscribe(*(self._prefix + c for c in sorted(gone)))
        self._asked = set(self._channels)
        if late:
            await self._pubsub.subscribe(*(self._prefix + c for c in sorted(late)), self._prefix + BEAT)
            return
        self.connected.set()
        self._reconnected()
