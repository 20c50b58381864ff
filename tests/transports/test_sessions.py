"""Sessions on an open socket: the door, the beat, renewal, expiry and the end."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.transports.conftest import PATIENCE, Gql, Serve, Served

FOLLOW = "subscription { follow { text } }"


async def place_told(gql: Gql) -> str:
    """Of the operation `s`, by the first ping that tells one."""
    while not (up_to := (await gql.until("ping"))["payload"]["upTo"]):
        pass
    return up_to["s"]


@pytest.mark.parametrize("authorization", ["Bearer bad", "Basic YTpi", 7])
async def test_a_bad_token_closes_4403(served: Served, authorization: Any) -> None:
    gql = await served.raw_socket()
    await gql.send(type="connection_init", payload={"authorization": authorization})
    code, reason = await gql.closed()
    assert code == 4403 and reason


async def test_a_failing_door_closes_4500_and_tells_nothing(served: Served) -> None:
    gql = await served.raw_socket()
    await gql.send(type="connection_init", payload={"authorization": "Bearer broken"})
    code, reason = await gql.closed()
    assert (code, "hunter2" in reason) == (4500, False)


async def test_a_door_that_does_not_answer_is_given_up(serve: Serve) -> None:
    served = await serve(enter_seconds=0.02)
    gql = await served.raw_socket()
    await gql.send(type="connection_init", payload={"authorization": "Bearer hangs"})
    assert (await gql.closed())[0] == 1013
    answer = await served.post("{ hello }", headers={"authorization": "Bearer hangs"})
    assert answer.status_code == 503


async def test_the_token_of_the_init_reaches_the_door(served: Served) -> None:
    gql = await served.socket(authorization="Bearer good")
    await gql.subscribe("1", "{ who }")
    assert (await gql.recv())["payload"]["data"]["who"] == ["good", None]


async def test_the_token_of_the_handshake_does_too(served: Served) -> None:
    gql = await served.raw_socket(additional_headers={"authorization": "Bearer good"})
    await gql.init()
    await gql.subscribe("1", "{ who }")
    assert (await gql.recv())["payload"]["data"]["who"] == ["good", None]


async def test_nobody_may_come_in(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "{ who }")
    assert (await gql.recv())["payload"]["data"]["who"] == [None, None]


async def test_the_beat_tells_how_far_each_operation_is(serve: Serve) -> None:
    served = await serve(beat_seconds=0.02)
    gql = await served.socket()
    assert await gql.recv() == {"type": "ping", "payload": {"upTo": {}}}
    await gql.subscribe("s", FOLLOW)
    for event in (("a", "c1"), ("", "c5")):
        served.world.events.put_nowait(event)
    assert (await gql.until("next"))["id"] == "s"
    assert await place_told(gql) == "c5"


async def test_the_beat_never_claims_what_was_not_sent(serve: Serve) -> None:
    """An event whose answer is still being resolved is not claimed, however often the beat comes."""
    served = await serve(beat_seconds=0.01)
    gql = await served.socket()
    await gql.subscribe("s", "subscription { follow { gated } }")
    served.world.events.put_nowait(("a", "c1"))
    async with asyncio.timeout(PATIENCE):
        await served.world.resolving.wait()
    for _ in range(3):
        assert await gql.recv() == {"type": "ping", "payload": {"upTo": {}}}
    served.world.gate.set()
    await gql.until("next")
    assert await place_told(gql) == "c1"


async def test_the_beat_claims_a_frame_once_it_is_sent(serve: Serve) -> None:
    gql = await (await serve(beat_seconds=0.01)).socket()
    await gql.subscribe("s", "subscription { gives }")
    await gql.until("next")
    assert await place_told(gql) == "g1"


async def warned(gql: Gql) -> str:
    while True:
        payload = (await gql.until("ping"))["payload"]
        if "expiresAt" in payload:
            return payload["expiresAt"]


async def test_the_end_of_a_session_is_told_a_minute_ahead(serve: Serve) -> None:
    served = await serve(beat_seconds=0.01)
    served.world.life = timedelta(minutes=10)
    gql = await served.socket()
    assert "expiresAt" not in (await gql.until("ping"))["payload"]
    served.world.now += timedelta(minutes=9, seconds=1)
    assert await warned(gql) == "2030-01-01T00:10:00Z"


async def test_of_a_short_session_it_is_told_at_half_its_life_without_a_beat(serve: Serve) -> None:
    """The real clock: no beat is due for long."""
    from datawave.transports.lifetime import wall_clock

    served = await serve(options={"now": wall_clock})
    served.world.now, served.world.life = wall_clock(), timedelta(seconds=0.4)
    gql = await served.socket()
    await gql.subscribe("s", FOLLOW)
    assert await warned(gql) == served.world.sessions[0].expires_at.isoformat().replace("+00:00", "Z")  # pyright: ignore[reportOptionalMemberAccess]
    error = await gql.recv()
    assert (error["type"], error["id"]) == ("error", "s")
    assert error["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert await gql.closed() == (4403, "Your session has expired; sign in again.")
    await served.idle()
    assert served.world.closed.is_set()


async def test_a_session_is_renewed_in_place(serve: Serve) -> None:
    served = await serve(beat_seconds=0.01)
    served.world.life = timedelta(minutes=10)
    gql = await served.socket()
    served.world.now += timedelta(minutes=9, seconds=30)
    await warned(gql)
    await gql.send(type="ping", payload={"authorization": "Bearer renewed"})
    await gql.until("pong")
    served.world.now += timedelta(minutes=9)
    for _ in range(2):
        assert "expiresAt" not in (await gql.until("ping"))["payload"]
    assert served.world.sessions[0].renewed_with == ["Bearer renewed"]


@pytest.mark.parametrize("authorization", ["Bearer bad", "renewed", 7])
async def test_a_bad_renewal_closes_4403(served: Served, authorization: Any) -> None:
    gql = await served.socket()
    await gql.send(type="ping", payload={"authorization": authorization})
    assert (await gql.closed())[0] == 4403


async def test_a_renewal_before_the_init_closes_4401(served: Served) -> None:
    gql = await served.raw_socket()
    await gql.send(type="ping", payload={"authorization": "Bearer renewed"})
    assert (await gql.closed())[0] == 4401


async def test_an_ended_session_ends_every_operation_and_the_socket(served: Served) -> None:
    gql = await served.socket()
    for id in "ab":
        await gql.subscribe(id, FOLLOW)
    await gql.alive()
    served.world.sessions[0].end()
    async with asyncio.timeout(1):
        errors = [await gql.recv(), await gql.recv()]
        assert await gql.closed() == (4403, "Your session has ended; sign in again.")
    assert {error["id"] for error in errors} == {"a", "b"}
    assert {error["payload"][0]["extensions"]["code"] for error in errors} == {"UNAUTHENTICATED"}
    await served.idle()


async def test_a_ping_never_sends_a_reader_back_behind_an_event(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawave.transports.outflow.SLICE_SECONDS", -1.0)  # every write lets others run
    served = await serve(beat_seconds=0.0)
    gql = await served.socket()
    await gql.subscribe("s", "subscription { follow { text } }")
    place = told = 0
    for number in range(1, 101):
        served.world.events.put_nowait((str(number), str(number)))
        while place < number or told < number:
            message = await gql.recv()
            if message["type"] == "next":
                place = int(message["payload"]["data"]["follow"]["text"])
            elif cursor := message["payload"]["upTo"].get("s"):
                told = int(cursor)
                assert told >= place
