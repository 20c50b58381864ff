"""Bodies that are not GraphQL's are small, and come in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from datawave.transports import uvicorn_options
from datawave.transports.bounding import Bounded
from tests.transports.conftest import PATIENCE


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@asynccontextmanager
async def bounded(**more: Any) -> AsyncIterator[int]:
    app = Bounded(Starlette(routes=[Route("/form", length, methods=["POST"])]), **{"seconds": 30, **more})
    config = uvicorn.Config(app, lifespan="off", log_config=None, **uvicorn_options())
    config.load()
    kind: Any = config.http_protocol_class
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        for connection in list(state.connections):
            connection.shutdown()
        server.close()


@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (1_001, 413)])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_is_taken_up_to_its_bound(size: int, status: int, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * (size - 1)
        yield b"x"

    async with bounded(most=1_000) as port, httpx2.AsyncClient(trust_env=False) as client:
        content: Any = b"x" * size if announced else chunks()
        answer = await client.post(f"http://127.0.0.1:{port}/form", content=content)
    assert answer.status_code == status
    assert answer.text == str(size) if status == 200 else "larger than 1,000 bytes" in answer.text


async def test_a_body_that_does_not_come_is_408() -> None:
    async with bounded(seconds=0.05) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /form HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nx")
        async with asyncio.timeout(PATIENCE):
            assert b" 408 " in await reader.readline()
        writer.close()
