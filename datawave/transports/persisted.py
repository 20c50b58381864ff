"""Registered documents, asked for by their ids: `documentId`, or `extensions.persistedQuery.sha256Hash`.

Whoever runs the platform registers them, in manifests: the dashboard's own comes with its build, partners'
are laid into a folder. Clients never register any by asking (Apollo's automatic registration): strangers
would fill the store, and a mode that takes registered documents alone would mean nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import orjson
import structlog
from graphql import GraphQLError

from datawave.transports.door import Asked
from datawave.transports.errors import Rejected, rejection

log = structlog.get_logger(__name__)

NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
REQUIRED = "PERSISTED_QUERY_REQUIRED"

LOOK_SECONDS = 2.0
"""A manifest that is added or changed is noticed so soon, by whoever asks for what is in it."""
LARGEST_MANIFEST = 20_000_000
PREFIX = "sha256:"
SHA256 = re.compile(r"^[0-9a-f]{64}$")


class NotAManifestError(ValueError):
    """A file that was to hold documents holds something else."""


def id_of(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def same_id(given: str) -> str:
    """The two spellings of a hash are one id."""
    return given.removeprefix(PREFIX)


def read_manifest(content: bytes) -> dict[str, str]:
    """Ids to documents, from `{id: document}` or Apollo's `{"operations": [{"id": …, "body": …}]}`."""
    try:
        given: Any = orjson.loads(content)
    except ValueError:
        raise NotAManifestError("it is not JSON") from None
    if not isinstance(given, dict):
        raise NotAManifestError("it is no JSON object")
    members = cast("dict[str, Any]", given)
    found = _listed(members["operations"]) if isinstance(members.get("operations"), list) else members
    for key, text in found.items():
        if not key or not isinstance(text, str) or not text.strip():
            raise NotAManifestError(f"the document {key!r} is no text")
        if SHA256.match(same_id(key)) and same_id(key) != id_of(text):
            raise NotAManifestError(f"the document {key!r} has another hash")
    return {same_id(key): text for key, text in found.items()}


def _listed(operations: Sequence[Any]) -> dict[str, Any]:
    try:
        return {str(each["id"]): each["body"] for each in operations}
    except (TypeError, KeyError):
        raise NotAManifestError("an operation has no `id` or no `body`") from None


class Persisted:
    """The documents of some manifests. `places` are files, and folders of `*.json`; they may appear while we
    run. With `only`, nothing else is answered."""

    def __init__(self, places: Sequence[Path] = (), *, only: bool = False) -> None:
        self._places, self.only = tuple(places), only
        self._seen: Mapping[Path, tuple[int, int]] = {}
        self._texts: dict[str, str] = {}
        self._next_look = 0.0
        self._look()

    def __len__(self) -> int:
        return len(self._texts)

    def resolved(self, asked: Asked, *, free: bool = True) -> Asked:
        """The request with its document; `Rejected` where that is not known, or has to be and is not.
        `free` ones may ask what they like all the same."""
        if asked.document_id is not None:
            text = self._text(same_id(asked.document_id))
            if text is not None:
                return replace(asked, query=text)
            if asked.query is None:
                raise _not_found()
        if self.only and not free and asked.query is not None and self._text(id_of(asked.query)) is None:
            raise rejection(
                REQUIRED,
                "This server answers registered documents only: have yours registered, and send it unchanged"
                " or by its `documentId`.",
            )
        return asked

    def _text(self, id: str) -> str | None:
        text = self._texts.get(id)
        if text is None and time.monotonic() >= self._next_look:
            self._look()
            text = self._texts.get(id)
        return text

    def _look(self) -> None:
        self._next_look = time.monotonic() + LOOK_SECONDS
        files = {file: seen for place in self._places for file, seen in _files(place)}
        if files != self._seen:
            self._seen = files
            self._texts = _read(files)


def _files(place: Path) -> list[tuple[Path, tuple[int, int]]]:
    found = sorted(place.glob("*.json")) if place.is_dir() else [place]
    seen: list[tuple[Path, tuple[int, int]]] = []
    for file in found:
        try:
            known = file.stat()
        except OSError:
            continue  # it may come later
        seen.append((file, (known.st_mtime_ns, known.st_size)))
    return seen


def _read(files: Mapping[Path, tuple[int, int]]) -> dict[str, str]:
    """A manifest that is none is left out, aloud: the others are needed all the same."""
    texts: dict[str, str] = {}
    for file, (_, size) in files.items():
        try:
            if size > LARGEST_MANIFEST:
                raise NotAManifestError(f"it is larger than {LARGEST_MANIFEST:,} bytes")
            found = read_manifest(file.read_bytes())
        except (OSError, NotAManifestError) as problem:
            log.error("documents.not_read", file=str(file), problem=str(problem))
            continue
        for id, text in found.items():
            texts.setdefault(id, text)
            texts.setdefault(id_of(text), texts[id])
    return texts


def _not_found() -> Rejected:
    """The words are those that clients of the Apollo protocol look for before they send the whole text."""
    told = {"code": NOT_FOUND, "hint": "No document with this id is registered here: send the whole `query`."}
    return Rejected([GraphQLError("PersistedQueryNotFound", extensions=told)])
