"""A worker: hears signals by arq, claims the jobs they name, and carries them out.

arq's worker runs inside our loop and only hears: a job that is claimed runs beside it, so that an outage of
Valkey ends none. Then only the hearing is begun anew.
"""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import structlog
from arq.worker import Worker, func
from redis.exceptions import RedisError

import workers
from datawave.kit.commands import Commands
from datawave.kit.database import Database
from datawave.kit.ending import ended
from datawave.kit.errors import UnavailableError
from datawave.kit.jobs import arq_queue
from datawave.kit.work import Runner, ViewerOf

log = structlog.get_logger(__name__)

LOOK = 0.25
"""A signal rings; one whose ring was lost is found by the next look."""

FREE_HAND = 4.0
"""A signal waits so long for a hand; then the job is signalled again, and perhaps another worker has one."""

SIGNAL_TIMEOUT = 10.0
"""A signal is heard within this time, however long its job takes."""

ENOUGH_SIGNALS = 1_000
"""arq counts how often it heard a signal; how often a job is tried is not its business."""

FIRST_PAUSE = 0.05
STOPPING = 5.0
"""Running jobs have so long to end when the worker stops; then they are given back."""


def know_handlers() -> None:
    """Every module of this room registers its handlers by being imported."""
    for found in pkgutil.iter_modules(workers.__path__):
        importlib.import_module(f"{workers.__name__}.{found.name}")


async def worker(
    *,
    database: Database,
    commands: Commands,
    valkey_url: str,
    prefix: str,
    viewer_of: ViewerOf,
    extras: Mapping[str, Any],
    max_jobs: int = 10,
    stop: asyncio.Event,
) -> None:
    """Until `stop` is set; then running jobs may end, and those that do not are given back."""
    know_handlers()
    hands = Hands(Runner(database, commands, viewer_of, extras), most=max_jobs)
    hearing = asyncio.create_task(_hear(hands, valkey_url, prefix=prefix), name="worker.hearing")
    stopped = asyncio.create_task(stop.wait(), name="worker.stop")
    try:
        await asyncio.wait({hearing, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if hearing.done():
            hearing.result()
    finally:
        await ended([hearing, stopped])
        await hands.rest()


class Hands:
    """The jobs that run here: never more than `most` at once."""

    def __init__(self, runner: Runner, *, most: int) -> None:
        self.most = most
        self._runner = runner
        self._free = asyncio.Semaphore(most)
        self._running: set[asyncio.Task[None]] = set()

    async def take(self, job_id: UUID, attempt: int) -> None:
        """Begins the job, if it is still to be had when a hand is free."""
        try:
            async with asyncio.timeout(FREE_HAND):
                await self._free.acquire()
        except TimeoutError:
            return
        task = asyncio.create_task(self._runner.run(job_id, attempt), name=f"job.{job_id.hex}")
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._free.release()
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, UnavailableError):  # it was not claimed, and will be signalled again
            log.warning("worker.job_waits", error=type(error.__cause__).__name__)
        else:
            log.error("worker.job_broke", exc_info=error)

    async def rest(self) -> None:
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=STOPPING)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class Listener(Worker):
    """arq's worker, which would only look, and sleeps between two looks: this one is rung."""

    async def main(self) -> None:
        valkey: Any = self.pool  # redis-py types its pub/sub only in part
        async with valkey.pubsub() as rings:
            await rings.subscribe(self.queue_name)
            while True:
                await self._poll_iteration()
                await rings.get_message(timeout=LOOK)


async def _hear(hands: Hands, valkey_url: str, *, prefix: str) -> None:
    pause = FIRST_PAUSE
    while True:
        arq = arq_queue(valkey_url, prefix=prefix)
        listener = _listener(hands, arq)
        try:
            await listener.async_run()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("worker.deaf", error=type(error).__name__)
            pause = FIRST_PAUSE if listener.jobs_complete else min(pause * 2, 2.0)
        finally:
            await ended(listener.tasks.values())
            await arq.aclose()
        await asyncio.sleep(pause)


def _listener(hands: Hands, arq: Any) -> Worker:
    async def run(ctx: dict[Any, Any], job_id: str, attempt: int) -> None:
        await hands.take(UUID(hex=job_id), attempt)

    return Listener(
        functions=[func(run, name="run", keep_result=0, timeout=SIGNAL_TIMEOUT, max_tries=ENOUGH_SIGNALS)],
        redis_pool=arq,
        queue_name=arq.default_queue_name,
        handle_signals=False,
        max_jobs=hands.most,
        job_timeout=SIGNAL_TIMEOUT,
        keep_result=0,
        retry_jobs=False,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        log_results=False,
    )
