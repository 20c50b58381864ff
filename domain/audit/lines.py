"""The trail as JSON Lines: a line that says what follows, one for each entry, and a last one with the head of
the chain and a signature. Whoever has the file can check it alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from auth.signatures import NotSigned, Signer, said
from datawave.kit import audit
from datawave.kit.tables import AuditEntry, Outcome
from domain.audit.anchors import KeptAnchor

EXPORT = "datawave-audit-export"
VERSION = 1
BEGIN, ENTRY, END = "begin", "entry", "end"

UUIDS = frozenset({"id", "actor_id", "subject_id", "session_id", "command_id"})
BYTES = ("salt", "detail_digest", "previous_hash", "hash")
TIMES = ("at", "erased_at")
KEPT = (*audit.FIXED, "detail", "erased_at", *BYTES)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Entries that follow each other, and the hash that the first one builds on."""

    first: int
    last: int
    previous: bytes

    @property
    def entries(self) -> int:
        return self.last - self.first + 1


async def stretch(session: AsyncSession, since: datetime | None, until: datetime | None) -> Stretch | None:
    """Between the first and the last entry of a range of time, or of all; None where there is none."""
    span = await audit.span_of(session, since, until)
    if span is None:
        return None
    table = AuditEntry
    previous = await session.scalar(select(table.previous_hash).where(table.sequence == span[0]))
    return Stretch(first=span[0], last=span[1], previous=previous or audit.GENESIS)


async def parts(session: AsyncSession, first: int, last: int, *, of: int) -> AsyncIterator[list[Any]]:
    """The entries in lists of so many, however many there are."""
    rows: list[Any] = []
    async for row in audit.sealed_entries(session, first, last):
        rows.append(row)
        if len(rows) == of:
            yield rows
            rows = []
    if rows:
        yield rows


def _line(kind: str, told: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"kind": kind, **told}, option=orjson.OPT_APPEND_NEWLINE)


def begin_line(of: Stretch, as_of: datetime) -> bytes:
    told = {"format": EXPORT, "version": VERSION, "asOf": as_of.isoformat(), **_stated(of)}
    return _line(BEGIN, told)


def _stated(of: Stretch) -> dict[str, Any]:
    return {"first": of.first, "last": of.last, "entries": of.entries, "previousHash": of.previous.hex()}


def entry_line(row: Any) -> bytes:
    return _line(ENTRY, {_camel(name): _written(getattr(row, name)) for name in KEPT})


def _written(value: Any) -> Any:
    match value:
        case UUID():
            return value.hex
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat()
        case _:
            return value


def end_line(of: Stretch, head: bytes, as_of: datetime, signer: Signer) -> bytes:
    """The signature is over the place, the head and the time: with the chain, over every entry."""
    signed = signer.sign(EXPORT, {**_stated(of), "head": head.hex(), "asOf": as_of.isoformat()})
    told = {**_stated(of), "head": head.hex(), "statement": signed.statement, "publicKey": signed.public}
    return _line(END, told)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


NAMES = {_camel(name): name for name in KEPT}


def _read(told: Mapping[str, Any]) -> Any:
    """The entry of a line, as the chain is made of it."""
    values: dict[str, Any] = {NAMES[name]: value for name, value in told.items() if name in NAMES}
    for name in UUIDS:
        values[name] = UUID(hex=values[name]) if values[name] else None
    for name in BYTES:
        values[name] = bytes.fromhex(values[name])
    for name in TIMES:
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    values["outcome"] = Outcome(values["outcome"])
    return SimpleNamespace(**values)


@dataclass(frozen=True, kw_only=True)
class FileVerified:
    """What a file shows by itself: that nothing in it was changed since the holder of this key signed it."""

    intact: bool
    checked: int
    anchors: int
    first: int
    last: int
    broken_at: int | None
    problem: str | None
    head: str
    kid: str | None
    as_of: str | None


class _NoExport(Exception):
    """The file is not what it should be; the message says where."""


def verify_lines(content: Iterable[bytes], kept: Sequence[KeptAnchor] = ()) -> FileVerified:
    """Reads the file line by line, however long it is."""
    lines = iter(content)
    walk, kid, as_of = None, None, None
    try:
        of = _begun(_parsed(next(lines, b"")))
        walk = _walk(of, kept)
        kid, as_of = _ended(_walked(walk, lines), walk, of)
        if next(lines, b"").strip():
            raise _NoExport("There is something after the last line.")
        problem = None
    except (_NoExport, NotSigned) as wrong:
        problem = str(wrong)
    found = walk.verified() if walk is not None else audit.Walk(begins=1, last=0, previous=None).verified()
    return FileVerified(
        intact=problem is None,
        checked=found.checked,
        anchors=found.marks,
        first=found.first,
        last=found.last,
        broken_at=found.broken_at,
        problem=problem,
        head=found.head.hex(),
        kid=kid,
        as_of=as_of,
    )


def _walk(of: Stretch, kept: Sequence[KeptAnchor]) -> audit.Walk:
    marks = {
        each.last: audit.Mark(first=each.first, last=each.last, head=each.head)
        for each in kept
        if of.first <= each.last <= of.last
    }
    return audit.Walk(begins=of.first, last=of.first - 1, previous=of.previous, marks=marks)


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        told: Any = orjson.loads(line)
    except ValueError:
        raise _NoExport("A line is no JSON: the file was cut off, or is none of ours.") from None
    if not isinstance(told, dict):
        raise _NoExport("A line is none of ours.")
    return cast("dict[str, Any]", told)


def _begun(told: dict[str, Any]) -> Stretch:
    if (told.get("kind"), told.get("format")) != (BEGIN, EXPORT):
        raise _NoExport("The file does not begin as an export of the audit trail does.")
    if told.get("version") != VERSION:
        raise _NoExport("The file is of another release: read it there.")
    try:
        previous = bytes.fromhex(told["previousHash"])
        return Stretch(first=int(told["first"]), last=int(told["last"]), previous=previous)
    except (KeyError, ValueError, TypeError):
        raise _NoExport("The first line is damaged.") from None


def _walked(walk: audit.Walk, lines: Iterable[bytes]) -> dict[str, Any]:
    """The line after the last entry, if all entries are whole."""
    for line in lines:
        told = _parsed(line)
        if told.get("kind") != ENTRY:
            return told
        try:
            whole = walk.goes_on(_read(told))
        except (KeyError, ValueError, TypeError, AttributeError):
            whole, walk.broken_at = False, walk.last + 1
        if not whole:
            raise _NoExport(f"Entry {walk.broken_at} was altered, removed or moved.")
    walk.broken_at = walk.last + 1
    raise _NoExport(f"The file was cut off after entry {walk.last}.")


def _ended(told: dict[str, Any], walk: audit.Walk, of: Stretch) -> tuple[str, str]:
    """The key that signed and the time, if the signature is that of what was read."""
    if told.get("kind") != END or walk.last != of.last:
        walk.broken_at = walk.last + 1
        raise _NoExport(f"The entries after {walk.last} are missing.")
    public: Any = told.get("publicKey")
    signed = said(EXPORT, str(told.get("statement")), public)
    head = (walk.previous or audit.GENESIS).hex()
    if {name: signed.get(name) for name in (*_stated(of), "head")} != {**_stated(of), "head": head}:
        walk.broken_at = of.first
        raise _NoExport("The signature is of other entries than these: the file was written anew.")
    return str(public["kid"]), str(signed["asOf"])
