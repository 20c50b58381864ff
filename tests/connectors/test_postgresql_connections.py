"""PostgreSQL: connection tests, pings, and what bad input comes to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from connectors.base import Limits, SourceError
from connectors.configs import TlsConfig, TlsMode
from connectors.entries import ServerFacts
from connectors.postgresql import Postgresql
from tests.connectors.reading import fails, run_test
from tests.connectors.shop import SHOP, Connect, execute
from tests.servers import SourceServer


async def test_a_test_tells_each_step_and_the_server(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database(SHOP)
    steps, facts, failure = await run_test(connect(source))
    assert failure is None
    assert [(step.name, step.ok) for step in steps] == [
        (name, True) for name in ("resolve", "connect", "tls", "sign in", "read", "capability")
    ]
    assert isinstance(facts, ServerFacts) and facts.version is not None
    assert facts.info["database"] == source.database
    assert facts.read_only is True


async def test_a_test_says_what_is_wrong(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database()
    other = await asyncio.start_server(_http, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    cases: list[tuple[Postgresql, str, str]] = [
        (connect(source, login=(source.username, "wr0ng-s3cret")), "sign in", "AUTHENTICATION_FAILED"),
        (connect(source, login=("nobody", "wr0ng-s3cret")), "sign in", "AUTHENTICATION_FAILED"),
        (connect(source, database="none"), "sign in", "DATABASE_UNKNOWN"),
        (connect(source, host="no-such-host.invalid"), "resolve", "HOST_UNKNOWN"),
        (connect(source, host="169.254.169.254"), "resolve", "FORBIDDEN_ADDRESS"),
        (connect(source, port=port), "connect", "WRONG_PROTOCOL"),
        (connect(source, tls=TlsConfig(mode=TlsMode.REQUIRED).model_dump()), "tls", "TLS_FAILED"),
        (connect(source, tls={}), "tls", "TLS_FAILED"),
    ]
    async with other:
        for connector, step, code in cases:
            await fails(connector, step, code, without="wr0ng")


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


async def test_a_server_that_hangs_is_given_up(source_server: SourceServer, connect: Connect) -> None:
    released = asyncio.Event()

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    source = await source_server.database()
    silent = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with silent:
        connector = connect(
            source, port=silent.sockets[0].getsockname()[1], limits=Limits(connect_seconds=0.2)
        )
        with pytest.raises(SourceError) as error:
            await connector.ping()
        assert (error.value.code, error.value.retryable) == ("TIMEOUT", True)
        released.set()


async def test_a_ping_tells_how_the_server_is(source_server: SourceServer, connect: Connect) -> None:
    connector = connect(await source_server.database())
    statistics = await connector.ping()
    before = connector.statements
    await connector.ping()
    assert connector.statements == before + 1
    assert statistics["connections"] >= 1
    assert statistics["size_bytes"] > 0


async def test_a_lost_connection_is_opened_again(source_server: SourceServer, connect: Connect) -> None:
    source = await source_server.database("create table t (a int)")
    connector = connect(source)
    await connector.ping()
    await execute(
        source, "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'datawave'"
    )
    with suppress(SourceError):  # the loss may have been noticed already, or not
        await connector.ping()
    assert (await connector.ping())["connections"] >= 1
