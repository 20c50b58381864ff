"""https and wss, spoken by the API itself."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import uvicorn
from starlette.applications import Starlette
from websockets.asyncio.client import connect

from datawave.kit.tls import CannotSpeakTls, context, trusting
from datawave.transports import Limits, routes, uvicorn_options
from datawave.transports.leaving import Server
from tests.certificates import self_signed
from tests.transports.conftest import PATIENCE, Gql
from tests.transports.world import TestDoor, World, schema

SUBPROTOCOLS: Any = ["graphql-transport-ws"]


@asynccontextmanager
async def secure(world: World, folder: Path, **more: Any) -> AsyncIterator[tuple[int, Path]]:
    """The port of a server that speaks https, and the certificate to trust."""
    certificate, key = self_signed(folder)
    made = context(certificate, key)
    limits = Limits(**more)
    app = Starlette(routes=routes(schema, TestDoor(world), limits=limits))
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        ssl_context_factory=lambda _config, _default: made,
        **uvicorn_options(limits),
    )
    started = asyncio.Event()
    server = Server(config, on_started=started.set, drain_seconds=0, leave_seconds=PATIENCE)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    running = asyncio.create_task(server.serve([listening]))
    await started.wait()
    try:
        yield port, certificate
    finally:
        server.end()
        await running


async def test_a_query_and_a_stream_are_told_over_tls(world: World, tmp_path: Path) -> None:
    async with secure(world, tmp_path) as (port, certificate), AsyncExitStack() as stack:
        client = httpx2.AsyncClient(
            base_url=f"https://127.0.0.1:{port}", verify=trusting(certificate), trust_env=False
        )
        await stack.enter_async_context(client)
        answer = await client.post("/graphql", json={"query": "{ hello }"})
        assert answer.json() == {"data": {"hello": "world"}}
        events = await client.post(
            "/graphql",
            json={"query": "subscription { count(to: 3) }"},
            headers={"accept": "text/event-stream"},
        )
        assert events.text.count("event: next") == 3
        connection = connect(
            f"wss://127.0.0.1:{port}/graphql",
            subprotocols=SUBPROTOCOLS,
            ssl=trusting(certificate),
            proxy=None,
            additional_headers={"origin": f"https://127.0.0.1:{port}"},
        )
        gql = Gql(await stack.enter_async_context(connection))
        await gql.init()
        await gql.subscribe("1", "subscription { count(to: 2) }")
        told = [(await gql.until("next"))["payload"]["data"]["count"] for _ in range(2)]
        assert len(told) == 2


async def test_a_long_answer_comes_whole(world: World, tmp_path: Path) -> None:
    async with secure(world, tmp_path) as (port, certificate):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(certificate))
        body = orjson.dumps(
            {"query": "query ($t: String!) { echo(text: $t) }", "variables": {"t": "x" * 900_000}}
        )
        head = b"POST /graphql HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n"
        writer.write(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        async with asyncio.timeout(PATIENCE):
            assert len(await reader.read(-1)) > 900_000
        writer.close()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_tls_is_not_spoken(world: World, tmp_path: Path, version: ssl.TLSVersion) -> None:
    async with secure(world, tmp_path) as (port, certificate):
        old = trusting(certificate)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, version
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)


async def test_weak_ciphers_are_not_spoken(world: World, tmp_path: Path) -> None:
    async with secure(world, tmp_path) as (port, certificate):
        weak = trusting(certificate)
        weak.maximum_version = ssl.TLSVersion.TLSv1_2
        weak.set_ciphers("ECDHE+AES:!AESGCM:!AESCCM")  # CBC
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=weak)


async def test_who_speaks_no_tls_is_let_go_in_time_and_others_are_served(
    world: World, tmp_path: Path
) -> None:
    async with secure(world, tmp_path, header_seconds=3.0) as (port, certificate):
        silent, kept = await asyncio.open_connection("127.0.0.1", port)
        plain, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /graphql HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            assert b"200" not in await plain.read()
            assert await silent.read() == b""
        for each in (kept, writer):
            each.close()
        async with httpx2.AsyncClient(verify=trusting(certificate), trust_env=False) as client:
            answer = await client.post(f"https://127.0.0.1:{port}/graphql", json={"query": "{ hello }"})
        assert answer.status_code == 200


async def test_only_this_very_certificate_is_trusted(world: World, tmp_path: Path) -> None:
    other, _ = self_signed(tmp_path, name="other")
    async with secure(world, tmp_path) as (port, _):
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port, ssl=trusting(other))


def test_a_pair_that_will_not_do_is_named(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    _, others = self_signed(tmp_path, name="other")
    _, locked = self_signed(tmp_path, name="locked", passphrase=b"hunter2")
    for first, second, said in (
        (certificate, others, "does not fit"),
        (key, key, "does not fit"),
        (certificate, locked, "has a passphrase"),
        (tmp_path / "none.pem", key, "cannot be read"),
    ):
        with pytest.raises(CannotSpeakTls, match=said):
            context(first, second)
