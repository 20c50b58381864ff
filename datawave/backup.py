"""The whole state of the embedded default in one file, and back.

The archive is a tar: a manifest, PostgreSQL's own dump, the files of the home. Valkey holds nothing that must
be kept. The master key goes in only wrapped by a passphrase (scrypt, AES-256-GCM); agents' private keys never
do, nor does the demo, which makes itself anew. A restore is made beside what the home holds and takes its
place at the end; the event log has a new epoch then, so that old cursors expire.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import os
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from datawave import migrations
from datawave.embedded import postgres
from datawave.embedded.home import DATABASE, Home, write_whole
from datawave.embedded.postgres import PostgresAddress, RunningPostgres
from datawave.embedded.processes import CannotRun
from datawave.kit.secrets import Secret

if TYPE_CHECKING:
    from datawave.settings import Settings

FORMAT = 1
MANIFEST, DUMP = "manifest.json", "database.dump"
FOLDERS = ("files", "blobs", "documents")
LARGEST_MANIFEST = 100_000
SCRYPT = {"n": 2**16, "r": 8, "p": 1}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    format: int
    postgres: int
    head: str | None
    key_fingerprint: str
    wrapped_key: dict[str, str] | None


def write_backup(settings: Settings, file: Path, *, passphrase: Secret | None) -> list[str]:
    """Write the archive, whole or not at all, and say what is in it. The database must answer."""
    home, key = settings.place, settings.master_key()
    manifest = Manifest(
        format=FORMAT,
        postgres=postgres.MAJOR,
        head=migrations.head(),
        key_fingerprint=fingerprint(key),
        wrapped_key=wrap(key, passphrase) if passphrase is not None else None,
    )
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with tempfile.TemporaryDirectory(dir=home.path, prefix=".backup") as folder:
            dump = Path(folder) / DUMP
            _dump(home.postgres_address(), dump)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
                _write_archive(opened, manifest, dump, home)
        fresh.rename(file)
    except OSError as refused:
        raise CannotRun(
            f"The backup cannot be written to {file}: {refused.strerror or refused}."
        ) from refused
    finally:
        fresh.unlink(missing_ok=True)
    return [f"Backed up to {file} ({file.stat().st_size:,} bytes).", _about_key(manifest)]


def _about_key(manifest: Manifest) -> str:
    if manifest.wrapped_key is not None:
        return "The master key is in it, wrapped by your passphrase."
    return "The master key is not in it: keep it (DATAWAVE_SECRET_KEY, or secret.key in the home) elsewhere."


def _dump(address: PostgresAddress, to: Path) -> None:
    command = ["pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={to}", DATABASE]
    _run(address, command, what="pg_dump")


def _run(address: PostgresAddress, command: list[str], *, what: str) -> None:
    program = str(postgres.postgres_binaries() / command[0])
    done = subprocess.run(
        [program, *command[1:]], env=address.environment(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise CannotRun(f"{what} failed: {said[-1] if said else done.returncode}")


def _write_archive(opened: io.BufferedWriter, manifest: Manifest, dump: Path, home: Home) -> None:
    with tarfile.open(fileobj=opened, mode="w") as archive:
        text = json.dumps(asdict(manifest)).encode()
        member = tarfile.TarInfo(MANIFEST)
        member.size, member.mode = len(text), 0o600
        archive.addfile(member, io.BytesIO(text))
        archive.add(dump, DUMP)
        for name in FOLDERS:
            if (home.path / name).is_dir():
                archive.add(home.path / name, name, filter=_plain_only)


def _plain_only(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Files and folders; links could lead out of the home."""
    return member if member.isreg() or member.isdir() else None


async def read_backup(
    settings: Settings, file: Path, *, replace: bool, passphrase: Callable[[], Secret]
) -> list[str]:
    """Restore an archive into the home, which must not be in use; what was there stays until all is done."""
    if settings.database_url is not None:
        raise CannotRun(
            "The database is not ours: restore it with pg_restore, then run `datawave migrate --new-epoch`."
        )
    home = settings.place
    home.prepare()
    with home.locked(), _opened(file) as archive:
        if postgres.is_initialised(home.postgres) and not replace:
            raise CannotRun(f"{home.path} holds a database already: `--replace` replaces it by the backup.")
        manifest = _manifest(archive, file)
        key = _key(manifest, settings, passphrase)
        staging = _staging(home)
        try:
            with _restored(archive, staging, home.postgres_address().password) as running:
                await _begin_anew(settings, running.address, key)
            _unpack(archive, staging)
            if settings.secret_key is None:
                write_whole(staging / home.secret_key.name, key.reveal())
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        home.accept_restored()
    return [f"Restored from {file}. Old cursors expire, so clients read anew; agents enroll again."]


@contextmanager
def _opened(file: Path) -> Generator[tarfile.TarFile]:
    try:
        with tarfile.open(file, mode="r:") as archive:
            yield archive
    except (OSError, tarfile.TarError) as refused:
        raise CannotRun(f"{file} is no readable backup: {refused}.") from refused


def _manifest(archive: tarfile.TarFile, file: Path) -> Manifest:
    member = archive.next()
    opened = archive.extractfile(member) if member is not None and member.name == MANIFEST else None
    if opened is None:
        raise CannotRun(f"{file} is no backup of DataWave.")
    try:
        manifest = Manifest(**json.loads(opened.read(LARGEST_MANIFEST)))
    except (ValueError, TypeError) as refused:
        raise CannotRun(
            f"{file} is of a newer release, or damaged: its manifest cannot be read."
        ) from refused
    known = {revision.identifier for revision in migrations.revisions()}
    newer = manifest.format > FORMAT or manifest.postgres > postgres.MAJOR
    if newer or (manifest.head is not None and manifest.head not in known):
        raise CannotRun(
            f"{file} was written by a newer release (migration {manifest.head}): restore it there."
        )
    return manifest


def _key(manifest: Manifest, settings: Settings, passphrase: Callable[[], Secret]) -> Secret:
    """The master key that the backup's secrets are sealed with: set, kept in the home, or wrapped in it."""
    kept = settings.place.secret_key
    at_hand = settings.secret_key or (Secret(kept.read_text().strip()) if kept.exists() else None)
    if at_hand is not None and fingerprint(at_hand) == manifest.key_fingerprint:
        return at_hand
    if settings.secret_key is not None:
        raise CannotRun("DATAWAVE_SECRET_KEY is not the key of this backup: set the one it was written with.")
    if manifest.wrapped_key is None:
        raise CannotRun(
            "The backup holds no master key: set DATAWAVE_SECRET_KEY to the one it was written with."
        )
    return unwrap(manifest.wrapped_key, passphrase())


def _staging(home: Home) -> Path:
    shutil.rmtree(home.restored, ignore_errors=True)
    home.restored.mkdir(mode=0o711)
    return home.restored


@contextmanager
def _restored(archive: tarfile.TarFile, staging: Path, password: str) -> Generator[RunningPostgres]:
    """A new server beside the old data, with the backup's database in it."""
    running = postgres.start_postgres(staging / "postgres", password=password)
    try:
        postgres.create_database(running.address, DATABASE)
        archive.extract(DUMP, staging, filter="data")
        words = ["--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={DATABASE}"]
        _run(running.address, ["pg_restore", *words, str(staging / DUMP)], what="pg_restore")
        yield running
    finally:
        running.stop()


async def _begin_anew(settings: Settings, address: PostgresAddress, key: Secret) -> None:
    from datawave import bootstrap

    here = settings.model_copy(update={"database_url": Secret(address.url(DATABASE)), "secret_key": key})
    await bootstrap.new_epoch(here)


def _unpack(archive: tarfile.TarFile, staging: Path) -> None:
    for name in FOLDERS:
        (staging / name).mkdir(exist_ok=True, mode=0o700)
        members = [each for each in archive.getmembers() if each.name.split("/")[0] == name]
        archive.extractall(staging, members, filter="data")


def fingerprint(key: Secret) -> str:
    """Tells keys apart and nothing else about them."""
    return hmac.new(key.reveal().encode(), b"datawave backup", hashlib.sha256).hexdigest()[:16]


def wrap(key: Secret, passphrase: Secret) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretched(passphrase, salt)).encrypt(
        nonce, key.reveal().encode(), b"datawave master key"
    )
    parts = {"salt": salt, "nonce": nonce, "sealed": sealed}
    return {name: base64.b64encode(part).decode() for name, part in parts.items()}


def unwrap(wrapped: dict[str, str], passphrase: Secret) -> Secret:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        salt, nonce, sealed = (base64.b64decode(wrapped[name]) for name in ("salt", "nonce", "sealed"))
        opened = AESGCM(_stretched(passphrase, salt)).decrypt(nonce, sealed, b"datawave master key")
    except InvalidTag:
        raise CannotRun("The passphrase does not open the master key in this backup.") from None
    except (KeyError, ValueError) as refused:
        raise CannotRun("The wrapped master key in this backup is damaged.") from refused
    return Secret(opened.decode())


def _stretched(passphrase: Secret, salt: bytes) -> bytes:
    return hashlib.scrypt(passphrase.reveal().encode(), salt=salt, **SCRYPT, maxmem=2**28, dklen=32)
