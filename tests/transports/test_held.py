"""What a connection holds while nothing happens on it."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest

from datawave.transports import Limits
from tests.transports.conftest import PATIENCE, Served, served_app
from tests.transports.shared import Board, BoardDoor, schema
from tests.transports.test_flow import HANDSHAKE, said
from tests.transports.test_groups import NOTES, nothing, settled

CONNECTIONS = 40
MOST = 25 * 1024
COOKIES = b"host: x\r\ncookie: " + b"c" * 8_000 + b"\r\n"
TALK = (
    said(type="connection_init"),
    said(type="subscribe", id="1", payload={"query": NOTES}),
    said(type="ping", payload={"said": "x" * 40_000}),
)
PONG = b'{"type":"pong"}'
ASKED = orjson.dumps({"query": NOTES, "extensions": {"said": "x" * 20_000}})
ASKING = (
    b"POST /graphql HTTP/1.1\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n%b\r\n%b" % (len(ASKED), COOKIES, ASKED)
)


def follow_over_socket(port: int) -> socket.socket:
    """A subscriber as browsers are, with long headers, whose last message was a long one."""
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    made.sendall(HANDSHAKE.replace(b"host: x\r\n", COOKIES))
    assert b"101" in made.recv(4_096)
    made.sendall(b"".join(TALK))
    heard = b""
    while PONG not in heard:
        heard += made.recv(4_096)
    return made


def follow_over_events(port: int) -> socket.socket:
    """The same by SSE: what it asked with is as long."""
    made = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    made.sendall(ASKING)
    assert b"200" in made.recv(4_096)
    return made


Follow = Callable[[int], socket.socket]


async def following(served: Served, count: int, follow: Follow) -> list[socket.socket]:
    return await asyncio.to_thread(lambda: [follow(served.port) for _ in range(count)])


@contextmanager
def traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("follow", [follow_over_socket, follow_over_events])
async def test_a_quiet_subscriber_holds_neither_its_headers_nor_its_messages(follow: Follow) -> None:
    board = Board()
    async with served_app(board, Limits(), door=BoardDoor(board), schema=schema, touched=nothing) as served:
        first = await following(served, 5, follow)
        await settled(5)
        with traced():
            before = held()
            later = await following(served, CONNECTIONS, follow)
            await settled(5 + CONNECTIONS)
            each = (held() - before) / CONNECTIONS
        for one in (*first, *later):
            one.close()
    assert each < MOST
