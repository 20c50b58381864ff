"""Reports on the platform's side: numbered batches, what will not do, and how jobs go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text

from datawave.kit import tables
from datawave.kit.database import encoded
from datawave.kit.errors import ErrorCode
from domain import agents
from models.agents import TaskState
from tests.agents.conftest import Ground, claimed, container, refused, step


async def test_a_batch_is_applied_and_acknowledged(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    after = await seat.report(task, 0, [container("a"), container("b")], progress=2, total=5)
    assert (after.last_batch, after.state) == (0, TaskState.RUNNING)
    assert (await ground.task(task.id)).results == {"applied": ["shop/a", "shop/b"]}
    assert ground.consumer.progress == [(2, 5)]


async def test_a_known_batch_is_acknowledged_again_without_effect_or_record(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    await seat.report(task, 0, [container("a")])
    before = await ground.count("command"), await ground.count("event")
    assert (await seat.report(task, 0, [container("other")])).last_batch == 0
    assert (await ground.task(task.id)).results == {"applied": ["shop/a"]}
    assert (await ground.count("command"), await ground.count("event")) == before


async def test_the_last_batch_is_acknowledged_again_after_the_end(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    await seat.report(task, 0, [container("a")], finished=True)
    again = await seat.report(task, 0, [container("a")], finished=True)
    assert (again.state, ground.consumer.finishes) == (TaskState.COMPLETED, 1)


async def test_a_gap_names_the_batch_that_is_expected(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    await seat.report(task, 0)
    error = await refused(seat.report(task, 4, [container("a")]))
    assert (error.code, error.path, error.expected) == (ErrorCode.INVALID, ["batch"], "1")


@pytest.mark.parametrize(
    ("entries", "path"),
    [
        ([{"entry": "nothing"}], ["entries", "0", "entry"]),
        ([container("a"), {**container("b"), "kind": "HOUSE"}], ["entries", "1", "kind"]),
        ([{**container("a"), "more": 1}], ["entries", "0", "more"]),
        ([container("")], ["entries", "0", "path", "1"]),
        ([container("a\x00b")], ["entries", "0"]),
        ([container("\ud800")], ["entries"]),
        ([{**container("a"), "digest": 2**70}], ["entries"]),
        (["text"], ["entries", "0"]),
        ([step("connect")], ["entries", "0", "entry"]),
        ([container("a")] * 5_001, ["entries"]),
        ([{**container("a"), "comment": "x" * 900_000}], ["entries"]),
    ],
    ids=lambda value: str(value)[:40].encode("ascii", "replace").decode(),
)
async def test_a_bad_entry_is_named_and_nothing_is_written(
    ground: Ground, entries: list[Any], path: list[str]
) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    error = await refused(seat.report(task, 0, entries))
    assert (error.code, error.path) == (ErrorCode.INVALID, path)
    after = await ground.task(task.id)
    assert (after.last_batch, after.results) == (-1, {"applied": []})


async def test_a_monitor_has_no_end_and_leaves_no_record(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat, "MONITOR")
    before = await ground.count("command")
    snapshot = {"entry": "snapshot", "at": "2026-01-31T12:00:00Z", "ok": True}
    await seat.report(task, 0, [snapshot])
    assert await ground.count("command") == before
    error = await refused(seat.report(task, 1, finished=True))
    assert error.path == ["finished"]


async def test_the_record_of_a_report_holds_a_digest_and_no_entries(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    await seat.report(task, 0, [container("a_telling_name")])
    async with ground.database.session() as session:
        kept = await session.scalar(select(tables.Command).where(tables.Command.name == "report_task"))
        entry = await session.scalar(
            select(tables.AuditEntry).where(tables.AuditEntry.action == "report_task")
        )
    assert kept is not None and entry is not None
    told = encoded([kept.input, kept.changes, entry.detail])
    assert "a_telling_name" not in told and "1 entries, sha256" in told


async def test_a_finished_task_queues_its_jobs_next_attempt(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat, job=True)
    assert (await ground.job_of(task)).state is tables.JobState.WAITING
    await seat.report(task, 0, finished=True)
    job = await ground.job_of(task)
    assert (job.state, job.attempt, job.tries) == (tables.JobState.QUEUED, 1, 0)


async def test_a_failed_task_ends_its_job_as_a_dead_letter(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat, job=True)
    failure = agents.TaskFailure(code="TIMEOUT", message="The source did not answer.", retryable=True)
    await seat.report(task, 0, failure=failure)
    job = await ground.job_of(task)
    assert (job.state, (job.failure or {})["code"]) == (tables.JobState.DEAD, "TIMEOUT")
    assert await ground.count("dead_letter") == 1
    assert (await ground.task(task.id)).state is TaskState.FAILED


async def test_a_job_that_was_cancelled_meanwhile_stays_cancelled(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat, job=True)
    async with ground.database.connection() as connection:
        await connection.execute(text("UPDATE job SET state = 'CANCELLED'"))
    await seat.report(task, 0, finished=True)
    assert (await ground.job_of(task)).state is tables.JobState.CANCELLED


async def test_a_heartbeat_and_a_report_at_once_do_not_lock_each_other_out(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    work = [seat.report(task, number, [container(str(number))]) for number in range(1)]
    await asyncio.gather(*work, *(seat.beat(task) for _ in range(5)))
    assert (await ground.task(task.id)).last_batch == 0
