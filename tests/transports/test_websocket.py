"""The protocol `graphql-transport-ws`, case by case."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.transports.conftest import PATIENCE, Serve, Served, turns, turns_until

COUNT = "subscription { count(to: 3) }"
FOLLOW = "subscription { follow { text } }"


async def test_the_subprotocol_is_chosen(served: Served) -> None:
    gql = await served.raw_socket(subprotocols=["graphql-ws", "graphql-transport-ws"])
    assert gql.socket.subprotocol == "graphql-transport-ws"


@pytest.mark.parametrize("offered", [["graphql-ws"], None])
async def test_an_unknown_subprotocol_is_refused(served: Served, offered: list[str] | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await served.raw_socket(subprotocols=offered)
    assert refused.value.response.status_code == 400


async def test_an_init_is_acknowledged(served: Served) -> None:
    gql = await served.raw_socket()
    await gql.send(type="connection_init")
    assert await gql.recv() == {"type": "connection_ack"}


@pytest.mark.parametrize("payload", ["x", 7, [1], True])
async def test_an_init_with_a_payload_that_is_no_object_closes_4400(served: Served, payload: Any) -> None:
    gql = await served.raw_socket()
    await gql.send(type="connection_init", payload=payload)
    assert (await gql.closed())[0] == 4400


async def test_no_init_in_time_closes_4408(serve: Serve) -> None:
    gql = await (await serve(init_seconds=0.02)).raw_socket()
    assert await gql.closed() == (4408, "Connection initialisation timeout")


async def test_an_init_in_time_stays(serve: Serve) -> None:
    served = await serve(init_seconds=0.02, beat_seconds=0.03)
    gql = await served.socket()
    for _ in range(3):
        await gql.until("ping")
    await gql.alive()


async def test_a_second_init_closes_4429(served: Served) -> None:
    gql = await served.socket()
    await gql.send(type="connection_init")
    assert await gql.closed() == (4429, "Too many initialisation requests.")


async def test_a_subscribe_before_the_acknowledgement_closes_4401(served: Served) -> None:
    gql = await served.raw_socket()
    await gql.subscribe("1", COUNT)
    assert await gql.closed() == (4401, "Unauthorized")


async def test_a_running_id_used_again_closes_4409(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("one", FOLLOW)
    await gql.subscribe("one", FOLLOW)
    assert await gql.closed() == (4409, "Subscriber for one already exists")
    await served.idle()


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        '[{"type":"ping"}]',
        '"ping"',
        "{}",
        '{"type":7}',
        '{"type":"start","id":"1","payload":{"query":"{hello}"}}',
        '{"type":"nonsense"}',
        '{"type":"subscribe","payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":1,"payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":"","payload":{"query":"{hello}"}}',
        '{"type":"subscribe","id":"1"}',
        '{"type":"subscribe","id":"1","payload":{}}',
        '{"type":"subscribe","id":"1","payload":{"query":7}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{hello}","variables":[]}}',
        '{"type":"subscribe","id":"1","payload":{"query":"{hello}","operationName":1}}',
        '{"type":"subscribe","id":"1","payload":[]}',
        '{"type":"complete"}',
        '{"type":"complete","id":7}',
        '{"type":"ping","payload":"x"}',
        "[" * 3_000,
        b"\x00\x01",
        b'{"type":"ping"}',
    ],
)
async def test_a_message_that_breaks_the_protocol_closes_4400(served: Served, frame: str | bytes) -> None:
    gql = await served.socket()
    await gql.socket.send(frame)
    code, reason = await gql.closed()
    assert code == 4400 and reason


async def test_a_ping_is_answered_before_and_after_the_acknowledgement(served: Served) -> None:
    gql = await served.raw_socket()
    await gql.send(type="ping", payload={"a": 1})
    assert await gql.recv() == {"type": "pong"}
    await gql.init()
    await gql.send(type="ping")
    assert await gql.recv() == {"type": "pong"}


async def test_a_pong_unasked_for_is_passed_over(served: Served) -> None:
    gql = await served.socket()
    await gql.send(type="pong", payload={"any": "thing"})
    await gql.alive()


@pytest.mark.parametrize("query", ["{ hello }", "query A { hello }"])
async def test_a_query_is_one_next_and_a_complete(served: Served, query: str) -> None:
    gql = await served.socket()
    await gql.subscribe("1", query)
    assert await gql.recv() == {"id": "1", "type": "next", "payload": {"data": {"hello": "world"}}}
    assert await gql.recv() == {"id": "1", "type": "complete"}


async def test_a_mutation_too(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "mutation { bump }")
    assert [(await gql.recv())["type"] for _ in range(2)] == ["next", "complete"]


async def test_variables_operation_names_and_extensions_arrive(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe(
        "1",
        'query A($t: String!) { echo(text: $t) extension(name: "a") } query B { hello }',
        operationName="A",
        variables={"t": "x"},
        extensions={"a": "b"},
    )
    assert (await gql.recv())["payload"] == {"data": {"echo": "x", "extension": "b"}}


async def test_an_id_comes_back_as_it_was_sent(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe('a"b\\é\n', "{ hello }")
    assert (await gql.recv())["id"] == 'a"b\\é\n'


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("{ nope }", {}),
        ("subscription { nope }", {}),
        ("subscription {", {}),
        ("query A { hello }", {"operationName": "Z"}),
        ("query A { hello } query B { hello }", {}),
        ("query ($t: String!) { echo(text: $t) }", {}),
        ("query ($t: String!) { echo(text: $t) }", {"variables": {"t": 7}}),
        ("", {}),
        ("{" * 50_000, {}),
    ],
)
async def test_an_error_of_the_request_is_a_frame_and_the_socket_stays(
    served: Served, query: str, more: dict[str, Any]
) -> None:
    gql = await served.socket()
    await gql.subscribe("other", FOLLOW)
    await gql.subscribe("1", query, **more)
    answer = await gql.recv()
    assert (answer["type"], answer["id"]) == ("error", "1")
    assert answer["payload"][0]["extensions"]["code"] in ("INVALID", "TOO_COSTLY")
    served.world.events.put_nowait(("still here", None))
    assert (await gql.recv())["id"] == "other"
    await gql.subscribe("1", "{ hello }")
    assert (await gql.recv())["type"] == "next"


async def test_a_subscription_is_its_events_and_a_complete(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", COUNT)
    frames = [await gql.recv() for _ in range(4)]
    assert [frame["type"] for frame in frames] == ["next"] * 3 + ["complete"]
    assert [frame["payload"]["data"]["count"] for frame in frames[:3]] == [1, 2, 3]


async def test_an_id_is_free_after_its_end_however_it_ended(served: Served) -> None:
    gql = await served.socket()
    for query, last in ((COUNT, "complete"), ("{ nope }", "error"), ("subscription { breaks }", "error")):
        await gql.subscribe("1", query)
        await gql.until(last)
    await gql.subscribe("1", FOLLOW)
    await gql.send(type="complete", id="1")
    await gql.subscribe("1", "{ hello }")
    assert (await gql.recv())["payload"] == {"data": {"hello": "world"}}


async def test_a_client_complete_stops_the_stream_and_closes_its_source(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", FOLLOW)
    served.world.events.put_nowait(("a", None))
    await gql.until("next")
    await gql.send(type="complete", id="1")
    async with asyncio.timeout(PATIENCE):
        await served.world.closed.wait()
    served.world.events.put_nowait(("b", None))
    await gql.send(type="ping")
    assert await gql.recv() == {"type": "pong"}


async def test_a_complete_of_an_unknown_id_is_passed_over(served: Served) -> None:
    gql = await served.socket()
    await gql.send(type="complete", id="never")
    await gql.alive()


async def test_operations_run_side_by_side(served: Served) -> None:
    gql = await served.socket()
    for number in range(5):
        await gql.subscribe(str(number), COUNT)
    seen: dict[str, list[Any]] = {str(number): [] for number in range(5)}
    for _ in range(20):
        frame = await gql.recv()
        seen[frame["id"]].append(frame.get("payload", {}).get("data", {}).get("count"))
    assert all(counts == [1, 2, 3, None] for counts in seen.values())


async def test_a_query_is_answered_beside_a_stream(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("s", FOLLOW)
    await gql.subscribe("q", "{ hello }")
    assert (await gql.recv())["id"] == "q"


async def test_a_stream_that_breaks_ends_with_an_error_and_its_extensions(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "subscription { breaks }")
    assert (await gql.recv())["payload"] == {"data": {"breaks": 1}}
    broken = await gql.recv()
    assert broken["type"] == "error"
    assert broken["payload"][0]["extensions"] == {"code": "CURSOR_EXPIRED", "oldest": "c7"}
    assert broken["payload"][0]["path"] == ["breaks"]
    await gql.alive()


async def test_a_stream_that_never_starts_is_an_error(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "subscription { neverStarts }")
    assert (await gql.recv())["payload"][0]["extensions"]["code"] == "CURSOR_EXPIRED"


async def test_a_bug_in_a_stream_is_an_id(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "subscription { bug }")
    error = await gql.until("error")
    assert error["payload"][0]["extensions"]["code"] == "INTERNAL"
    assert "hunter2" not in str(error)


async def test_an_error_of_a_field_is_in_its_event_and_the_stream_goes_on(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "subscription { follow { shaky } }")
    for text in ("bad", "good"):
        served.world.events.put_nowait((text, None))
    bad, good = await gql.recv(), await gql.recv()
    assert (bad["type"], bad["payload"]["errors"][0]["path"]) == ("next", ["follow", "shaky"])
    assert good["payload"] == {"data": {"follow": {"shaky": "good"}}}


async def test_a_source_that_ends_completes(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", FOLLOW)
    served.world.events.put_nowait(("end", None))
    assert await gql.recv() == {"id": "1", "type": "complete"}


async def test_the_operations_of_a_socket_are_bounded(serve: Serve) -> None:
    gql = await (await serve(operations=2)).socket()
    for id in "ab":
        await gql.subscribe(id, FOLLOW)
    await gql.subscribe("c", FOLLOW)
    refused = await gql.recv()
    assert (refused["id"], refused["type"]) == ("c", "error")
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
    await gql.send(type="complete", id="a")
    await gql.subscribe("c", "{ hello }")
    assert (await gql.recv())["type"] == "next"


async def test_messages_are_bounded_in_number(serve: Serve) -> None:
    gql = await (await serve(messages_per_second=0.01, message_burst=5)).socket()
    for _ in range(5):
        await gql.send(type="pong")
    assert await gql.closed() == (4429, "Too many messages: slow down.")


async def test_messages_are_bounded_in_size(served: Served) -> None:
    gql = await served.socket()
    await gql.send(type="ping", payload={"x": "y" * 1_000_001})
    assert (await gql.closed())[0] == 1009


async def test_a_socket_that_goes_closes_every_source(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", FOLLOW)
    async with asyncio.timeout(PATIENCE):
        await served.world.entered.wait()
    gql.socket.transport.abort()
    async with asyncio.timeout(PATIENCE):
        await served.world.closed.wait()
    await served.idle()


async def test_a_change_is_carried_through_though_its_socket_went(served: Served) -> None:
    gql = await served.socket()
    await gql.subscribe("1", "mutation { change }")
    async with asyncio.timeout(PATIENCE):
        await served.world.entered.wait()
    await gql.send(type="complete", id="1")
    await gql.alive()
    gql.socket.transport.abort()
    await turns_until(lambda: not served.state.connections)
    await turns(20)
    served.world.gate.set()
    async with asyncio.timeout(PATIENCE):
        await served.world.changed.wait()
    await served.idle()


async def test_half_of_a_character_fails_the_operation_and_not_the_socket(served: Served) -> None:
    gql = await served.socket()
    query = "query ($t: String!) { echo(text: $t) }"
    await gql.send(id="1", type="subscribe", payload={"query": query, "variables": {"t": "a\ud800"}})
    refused = await gql.recv()
    [error] = refused["payload"]
    assert (refused["type"], refused["id"], error["extensions"]["code"]) == ("error", "1", "INVALID")
    assert "variables.t" in error["message"]
    await gql.alive()


async def test_half_of_a_character_in_another_message_closes_4400(served: Served) -> None:
    gql = await served.socket()
    await gql.send(type="ping", payload={"authorization": "\udfff"})
    assert (await gql.closed())[0] == 4400
