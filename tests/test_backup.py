"""Backup and restore: all of it comes back, the key only wrapped, and old cursors expire."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from datawave import backup
from datawave.embedded import postgres
from datawave.embedded.home import COMPLETE, DATABASE, Home
from datawave.embedded.processes import CannotRun
from datawave.kit.secrets import Secret

PASSPHRASE = "three ordinary words"


def run(
    home: Path, *words: str, passphrase: str | None = None, **settings: str
) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DATAWAVE_")}
    given = {f"DATAWAVE_{name}": value for name, value in settings.items()}
    if passphrase is not None:
        given["DATAWAVE_BACKUP_PASSPHRASE"] = passphrase
    return subprocess.run(
        [sys.executable, str(Path(sys.executable).with_name("datawave")), *words],
        env=kept | {"DATAWAVE_HOME": str(home), **given},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def sql(home: Home, statement: str) -> str:
    running = postgres.start_postgres(home.postgres, password=home.postgres_address().password)
    try:
        return postgres.psql(running.address, statement, database=DATABASE)
    finally:
        running.stop()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a migrated database and files, and two archives of it."""
    home = Home(tmp_path_factory.mktemp("full") / "home")
    assert run(home.path, "migrate", ADMIN_PASSWORD="correct horse battery").returncode == 0
    sql(home, "create table kept_by_backup (word text); insert into kept_by_backup values ('precious')")
    (home.files / "orders.csv").write_text("id\n1\n")
    home.agent.mkdir()
    (home.agent / "key.pem").write_text("an agent's private key")
    for name, words in (("plain", ()), ("with-key", ("--with-key",))):
        done = run(home.path, "backup", str(home.path.parent / name), *words, passphrase=PASSPHRASE)
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def restored(full: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    other = Home(tmp_path_factory.mktemp("restored") / "home")
    done = run(other.path, "restore", str(full.path.parent / "with-key"), passphrase=PASSPHRASE)
    assert done.returncode == 0, done.stderr
    return other


def test_a_backup_with_its_key_restores_everything_elsewhere(full: Home, restored: Home) -> None:
    assert sql(restored, "select word from kept_by_backup") == "precious"
    assert (restored.files / "orders.csv").read_text() == "id\n1\n"
    assert restored.secret_key.read_text() == full.secret_key.read_text()
    assert not restored.agent.exists()
    assert not restored.restored.exists()


def test_a_restore_begins_a_new_epoch(full: Home, restored: Home) -> None:
    epoch = "select epoch from event_log"
    assert sql(restored, epoch) != sql(full, epoch)


def test_a_backup_holds_no_key_in_clear_and_is_private(full: Home) -> None:
    key = full.secret_key.read_text().encode()
    for name in ("plain", "with-key"):
        archive = full.path.parent / name
        assert archive.stat().st_mode & 0o077 == 0
        assert key not in archive.read_bytes()
        with tarfile.open(archive) as opened:
            assert not any("agent" in member for member in opened.getnames())


def test_without_the_key_it_is_asked_for(full: Home, tmp_path: Path) -> None:
    plain = str(full.path.parent / "plain")
    refused = run(tmp_path / "other", "restore", plain)
    assert refused.returncode == 2
    assert "set DATAWAVE_SECRET_KEY" in refused.stderr
    wrong = run(tmp_path / "other", "restore", plain, SECRET_KEY="w" * 40)
    assert "is not the key of this backup" in wrong.stderr
    right = run(tmp_path / "other", "restore", plain, SECRET_KEY=full.secret_key.read_text())
    assert right.returncode == 0, right.stderr


def test_a_wrong_passphrase_changes_nothing(full: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    done = run(other.path, "restore", str(full.path.parent / "with-key"), passphrase="guess")
    assert (done.returncode, done.stderr) == (
        2,
        "The passphrase does not open the master key in this backup.\n",
    )
    assert not postgres.is_initialised(other.postgres)


def test_what_is_there_is_replaced_only_when_asked(full: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    sql_before = postgres.start_postgres(other.postgres, password=other.postgres_address().password)
    sql_before.stop()
    words = ("restore", str(full.path.parent / "with-key"))
    assert "--replace" in run(other.path, *words, passphrase=PASSPHRASE).stderr
    assert run(other.path, *words, "--replace", passphrase=PASSPHRASE).returncode == 0
    assert sql(other, "select word from kept_by_backup") == "precious"


@pytest.mark.parametrize("content", [b"", b"no archive", b"\0" * 2048])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    done = run(tmp_path / "home", "restore", str(file))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1


def test_an_external_database_is_left_to_its_own_tools(tmp_path: Path) -> None:
    url = "postgresql://somebody:planted@db.example.com/x"
    for words in (("backup", "x"), ("restore", "x")):
        done = run(tmp_path, *words, DATABASE_URL=url)
        assert done.returncode == 2
        assert "datawave migrate --new-epoch" in done.stderr
        assert "planted" not in done.stderr


def test_a_killed_take_over_is_finished_by_the_next_start(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for folder, word in ((home.path, "old"), (home.restored, "new")):
        (folder / "postgres").mkdir(parents=True)
        (folder / "postgres" / "word").write_text(word)
    (home.restored / "secret.key").write_text("new")
    (home.restored / COMPLETE).touch()
    (home.path / "replaced").mkdir()
    (home.path / "postgres").rename(home.path / "replaced" / "postgres")
    home.finish_restore()
    assert (home.postgres / "word").read_text() == "new"
    assert home.secret_key.read_text() == "new"
    assert not home.restored.exists()
    assert not (home.path / "replaced").exists()


def test_a_restore_that_was_not_complete_is_forgotten(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.postgres.mkdir()
    (home.restored / "postgres").mkdir(parents=True)
    home.finish_restore()
    assert home.postgres.exists()
    assert not home.restored.exists()


def test_a_wrapped_key_opens_with_its_passphrase_only() -> None:
    wrapped = backup.wrap(Secret("the key"), Secret("right"))
    assert backup.unwrap(wrapped, Secret("right")) == Secret("the key")
    with pytest.raises(CannotRun, match="does not open"):
        backup.unwrap(wrapped, Secret("wrong"))
    with pytest.raises(CannotRun, match="damaged"):
        backup.unwrap({"salt": "!"}, Secret("right"))
