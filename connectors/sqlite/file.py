"""One SQLite file, opened to be read only, in a thread of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

from connectors.base import SourceError

MAGIC = b"SQLite format 3\x00"
STEPS_BETWEEN_LOOKS = 2_000
MOST_BYTES = 16 * 1024 * 1024
"""A value or statement larger than this is not ours to hold."""

Row = tuple[Any, ...]


class SqliteFile:
    """Statements run one after the other in one thread; each has a time limit."""

    def __init__(self, path: Path, *, seconds: float) -> None:
        self._path = path
        self.seconds = seconds
        self._deadline = 0.0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sqlite")
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Opens the file; NOT_A_DATABASE or PERMISSION_DENIED if it cannot be."""
        await self._run(self._open)

    async def rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The whole answer."""
        return await self._run(self._rows, statement, tuple(parameters))

    async def start(self, statement: str) -> sqlite3.Cursor:
        """A cursor for `more`."""
        return await self._run(self._start, statement)

    async def more(self, cursor: sqlite3.Cursor, size: int) -> list[Row]:
        """The next rows."""
        return await self._run(self._more, cursor, size)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.interrupt()
            await self._run(connection.close)
        self._thread.shutdown(wait=False)

    async def _run(self, work: Any, *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, work, *arguments)
        except asyncio.CancelledError:
            with suppress(sqlite3.ProgrammingError):
                if self._connection is not None:
                    self._connection.interrupt()
            raise

    def _open(self) -> None:
        _check_header(self._path)
        try:
            self._connection = self._opened(f"{self._path.as_uri()}?mode=ro")
        except sqlite3.OperationalError:
            # A file in WAL mode needs files beside it, which a read-only folder cannot take; nobody writes
            # there either.
            self._connection = self._opened(f"{self._path.as_uri()}?mode=ro&immutable=1")

    def _opened(self, uri: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            uri, uri=True, timeout=min(5.0, self.seconds), isolation_level=None, check_same_thread=False
        )
        try:
            connection.text_factory = _text
            connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
            connection.set_progress_handler(self._is_late, STEPS_BETWEEN_LOOKS)
            self._deadline = monotonic() + self.seconds
            # A view of somebody's file may name functions: only harmless ones may run.
            for pragma in ("query_only = on", "trusted_schema = off", "cell_size_check = on"):
                connection.execute(f"pragma {pragma}")
            connection.execute("select count(*) from sqlite_schema").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_late(self) -> bool:
        return monotonic() > self._deadline

    def _rows(self, statement: str, parameters: Row) -> list[Row]:
        assert self._connection is not None, "opened first"
        self._deadline = monotonic() + self.seconds
        return self._connection.execute(statement, parameters).fetchall()

    def _start(self, statement: str) -> sqlite3.Cursor:
        assert self._connection is not None, "opened first"
        self._deadline = monotonic() + self.seconds
        return self._connection.execute(statement)

    def _more(self, cursor: sqlite3.Cursor, size: int) -> list[Row]:
        self._deadline = monotonic() + self.seconds
        return cursor.fetchmany(size)


def _check_header(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
    except OSError:
        raise SourceError(
            "PERMISSION_DENIED",
            f"The agent may not read “{path.name}”.",
            hint="Let the user that the agent runs as read the file.",
        ) from None
    if head and head != MAGIC:
        raise SourceError("NOT_A_DATABASE", f"“{path.name}” is not a SQLite database.")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def failure(error: Exception, name: str) -> SourceError:
    """What went wrong, in our words."""
    if isinstance(error, SourceError):
        return error
    code = getattr(error, "sqlite_errorcode", 0) or 0
    match code & 0xFF:
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return SourceError("NOT_A_DATABASE", f"“{name}” is not a SQLite database, or damaged.")
        case sqlite3.SQLITE_INTERRUPT:
            return SourceError("TIMEOUT", f"A statement took longer than it may on “{name}”.", retryable=True)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return SourceError("TIMEOUT", f"“{name}” is locked by another program.", retryable=True)
        case sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY:
            return SourceError("PERMISSION_DENIED", f"The agent may not open “{name}”.")
        case _:
            words = f"“{name}” could not be read ({type(error).__name__}, {code})."
            return SourceError("SOURCE_FAILED", words)
