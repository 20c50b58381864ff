"""Registering documents: a partner's manifest, checked against the schema and laid where the API finds it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from datawave.embedded.processes import CannotRun
from datawave.settings import Settings
from datawave.transports.persisted import NotAManifestError, read_manifest

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


def register(settings: Settings, manifest: Path, *, name: str | None = None) -> str:
    """Checks every document as the API would, and keeps the manifest; one of the same name is replaced."""
    name = name or manifest.stem
    if not NAME.match(name):
        raise CannotRun(f"“{name}” cannot be a file's name: give --name, in letters, digits and . _ -")
    try:
        content = manifest.read_bytes()
        documents = read_manifest(content)
    except (OSError, NotAManifestError) as problem:
        raise CannotRun(f"{manifest} is no manifest: {problem}.") from None
    if problems := refused(settings, documents):
        raise CannotRun("Nothing was registered: " + "; ".join(problems))
    place = folder(settings) / f"{name}.json"
    _write(place, content)
    return f"{len(documents)} documents are registered in {place}; running servers notice within seconds."


def folder(settings: Settings) -> Path:
    """Where manifests are laid: the first folder that is set, else the home's."""
    return next((place for place in settings.documents if place.suffix != ".json"), settings.place.documents)


def refused(settings: Settings, documents: dict[str, str]) -> list[str]:
    """What the API would answer to these documents before it ran them."""
    from datawave.app.processes import limits
    from datawave.graphql import schema
    from datawave.transports.documents import Documents
    from datawave.transports.errors import Rejected

    known = Documents(schema()._schema, limits(settings))  # pyright: ignore[reportPrivateUsage]
    problems: list[str] = []
    for id, text in documents.items():
        try:
            known.get(text, frank=True)
        except Rejected as rejected:
            problems.append(f"{id[:20]}: {rejected}")
    return problems


def _write(place: Path, content: bytes) -> None:
    """A server that reads meanwhile finds the former one or this one, whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_suffix(f".{os.getpid()}.new")
    draft.write_bytes(content)
    draft.replace(place)
