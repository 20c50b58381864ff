"""Files that the platform makes for people: kept in a folder, given out by links that are signed and expire
soon.

A file is written beside its place, part by part, and put there when it is whole; what is found under a name
is never half of it. A link names the file, who it was made for, and until when; whoever changes any of that
has no link.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

from datawave.kit.vault import Keyring

NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,99}")
READ_AT_ONCE = 1 << 20
LINK_LASTS = timedelta(minutes=5)
LARGEST = 5_000_000_000
FORGOTTEN = 2 * 86_400.0
"""Seconds after which a file that nobody goes on writing is thrown away."""


class TooLarge(Exception):
    """The file would be larger than the store allows."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    size: int
    sha256: str


class Blobs:
    """A folder of files. Nothing here waits for the loop: call it in a thread."""

    def __init__(self, folder: Path, *, most: int = LARGEST) -> None:
        self._folder, self._partial = folder, folder / "partial"
        self._most = most

    def path(self, name: str) -> Path | None:
        """Where a file is, if it is there."""
        found = self._folder / _checked(name)
        return found if found.is_file() else None

    def go_on(self, name: str, *, after: str | None = None, size: int = 0) -> bool:
        """Begins a file that is being written; with so much of what another attempt wrote, if that is still
        there. Copied, since that attempt may not know that it is over."""
        self._partial.mkdir(parents=True, exist_ok=True, mode=0o700)
        former = self._partial / _checked(after) if after else None
        copied = former is not None and former.is_file() and former.stat().st_size >= size > 0
        with self._opened(self._partial / _checked(name), os.O_TRUNC) as fresh:
            if former is not None and copied:
                with former.open("rb") as old:
                    _copy(old, fresh, size)
            fresh.flush()
            os.fsync(fresh.fileno())
        return copied

    def append(self, name: str, data: bytes) -> int:
        """To a file that is being written; it is on the disk when this returns. Its size."""
        with self._opened(self._partial / _checked(name), os.O_APPEND) as opened:
            size = opened.seek(0, os.SEEK_END) + len(data)
            if size > self._most:
                raise TooLarge(f"A file may have {self._most:,} bytes.")
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        return size

    def finish(self, partial: str, name: str) -> Stored:
        """Puts the whole file in its place."""
        file, digest, size = self._partial / _checked(partial), hashlib.sha256(), 0
        with file.open("rb") as opened:
            while part := opened.read(READ_AT_ONCE):
                digest.update(part)
                size += len(part)
        file.replace(self._folder / _checked(name))
        _sync(self._folder)
        return Stored(size=size, sha256=digest.hexdigest())

    def remove(self, name: str) -> None:
        (self._folder / _checked(name)).unlink(missing_ok=True)

    def sweep(self, *, now: float | None = None) -> int:
        """Throws away what was begun long ago and never came to be whole."""
        before, gone = (now or time.time()) - FORGOTTEN, 0
        for file in self._partial.glob("*"):
            if file.stat().st_mtime < before:
                file.unlink(missing_ok=True)
                gone += 1
        return gone

    def _opened(self, file: Path, how: int) -> BinaryIO:
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | how, 0o600), "wb")


def _checked(name: str) -> str:
    """Names are made here; one that leads anywhere else is none of ours."""
    if NAME.fullmatch(name) is None:
        raise ValueError("This is no name of a file.")
    return name


def _copy(old: BinaryIO, fresh: BinaryIO, size: int) -> None:
    left = size
    while left and (part := old.read(min(left, READ_AT_ONCE))):
        fresh.write(part)
        left -= len(part)


def _sync(folder: Path) -> None:
    """The name itself is on the disk, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@dataclass(frozen=True, kw_only=True)
class Link:
    """What a link says: who it was made for, and until when."""

    name: str
    holder: str
    session: str
    until: datetime


class FileLinks:
    """Makes links and knows its own. `now` is the platform's clock."""

    def __init__(self, keyring: Keyring, *, origin: str, now: Callable[[], datetime]) -> None:
        self._keyring, self._origin, self._now = keyring, origin, now

    def to(self, name: str, *, holder: str, session: str = "") -> tuple[str, datetime]:
        """The address of a file, and until when it is good."""
        until = (self._now() + LINK_LASTS).replace(microsecond=0)
        link = Link(name=_checked(name), holder=holder, session=session, until=until)
        query = urlencode(
            {
                "by": holder,
                "in": session,
                "until": int(until.timestamp()),
                "signature": self._signature(link).hex(),
            }
        )
        return f"{self._origin}/files/{name}?{query}", until

    def read(self, name: str, query: Mapping[str, str]) -> Link | None:
        """The link, if it is one of ours and still good."""
        try:
            until = datetime.fromtimestamp(int(query["until"]), self._now().tzinfo)
            link = Link(name=_checked(name), holder=query["by"], session=query["in"], until=until)
            given = bytes.fromhex(query["signature"])
        except (KeyError, ValueError, OverflowError, OSError):
            return None
        good = hmac.compare_digest(self._signature(link), given)
        return link if good and self._now() < until else None

    def _signature(self, link: Link) -> bytes:
        told = (link.name, link.holder, link.session, str(int(link.until.timestamp())))
        return self._keyring.mac(b"file\0" + "\0".join(told).encode("utf-8", "replace"))
