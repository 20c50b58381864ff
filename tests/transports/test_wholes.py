"""Answers that are written whole: on the wire they are what uvicorn would have written."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from datawave.transports import uvicorn_options
from datawave.transports.leaving import Server
from tests.transports.conftest import PATIENCE

Lines = list[tuple[bytes, bytes]]
ASKING = b"%s / HTTP/1.1\r\nhost: x\r\n%s\r\n"


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """One connection to a server of this loop."""
    config = uvicorn.Config(app, lifespan="off", log_config=None, **uvicorn_options())
    started = asyncio.Event()
    server = Server(config, drain_seconds=0, leave_seconds=1, on_started=started.set)
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(server.serve([listening]))
    await started.wait()
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        async with asyncio.timeout(PATIENCE):
            yield reader, writer
    finally:
        writer.transport.abort()
        server.end()
        await running


def answering(lines: Lines, *bodies: bytes, status: int = 200) -> Any:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": lines})
        for at, body in enumerate(bodies, 1):
            more = {"more_body": True} if at < len(bodies) else {}
            await send({"type": "http.response.body", "body": body} | more)

    return app


def length(number: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % number


async def heads(reader: asyncio.StreamReader) -> list[bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    return head[:-4].split(b"\r\n")


async def test_a_whole_answer_has_its_lines_and_its_body_and_leaves_the_connection_open() -> None:
    async with served(answering([length(5), (b"x-one", b"1")], b"hello", status=201)) as (reader, writer):
        for _ in range(2):
            writer.write(ASKING % (b"GET", b""))
            status, *lines = await heads(reader)
            assert status == b"HTTP/1.1 201 Created"
            assert {b"content-length: 5", b"x-one: 1"} <= set(lines)
            assert any(each.startswith(b"date: ") for each in lines)
            assert await reader.readexactly(5) == b"hello"


async def test_several_requests_sent_at_once_are_answered_in_turn() -> None:
    async with served(answering([length(5)], b"hello")) as (reader, writer):
        writer.write(ASKING % (b"GET", b"") * 3)
        for _ in range(3):
            await heads(reader)
            assert await reader.readexactly(5) == b"hello"


@pytest.mark.parametrize(
    ("asking", "lines"),
    [
        (ASKING % (b"GET", b"connection: close\r\n"), [length(5)]),
        (ASKING % (b"GET", b""), [length(5), (b"connection", b"close")]),
    ],
    ids=["asked by the client", "said by the application"],
)
async def test_the_last_answer_of_a_connection_says_so(asking: bytes, lines: Lines) -> None:
    async with served(answering(lines, b"hello")) as (reader, writer):
        writer.write(asking)
        assert (await heads(reader)).count(b"connection: close") == 1
        assert await reader.read() == b"hello"


async def test_a_body_in_parts_comes_in_parts_and_to_head_comes_none() -> None:
    async with served(answering([length(5)], b"he", b"llo")) as (reader, writer):
        writer.write(ASKING % (b"GET", b""))
        await heads(reader)
        assert await reader.readexactly(5) == b"hello"
        writer.write(ASKING % (b"HEAD", b"") + ASKING % (b"HEAD", b""))
        assert b"content-length: 5" in await heads(reader)
        assert (await heads(reader))[0] == b"HTTP/1.1 200 OK"  # with no body before it


@pytest.mark.parametrize(
    "lines",
    [
        [length(4)],
        [length(6)],
        [length(5), (b"x-one", b"1\r\nx-two: 2")],
        [length(5), (b"x-one", b"1\n2")],
        [length(5), (b"x-one", b"\0")],
        [length(5), (b"x-one\r\nx-two", b"2")],
    ],
)
async def test_no_whole_answer_is_sent_that_is_wrong(lines: Lines) -> None:
    async with served(answering(lines, b"hello")) as (reader, writer):
        writer.write(ASKING % (b"GET", b"connection: close\r\n"))
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"x-two" not in head
        assert not head.startswith(b"HTTP/1.1 200") or b"content-length: %d\r\n" % len(body) not in head
