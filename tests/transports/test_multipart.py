"""The multipart subscription protocol."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from tests.transports.conftest import PATIENCE, Serve, Served

ACCEPT = "multipart/mixed;subscriptionSpec=1.0"


def parts(body: bytes) -> list[Any]:
    """The parts, after checking what is around them."""
    assert body.startswith(b"\r\n--graphql\r\n") and body.endswith(b"\r\n--graphql--\r\n")
    found: list[Any] = []
    for part in body.split(b"\r\n--graphql")[1:-1]:
        head, _, content = part.partition(b"\r\n\r\n")
        assert head == b"\r\ncontent-type: application/json; charset=utf-8"
        found.append(orjson.loads(content))
    return found


@pytest.mark.parametrize(
    "accept", [ACCEPT, ACCEPT.replace("1.0", '"1.0"'), "multipart/mixed;boundary=graphql"]
)
async def test_each_event_is_a_part(served: Served, accept: str) -> None:
    answer = await served.post("subscription { count(to: 2) }", accept=accept)
    assert answer.headers["content-type"] == 'multipart/mixed; boundary="graphql"; subscriptionSpec=1.0'
    assert parts(answer.content) == [{}, *({"payload": {"data": {"count": n}}} for n in (1, 2))]


async def test_apollo_asks_for_both_and_gets_the_stream(served: Served) -> None:
    answer = await served.post("subscription { count(to: 1) }", accept=f"{ACCEPT}, application/json")
    assert answer.headers["content-type"].startswith("multipart/mixed")


async def test_errors_are_payloads(served: Served) -> None:
    for query in ("subscription { nope }", "subscription { never_starts: neverStarts }"):
        _, error = parts((await served.post(query, accept=ACCEPT)).content)
        assert error["payload"]["errors"]


async def test_a_broken_source_ends_the_parts(served: Served) -> None:
    *_, error = parts((await served.post("subscription { breaks }", accept=ACCEPT)).content)
    assert error["payload"]["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"


async def test_a_query_is_one_part(served: Served) -> None:
    answer = await served.post("{ hello }", accept=ACCEPT)
    assert parts(answer.content) == [{}, {"payload": {"data": {"hello": "world"}}}]


async def test_each_part_is_delivered_at_once_and_silence_is_filled(serve: Serve) -> None:
    served = await serve(beat_seconds=0.02)
    served.world.events.put_nowait(("a", None))
    headers = {"accept": ACCEPT}
    query = {"query": "subscription { follow { text } }"}
    async with served.http.stream("POST", "/graphql", json=query, headers=headers) as response:
        chunks, body = response.aiter_bytes(), b""
        async with asyncio.timeout(PATIENCE):
            while body.count(b"\r\n\r\n{}\r\n--graphql") < 3:
                body += await anext(chunks)
    assert b'{"payload":{"data":{"follow":{"text":"a"}}}}\r\n--graphql' in body
