"""`datawave doctor`: what `up` would refuse on, all of it at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from datawave.doctor import Finding, examine
from datawave.embedded.home import Home
from datawave.settings import load
from tests.servers import ValkeySpace


def troubles(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings if finding.is_trouble]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def settings(home: Home, **given: object):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return load(_env_file=None, home=home.path, **({"port": port} | given))


def test_a_sound_place_has_no_trouble(home: Home) -> None:
    assert troubles(examine(settings(home))) == []


def test_every_trouble_is_named_at_once(home: Home) -> None:
    home.postgres.mkdir()
    (home.postgres / "PG_VERSION").write_text("99")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = "\n".join(troubles(examine(settings(home, port=taken.getsockname()[1]))))
    assert "PostgreSQL 99" in found
    assert "is taken" in found


def test_a_key_that_others_may_read_is_trouble(home: Home) -> None:
    home.secret_key.write_text("x")
    home.secret_key.chmod(0o644)
    [trouble] = troubles(examine(settings(home)))
    assert "chmod 600" in trouble


def test_servers_of_ones_own_are_asked(home: Home, database: str, valkey: ValkeySpace) -> None:
    found = [each.what for each in examine(settings(home, database_url=database, redis_url=valkey.url))]
    assert any("at migration" in what for what in found)
    assert "Valkey answers." in found
    assert any("--new-epoch" in what for what in found)


def test_a_database_that_takes_too_few_connections_is_told(home: Home, database: str) -> None:
    def advice(**given: int) -> list[str]:
        found = examine(settings(home, database_url=database, **given))
        return [each.what for each in found if each.is_advice and "max_connections" in each.what]

    assert advice() == []
    [told] = advice(api_processes=40)
    assert "DATAWAVE_DATABASE_POOL" in told


def test_servers_that_do_not_answer_are_named_without_their_password(home: Home) -> None:
    away = {
        "database_url": "postgresql://u:planted@127.0.0.1:1/x",
        "redis_url": "redis://:planted@127.0.0.1:1/0",
    }
    found = troubles(examine(settings(home, **away)))
    assert [what.split(":")[0] for what in found] == ["DATAWAVE_DATABASE_URL", "DATAWAVE_REDIS_URL"]
    assert all("127.0.0.1:1 cannot be reached" in what for what in found)
    assert "planted" not in "".join(found)
