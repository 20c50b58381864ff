"""The agent's local store: batches wait here until the platform has them, over outages and restarts.

Numbered by task and attempt; what belongs to an old attempt is dropped. Bounded: whoever fills it waits.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA journal_size_limit = 4000000;
CREATE TABLE IF NOT EXISTS task (
  id TEXT PRIMARY KEY, attempt INTEGER NOT NULL, kind TEXT NOT NULL, complete INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS batch (
  task_id TEXT NOT NULL, attempt INTEGER NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
  PRIMARY KEY (task_id, attempt, number)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A task held when the process last lived; `complete` says that its last batch is here."""

    task_id: str
    attempt: int
    kind: str
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The next batch to send."""

    number: int
    content: bytes


class Spool:
    """One SQLite file, touched by one thread."""

    def __init__(self, path: Path, *, most_bytes: int) -> None:
        self._path = path
        self._most = most_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._room = asyncio.Condition()
        self._open: sqlite3.Connection | None = None
        self.batches = 0
        self.bytes = 0

    async def start(self) -> None:
        await self._do(self._start)

    def _start(self) -> None:
        try:
            self._open = _opened(self._path)
        except sqlite3.DatabaseError:
            # A torn file holds nothing that a new attempt does not bring again.
            for file in self._path.parent.glob(f"{self._path.name}*"):
                file.unlink()
            self._open = _opened(self._path)
        self._count()

    async def close(self) -> None:
        def closed() -> None:
            self._db.close()

        await self._do(closed)
        self._thread.shutdown(wait=True)

    @property
    def _db(self) -> sqlite3.Connection:
        assert self._open is not None, "started first"
        return self._open

    async def hold(self, task_id: str, attempt: int, kind: str) -> None:
        """The task is ours under this attempt: whatever is here of another is dropped."""

        def held() -> None:
            with self._db:
                self._db.execute("DELETE FROM batch WHERE task_id = ? AND attempt <> ?", (task_id, attempt))
                self._db.execute(
                    "INSERT INTO task VALUES (?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET"
                    " complete = complete AND attempt = excluded.attempt, attempt = excluded.attempt",
                    (task_id, attempt, kind),
                )
            self._count()

        await self._do(held)
        await self._tell_of_room()

    async def put(
        self, task_id: str, attempt: int, number: int, content: bytes, *, last: bool = False
    ) -> None:
        """Keeps a batch; waits where the spool is full, unless nothing of the task would then ever leave."""
        async with self._room:
            await self._room.wait_for(lambda: self.bytes + len(content) <= self._most or self.batches == 0)
            self.bytes += len(content)
            self.batches += 1

        def kept() -> None:
            with self._db:
                self._db.execute(
                    "INSERT OR REPLACE INTO batch VALUES (?, ?, ?, ?)", (task_id, attempt, number, content)
                )
                if last:
                    self._db.execute(
                        "UPDATE task SET complete = 1 WHERE id = ? AND attempt = ?", (task_id, attempt)
                    )

        await self._do(kept)

    async def next(self, task_id: str, attempt: int, *, from_number: int = 0) -> Waiting | None:
        """The first batch with this number or a later one."""

        def found() -> Waiting | None:
            row = self._db.execute(
                "SELECT number, content FROM batch WHERE task_id = ? AND attempt = ? AND number >= ?"
                " ORDER BY number LIMIT 1",
                (task_id, attempt, from_number),
            ).fetchone()
            return Waiting(number=row[0], content=row[1]) if row else None

        return await self._do(found)

    async def acknowledged(self, task_id: str, attempt: int, number: int) -> None:
        """The platform has this batch and those before it."""

        def dropped() -> None:
            with self._db:
                self._db.execute(
                    "DELETE FROM batch WHERE task_id = ? AND attempt = ? AND number <= ?",
                    (task_id, attempt, number),
                )
            self._count()

        await self._do(dropped)
        await self._tell_of_room()

    async def release(self, task_id: str, attempt: int) -> None:
        """The task is no longer ours under this attempt."""

        def released() -> None:
            with self._db:
                self._db.execute("DELETE FROM batch WHERE task_id = ? AND attempt <= ?", (task_id, attempt))
                self._db.execute("DELETE FROM task WHERE id = ? AND attempt <= ?", (task_id, attempt))
            self._count()

        await self._do(released)
        await self._tell_of_room()

    async def kept(self) -> list[Kept]:
        def found() -> list[Kept]:
            rows = self._db.execute("SELECT id, attempt, kind, complete FROM task ORDER BY id").fetchall()
            return [Kept(task_id=row[0], attempt=row[1], kind=row[2], complete=bool(row[3])) for row in rows]

        return await self._do(found)

    def _count(self) -> None:
        self.batches, self.bytes = self._db.execute(
            "SELECT count(*), coalesce(sum(length(content)), 0) FROM batch"
        ).fetchone()

    async def _tell_of_room(self) -> None:
        async with self._room:
            self._room.notify_all()

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _opened(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, check_same_thread=False, timeout=10)
    try:
        connection.executescript(SCHEMA)
        if connection.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise sqlite3.DatabaseError("torn")
    except BaseException:
        connection.close()
        raise
    return connection
