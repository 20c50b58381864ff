"""One event, a thousand subscribers: messages a second, how late, at what cost, and who is disturbed.

Each server in turn has the first core to itself; the subscribers, Valkey, PostgreSQL and the writer share the
second. Peers hear an event through Valkey; DataWave's are rows of the log, carried by its relay.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from benchmarks import contestants
from benchmarks.cores import cores, cpu_seconds, pinned, resident_kib
from benchmarks.figures import Figure
from benchmarks.furnishing import READER
from benchmarks.ground import Ground, Server, furnished, ground, token
from benchmarks.harness import BenchFailed
from benchmarks.load.sockets import Crowd, crowd, shares
from benchmarks.writers import KIND, LARGE, SMALL, Speaker, writing

OURS = f'subscription Moved {{ eventRecorded(filter: {{types: ["{KIND}"]}}) {{ type at cursor data }} }}'
OTHERS = 'subscription Others { eventRecorded(filter: {types: ["Nobody"]}) { type at cursor data } }'
"""A stream of the same log in which nothing happens."""
PROGRESS = "subscription Moved { progress { seq pct message actor { id displayName } } }"

TOKEN_SECONDS = 240
STUCK_SECONDS = 20.0
"""Whoever has not heard an event after so long is held up by the one who does not read."""
SATURATED = 10
"""Events a second that a server must be able to bring to a thousand before it is asked what disturbs it."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much; the defaults are those of `make bench`."""

    rounds: int = 3
    crowd: int = 1_000
    large_crowd: int = 3_000
    quick_crowd: int = 200
    first_crowd: int = 10
    """Wakes a server up: what it loads with its first subscribers is not what a connection holds. No more:
    memory that a former crowd has left would be used again, unseen."""
    burst: int = 30
    bursts: int = 5
    burst_seconds: float = 10.0
    """No further burst is begun after so long."""
    calm: int = 30
    """Events at ten a second."""
    filling: int = 60
    """Large events, until a reader that does not read has full buffers."""
    quick: int = 100
    """Events at fifty a second."""
    only: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Peer:
    name: str
    label: str
    document: str = PROGRESS
    herd: str = PROGRESS
    """What a herd asks for; DataWave's hears nothing, so that what disturbs is its coming alone."""
    email: str | None = None


PEERS = (
    Peer(name="ours", label="DataWave", document=OURS, herd=OTHERS, email=READER),
    Peer(name="subscriptions", label="graphql-ws and ws on Node"),
    Peer(name="raw_sockets", label="Starlette on uvicorn, one shared frame"),
    Peer(name="strawberry_sockets", label="Strawberry and broadcaster"),
)


@dataclass
class Found:
    """What one peer showed, a value a round."""

    peer: Peer
    values: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def add(self, **values: float) -> None:
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def median(self, name: str) -> float | None:
        return statistics.median(self.values[name]) if self.values.get(name) else None


class Results:
    def __init__(self) -> None:
        self.found: dict[str, Found] = {}
        self.left_out: dict[str, str] = {}

    def of(self, peer: Peer) -> Found:
        return self.found.setdefault(peer.name, Found(peer))

    def median(self, name: str, value: str) -> float | None:
        return self.found[name].median(value) if name in self.found else None

    def told(self) -> list[dict[str, Any]]:
        return [
            {"contestant": name, **{value: found.median(value) for value in found.values}}
            for name, found in self.found.items()
        ]


async def measure(folder: Path, sizes: Sizes | None = None, *, kept: Path | None = None) -> Results:
    sizes, results, where = sizes or Sizes(), Results(), cores()
    with pinned(where.rest), ground(folder, where, kept=kept) as place:
        await furnished(place)
        for number in range(sizes.rounds):
            for peer in PEERS:
                if (sizes.only and peer.name not in sizes.only) or peer.name in results.left_out:
                    continue
                print(f"fanout: round {number + 1} of {sizes.rounds}: {peer.label}", file=sys.stderr)
                try:
                    await _one(place, sizes, peer, results.of(peer), large=number == 0)
                except BenchFailed as failed:
                    if peer.name == "ours":
                        raise
                    results.left_out[peer.name] = str(failed)
                    print(f"fanout: {peer.name} is left out: {failed}", file=sys.stderr)
    return results


async def _one(place: Ground, sizes: Sizes, peer: Peer, found: Found, *, large: bool) -> None:
    """Everything that is asked of one peer in one round, on a server that was just started."""
    starting = contestants.SUBSCRIPTIONS[peer.name]
    async with starting(place) as server, writing(place, to_log=peer.name == "ours") as writer:
        talk = _Talk(place, server, peer, Speaker(writer))
        async with talk.crowd(sizes.first_crowd):
            pass
        rate = await _thousand(talk, sizes, found)
        async with talk.crowd(sizes.quick_crowd) as group:
            p50, p99 = await _steady(group, talk.speaker, sizes.quick, rate=50)
            found.add(quick_p50=p50, quick_p99=p99)
        if rate < SATURATED * sizes.crowd:
            return
        await _stalled(talk, sizes, found)
        await _herd(talk, sizes, found)
        if large:
            async with talk.crowd(sizes.large_crowd) as group:
                rate, _ = await _bursts(group, talk.speaker, server, sizes)
                p50, p99 = await _steady(group, talk.speaker, sizes.calm, rate=10)
                found.add(large_rate=rate, large_p50=p50, large_p99=p99)


class _Talk:
    """How crowds come to a server, and who speaks to them."""

    def __init__(self, place: Ground, server: Server, peer: Peer, speaker: Speaker) -> None:
        self.place, self.server, self.peer, self.speaker = place, server, peer, speaker
        self._token, self._signed_in_at = "", 0.0

    async def _greeting(self) -> dict[str, Any]:
        """Signs in anew where the last token has not long to go: it lasts ten minutes."""
        if not self.peer.email:
            return {"type": "connection_init"}
        if not self._token or time.monotonic() - self._signed_in_at > TOKEN_SECONDS:
            self._token = await token(self.place, self.server.port, self.peer.email)
            self._signed_in_at = time.monotonic()
        return {"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}}

    @asynccontextmanager
    async def crowd(self, size: int, *, buffer: int = 0, herd: bool = False) -> AsyncGenerator[Crowd]:
        """Everybody follows: the stream is spoken to until the last one has heard something, but for a
        herd's."""
        init = await self._greeting()
        document = self.peer.herd if herd else self.peer.document
        asked = {"id": "1", "type": "subscribe", "payload": {"query": document}}
        async with crowd(
            self.place.folder,
            self.server.port,
            size,
            init=orjson.dumps(init),
            subscribe=orjson.dumps(asked),
            buffer=buffer,
        ) as group:
            if not herd:
                await _heard_by_all(group, self.speaker)
            yield group
            told = await group.counts()
            if told["disorder"]:
                raise BenchFailed(f"{told['disorder']} messages came out of order, twice, or not at all")


async def _heard_by_all(group: Crowd, speaker: Speaker) -> None:
    """A subscription has no acknowledgement: it stands when its first event has come."""
    for _ in range(120):
        await speaker.say(1)
        for _ in range(25):
            await asyncio.sleep(0.02)
            if (await group.counts())["least"]:
                return await _caught_up(group, speaker)
    raise BenchFailed(f"not everybody hears the stream: {await group.counts()}")


async def _caught_up(group: Crowd, speaker: Speaker) -> None:
    await group.until("least", speaker.said)


async def _steady(
    group: Crowd, speaker: Speaker, count: int, *, rate: float, letters: int = SMALL, without: int = 0
) -> tuple[float, float]:
    """p50 and p99 in milliseconds of events that come one by one."""
    await group.say("forget")
    first = speaker.said + 1
    await speaker.say_steadily(count, rate=rate, letters=letters)
    await _caught_up(group, speaker)
    spoken = {number: at for number, at in speaker.spoken.items() if number >= first}
    return shares(await group.late(spoken, without=without))


async def _bursts(group: Crowd, speaker: Speaker, server: Server, sizes: Sizes) -> tuple[float, float]:
    """Messages a second, and CPU microseconds a message: the medians of some bursts."""
    rates: list[float] = []
    costs: list[float] = []
    began = time.monotonic()
    while len(rates) < sizes.bursts and time.monotonic() - began < sizes.burst_seconds:
        first, messages, before = speaker.said + 1, sizes.burst * group.size, cpu_seconds(server.pid)
        await speaker.say(sizes.burst)
        await _caught_up(group, speaker)
        told = await group.counts()
        rates.append(messages / (told["latest"] - speaker.spoken[first]) * 1e9)
        costs.append((cpu_seconds(server.pid) - before) / messages * 1e6)
    return statistics.median(rates), statistics.median(costs)


async def _thousand(talk: _Talk, sizes: Sizes, found: Found) -> float:
    """The main figures: bursts, ten a second, and what a connection holds before and after."""
    before = resident_kib(talk.server.pid)
    async with talk.crowd(sizes.crowd) as group:
        idle = resident_kib(talk.server.pid)
        rate, cost = await _bursts(group, talk.speaker, talk.server, sizes)
        p50, p99 = await _steady(group, talk.speaker, sizes.calm, rate=10)
        after = resident_kib(talk.server.pid)
        found.add(rate=rate, cpu_us=cost, p50=p50, p99=p99)
        found.add(idle_kib=(idle - before) / group.size, after_kib=(after - before) / group.size)
        return rate


async def _stalled(talk: _Talk, sizes: Sizes, found: Found) -> None:
    """Larger events, so that the one who does not read is soon one whose buffers are full. Each half has a
    crowd of its own: a connection that has read for a while was given larger buffers."""
    async with talk.crowd(sizes.crowd, buffer=4_096) as group:
        _, calm = await _steady(group, talk.speaker, sizes.calm, rate=10, letters=LARGE, without=1)
    async with talk.crowd(sizes.crowd, buffer=4_096) as group:
        await group.say("stall 1")
        await talk.speaker.say(sizes.filling, letters=LARGE)
        try:
            await group.until("least", talk.speaker.said, patience=STUCK_SECONDS)
            _, beside = await _steady(group, talk.speaker, sizes.calm, rate=10, letters=LARGE, without=1)
        except BenchFailed:
            beside = STUCK_SECONDS * 1_000
        found.add(stall_ratio=beside / calm, stall_p99=beside, stall_calm_p99=calm)


async def _herd(talk: _Talk, sizes: Sizes, found: Found) -> None:
    """Everybody of a large crowd comes at once, while a group goes on listening."""
    async with talk.crowd(sizes.crowd) as group:
        _, calm = await _steady(group, talk.speaker, sizes.calm, rate=10)
        await group.say("forget")
        first, began = talk.speaker.said + 1, time.monotonic()
        speaking = asyncio.create_task(talk.speaker.say_steadily(sizes.calm, rate=10))
        async with talk.crowd(sizes.large_crowd, herd=True):
            took = time.monotonic() - began
            await speaking
            await _caught_up(group, talk.speaker)
        spoken = {number: at for number, at in talk.speaker.spoken.items() if number >= first}
        _, beside = shares(await group.late(spoken))
        found.add(herd_seconds=took, herd_p99=beside, herd_calm_p99=calm)


LABELS = {peer.name: peer.label for peer in PEERS}


def figures(results: Results) -> list[Figure]:
    """The lines of the table: what each peer showed, then what the issue asks for."""
    lines = [
        Figure(
            name=f"1,000 subscribers, burst: {found.peer.label}",
            value=rate,
            unit="messages/s",
            note=_note(found),
        )
        for found in results.found.values()
        if (rate := found.median("rate")) is not None
    ]
    return [*lines, *_beside_a_herd(results), *goals(results)]


def _beside_a_herd(results: Results) -> list[Figure]:
    calm, beside = results.median("ours", "herd_calm_p99"), results.median("ours", "herd_p99")
    if calm is None or beside is None:
        return []
    took = results.median("ours", "herd_seconds") or 0
    note = f"{calm:.0f} ms before; the herd was in after {took:.1f} s"
    return [Figure(name="10/s to 1,000 while a herd comes, p99", value=beside, unit="ms", note=note)]


def _note(found: Found) -> str:
    told = {name: found.median(name) or 0 for name in ("cpu_us", "p50", "p99", "idle_kib", "after_kib")}
    return (
        f"{told['cpu_us']:.1f} µs CPU a message; 10/s: p50 {told['p50']:.1f} ms, p99 {told['p99']:.1f} ms;"
        f" {told['idle_kib']:.1f} KiB a connection, {told['after_kib']:.1f} after"
    )


def goals(results: Results) -> list[Figure]:
    lines = [
        _against(
            results, "burst to 1,000", "rate", "messages/s", other="subscriptions", goal=3, at_least=True
        ),
        _against(
            results, "burst to 1,000", "rate", "messages/s", other="raw_sockets", goal=0.9, at_least=True
        ),
        _against(results, "10/s to 1,000, p99", "p99", "ms", other="subscriptions", goal=0.5),
        _plain(results, "memory of an idle connection", "idle_kib", "KiB", goal=25),
        _growth(results),
        _plain(results, "p99 beside a stalled reader, against before", "stall_ratio", "×", goal=1.2),
    ]
    return [line for line in lines if line is not None]


def _against(
    results: Results, name: str, value: str, unit: str, *, other: str, goal: float, at_least: bool = False
) -> Figure | None:
    ours, theirs = results.median("ours", value), results.median(other, value)
    if ours is None or not theirs:
        return None
    own_cost, cost = results.median("ours", "cpu_us"), results.median(other, "cpu_us")
    note = f"by CPU of the server {cost / own_cost:.2f}×" if at_least and own_cost and cost else ""
    return Figure(name=name, value=ours, unit=unit, against=LABELS[other], ratio=ours / theirs, goal=goal,
                  at_least=at_least, note=note)  # fmt: skip


def _plain(results: Results, name: str, value: str, unit: str, *, goal: float) -> Figure | None:
    ours = results.median("ours", value)
    return Figure(name=name, value=ours, unit=unit, goal=goal) if ours is not None else None


def _growth(results: Results) -> Figure | None:
    idle, after = results.median("ours", "idle_kib"), results.median("ours", "after_kib")
    if not idle or after is None:
        return None
    return Figure(name="growth of a connection under load", value=(after / idle - 1) * 100, unit="%", goal=10)
