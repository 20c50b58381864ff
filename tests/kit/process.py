"""What a process of the platform does that a test pauses or kills.

It says where it has come to, and waits there for a word where a test needs it to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import Any
from uuid import UUID

from datawave.kit.jobs import arq_queue
from datawave.kit.relay import Relay
from datawave.kit.work import Fenced, Work, handles
from tests.kit.ground import Kit, Space, kit_at
from tests.kit.things import (
    ADA_ID,
    HALTS,
    DoThing,
    append_to_thing,
    count,
    make_thing,
    viewer_of,
)
from workers import main as workers


class Line:
    """To the test and back; a test that is gone ends the process."""

    connection: Connection

    def say(self, word: str) -> None:
        self.connection.send(word)

    async def hear(self) -> str:
        return await asyncio.to_thread(self.connection.recv)


LINE = Line()
say, hear = LINE.say, LINE.hear


class HaltingRelay(Relay):
    """Dies between numbering and publishing, if it is told so."""

    async def _publish(self, rows: Any) -> None:
        say("numbered")
        await hear()
        await super()._publish(rows)


async def numbers_and_halts(kit: Kit) -> None:
    arq = arq_queue(kit.valkey.url, prefix=kit.valkey.prefix)
    async with kit.hub() as live:
        halting = HaltingRelay(kit.database, live, arq)
        say("ready")
        await hear()
        while await halting.step():
            pass
        say("published")


async def numbers_on_and_on(kit: Kit) -> None:
    async with kit.hub() as live, kit.relay(live) as relay:
        say("ready")
        while True:
            await relay.step()


async def halts_before_the_commit(kit: Kit, name: str, key: str) -> None:
    async def halt() -> None:
        say("before the commit")
        await hear()

    HALTS.append(halt)
    await kit.commands.run(make_thing, viewer_of(ADA_ID), {"name": name}, idempotency_key=key)
    say("committed")


async def halts_after_the_commit(kit: Kit, name: str, key: str) -> None:
    await kit.commands.run(make_thing, viewer_of(ADA_ID), {"name": name}, idempotency_key=key)
    say("committed")
    await hear()


async def counts(kit: Kit, stream: str, first: str, last: str) -> None:
    """Events as fast as they go, each acknowledged after its commit."""
    for number in range(int(first), int(last)):
        await kit.run(count, stream=stream, numbers=[number])
        say(str(number))


@handles(DoThing)
async def do_thing(work: Work, job: DoThing) -> None:
    say(f"works at attempt {work.attempt}")
    word = await hear()
    if word == "progress":
        await work.progress(1, 2)
        say("progressed")
        word = await hear()
    try:
        thing = await work.run(append_to_thing, thing_id=job.thing_id, word=f" by {job.note} {work.attempt}")
    except Fenced:
        say("fenced")
        raise
    say(f"wrote {thing.name}")


async def works(kit: Kit) -> None:
    async def rights(actor_id: UUID | None, _word: str | None) -> Any:
        return viewer_of(actor_id)

    workers.know_handlers = lambda: None  # the whole domain takes seconds to import; the handler is above
    say("ready")
    await workers.worker(
        database=kit.database,
        commands=kit.commands,
        valkey_url=kit.valkey.url,
        prefix=kit.valkey.prefix,
        viewer_of=rights,
        extras={},
        stop=asyncio.Event(),
    )


WHAT: dict[str, Callable[..., Awaitable[None]]] = {
    made.__name__: made
    for made in (
        numbers_and_halts,
        numbers_on_and_on,
        halts_before_the_commit,
        halts_after_the_commit,
        counts,
        works,
    )
}


def run(connection: Connection, what: str, place: tuple[str, str, str], given: tuple[str, ...]) -> None:
    """In the new process."""
    LINE.connection = connection
    url, valkey_url, prefix = place

    async def ran() -> None:
        async with kit_at(url, Space(valkey_url, prefix)) as kit:
            await WHAT[what](kit, *given)

    asyncio.run(ran())
