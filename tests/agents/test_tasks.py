"""Tasks on the platform's side: who may take them, for how long, and what becomes of those nobody takes."""

from __future__ import annotations

import asyncio

from sqlalchemy import select, text

from datawave.kit import tables
from datawave.kit.access import Viewer
from datawave.kit.errors import AccessError, ConflictError, ErrorCode
from domain import agents
from models.agents import AgentCapability, AgentSource, EdgeAgent, TaskState
from tests.agents.conftest import AgentSeat, Ground, call_off, claimed, container, give_source, refused, step


async def test_an_offer_is_told_to_those_who_may_take_it(ground: Ground) -> None:
    source = await ground.source()
    seat = await ground.agent("local")
    await ground.agent("other", capabilities=["TEST"])
    task = await ground.offer(source=source)
    [event] = await ground.events("TaskOffered")
    assert event.topics == [f"agent:{seat.id}", "agents"]
    assert (event.subject_id, event.source_id) == (task.id, source.id)


async def test_a_source_configured_before_any_agent_goes_to_the_first(ground: Ground) -> None:
    source = await ground.source()
    seat = await ground.agent("local")
    async with ground.database.session() as session:
        assert list(await session.scalars(select(AgentSource.agent_id))) == [seat.id]
    [assigned] = await ground.events("SourceAssigned")
    assert assigned.source_id == source.id


async def test_a_claim_gives_the_task_with_a_lease_and_the_first_attempt(ground: Ground) -> None:
    source, seat = await ground.source(), await ground.agent()
    offered = await ground.offer(source=source)
    task = await seat.claim()
    assert task is not None
    assert (task.id, task.state, task.attempt, task.agent_id) == (offered.id, TaskState.CLAIMED, 1, seat.id)
    assert task.lease_until is not None and ground.consumer.claims == [1]
    assert await seat.claim() is None


async def test_nothing_to_claim_leaves_no_record(ground: Ground) -> None:
    seat = await ground.agent()
    before = await ground.count("command"), await ground.count("audit_entry")
    assert await seat.claim() is None
    assert (await ground.count("command"), await ground.count("audit_entry")) == before


async def test_work_of_a_source_is_for_its_agents_only(ground: Ground) -> None:
    source = await ground.source()
    await ground.agent("local")
    stranger = await ground.agent("stranger")
    task = await ground.offer(source=source)
    assert await stranger.claim() is None
    error = await refused(stranger.claim(task.id))
    assert (error.code, error.path) == (ErrorCode.NOT_FOUND, ["taskId"])


async def test_a_draft_is_for_any_agent_unless_one_is_wanted(ground: Ground) -> None:
    first, second = await ground.agent("first"), await ground.agent("second")
    await ground.offer("TEST", wanted=second.id)
    assert await first.claim() is None
    assert await second.claim() is not None
    await ground.offer("TEST")
    assert await first.claim() is not None


async def test_an_agent_gets_only_what_it_can_do(ground: Ground) -> None:
    seat = await ground.agent(capabilities=["TEST"])
    await ground.offer("SAMPLE")
    assert await seat.claim() is None
    await ground.offer("TEST")
    assert await seat.claim(capabilities=[AgentCapability.DISCOVER]) is None
    assert await seat.claim(capabilities=[AgentCapability.TEST]) is not None


async def test_two_agents_never_get_the_same_task(ground: Ground) -> None:
    first, second = await ground.agent("first"), await ground.agent("second")
    for _ in range(6):
        await ground.offer("TEST")
    claims = [seat.claim() for _ in range(4) for seat in (first, second)]
    got = [task.id for task in await asyncio.gather(*claims) if task is not None]
    assert len(got) == len(set(got)) == 6


async def test_only_agents_claim(ground: Ground) -> None:
    seat = await ground.agent()
    person = Viewer(actor_id=seat.id, actor_word="user", rights=seat.viewer.rights)
    error = await refused(ground.run(agents.claim_task, person), AccessError)
    assert error.code is ErrorCode.FORBIDDEN


async def test_a_cancelled_task_tells_its_holder_and_refuses_what_comes(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    await ground.run(call_off, task_id=task.id)
    [event] = await ground.events("TaskCancelled")
    assert f"agent:{seat.id}" in event.topics
    error = await refused(seat.report(task, 0, [container("a")]), ConflictError)
    assert error.code is ErrorCode.WRONG_STATE
    error = await refused(seat.claim(task.id), ConflictError)
    assert error.code is ErrorCode.WRONG_STATE


async def test_an_agent_that_restarts_reclaims_its_own_at_once(ground: Ground) -> None:
    seat = await ground.agent()
    task = await claimed(ground, seat)
    await seat.report(task, 0, [container("old")])
    again = await seat.claim(task.id)
    assert again is not None and (again.attempt, again.last_batch) == (2, -1)
    error = await refused(seat.report(task, 1, [container("late")]), ConflictError)
    assert error.code is ErrorCode.WRONG_STATE
    await seat.report(again, 0, [container("new")])
    assert (await ground.task(task.id)).results == {"applied": ["shop/new"]}


async def test_a_lease_that_ran_out_lets_another_claim(ground: Ground) -> None:
    first, second = await ground.agent("first"), await ground.agent("second")
    task = await claimed(ground, first)
    assert await second.claim() is None
    await refused(second.claim(task.id), ConflictError)
    await ground.advance(21)
    await ground.do("offer_lapsed_tasks")
    await ground.do("offer_lapsed_tasks")
    assert len(await ground.events("TaskOffered")) == 2
    taken = await second.claim()
    assert taken is not None and (taken.id, taken.attempt) == (task.id, 2)
    await refused(first.report(task, 0, [container("late")]), ConflictError)


async def test_until_somebody_claims_the_holder_renews_and_sends_on(ground: Ground) -> None:
    first, second = await ground.agent("first"), await ground.agent("second")
    task = await claimed(ground, first)
    await ground.advance(60)
    await first.report(task, 0, [container("from the spool")])
    assert await second.claim() is None
    await ground.advance(60)
    await first.beat(task)
    assert await second.claim() is None


async def test_heartbeats_keep_leases_and_only_ones_own(ground: Ground) -> None:
    first, second = await ground.agent("first"), await ground.agent("second")
    task = await claimed(ground, first)
    for _ in range(4):
        await ground.advance(15)
        await first.beat(task)
    assert await second.claim() is None
    await second.beat(task)
    await ground.advance(21)
    assert await second.claim() is not None


async def test_after_the_api_was_away_nobody_else_may_claim_for_a_while(ground: Ground) -> None:
    first, second = await ground.agent("first"), await ground.agent("second")
    task = await claimed(ground, first)
    await ground.shift(300)
    assert await second.claim() is None
    await ground.do("keep_presence")
    await ground.advance(15)
    assert await second.claim() is None
    assert (await second.ground.task(task.id)).agent_id == first.id
    await ground.advance(6)
    assert await second.claim() is not None


async def test_a_task_nobody_takes_ends_with_no_agent_and_its_job_with_it(ground: Ground) -> None:
    await ground.agent("local", capabilities=["TEST"])
    task = await ground.offer("SAMPLE", job=True)
    await ground.advance(25)
    await ground.do("end_unclaimed_tasks")
    assert (await ground.task(task.id)).state is TaskState.OFFERED
    await ground.advance(6)
    await ground.do("end_unclaimed_tasks")
    ended = await ground.task(task.id)
    assert ended.state is TaskState.EXPIRED and ended.failure is not None
    assert (ended.failure["code"], ended.failure["retryable"]) == ("NO_AGENT", True)
    assert (await ground.job_of(task)).state is tables.JobState.DEAD
    assert [failure["code"] for failure in ground.consumer.failures] == ["NO_AGENT"]


async def test_a_standing_task_waits_for_an_agent(ground: Ground) -> None:
    task = await ground.offer("MONITOR", standing=True)
    await ground.advance(600)
    await ground.do("end_unclaimed_tasks")
    assert (await ground.task(task.id)).state is TaskState.OFFERED


async def test_an_agent_that_beats_is_online_and_one_that_fell_silent_offline(ground: Ground) -> None:
    seat = await ground.agent()
    assert (await seat.beat()).state.value == "ONLINE"
    await ground.advance(10)
    await ground.do("find_silent_agents")
    assert await state_of(ground, seat) == "ONLINE"
    await ground.advance(10)
    await ground.do("find_silent_agents")
    assert await state_of(ground, seat) == "OFFLINE"
    await seat.beat()
    changes = [event.data for event in await ground.events("AgentStateChanged")]
    assert [change["after"] for change in changes if change] == ["ONLINE", "OFFLINE", "ONLINE"]


async def test_credentials_are_sealed_for_the_claiming_attempt_and_kept_nowhere(ground: Ground) -> None:
    seat = await ground.agent()
    secret = {"username": "reader", "password": "a planted secret"}
    await ground.offer("TEST", secret=secret)
    task = await seat.claim()
    assert task is not None
    async with ground.database.session() as session:
        sealed = await agents.sealed_credentials(session, ground.commands.vault, task)
    assert sealed is not None
    assert seat.keys.opened(sealed, task_id=f"task_{task.id.hex}", attempt=1) == secret
    async with ground.database.connection() as connection:
        for table in ("command", "audit_entry", "event", "agent_task", "idempotency"):
            rows = (await connection.execute(text(f"SELECT t::text FROM {table} t"))).scalars().all()
            assert not any("planted" in row or sealed[:60] in row for row in rows), table


async def test_credentials_that_are_gone_fail_the_task(ground: Ground) -> None:
    seat = await ground.agent()
    task = await ground.offer("TEST", secret={"password": "x"}, job=True)
    async with ground.database.connection() as connection:
        await connection.execute(text("DELETE FROM vault_entry"))
    assert await seat.claim() is None
    ended = await ground.task(task.id)
    assert (ended.failure or {})["code"] == "CREDENTIALS_GONE"


async def test_a_drafts_credentials_are_destroyed_with_its_end(ground: Ground) -> None:
    seat = await ground.agent()
    task = await ground.offer("TEST", secret={"password": "x"})
    taken = await seat.claim()
    assert taken is not None and await ground.count("vault_entry") == 1
    await seat.report(taken, 0, [step("connect")], finished=True)
    assert (await ground.task(task.id)).state is TaskState.COMPLETED
    assert await ground.count("vault_entry") == 0


async def test_a_released_source_takes_its_work_along(ground: Ground) -> None:
    source = await ground.source()
    first, second = await ground.agent("first"), await ground.agent("second")
    await ground.offer("MONITOR", source=source, standing=True)
    task = await first.claim()
    assert task is not None
    await ground.run(give_source, source_id=source.id, agent_id=second.id)
    assert f"agent:{first.id}" in (await ground.events("TaskCancelled"))[0].topics
    assert f"agent:{second.id}" in (await ground.events("TaskOffered"))[-1].topics
    await refused(first.report(task, 0), ConflictError)
    taken = await second.claim()
    assert taken is not None and (taken.id, taken.attempt) == (task.id, 2)


async def test_a_task_offered_after_the_api_came_back_has_its_own_time_only(ground: Ground) -> None:
    await ground.shift(300)
    await ground.do("keep_presence")
    task = await ground.offer("SAMPLE")
    await ground.advance(25)
    await ground.do("end_unclaimed_tasks")
    assert (await ground.task(task.id)).state is TaskState.OFFERED
    await ground.advance(6)
    await ground.do("end_unclaimed_tasks")
    assert (await ground.task(task.id)).state is TaskState.EXPIRED


async def test_a_task_that_nobody_could_take_while_the_api_was_away_gets_its_time_again(
    ground: Ground,
) -> None:
    task = await ground.offer("SAMPLE")
    await ground.shift(300)
    await ground.do("keep_presence")
    await ground.do("end_unclaimed_tasks")
    assert (await ground.task(task.id)).state is TaskState.OFFERED
    await ground.advance(31)
    await ground.do("end_unclaimed_tasks")
    assert (await ground.task(task.id)).state is TaskState.EXPIRED


async def test_a_name_that_another_machine_is_at_work_under_gets_the_hosts_added(ground: Ground) -> None:
    first = await ground.agent("local", host="one")
    again = await ground.agent("local", host="two")
    assert again.id == first.id
    await again.beat()
    other = await ground.agent("local", host="three")
    assert other.id != first.id
    async with ground.database.session() as session:
        assert (await session.get_one(EdgeAgent, other.id)).name == "local-three"


async def state_of(ground: Ground, seat: AgentSeat) -> str:
    async with ground.database.session() as session:
        return (await session.get_one(EdgeAgent, seat.id)).state.value
