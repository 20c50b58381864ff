"""The work itself: what a task of each kind asks of a connector, and what it reports."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from connectors.base import Connector, Credentials, Guard, Known, Limits, SourceError, TableSample
from connectors.entries import Dataset, Entry, MoreColumns, Path, Removed, Snapshot, Unchanged
from connectors.registry import ConfigRefused, UnknownConnector, checked_config, connector
from datawave.kit.secrets import Secret
from datawave.kit.telemetry import register_secret
from edge_agent.keys import Keys, SealBroken
from edge_agent.outbox import Failed, Outbox
from edge_agent.policy import Policy
from edge_agent.profiles import findings
from edge_agent.protocol import Claimed
from edge_agent.values import Leaving

log = structlog.get_logger(__name__)

FLUSHED_AFTER = 1.0
"""Seconds after which what was found so far is sent, full batch or not."""

MOST_PENDING = 500
SLOWEST_PING = 20.0
QUIET_LOOK = 30.0


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every task works with; `policy` and `guard` are as the platform last told them."""

    keys: Keys
    limits: Limits
    guard: Guard
    policy: Policy
    is_reached: Callable[[], bool]
    known: Callable[[str], Awaitable[Mapping[Path, str]]]
    """What the catalog has of the source of a task that is ours."""


Work = Callable[[Claimed, Connector[Any], Outbox, Bench], Awaitable[None]]


async def do(task: Claimed, outbox: Outbox, bench: Bench) -> None:
    """Does the task to its end, or says why it cannot be done. Cancelled, it says nothing: an attempt
    follows."""
    try:
        work = KINDS.get(task.kind)
        if work is None:
            failed = Failed(code="UNKNOWN_KIND", message=f"This agent knows no tasks of kind {task.kind}.")
            return await outbox.fail(failed)
        bench = replace(bench, policy=_policy(task, bench.policy))
        async with _connected(task, bench) as source:
            await work(task, source, outbox, bench)
    except SourceError as error:
        await outbox.fail(Failed.of(error))
    except (ConfigRefused, UnknownConnector) as error:
        await outbox.fail(
            Failed(code="CONFIG_REFUSED", message=str(error), hint="Correct the configuration.")
        )
    except SealBroken as error:
        hint = "The agent's key may have changed; start the work again."
        await outbox.fail(
            Failed(code="CREDENTIALS_UNREADABLE", message=str(error), hint=hint, retryable=True)
        )
    except Exception as error:
        log.exception("agent.task_failed", task=task.id, kind=task.kind)
        message = f"The agent stumbled ({type(error).__name__}); its log says more under {task.id}."
        await outbox.fail(Failed(code="AGENT_FAILED", message=message, retryable=True))


def _policy(task: Claimed, own: Policy) -> Policy:
    """The agent's own policy, and the source's where it has one: the narrower of each."""
    told = task.instructions.get("policy")
    return own.with_(Policy.of(told)) if isinstance(told, Mapping) else own  # pyright: ignore[reportUnknownArgumentType]  # JSON


@asynccontextmanager
async def _connected(task: Claimed, bench: Bench) -> AsyncGenerator[Connector[Any]]:
    kind = str(task.instructions.get("connector", ""))
    made = connector(kind)
    config = checked_config(kind, task.instructions.get("config") or {})
    source = made(config, _credentials(task, bench.keys), limits=_limits(task, bench), guard=bench.guard)
    try:
        yield source
    finally:
        await _closed(source)


async def _closed(source: Connector[Any]) -> None:
    """A connection that will not close does not hold the agent up."""
    try:
        async with asyncio.timeout(5):
            await source.close()
    except Exception as error:
        log.warning("agent.close_failed", error=type(error).__name__)


def _credentials(task: Claimed, keys: Keys) -> Credentials | None:
    if task.sealed is None:
        return None
    found = keys.opened(task.sealed, task_id=task.id, attempt=task.attempt)
    username, password = found.get("username"), found.get("password")
    if isinstance(password, str):
        register_secret(password)
    return Credentials(
        username=username if isinstance(username, str) else None,
        password=Secret(password) if isinstance(password, str) else None,
    )


def _limits(task: Claimed, bench: Bench) -> Limits:
    """What the task asks for, within what this agent and its policy allow."""
    told: dict[str, Any] = task.instructions.get("limits") or {}
    most = bench.limits
    statement = min(most.statement_seconds, bench.policy.max_query_seconds)
    return Limits(
        connect_seconds=_least(told.get("connectSeconds"), most.connect_seconds),
        statement_seconds=_least(told.get("statementSeconds"), statement),
        sample_rows=int(_least(told.get("sampleRows"), min(most.sample_rows, bench.policy.sample_rows))),
        sample_datasets=int(_least(told.get("sampleDatasets"), most.sample_datasets)),
        column_batch=int(_least(told.get("columnBatch"), most.column_batch)),
    )


def _least(asked: Any, most: float) -> float:
    wanted = isinstance(asked, int | float) and not isinstance(asked, bool) and asked > 0
    return min(float(asked), most) if wanted else most


async def _test(task: Claimed, source: Connector[Any], outbox: Outbox, bench: Bench) -> None:
    """Each step is told as it ends: a person watches."""
    async with aclosing(source.test()) as steps:
        async for step in steps:
            await outbox.add([step])
            await outbox.flush()
    await outbox.finish()


async def _discover(task: Claimed, source: Connector[Any], outbox: Outbox, bench: Bench) -> None:
    """Additions and changes as they come; removals at the end of a complete reading."""
    known = Known(
        trust_digests=bool(task.instructions.get("trustDigests", True)),
        stamp=task.instructions.get("knownStamp"),
        fetch=partial(bench.known, task.id) if task.instructions.get("isKnown") else None,
    )
    include: Sequence[str] = task.instructions.get("include") or ()
    removed: list[Entry] = []
    columns, flushed = 0, time.monotonic()
    async with aclosing(source.discover(known, include=include)) as batches:
        async for batch in batches:
            found = [entry for entry in batch if not isinstance(entry, Removed)]
            removed += [entry for entry in batch if isinstance(entry, Removed)]
            columns += sum(_columns_of(entry) for entry in found)
            await outbox.add(found, progress=columns)
            if any(isinstance(entry, Dataset) for entry in found) or _is_old(flushed):
                await outbox.flush(progress=columns)
                flushed = time.monotonic()
    await outbox.add(removed, progress=columns)
    await outbox.finish(progress=columns)


def _columns_of(entry: Entry) -> int:
    if isinstance(entry, Dataset | MoreColumns):
        return len(entry.columns)
    return entry.columns if isinstance(entry, Unchanged) else 0


def _is_old(since: float) -> bool:
    return time.monotonic() - since > FLUSHED_AFTER


async def _sample(task: Claimed, source: Connector[Any], outbox: Outbox, bench: Bench) -> None:
    """Rows are looked at here, beside the loop; profiles and labels go on, and values as far as the policy
    says."""
    await _quiet_is_over(bench.policy)
    asked: list[Path] = [tuple(path) for path in task.instructions.get("datasets") or ()]
    datasets = bench.policy.datasets(asked)[: bench.limits.sample_datasets]
    with_labels = bool(task.instructions.get("classify", True))
    found_of = partial(findings, with_labels=with_labels, leaving=_leaving(task, bench))
    done, flushed = 0, time.monotonic()
    async with aclosing(source.sample(datasets)) as samples:
        async for found in samples:
            done += 1
            if isinstance(found, TableSample):
                seen = bench.policy.without_forbidden(found)
                await outbox.add(await asyncio.to_thread(found_of, seen))
            else:
                await outbox.add([found])
            if _is_old(flushed):
                await outbox.flush(progress=min(done, len(datasets)), total=len(datasets))
                flushed = time.monotonic()
    await outbox.finish(progress=len(datasets), total=len(datasets))


def _leaving(task: Claimed, bench: Bench) -> Leaving:
    source = task.instructions.get("source")
    named = source if isinstance(source, str) else None
    return Leaving.of(bench.policy, source=named, key=bench.keys.masking())


async def _quiet_is_over(policy: Policy) -> None:
    while policy.is_quiet(datetime.now(UTC)):  # noqa: ASYNC110  # the clock tells nobody
        await asyncio.sleep(QUIET_LOOK)


async def _monitor(task: Claimed, source: Connector[Any], outbox: Outbox, bench: Bench) -> None:
    """Pings for ever. While the platform is away snapshots wait in memory, the oldest falling out: the
    spool is for what must not be lost."""
    asked = task.instructions.get("pingSeconds")
    every = float(asked) if isinstance(asked, int | float) and asked > 0 else 30.0
    pending: deque[Snapshot] = deque(maxlen=MOST_PENDING)
    begun = time.monotonic()
    while True:
        pending.append(await _pinged(source, timedelta(seconds=bench.keys.clock_ahead)))
        if bench.is_reached():
            await outbox.add(list(pending))
            await outbox.flush()
            pending.clear()
        begun = max(begun + every, time.monotonic())
        await asyncio.sleep(max(0.0, begun - time.monotonic()))


async def _pinged(source: Connector[Any], ahead: timedelta) -> Snapshot:
    started = time.perf_counter()
    statistics: dict[str, Any] = {}
    failure: tuple[str, str] | None = None
    try:
        async with asyncio.timeout(SLOWEST_PING):
            statistics = await source.ping()
    except SourceError as error:
        failure = (error.code, error.message)
    except TimeoutError:
        failure = ("TIMEOUT", f"The source did not answer within {SLOWEST_PING:g} s.")
    except Exception as error:
        log.warning("agent.ping_failed", error=type(error).__name__)
        failure = ("AGENT_FAILED", f"The ping went wrong ({type(error).__name__}).")
    if failure is not None:
        await _closed(source)
    spent = statistics.pop("latency_ms", None) or round((time.perf_counter() - started) * 1_000, 3)
    return Snapshot(
        at=datetime.now(UTC) + ahead,
        ok=failure is None,
        latency_ms=spent if failure is None else None,
        statistics=statistics,
        failure_code=failure[0] if failure else None,
        failure_message=failure[1] if failure else None,
    )


KINDS: dict[str, Work] = {
    "TEST": _test,
    "DISCOVER": _discover,
    "SAMPLE": _sample,
    "MONITOR": _monitor,
}
