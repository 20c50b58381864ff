"""A connector whose source is a script: it says what it is told to, and waits where a test wants it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import EntryPoint
from typing import Any, ClassVar

import pytest

from connectors import registry
from connectors.base import Capability, Connector, ConnectorConfig, Family, Known, SourceError, TableSample
from connectors.entries import Container, ContainerKind, Entry, Path, Removed, ServerFacts, TestStep


class Script:
    """What the source does; one for each test."""

    def __init__(self) -> None:
        self.batches: list[list[Entry]] = [[named(f"schema_{number}")] for number in range(3)]
        self.pause_after: int | None = None
        """After so many batches of a discovery it waits for `go_on`."""

        self.gone: list[Path] = []
        self.paused, self.go_on = asyncio.Event(), asyncio.Event()
        self.closed = asyncio.Event()
        self.failure: SourceError | None = None
        self.signed_in_with: list[tuple[str | None, str | None]] = []
        self.pings = 0


def named(name: str) -> Container:
    return Container(path=("shop", name), kind=ContainerKind.SCHEMA, digest="d")


class ScriptedConfig(ConnectorConfig):
    host: str = "nowhere"


class Scripted(Connector[ScriptedConfig]):
    kind: ClassVar[str] = "scripted"
    display_name: ClassVar[str] = "Scripted"
    family: ClassVar[Family] = Family.DATABASE
    capabilities: ClassVar[frozenset[Capability]] = frozenset(Capability)
    Config = ScriptedConfig
    script: ClassVar[Script]

    def _signed_in(self) -> None:
        given = self.credentials
        password = given.password.reveal() if given and given.password else None
        self.script.signed_in_with.append((given.username if given else None, password))

    async def test(self) -> AsyncIterator[TestStep | ServerFacts]:
        self._signed_in()
        ok = self.script.failure is None
        yield TestStep(name="connect", ok=ok, duration_ms=1.0)
        if self.script.failure is not None:
            raise self.script.failure
        yield ServerFacts(version="1")

    async def discover(self, known: Known, *, include: Sequence[str] = ()) -> AsyncIterator[list[Entry]]:
        self._signed_in()
        for number, batch in enumerate(self.script.batches):
            if number == self.script.pause_after:
                self.script.paused.set()
                await self.script.go_on.wait()
            yield batch
        if self.script.failure is not None:
            raise self.script.failure
        yield [Removed(paths=tuple(self.script.gone))]

    async def sample(self, datasets: Sequence[Path]) -> AsyncIterator[TableSample]:
        for path in datasets:
            yield TableSample(
                path=path,
                columns={
                    "email": [f"person{n}@example.com" for n in range(50)],
                    "secret_note": ["a planted value"] * 50,
                },
                data_types={"email": "STRING", "secret_note": "STRING"},
            )

    async def ping(self) -> dict[str, Any]:
        self.script.pings += 1
        if self.script.failure is not None:
            raise self.script.failure
        return {"connections": 1, "latency_ms": 0.5}

    async def close(self) -> None:
        self.script.closed.set()


def installed(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Installs the connector as anybody would, by an entry point, with a fresh script."""
    point = EntryPoint(name="scripted", value="tests.agents.scripted:Scripted", group=registry.GROUP)
    points = {**registry._points(), "scripted": point}
    monkeypatch.setattr(registry, "_points", lambda: points)
    Scripted.script = Script()
    return Scripted.script
