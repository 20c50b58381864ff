"""Answers on their way to many readers: encoded once, joined, and clothed for each transport.

A WebSocket's frame differs from its neighbour's only by the operation's id, so a batch is kept as the pieces
between the ids, and one join makes all its frames. Over HTTP the chunk is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from datawave.transports.framing import Framing

SLOW = 65_536
"""A reader with so much before it is behind: of progress it gets only the newest, once it has caught up."""

TOO_SLOW = 262_144
"""Beyond it a reader is sent away, to resume."""

_TEXT = 0x81


class Told(NamedTuple):
    """One answer of a stream."""

    answer: bytes
    cursor: str | None
    place: int
    key: str | None = None
    """Of progress, which a later one with the same key replaces."""


def frame(text: bytes) -> bytes:
    """A whole text frame of a server."""
    return _header(len(text)) + text


def _header(size: int) -> bytes:
    if size < 126:
        return bytes((_TEXT, size))
    if size < 65_536:
        return bytes((_TEXT, 126)) + size.to_bytes(2)
    return bytes((_TEXT, 127)) + size.to_bytes(8)


_OPENING, _KIND, _END = b'{"id":', b',"type":"next","payload":', b"}"
_AROUND = len(_OPENING) + len(_KIND) + len(_END)


class Batch:
    """What is written to every reader of a group at once."""

    __slots__ = ("_chunks", "_pieces", "told")

    def __init__(self, told: Sequence[Told]) -> None:
        self.told = told
        self._pieces: dict[int, list[bytes]] = {}
        self._chunks: dict[tuple[Framing, bool], bytes] = {}

    def frames(self, quoted_id: bytes) -> bytes:
        """All as WebSocket frames of the operation with this id."""
        size = len(quoted_id)
        pieces = self._pieces.get(size)
        if pieces is None:
            pieces = self._pieces[size] = self._between(size)
        return quoted_id.join(pieces)

    def _between(self, id_size: int) -> list[bytes]:
        pieces: list[bytes] = []
        before = b""
        for told in self.told:
            header = _header(_AROUND + id_size + len(told.answer))
            pieces.append(before + header + _OPENING)
            before = _KIND + told.answer + _END
        return [*pieces, before]

    def chunk(self, framing: Framing, *, chunked: bool) -> bytes:
        """All as a piece of a response's body."""
        made = self._chunks.get((framing, chunked))
        if made is None:
            body = b"".join(framing.event(told.answer, told.cursor) for told in self.told)
            made = self._chunks[framing, chunked] = b"%x\r\n%b\r\n" % (len(body), body) if chunked else body
        return made


class Sparing:
    """What a reader that is behind still gets: all that the log keeps, and of progress the newest."""

    __slots__ = ("_newest",)

    MOST = 200

    def __init__(self) -> None:
        self._newest: dict[str, Told] = {}

    def __bool__(self) -> bool:
        return bool(self._newest)

    def left(self, told: Sequence[Told]) -> list[Told]:
        """What must be written now: nothing where all is progress. What waits goes before what is kept, so
        that progress never follows the end of what it tells of."""
        if all(each.key is not None for each in told):
            for each in told:
                self._wait(each)
            return []
        return [*self.all(), *told]

    def _wait(self, told: Told) -> None:
        assert told.key is not None
        self._newest.pop(told.key, None)
        self._newest[told.key] = told
        if len(self._newest) > self.MOST:
            del self._newest[next(iter(self._newest))]

    def all(self) -> list[Told]:
        waiting, self._newest = list(self._newest.values()), {}
        return waiting
