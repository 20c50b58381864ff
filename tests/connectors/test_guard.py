"""Where connectors may go: by address, never by name."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from connectors.base import Guard, SourceError
from connectors.guard import checked_file, connect, resolve

PRIVATE = Guard(private=True)
PUBLIC_ONLY = Guard()


async def refused(guard: Guard, host: str, port: int = 5432) -> str:
    with pytest.raises(SourceError) as error:
        await resolve(guard, host=host, port=port, seconds=5)
    return error.value.code


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "2852039166",  # the same in decimal
        "0251.0376.0251.0376",  # in octal
        "0xa9fea9fe",  # in hexadecimal
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
        "0.0.0.0",
        "0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
    ],
)
async def test_special_addresses_are_refused_even_where_private_ones_are_allowed(host: str) -> None:
    listed = Guard(private=True, allowed_hosts=frozenset({host}))
    assert await refused(listed, host) == "FORBIDDEN_ADDRESS"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "::1",
        "::ffff:127.0.0.1",
        "10.1.2.3",
        "fc00::1",
        "100.64.0.1",
    ],
)
async def test_loopback_and_private_addresses_depend_on_the_profile(host: str) -> None:
    assert await refused(PUBLIC_ONLY, host) == "FORBIDDEN_ADDRESS"
    assert (await resolve(PRIVATE, host=host, port=5432, seconds=5)).addresses


async def test_a_listed_host_address_or_network_is_allowed() -> None:
    for listed in ("10.1.2.3", "10.0.0.0/8"):
        guard = Guard(allowed_hosts=frozenset({listed}))
        assert (await resolve(guard, host="10.1.2.3", port=1, seconds=5)).addresses == ("10.1.2.3",)
        assert await refused(guard, "192.168.0.1") == "FORBIDDEN_ADDRESS"
    named = Guard(allowed_hosts=frozenset({"LocalHost."}))
    assert (await resolve(named, host="localhost", port=1, seconds=5)).loopback


async def test_the_platforms_own_ports_are_refused_here_and_where_it_listens() -> None:
    guard = Guard(private=True, own_ports=frozenset({5432}), own_addresses=frozenset({"10.0.0.5"}))
    assert await refused(guard, "127.0.0.1") == "FORBIDDEN_ADDRESS"
    assert await refused(guard, "127.0.0.77") == "FORBIDDEN_ADDRESS"
    assert await refused(guard, "::ffff:127.0.0.1") == "FORBIDDEN_ADDRESS"
    assert await refused(guard, "10.0.0.5") == "FORBIDDEN_ADDRESS"
    assert (await resolve(guard, host="10.0.0.6", port=5432, seconds=5)).addresses
    assert (await resolve(guard, host="127.0.0.1", port=5433, seconds=5)).addresses


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "ü" * 200])
async def test_an_unknown_host_says_so(host: str) -> None:
    assert await refused(PRIVATE, host) == "HOST_UNKNOWN"


async def test_a_port_where_nothing_listens_is_refused() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    target = await resolve(PRIVATE, host="127.0.0.1", port=port, seconds=5)
    with pytest.raises(SourceError) as error:
        await connect(target, seconds=5)
    assert (error.value.code, error.value.retryable) == ("CONNECTION_REFUSED", True)


def test_files_are_read_only_under_the_allowed_folders(tmp_path: Path) -> None:
    inside, outside = tmp_path / "files", tmp_path / "other"
    inside.mkdir()
    outside.mkdir()
    (inside / "a.db").write_bytes(b"")
    (outside / "b.db").write_bytes(b"")
    (inside / "link.db").symlink_to(outside / "b.db")
    (inside / "own.db").symlink_to(inside / "a.db")
    (inside / "folder").symlink_to(outside)
    guard = Guard(file_roots=(str(inside),))
    assert checked_file(guard, "a.db") == inside / "a.db"
    assert checked_file(guard, str(inside / "own.db")) == inside / "a.db"
    wrong = {
        "link.db": "FILE_FORBIDDEN",
        "folder/b.db": "FILE_FORBIDDEN",
        "../other/b.db": "FILE_FORBIDDEN",
        str(outside / "b.db"): "FILE_FORBIDDEN",
        "/etc/passwd": "FILE_FORBIDDEN",
        "/no/such/file": "FILE_FORBIDDEN",
        "none.db": "FILE_NOT_FOUND",
        "a.db/x": "FILE_NOT_FOUND",
        ".": "FILE_FORBIDDEN",
    }
    for path, code in wrong.items():
        with pytest.raises(SourceError) as error:
            checked_file(guard, path)
        assert (path, error.value.code) == (path, code)


def test_without_folders_no_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="only under"):
        checked_file(Guard(), str(tmp_path))
