"""The agent: a program near the data that takes work from the platform and reports what it found.

It keeps working while it is cut off: what it found waits in its spool, and goes up when the platform is
there again.
"""

from __future__ import annotations

import asyncio
import os
import platform as machine
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import stamina
import structlog

from connectors.entries import Path
from datawave.kit import tracing
from datawave.kit.errors import UnavailableError
from edge_agent.client import Client, CutOff, NotAdmitted, Refused
from edge_agent.config import CAPABILITIES, AgentConfig, CertificateWanted
from edge_agent.keys import Keys
from edge_agent.outbox import Failed, Outbox, tell_failure
from edge_agent.policy import Policy
from edge_agent.protocol import ASSIGNED, Bundle, Claimed, Platform, Stop
from edge_agent.spool import Kept, Spool
from edge_agent.tasks import Bench, do

log = structlog.get_logger(__name__)

READING = ("DISCOVER", "SAMPLE", "PROFILE", "CLASSIFY")
RENEWAL_LOOK = 3_600.0


async def agent(config: AgentConfig) -> None:
    """Runs one agent until it is cancelled. AgentRuns where another process is it already."""
    keys = await asyncio.to_thread(Keys.locked, config.folder)
    spool = Spool(config.folder / "spool.db", most_bytes=config.pace.spool_bytes)
    client = Client(config.url, keys, pace=config.pace, tls=config.tls)
    try:
        await spool.start()
        try:
            await Agent(config, keys, spool, client).live()
        finally:
            await spool.close()
    finally:
        await client.close()
        keys.release()


@dataclass(frozen=True)
class Running:
    """A task under way here."""

    kind: str
    attempt: int
    work: asyncio.Task[None]


class Agent:
    def __init__(self, config: AgentConfig, keys: Keys, spool: Spool, client: Client) -> None:
        self._config, self._keys, self._spool, self._client = config, keys, spool, client
        self._pace = config.pace
        self._platform = Platform(client)
        self._running: dict[str, Running] = {}
        self._look = asyncio.Event()
        """There may be work."""

        self._streaming = False
        self._bundle: Bundle | None = None
        self._group = asyncio.TaskGroup()

    async def live(self) -> None:
        async for attempt in self._patiently(CutOff, UnavailableError, OSError):
            with attempt:
                await self._certified()
        log.info("agent.started", name=self._config.name, agent=self._keys.agent_id)
        async with self._group as group:
            for part in (self._beats, self._listens, self._renews, self._works):
                group.create_task(part(), name=f"agent.{part.__name__.strip('_')}")

    def _patiently(self, *on: type[Exception]) -> AsyncIterator[stamina.Attempt]:
        """Tries until it goes well, with growing pauses."""
        return aiter(
            stamina.retry_context(
                on=on or CutOff,
                attempts=None,
                timeout=None,
                wait_initial=self._pace.retry_first,
                wait_max=self._pace.retry_most,
                wait_jitter=self._pace.retry_first,
            )
        )

    # --- who we are

    async def _certified(self, *, anew: bool = False) -> None:
        """A certificate for our key, where we have none that is good."""
        if self._keys.is_certified and not anew:
            return
        if self._config.certify is None:
            if self._keys.certificate is None:
                raise Refused(
                    "UNAUTHENTICATED", f"Enroll the agent first: {self._config.folder} has no certificate."
                )
            return
        wanted = CertificateWanted(
            name=self._config.name,
            signing_request=self._keys.signing_request(self._config.name),
            software_version=self._config.software_version,
            host=machine.node(),
            capabilities=CAPABILITIES,
        )
        issued = await self._config.certify(wanted)
        await asyncio.to_thread(
            partial(
                self._keys.keep_certificate,
                agent_id=issued.agent_id,
                certificate=issued.certificate,
                authority=issued.authority,
            )
        )

    async def _renews(self) -> None:
        """Certificates end; the built-in agent's is renewed in good time."""
        while True:
            await asyncio.sleep(RENEWAL_LOOK)
            if not self._keys.is_certified:
                await self._certified()

    async def _not_admitted(self, refusal: NotAdmitted, tries: int) -> None:
        """A clock that was wrong is right by the next try; else the built-in agent asks for a new
        certificate."""
        log.warning("agent.not_admitted", why=str(refusal))
        if tries < 2 or self._config.certify is None:
            return
        try:
            await self._certified(anew=True)
        except (CutOff, UnavailableError, OSError) as error:
            log.warning("agent.not_certified", error=type(error).__name__)

    # --- signs of life

    async def _beats(self) -> None:
        """Renews the leases, whatever else goes on; and is the one who looks whether the platform is back."""
        tries = 0
        while True:
            try:
                await self._beat()
                tries = 0
                pause = self._pace.heartbeat
            except CutOff as cut:
                tries += 1
                if isinstance(cut, NotAdmitted):
                    await self._not_admitted(cut, tries)
                pause = min(self._pace.retry_first * 2 ** min(tries, 10), self._pace.retry_most)
            except Refused as refusal:
                log.error("agent.heartbeat_refused", code=refusal.code, message=refusal.message)
                pause = self._pace.heartbeat
            await asyncio.sleep(pause)

    async def _beat(self) -> None:
        held = {task_id: running.attempt for task_id, running in self._running.items()}
        was_away = not self._client.is_reached
        answer = await self._platform.beat(
            load=_load(),
            spooled=self._spool.batches,
            bundle_version=self._bundle.version if self._bundle else None,
            held=list(held.items()),
        )
        if was_away:
            self._look.set()
        if self._bundle is None or self._bundle.version != answer.bundle_version:
            self._bundle = await self._platform.bundle(None) or self._bundle
        if answer.whole:
            for lost in set(held.items()) - answer.tasks:
                self._stop(*lost)

    def _stop(self, task_id: str, attempt: int) -> None:
        running = self._running.get(task_id)
        if running is not None and running.attempt == attempt:
            log.info("agent.stops", task=task_id, kind=running.kind)
            running.work.cancel()
            self._group.create_task(self._forget(task_id, running), name=f"agent.forgets.{task_id}")

    async def _forget(self, task_id: str, running: Running) -> None:
        await asyncio.wait([running.work])
        await self._spool.release(task_id, running.attempt)

    # --- where work comes from

    async def _listens(self) -> None:
        """Follows what is assigned to us; every end of the stream is taken up at its cursor."""
        cursor: str | None = None
        while True:
            await self._client.reached()
            try:
                async with aclosing(self._client.stream(ASSIGNED, after=cursor)) as stream:
                    async for told, passed in stream:
                        self._streaming = True
                        cursor = passed or cursor
                        self._told(told)
            except CutOff:
                await asyncio.sleep(self._pace.retry_first)
            except Refused as refusal:
                log.warning("agent.stream_refused", code=refusal.code)
                cursor = None if refusal.code in ("CURSOR_EXPIRED", "INVALID") else cursor
                await asyncio.sleep(self._pace.retry_most)
            finally:
                self._streaming = False

    def _told(self, told: dict[str, Any] | None) -> None:
        """A beat, or the beginning, says nothing of its own: what came before is looked for."""
        assigned: dict[str, Any] = (told or {}).get("agentAssigned") or {}
        cancelled = str(assigned.get("cancelledTaskId"))
        running = self._running.get(cancelled)
        if running is not None:
            self._stop(cancelled, running.attempt)
        if told is None or assigned.get("task"):
            self._look.set()

    async def _works(self) -> None:
        await self._take_up()
        while True:
            await self._client.reached()
            try:
                await self._claim_all()
            except CutOff:
                continue
            except Refused as refusal:
                log.warning("agent.claim_refused", code=refusal.code, message=refusal.message)
            await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        pause = self._pace.poll_beside_stream if self._streaming else self._pace.poll
        try:
            async with asyncio.timeout(pause):
                await self._look.wait()
        except TimeoutError:
            return

    async def _claim_all(self) -> None:
        """Takes what there is, as long as there is room."""
        self._look.clear()
        while kinds := self._kinds_with_room():
            task = await self._platform.claim(capabilities=kinds)
            if task is None:
                return
            await self._begin(task)

    def _kinds_with_room(self) -> Sequence[str]:
        kinds = [running.kind for running in self._running.values()]
        room: list[str] = []
        if kinds.count("TEST") < self._pace.tests:
            room.append("TEST")
        if sum(kind in READING for kind in kinds) < self._pace.readings and not self._is_quiet():
            room += READING
        if kinds.count("MONITOR") < self._pace.watched:
            room.append("MONITOR")
        return room

    def _is_quiet(self) -> bool:
        return self._bundle is not None and self._bundle.policy.is_quiet(datetime.now(UTC))

    # --- work under way

    async def _take_up(self) -> None:
        """What we held when we last lived: sent on where it is complete, begun anew under a new attempt
        otherwise."""
        for kept in await self._spool.kept():
            await self._client.reached()
            if kept.complete:
                self._start(kept.task_id, kept.kind, kept.attempt, self._send_on(kept))
                continue
            async for attempt in self._patiently():
                with attempt:
                    await self._claim_again(kept)

    async def _claim_again(self, kept: Kept) -> None:
        try:
            task = await self._platform.claim(task_id=kept.task_id)
        except CutOff:
            raise
        except Refused:
            task = None
        if task is None:
            await self._spool.release(kept.task_id, kept.attempt)
        else:
            await self._begin(task)

    async def _begin(self, task: Claimed) -> None:
        former = self._running.get(task.id)
        if former is not None:
            # Our lease had lapsed, and the platform gave the task back to us under a new attempt.
            former.work.cancel()
            await asyncio.wait([former.work])
        await self._spool.hold(task.id, task.attempt, task.kind)
        log.info("agent.begins", task=task.id, kind=task.kind, attempt=task.attempt)
        self._start(task.id, task.kind, task.attempt, self._done(task))

    def _start(self, task_id: str, kind: str, attempt: int, work: Coroutine[Any, Any, None]) -> None:
        made = self._group.create_task(work, name=f"agent.{kind.lower()}.{task_id}")
        running = Running(kind, attempt, made)
        self._running[task_id] = running
        running.work.add_done_callback(partial(self._ended, task_id))

    def _ended(self, task_id: str, work: asyncio.Task[None]) -> None:
        running = self._running.get(task_id)
        if running is not None and running.work is work:
            del self._running[task_id]
        self._look.set()

    async def _done(self, task: Claimed) -> None:
        """In the trace of whoever asked for it; a standing task has none, since its trace would never
        end."""
        trace = tracing.continued(task.instructions.get("traceparent"))
        if trace is None:
            return await self._carried_out(task)
        told = {"datawave.task": task.id, "datawave.attempt": task.attempt}
        with tracing.within(trace), tracing.span(f"task {task.kind}", "consumer", told):
            await self._carried_out(task)

    async def _carried_out(self, task: Claimed) -> None:
        outbox = Outbox(task.id, task.attempt, spool=self._spool, platform=self._platform, pace=self._pace)
        async with self._ours(task.id, task.attempt):
            sending = asyncio.create_task(outbox.send())
            working = asyncio.create_task(do(task, outbox, self._bench()))
            try:
                done, _ = await asyncio.wait([sending, working], return_when=asyncio.FIRST_COMPLETED)
                if working in done:
                    await working
                await sending
            finally:
                await _cancelled(working, sending)

    async def _send_on(self, kept: Kept) -> None:
        outbox = Outbox(
            kept.task_id, kept.attempt, spool=self._spool, platform=self._platform, pace=self._pace
        )
        outbox.produced = True
        async with self._ours(kept.task_id, kept.attempt):
            await outbox.send()

    @asynccontextmanager
    async def _ours(self, task_id: str, attempt: int) -> AsyncGenerator[None]:
        """When the attempt is over, one way or another, nothing of it stays; when only the agent ends,
        everything does."""
        try:
            yield
        except Stop:
            log.info("agent.stopped", task=task_id)
        except CutOff as stumble:
            await self._give_up(
                task_id, attempt, Failed(code="PLATFORM_FAILED", message=str(stumble), retryable=True)
            )
        except Refused as refusal:
            log.error("agent.report_refused", task=task_id, code=refusal.code, message=refusal.message)
            words = f"The platform refused what the agent reported: {refusal.message}"
            await self._give_up(task_id, attempt, Failed(code="REPORT_REFUSED", message=words))
        except Exception as error:
            log.exception("agent.task_failed", task=task_id)
            words = f"The agent stumbled ({type(error).__name__}); its log says more under {task_id}."
            await self._give_up(task_id, attempt, Failed(code="AGENT_FAILED", message=words, retryable=True))
        await self._spool.release(task_id, attempt)

    async def _give_up(self, task_id: str, attempt: int, failed: Failed) -> None:
        async for again in self._patiently():
            with again:
                await self._client.reached()
                try:
                    await tell_failure(self._platform, task_id, attempt, failed)
                except Refused as refusal:
                    log.error("agent.gives_up", task=task_id, code=refusal.code)

    async def _known(self, task_id: str) -> Mapping[Path, str]:
        async for again in self._patiently():
            with again:
                await self._client.reached()
                return await self._platform.known(task_id)
        raise AssertionError("patience has no end")

    def _bench(self) -> Bench:
        guard, bundle = self._config.guard, self._bundle
        if bundle is not None:
            guard = replace(
                guard,
                own_ports=guard.own_ports | bundle.own_ports,
                own_addresses=guard.own_addresses | bundle.own_addresses,
            )
        return Bench(
            keys=self._keys,
            limits=self._config.limits,
            guard=guard,
            policy=bundle.policy if bundle else Policy(),
            is_reached=lambda: self._client.is_reached,
            known=self._known,
        )


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def _load() -> float:
    """Of this machine, where 1 is all of it at work."""
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 3)
