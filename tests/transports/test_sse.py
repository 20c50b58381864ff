"""Server-sent events: graphql-sse in distinct connections mode, with cursors as ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2
import orjson
import pytest

from tests.transports.conftest import PATIENCE, Serve, Served

EVENTS = {"accept": "text/event-stream"}


@dataclass
class Block:
    """One block of the stream as a standard reader sees it."""

    event: str | None = None
    data: str | None = None
    id: str | None = None

    @property
    def answer(self) -> Any:
        return orjson.loads(self.data or "null")


@dataclass
class Reader:
    response: httpx2.Response
    lines: AsyncIterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = self.response.aiter_lines()

    async def block(self) -> Block | None:
        """The next block with anything in it; None at the end of the stream."""
        block = Block()
        async with asyncio.timeout(PATIENCE):
            async for line in self.lines:
                if not line and block != Block():
                    return block
                name, _, value = line.partition(":")
                if name:
                    setattr(block, name, value.removeprefix(" "))
        return None

    async def rest(self) -> list[Block]:
        blocks: list[Block] = []
        while block := await self.block():
            blocks.append(block)
        return blocks


@asynccontextmanager
async def stream(served: Served, query: str, **more: Any) -> AsyncGenerator[Reader]:
    headers = {**EVENTS, **more.pop("headers", {})}
    request = served.http.stream("POST", "/graphql", json={"query": query, **more}, headers=headers)
    async with request as response:
        yield Reader(response)


async def read(served: Served, query: str, **more: Any) -> list[Block]:
    async with stream(served, query, **more) as reader:
        return await reader.rest()


async def test_events_then_completion(served: Served) -> None:
    async with stream(served, "subscription { count(to: 2) }") as reader:
        assert reader.response.status_code == 200
        assert reader.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert reader.response.headers["cache-control"] == "no-store, no-transform"
        *events, end = await reader.rest()
    assert [(event.event, event.answer) for event in events] == [
        ("next", {"data": {"count": 1}}),
        ("next", {"data": {"count": 2}}),
    ]
    assert (end.event, end.data) == ("complete", "")


async def test_an_event_source_asks_by_get(served: Served) -> None:
    parameters = {"query": "subscription ($to: Int!) { count(to: $to) }", "variables": '{"to":1}'}
    async with served.http.stream("GET", "/graphql", params=parameters, headers=EVENTS) as response:
        first, end = await Reader(response).rest()
    assert (first.answer, end.event) == ({"data": {"count": 1}}, "complete")


@pytest.mark.parametrize("query", ["{ hello }", "mutation { bump }"])
async def test_single_answers_can_be_streamed(served: Served, query: str) -> None:
    first, end = await read(served, query)
    assert (first.event, "errors" in first.answer, end.event) == ("next", False, "complete")


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("subscription {", None),
        ("subscription { nope }", None),
        ("subscription { count(to: 1) a: count(to: 2) }", None),
        ("subscription ($to: Int!) { count(to: $to) }", {"to": "x"}),
        ("subscription A { count(to: 1) } subscription B { count(to: 2) }", None),
    ],
)
async def test_errors_of_the_request_are_events(
    served: Served, query: str, variables: dict[str, Any] | None
) -> None:
    async with stream(served, query, variables=variables) as reader:
        assert reader.response.status_code == 200
        first, end = await reader.rest()
    assert (first.event, end.event, "data" in first.answer) == ("next", "complete", False)
    assert first.answer["errors"][0]["extensions"]["code"] == "INVALID"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}", b'{"query":7}', b'{"query":"{hello}","variables":1}', b"[]"]
)
async def test_malformed_requests_are_no_streams(served: Served, body: bytes) -> None:
    headers = {**EVENTS, "content-type": "application/json"}
    answer = await served.http.post("/graphql", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (400, "INVALID")


async def test_a_refused_token_is_no_stream(served: Served) -> None:
    answer = await served.post(
        "subscription { count(to: 1) }", accept="text/event-stream", headers={"authorization": "Bearer bad"}
    )
    assert answer.status_code == 401


async def test_a_source_that_breaks_tells_why_and_completes(served: Served) -> None:
    first, broken, end = await read(served, "subscription { breaks }")
    assert first.answer == {"data": {"breaks": 1}}
    assert broken.answer["errors"][0]["extensions"] == {"code": "CURSOR_EXPIRED", "oldest": "c7"}
    assert end.event == "complete"


async def test_an_error_of_a_field_does_not_end_the_stream(served: Served) -> None:
    for event in (("bad", None), ("good", None), ("end", None)):
        served.world.events.put_nowait(event)
    bad, good, end = await read(served, "subscription { follow { shaky } }")
    assert bad.answer["errors"][0]["path"] == ["follow", "shaky"]
    assert (good.answer, end.event) == ({"data": {"follow": {"shaky": "good"}}}, "complete")


async def test_each_event_carries_its_cursor_as_id(served: Served) -> None:
    for event in (("a", "c1"), ("b", "c2"), ("end", None)):
        served.world.events.put_nowait(event)
    blocks = await read(served, "subscription { follow { text } }")
    assert [(block.event, block.id) for block in blocks] == [
        ("next", "c1"),
        ("next", "c2"),
        ("complete", None),
    ]


async def test_a_quiet_stream_beats_with_the_cursor_of_what_was_passed_over(serve: Serve) -> None:
    served = await serve(beat_seconds=0.03)
    for event in (("a", "c1"), ("", "c5")):
        served.world.events.put_nowait(event)
    async with stream(served, "subscription { follow { text } }") as reader:
        event = await reader.block()
        beat = await reader.block()
    assert event and (event.event, event.id) == ("next", "c1")
    assert beat == Block(id="c5")


async def test_a_stream_without_cursors_beats_with_comments(serve: Serve) -> None:
    served = await serve(beat_seconds=0.01)
    async with stream(served, "subscription { follow { text } }") as reader:
        async with asyncio.timeout(PATIENCE):
            heard = [await anext(reader.lines) for _ in range(6)]
    assert set(heard) == {":", ""}


async def test_the_last_event_id_reaches_the_operation(served: Served) -> None:
    first, _ = await read(served, "subscription { resumed }", headers={"last-event-id": "c9"})
    assert first.answer == {"data": {"resumed": "c9"}}
    fresh, _ = await read(served, "subscription { resumed }")
    assert fresh.answer == {"data": {"resumed": "from the start"}}


async def test_a_client_that_goes_closes_the_source(served: Served) -> None:
    served.world.events.put_nowait(("a", None))
    async with stream(served, "subscription { follow { text } }") as reader:
        await reader.block()
    async with asyncio.timeout(PATIENCE):
        await served.world.closed.wait()
    await served.idle()


async def test_an_expired_session_stops_the_stream_to_be_resumed(serve: Serve) -> None:
    served = await serve(beat_seconds=0.01)
    served.world.life = timedelta(hours=1)
    served.world.events.put_nowait(("a", "c1"))
    async with stream(served, "subscription { follow { text } }") as reader:
        assert await reader.block()
        served.world.now += timedelta(hours=2)
        assert "complete" not in [block.event for block in await reader.rest()]
    await served.idle()
    assert served.world.closed.is_set()


async def test_an_ended_session_ends_the_stream_with_an_error(served: Served) -> None:
    served.world.events.put_nowait(("a", None))
    async with stream(served, "subscription { follow { text } }") as reader:
        await reader.block()
        served.world.sessions[0].end()
        error, end = await reader.rest()
    assert error.answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert end.event == "complete"
    await served.idle()


async def test_a_leaving_server_stops_the_stream_to_be_resumed(served: Served) -> None:
    served.world.events.put_nowait(("a", "c1"))
    async with stream(served, "subscription { follow { text } }") as reader:
        await reader.block()
        served.leave()
        assert await reader.rest() == []
    await served.idle()


async def test_a_stream_is_pulled_only_as_fast_as_it_is_read_and_a_stalled_one_ends(serve: Serve) -> None:
    served = await serve(stall_seconds=0.2)
    _, writer = await served.plain()
    body = orjson.dumps({"query": "subscription { flood }"})
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: x\r\naccept: text/event-stream\r\ncontent-length: {len(body)}\r\n"
    )
    writer.write(head.encode() + b"content-type: application/json\r\n\r\n" + body)
    async with asyncio.timeout(PATIENCE):
        await served.world.closed.wait()
    assert served.world.pulled < 1_000
    await served.idle()
    assert not served.state.connections


async def test_headers_of_the_context_are_sent(served: Served) -> None:
    async with stream(served, "{ adorned }") as reader:
        assert reader.response.headers["set-cookie"] == "a=b"


async def test_an_id_of_the_beat_never_sends_a_reader_back_behind_an_event(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawave.transports.outflow.SLICE_SECONDS", -1.0)  # every write lets others run
    served = await serve(beat_seconds=0.0)
    async with stream(served, "subscription { follow { text } }") as reader:
        place = told = 0
        for number in range(1, 51):
            served.world.events.put_nowait((str(number), str(number)))
            while place < number or told < number:
                block = await reader.block()
                assert block
                assert int(block.id or place) >= place
                if block.event:
                    place = int(block.answer["data"]["follow"]["text"])
                else:
                    told = int(block.id or 0)
