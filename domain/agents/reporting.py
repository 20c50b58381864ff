"""What agents report: numbered batches, each applied and acknowledged in one transaction."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, cast, final
from uuid import UUID

import msgspec
import orjson
from sqlalchemy import select, update

from auth.permissions import Permission
from connectors.entries import CHECKS, MOST_BYTES, MOST_ENTRIES, Entry
from datawave.kit.access import allowed
from datawave.kit.commands import Tx, command
from datawave.kit.errors import ConflictError, ErrorCode, InputError, invalid, not_found
from datawave.kit.ids import global_id
from domain.agents.consumers import consumer_of
from domain.agents.identity import acting_agent_and
from domain.agents.offering import HELD, ended, forget_draft_secret
from domain.agents.presence import LEASE
from models.agents import AgentCapability, AgentTask, EdgeAgent, TaskState

UNRECORDED = (AgentCapability.MONITOR,)
"""Standing tasks report for ever; their batches are rows, not commands."""

LONGEST_WORDS = 4_000
HEARD_AGAIN = timedelta(seconds=1)


@final
class Batch:
    """The entries of a batch as they came. The record of a command shows their number and digest, never
    themselves."""

    def __init__(self, entries: Sequence[Any]) -> None:
        self.entries = entries

    @cached_property
    def encoded(self) -> bytes:
        """As JSON; INVALID where it holds what JSON cannot (half characters, integers beyond 64 bits)."""
        try:
            return orjson.dumps(self.entries)
        except (orjson.JSONEncodeError, TypeError):
            raise invalid(
                "The entries hold what JSON cannot: half of a character, or an integer beyond 64 bits.",
                path=["entries"],
            ) from None

    def __str__(self) -> str:
        try:
            digest = hashlib.sha256(self.encoded).hexdigest()[:32]
        except InputError:
            digest = "none"
        return f"{len(self.entries)} entries, sha256 {digest}"


@dataclass(frozen=True, kw_only=True)
class TaskFailure:
    """Why the agent gave up."""

    code: str
    message: str
    hint: str | None = None
    retryable: bool = False


@command(needs=Permission.AGENT_ACT)
async def report_task(
    tx: Tx,
    *,
    task_id: UUID,
    attempt: int,
    batch: int,
    entries: Batch,
    progress: int | None = None,
    total: int | None = None,
    finished: bool = False,
    failure: TaskFailure | None = None,
) -> AgentTask:
    """The next batch of a task: applied once. A batch that is known is acknowledged again, without effect."""
    _check_values(entries, batch=batch, progress=progress, total=total, finished=finished, failure=failure)
    agent, task_kind = await acting_agent_and(
        tx, select(AgentTask.kind).where(AgentTask.id == task_id).scalar_subquery()
    )
    # Before the lock, which the batch in front of this one may still hold: both are worked on at once.
    checked = _looked_through(AgentCapability(task_kind) if task_kind else None, entries)
    task = await _held(tx, agent, task_id, attempt)
    if batch <= task.last_batch:
        tx.leaves_no_record()
        return task
    _check_open(task)
    if batch != task.last_batch + 1:
        raise InputError(
            ErrorCode.INVALID,
            f"Batch {batch} came before batch {task.last_batch + 1}; send again from there.",
            path=["batch"],
            expected=str(task.last_batch + 1),
        )
    if isinstance(checked, InputError):
        raise checked
    if task.kind in UNRECORDED or not (entries.entries or finished or failure):
        tx.leaves_no_record()
    tx.counts(task=global_id("task", task.id), attempt=attempt, batch=batch, content=str(entries))
    await _apply(tx, task, checked, batch=batch, progress=progress, total=total)
    if failure is not None:
        await _failed(tx, task, failure)
    elif finished:
        await _finished(tx, task)
    await _heard(tx, agent, task)
    return task


def _looked_through(kind: AgentCapability | None, entries: Batch) -> list[Entry] | InputError:
    """The entries as models, or what is wrong with them, which matters only in a batch that is expected."""
    if kind is None:
        return []
    try:
        return checked_entries(kind, entries)
    except InputError as error:
        return error


def _check_values(
    entries: Batch,
    *,
    batch: int,
    progress: int | None,
    total: int | None,
    finished: bool,
    failure: TaskFailure | None,
) -> None:
    if not 0 <= batch < 2**31:
        raise invalid("Batches are numbered from 0.", path=["batch"])
    if len(entries.entries) > MOST_ENTRIES:
        raise invalid(
            f"A batch has at most {MOST_ENTRIES:,} entries; send the others in the next.",
            path=["entries"],
            expected=f"at most {MOST_ENTRIES} entries",
        )
    if len(entries.encoded) > MOST_BYTES:
        raise invalid(
            f"A batch has at most {MOST_BYTES:,} bytes; send some of its entries in the next.",
            path=["entries"],
            expected=f"at most {MOST_BYTES} bytes of JSON",
        )
    for name, value in (("progress", progress), ("total", total)):
        if value is not None and value < 0:
            raise invalid("A count is not negative.", path=[name])
    if finished and failure is not None:
        raise invalid("A task has either finished or failed.", path=["failure"])
    if failure is not None and not (failure.message and 0 < len(failure.code) <= 100):
        raise invalid("A failure has a code of 1 to 100 characters and a message.", path=["failure"])
    if failure is not None and any(
        "\x00" in words for words in (failure.code, failure.message, failure.hint or "")
    ):
        raise invalid("A failure's words hold no NUL.", path=["failure"])


async def _held(tx: Tx, agent: EdgeAgent, task_id: UUID, attempt: int) -> AgentTask:
    """The task, locked, if this attempt of it is the agent's."""
    query = (
        select(AgentTask)
        .where(AgentTask.id == task_id, allowed(Permission.AGENT_ACT, AgentTask, tx.viewer))
        .with_for_update()
    )
    task = (await tx.session.scalars(query)).one_or_none()
    if task is None:
        raise not_found("task", path=["taskId"])
    if task.agent_id != agent.id or task.attempt != attempt:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            "This attempt is over: the task was claimed anew. Stop, and drop what is left of it.",
            path=["attempt"],
        )
    return task


def _check_open(task: AgentTask) -> None:
    if task.state not in HELD:
        raise ConflictError(
            ErrorCode.WRONG_STATE,
            f"This task is {task.state.value.lower()}. Stop, and drop what is left of it.",
            path=["taskId"],
            current=("task", task.id),
        )


def checked_entries(kind: AgentCapability, batch: Batch) -> list[Entry]:
    """The entries as models; the first that will not do is named by its path, and nothing of the batch is
    kept."""
    if not batch.entries:
        return []
    check = CHECKS.get(kind.value)
    if check is None:
        raise invalid(f"Tasks of kind {kind.value} report no entries.", path=["entries"])
    if b"\\u0000" in batch.encoded:
        _refuse_nul(batch.entries)
    try:
        return check.decode(batch.encoded)
    except msgspec.ValidationError as error:
        words, _, place = str(error).partition(" - at ")
        raise invalid(
            f"An entry will not do: {words}.",
            path=["entries", *_STEP.findall(place), *_FIELD.findall(words)],
            expected="docs/reference/agent-protocol.md",
        ) from None
    except RecursionError:
        raise invalid("The entries are nested beyond all bounds.", path=["entries"]) from None


_STEP = re.compile(r"\w+")
"""Members and places in a path such as `$[3].columns[0].name`."""

_FIELD = re.compile(r" field `(\w+)`")
"""A member that is missing, or that nobody knows: it is in the words, not in the path."""


def _refuse_nul(entries: Sequence[Any]) -> None:
    for number, entry in enumerate(entries):
        if "\x00" in _texts(entry):
            raise invalid("No text holds a NUL.", path=["entries", str(number)])


def _texts(value: Any) -> str:
    """All texts of an entry in one, walked without recursion."""
    texts: list[str] = []
    rest: list[Any] = [value]
    while rest:
        found = rest.pop()
        if isinstance(found, str):
            texts.append(found)
        elif isinstance(found, dict):
            members = cast("dict[str, Any]", found)
            texts.extend(members)
            rest.extend(members.values())
        elif isinstance(found, list):
            rest.extend(cast("list[Any]", found))
    return "\n".join(texts)


async def _apply(
    tx: Tx, task: AgentTask, entries: list[Entry], *, batch: int, progress: int | None, total: int | None
) -> None:
    task.last_batch = batch
    task.state = TaskState.RUNNING
    task.lease_until = tx.now + LEASE
    task.updated_at = tx.now
    if progress is not None:
        task.progress = {"done": progress, "total": total, "unit": "items"}
    consumer = consumer_of(task)
    if entries:
        await consumer.apply(tx, task, entries)
    if progress is not None:
        await consumer.progressed(tx, task, progress, total)


async def _finished(tx: Tx, task: AgentTask) -> None:
    if task.kind is AgentCapability.MONITOR:
        raise invalid("Watching a source has no end; the platform ends it.", path=["finished"])
    task.state = TaskState.COMPLETED
    task.lease_until = None
    await forget_draft_secret(tx, task)
    tx.emit(ended(task))
    await consumer_of(task).finished(tx, task)


async def _failed(tx: Tx, task: AgentTask, failure: TaskFailure) -> None:
    task.state = TaskState.FAILED
    task.lease_until = None
    task.failure = told = {
        "code": failure.code,
        "message": failure.message[:LONGEST_WORDS],
        "hint": failure.hint[:LONGEST_WORDS] if failure.hint else None,
        "retryable": failure.retryable,
        "at": tx.now.isoformat(),
    }
    await forget_draft_secret(tx, task)
    tx.emit(ended(task, code=failure.code))
    await consumer_of(task).failed(tx, task, told)


async def _heard(tx: Tx, agent: EdgeAgent, task: AgentTask) -> None:
    """Last, because heartbeats too lock tasks before agents. Batches that follow each other closely are one
    sign of life."""
    if agent.last_up_at is not None and tx.now - agent.last_up_at < HEARD_AGAIN:
        return
    await tx.session.flush()
    await tx.session.execute(update(EdgeAgent).where(EdgeAgent.id == agent.id).values(last_up_at=tx.now))
