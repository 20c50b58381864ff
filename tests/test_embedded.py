"""The embedded servers: made whole, guarded by a password, found again and ended."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from datawave.embedded import postgres, processes, valkey
from datawave.embedded.processes import CannotRun
from tests.servers import SourceServer, ValkeySpace, connected


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory):
    started = postgres.start_postgres(tmp_path_factory.mktemp("pg") / "data", password="it's a 'pass word'")
    yield started
    started.stop()


def test_the_wheel_brings_the_major_version_we_expect() -> None:
    said = subprocess.run(
        [postgres.postgres_binaries() / "postgres", "--version"], capture_output=True, text=True
    ).stdout
    assert said.split()[2].split(".")[0] == str(postgres.MAJOR)


def test_names_are_utf8_and_sorted_by_code_point(server: postgres.RunningPostgres) -> None:
    sql = "select pg_encoding_to_char(encoding), datcollate from pg_database where datname = 'postgres'"
    assert postgres.psql(server.address, sql) == "UTF8\tC.UTF-8"


def test_nobody_is_trusted_over_tcp(server: postgres.RunningPostgres) -> None:
    wrong = postgres.PostgresAddress(port=server.address.port, password="guess")
    with pytest.raises(CannotRun, match="password authentication failed"):
        postgres.psql(wrong, "select 1")
    rules = postgres.psql(server.address, "select distinct auth_method from pg_hba_file_rules")
    assert rules == "scram-sha-256"


async def test_its_url_is_understood_by_asyncpg(server: postgres.RunningPostgres) -> None:
    async with connected(server.address.url()) as connection:
        assert await connection.fetchval("select 1") == 1


def test_a_database_is_made_once_whatever_its_name(server: postgres.RunningPostgres) -> None:
    for _ in range(2):
        postgres.create_database(server.address, "o'dd \"näme")
    assert (
        postgres.psql(server.address, "select count(*) from pg_database where datname like 'o''dd%'") == "1"
    )


def test_the_command_line_holds_no_password(server: postgres.RunningPostgres) -> None:
    assert "pass word" not in processes.command_line(server.process.pid)
    assert "pass word" not in repr(server.address)


def test_an_unfinished_initdb_is_done_again(tmp_path: Path) -> None:
    unfinished = tmp_path / "data.unfinished"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    postgres.init_postgres(tmp_path / "data", password="x")
    assert postgres.is_initialised(tmp_path / "data")
    assert [each.name for each in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize(("major", "advice"), [("19", "newer DataWave"), ("17", "restore a backup")])
def test_data_of_another_major_version_is_refused(tmp_path: Path, major: str, advice: str) -> None:
    (tmp_path / "PG_VERSION").write_text(f"{major}\n")
    with pytest.raises(CannotRun, match=advice):
        postgres.init_postgres(tmp_path, password="x")


def test_a_too_long_socket_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotRun, match="too long"):
        postgres.postgres_command(tmp_path, port=1, socket_dir=tmp_path / ("x" * 120))


STARTS_AND_DIES = """
import os, signal, sys
from pathlib import Path
from datawave.embedded import postgres, valkey
home = Path(sys.argv[1])
print(postgres.start_postgres(home / "pg", password="x").process.pid)
print(valkey.start_valkey(home / "valkey", password="x", persist=True).process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_servers_end_with_a_killed_parent_and_start_again_on_the_same_folders(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", STARTS_AND_DIES, tmp_path], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    first = postgres.start_postgres(tmp_path / "pg", password="x")
    second = valkey.start_valkey(tmp_path / "valkey", password="x", persist=True)
    try:
        assert not any(processes.is_running(int(pid)) for pid in killed.stdout.split())
    finally:
        first.stop()
        second.stop()


def test_an_orphan_on_the_folder_is_ended_first(tmp_path: Path) -> None:
    data = tmp_path / "pg"
    postgres.init_postgres(data, password="x")
    command = postgres.postgres_command(data, port=processes.free_port())
    orphan = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
    while postgres.running_pid(data) is None:
        assert orphan.poll() is None
    started = postgres.start_postgres(data, password="x")
    try:
        assert orphan.wait(10) is not None
        assert postgres.running_pid(data) == started.process.pid
    finally:
        started.stop()


def test_a_killed_server_that_nobody_waited_for_keeps_none_from_starting(tmp_path: Path) -> None:
    killed = postgres.start_postgres(tmp_path / "pg", password="x").process
    killed.kill()
    os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)  # a zombie from here on
    started = postgres.start_postgres(tmp_path / "pg", password="x")
    try:
        assert postgres.psql(started.address, "select 1") == "1"
        assert killed.poll() == -signal.SIGKILL
    finally:
        started.stop()


def test_a_pid_that_is_somebody_elses_now_keeps_no_server_from_starting(tmp_path: Path) -> None:
    data = tmp_path / "pg"
    postgres.start_postgres(data, password="x").process.kill()
    pid_file = data / "postmaster.pid"
    stranger = subprocess.Popen(["sleep", "600"])
    _, *rest = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(stranger.pid), *rest]) + "\n")
    try:
        postgres.start_postgres(data, password="x").stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize(
    ("kernel", "way"), [("4.19.0-27-amd64", "fsync"), ("5.8.0", "syncfs"), ("6.18.44-fc", "syncfs")]
)
def test_recovery_syncs_as_a_whole_where_the_kernel_tells_of_failures(kernel: str, way: str) -> None:
    assert postgres._way_to_sync(kernel) == way


def test_a_stale_pid_file_is_nobody(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n")
    (tmp_path / "valkey.pid").write_text(f"{os.getpid()}\n")
    assert postgres.running_pid(tmp_path) is None
    assert valkey.running_pid(tmp_path) is None


def test_the_password_of_the_home_is_made_once_and_private(tmp_path: Path) -> None:
    file = tmp_path / "postgres.password"
    assert postgres.kept_password(file) == postgres.kept_password(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_valkey_asks_for_the_password_and_keeps_it_private(tmp_path: Path) -> None:
    started = valkey.start_valkey(tmp_path / "valkey", password="sesame")
    try:
        assert not valkey.answers(valkey.ValkeyAddress(port=started.address.port, password="guess"))
        assert stat.S_IMODE((tmp_path / "valkey" / "valkey.conf").stat().st_mode) == 0o600
        assert "sesame" not in processes.command_line(started.process.pid)
    finally:
        started.stop()


def test_a_server_that_cannot_start_says_why(tmp_path: Path, server: postgres.RunningPostgres) -> None:
    with pytest.raises(CannotRun, match="could not create any TCP/IP sockets"):
        postgres.start_postgres(tmp_path / "pg", password="x", port=server.address.port)


async def test_a_test_has_a_database_of_its_own(database: str) -> None:
    async with connected(database) as connection:
        await connection.execute("create table only_here ()")


async def test_a_test_sees_nothing_of_another(database: str) -> None:
    async with connected(database) as connection:
        assert await connection.fetchval("select to_regclass('only_here')") is None


async def test_the_governed_server_is_another_one(source_server: SourceServer, database: str) -> None:
    source = await source_server.database("create table customer (id int); insert into customer values (7)")
    assert f":{source.port}/" not in database
    connection = await asyncpg.connect(
        host=source.host,
        port=source.port,
        user=source.username,
        password=source.password,
        database=source.database,
    )
    assert await connection.fetchval("select id from customer") == 7
    await connection.close()


async def test_each_test_has_its_corner_of_valkey(valkey: ValkeySpace) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(valkey.url) as client:
        await client.set(f"{valkey.prefix}key", "value", ex=5)
        assert await client.get(f"{valkey.prefix}key") == b"value"
