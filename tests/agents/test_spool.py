"""The agent's local store."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent.spool import Kept, Spool

A = "task_a"


@pytest.fixture
async def spool(tmp_path: Path) -> Spool:
    made = Spool(tmp_path / "spool.db", most_bytes=1_000)
    await made.start()
    return made


async def again(spool: Spool, tmp_path: Path) -> Spool:
    """After a restart."""
    await spool.close()
    made = Spool(tmp_path / "spool.db", most_bytes=1_000)
    await made.start()
    return made


async def test_batches_come_back_in_order_after_a_restart(spool: Spool, tmp_path: Path) -> None:
    await spool.hold(A, 1, "DISCOVER")
    for number in (1, 0, 2):
        await spool.put(A, 1, number, b"%d" % number, last=number == 2)
    spool = await again(spool, tmp_path)
    assert (spool.batches, spool.bytes) == (3, 3)
    assert await spool.kept() == [Kept(task_id=A, attempt=1, kind="DISCOVER", complete=True)]
    found = [await spool.next(A, 1, from_number=number) for number in range(4)]
    assert [waiting and waiting.content for waiting in found] == [b"0", b"1", b"2", None]
    await spool.close()


async def test_what_is_acknowledged_goes(spool: Spool) -> None:
    await spool.hold(A, 1, "DISCOVER")
    for number in range(3):
        await spool.put(A, 1, number, b"x")
    await spool.acknowledged(A, 1, 1)
    waiting = await spool.next(A, 1)
    assert waiting is not None and waiting.number == 2 and spool.batches == 1
    await spool.close()


async def test_a_new_attempt_drops_what_belongs_to_the_old(spool: Spool) -> None:
    await spool.hold(A, 1, "DISCOVER")
    await spool.put(A, 1, 0, b"old", last=True)
    await spool.hold(A, 2, "DISCOVER")
    assert await spool.next(A, 1) is None and await spool.next(A, 2) is None
    [kept] = await spool.kept()
    assert (kept.attempt, kept.complete) == (2, False)
    await spool.release(A, 2)
    assert await spool.kept() == []
    await spool.close()


async def test_who_fills_it_waits_until_there_is_room(spool: Spool) -> None:
    await spool.hold(A, 1, "DISCOVER")
    await spool.put(A, 1, 0, b"x" * 900)
    waiting = asyncio.create_task(spool.put(A, 1, 1, b"y" * 900))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    await spool.acknowledged(A, 1, 0)
    await waiting
    assert spool.bytes == 900
    await spool.close()


async def test_a_batch_larger_than_all_the_room_goes_through_alone(spool: Spool) -> None:
    await spool.put(A, 1, 0, b"x" * 5_000)
    assert spool.bytes == 5_000
    await spool.close()


async def test_a_torn_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"not a database at all" * 100)
    spool = Spool(tmp_path / "spool.db", most_bytes=1_000)
    await spool.start()
    assert await spool.kept() == []
    assert (tmp_path / "spool.db").stat().st_mode & 0o777 == 0o600
    await spool.close()
