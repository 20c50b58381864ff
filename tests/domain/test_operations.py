"""Jobs cancelled and put back, the vault's keys renewed, the platform's health as measured."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from auth.permissions import Permission
from datawave.kit import tables
from datawave.kit.access import SYSTEM
from datawave.kit.commands import Tx, command
from datawave.kit.database import Database
from datawave.kit.errors import ErrorCode, UserError
from datawave.kit.jobs import Job
from datawave.kit.secrets import Secret
from datawave.kit.tables import DeadLetterResolution, JobState
from datawave.kit.vault import Keyring, Vault
from datawave.kit.work import Failure, Runner, Work, handles, on_death
from domain import operations
from models.sources import HealthState
from tests.domain.conftest import MASTER, Platform
from workers import operations as workers

ENDED: list[tuple[str, str]] = []


@dataclass(frozen=True, kw_only=True)
class Errand(Job):
    purpose: str


@dataclass(frozen=True, kw_only=True)
class Walk(Job):
    purpose: str


@on_death(Errand)
async def errand_died(tx: Tx, job: Errand, failure: dict[str, Any]) -> None:
    ENDED.append((job.purpose, failure["code"]))


@operations.on_cancel(Walk)
async def walk_cancelled(tx: Tx, job: Walk) -> None:
    ENDED.append((job.purpose, "cancelled"))


@operations.on_revival(Walk)
async def walk_revived(tx: Tx, job: Walk) -> None:
    ENDED.append((job.purpose, "revived"))


@handles(Errand)
async def run_errand(work: Work, job: Errand) -> None:
    if job.purpose == "fail":
        raise Failure("BROKEN", "It broke.", retryable=False)
    if job.purpose == "waits to be cancelled":
        STARTED.set()
        await GO_ON.wait()
    await work.progress(1, 2)


STARTED, GO_ON = asyncio.Event(), asyncio.Event()


@command(needs=Permission.JOB_MANAGE)
async def order(tx: Tx, *, purpose: str, walk: bool = False) -> tables.Job:
    return tx.enqueue(Walk(purpose=purpose) if walk else Errand(purpose=purpose))


@pytest.fixture(autouse=True)
def nothing_ended() -> None:
    ENDED.clear()


async def refused(awaited: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        await awaited
    return caught.value


def runner(platform: Platform) -> Runner:
    return Runner(platform.database, platform.commands, platform.gate.actors.viewer_of, {})


async def as_it_is(platform: Platform, job_id: UUID) -> tables.Job:
    async with platform.database.session() as session:
        return await session.get_one(tables.Job, job_id)


async def test_a_waiting_job_is_cancelled_at_once_and_its_owner_hears_of_it(platform: Platform) -> None:
    errand, walk = await platform.run(order, purpose="a"), await platform.run(order, purpose="b", walk=True)
    await platform.run(operations.cancel_job, job_id=errand.id, reason="not now")
    await platform.run(operations.cancel_job, job_id=walk.id)
    assert ENDED == [("a", "CANCELLED"), ("b", "cancelled")]
    job = await as_it_is(platform, errand.id)
    assert (job.state, job.failure and job.failure["message"]) == (JobState.CANCELLED, "Cancelled: not now")
    await runner(platform).run(errand.id, 0)
    assert (await as_it_is(platform, errand.id)).state is JobState.CANCELLED
    assert (
        await refused(platform.run(operations.cancel_job, job_id=errand.id))
    ).code is ErrorCode.WRONG_STATE


async def test_a_running_job_that_is_cancelled_writes_nothing_more(platform: Platform) -> None:
    STARTED.clear()
    GO_ON.clear()
    job = await platform.run(order, purpose="waits to be cancelled")
    running = asyncio.create_task(runner(platform).run(job.id, 0))
    await STARTED.wait()
    await platform.run(operations.cancel_job, job_id=job.id)
    GO_ON.set()
    await running
    after = await as_it_is(platform, job.id)
    assert (after.state, after.progress) == (JobState.CANCELLED, None)


async def test_a_dead_job_is_put_back_with_all_its_tries(platform: Platform) -> None:
    job = await platform.run(order, purpose="fail")
    await runner(platform).run(job.id, 0)
    async with platform.database.session() as session:
        [letter] = (await session.scalars(select(tables.DeadLetter))).all()
    assert ENDED == [("fail", "BROKEN")]
    done = await platform.run(
        operations.resolve_dead_letters, letter_ids=[letter.id], resolution=DeadLetterResolution.REQUEUED
    )
    again = await as_it_is(platform, job.id)
    assert [each.id for each in done.jobs] == [job.id]
    assert (again.state, again.attempt, again.tries, again.failure) == (JobState.QUEUED, 1, 0, None)
    await runner(platform).run(job.id, 0)
    assert (await as_it_is(platform, job.id)).state is JobState.QUEUED
    error = await refused(
        platform.run(
            operations.resolve_dead_letters, letter_ids=[letter.id], resolution=DeadLetterResolution.DISCARDED
        )
    )
    assert (error.code, error.path) == (ErrorCode.WRONG_STATE, ["ids", "0"])
    empty = await refused(
        platform.run(
            operations.resolve_dead_letters, letter_ids=[], resolution=DeadLetterResolution.DISCARDED
        )
    )
    assert empty.path == ["ids"]


async def planted(platform: Platform, count: int) -> None:
    async with platform.database.engine.begin() as connection:
        from sqlalchemy.ext.asyncio import AsyncSession

        session = AsyncSession(connection, expire_on_commit=False)
        for at in range(count):
            await platform.commands.vault.put(session, f"r{at}", {"password": f"planted {at}"})


async def test_a_new_data_key_seals_everything_anew_and_the_former_is_forgotten(platform: Platform) -> None:
    await planted(platform, 250)
    async with platform.database.session() as session:
        [before] = (await session.scalars(select(tables.VaultKey.id))).all()
    job = await platform.run(operations.rotate_vault_key)
    assert workers.rotate_vault_key
    await runner(platform).run(job.id, 0)
    after = await as_it_is(platform, job.id)
    assert (after.state, after.progress and after.progress["done"]) == (JobState.SUCCEEDED, 250)
    async with platform.database.session() as session:
        [key] = (await session.scalars(select(tables.VaultKey.id))).all()
        assert key != before
        assert await Vault(Keyring(MASTER)).get(session, "r249") == {"password": "planted 249"}


async def test_a_rotation_that_was_cut_off_goes_on(platform: Platform) -> None:
    await planted(platform, 230)
    job = await platform.run(operations.rotate_vault_key)
    assert await platform.run(operations.seal_some_anew) == (200, 30)
    await runner(platform).run(job.id, 0)
    async with platform.database.session() as session:
        assert len((await session.scalars(select(tables.VaultKey.id))).all()) == 1


def examiner(platform: Platform, keyring: Keyring | None = None) -> operations.Examiner:
    return operations.Examiner(
        platform.database, platform.valkey, keyring or platform.keyring, queue="tests:jobs"
    )


def states(health: operations.Health) -> dict[str, HealthState]:
    return {part.name: part.state for part in health.components}


async def test_health_says_what_is_ill_and_what_follows(platform: Platform) -> None:
    await platform.place()
    well = await examiner(platform).health()
    assert (well.state, list(well.degraded)) == (HealthState.HEALTHY, [])
    await platform.run(order, purpose="nobody takes it")
    await platform.place()
    await platform.advance(minutes=1)
    ill = await examiner(platform).health()
    assert ill.state is HealthState.DEGRADED
    assert (states(ill)["jobs"], states(ill)["database"]) == (HealthState.DOWN, HealthState.HEALTHY)
    assert any("datawave worker" in said for said in ill.degraded)


async def test_a_wrong_master_key_an_open_breaker_and_a_stalled_relay_are_seen(platform: Platform) -> None:
    await planted(platform, 1)
    await platform.run(order, purpose="an event that nobody places")
    await platform.advance(seconds=20)
    async with platform.database.connection() as connection:
        await connection.execute(
            text(
                "INSERT INTO circuit_breaker (id, name, state, degraded)"
                " VALUES (datawave_uuid(), 'shop', 'OPEN', 'Calls to shop are refused.')"
            )
        )
    ill = await examiner(platform, Keyring(Secret("another master key than the one in use"))).health()
    found = states(ill)
    assert (found["vault"], found["relay"], found["shop"]) == (
        HealthState.DOWN,
        HealthState.DEGRADED,
        HealthState.DEGRADED,
    )
    assert "Calls to shop are refused." in ill.degraded


async def test_without_its_database_the_platform_is_down_and_says_so(platform: Platform) -> None:
    nowhere = platform.database.engine.url.set(port=1).render_as_string(hide_password=False)
    gone = Database(nowhere)
    health = await operations.Examiner(gone, platform.valkey, platform.keyring, queue="tests:jobs").health()
    assert health.state is HealthState.DOWN
    assert states(health)["database"] is HealthState.DOWN
    await gone.close()


def test_the_platform_itself_may_do_everything() -> None:
    assert SYSTEM.rights.scope(Permission.VAULT_MANAGE).everywhere
