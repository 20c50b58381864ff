"""The home: the folder of the embedded default's state, and the lock that one `datawave up` has on it.

Standard library only, so that the supervisor stays small.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from datawave.embedded import postgres, processes, valkey
from datawave.embedded.processes import CannotRun

DATABASE = "datawave"
RESTORED = ("postgres", "files", "blobs", "documents", "secret.key")
"""What a restore brings."""
COMPLETE = ".complete"


@dataclass(frozen=True)
class Home:
    """Where everything is; nothing here is made before `prepare`."""

    path: Path

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def files(self) -> Path:
        return self.path / "files"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def documents(self) -> Path:
        return self.path / "documents"

    @property
    def agent(self) -> Path:
        return self.path / "agent"

    @property
    def secret_key(self) -> Path:
        return self.path / "secret.key"

    @property
    def first_start(self) -> Path:
        """There from the first migration until the admin's password has been shown."""
        return self.path / "first-start"

    @property
    def migrated(self) -> Path:
        """What the last finished `datawave migrate` brought the embedded database to."""
        return self.path / "migrated.json"

    @property
    def running(self) -> Path:
        """The processes of the supervisor, to find them again when it was killed."""
        return self.path / "running.json"

    @property
    def renewed(self) -> Path:
        """How the supervisor's last renewal of its processes went."""
        return self.path / "renewed.json"

    @property
    def metrics(self) -> Path:
        """Where several API processes count together."""
        return self.path / "metrics"

    @property
    def restored(self) -> Path:
        """Where `datawave restore` puts the new state together."""
        return self.path / "restored"

    def accept_restored(self) -> None:
        """Put a restored state in the place of the old one; done again from where it was if it is killed."""
        (self.restored / COMPLETE).touch()
        self.finish_restore()

    def finish_restore(self) -> None:
        """Roll a complete restore forward, and forget one that was not; under the lock."""
        replaced = self.path / "replaced"
        if (self.restored / COMPLETE).exists():
            postgres.end_orphan(self.postgres)
            replaced.mkdir(exist_ok=True)
            for name in RESTORED:
                if (self.restored / name).exists():
                    if (self.path / name).exists():
                        (self.path / name).rename(replaced / name)
                    (self.restored / name).rename(self.path / name)
            # What belonged to the replaced state means nothing now: sessions, queues, the agent's key.
            for gone in (self.valkey, self.agent, replaced):
                shutil.rmtree(gone, ignore_errors=True)
            for gone in (self.migrated, self.first_start):
                gone.unlink(missing_ok=True)
        shutil.rmtree(self.restored, ignore_errors=True)

    def prepare(self) -> None:
        """Make the folders, or say in one line why that cannot be."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            for folder in (self.logs, self.files):
                folder.mkdir(exist_ok=True, mode=0o700)
            probe = self.path / f".writable.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as refused:
            raise CannotRun(
                f"DATAWAVE_HOME {self.path} cannot be written ({refused.strerror}): "
                "choose another folder, or give it to the user who starts DataWave."
            ) from refused
        if not processes.may_enter_as_server(self.path):
            # The server's own user only passes through; each folder inside keeps its own mode.
            self.path.chmod(0o711)

    @contextmanager
    def locked(self) -> Generator[None]:
        """Held as long as the process lives; the kernel gives it back however that ends."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self.holder() or "unknown"
                raise CannotRun(
                    f"DataWave already runs on {self.path} (process {holder}): end it first, "
                    "or choose another DATAWAVE_HOME and DATAWAVE_PORT."
                ) from None
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def holder(self) -> int | None:
        """The process that has the lock; it may have ended since."""
        try:
            return int((self.path / "lock").read_text())
        except (OSError, ValueError):
            return None

    def is_locked(self) -> bool:
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def ports(self) -> dict[str, int]:
        try:
            kept = json.loads((self.path / "ports.json").read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): int(port) for name, port in kept.items()}

    def claim_port(self, name: str) -> int:
        """The port this server had before, if it is still free; else another one, remembered."""
        kept = self.ports()
        port = kept.get(name)
        if port is None or not processes.port_is_free("127.0.0.1", port):
            port = processes.free_port()
            write_whole(self.path / "ports.json", json.dumps(kept | {name: port}))
        return port

    def postgres_address(self) -> postgres.PostgresAddress:
        password = postgres.kept_password(self.path / "postgres.password")
        return postgres.PostgresAddress(port=self.ports().get("postgres", 0), password=password)

    def valkey_address(self) -> valkey.ValkeyAddress:
        password = postgres.kept_password(self.path / "valkey.password")
        return valkey.ValkeyAddress(port=self.ports().get("valkey", 0), password=password)

    def own_ports(self) -> list[int]:
        """The platform's own, which no source may name."""
        return sorted(self.ports().values())


def write_whole(file: Path, text: str) -> None:
    """Replace a private file: whoever reads it sees the old or the new, never half."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(text)
    fresh.rename(file)
