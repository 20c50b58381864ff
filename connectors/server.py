"""What connectors to database servers share: a session is reached, secured and signed in, step by step."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from msgspec.structs import replace

from connectors.base import ConnectorConfig, TableSample
from connectors.configs import DatabaseConfig
from connectors.entries import Issue, Path, ServerFacts, TestStep
from connectors.relational import Relational
from connectors.steps import Step, run_steps

N = TypeVar("N")


class Sampling(Protocol):
    """Samples datasets, one after the other."""

    def of(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]: ...


class Trial(ABC):
    """The steps of a connection test and what they hand on; over a connection of its own."""

    def __init__(self) -> None:
        self.facts = ServerFacts()
        self.latency_ms = 0.0

    def steps(self) -> list[Step]:
        return [
            ("resolve", self.resolve),
            ("connect", self._timed),
            ("tls", self.secure),
            ("sign in", self.sign_in),
            ("read", self.read),
            ("capability", self.capability),
        ]

    async def _timed(self) -> str:
        started = perf_counter()
        words = await self.connect()
        self.latency_ms = round((perf_counter() - started) * 1_000, 3)
        return words

    def add_facts(self, **more: object) -> None:
        self.facts = replace(self.facts, info={**self.facts.info, **more})

    @abstractmethod
    async def resolve(self) -> str: ...

    @abstractmethod
    async def connect(self) -> str: ...

    @abstractmethod
    async def secure(self) -> str: ...

    @abstractmethod
    async def sign_in(self) -> str: ...

    @abstractmethod
    async def read(self) -> str: ...

    @abstractmethod
    async def capability(self) -> str: ...

    @abstractmethod
    def close(self) -> None: ...


class DatabaseServer(Relational[DatabaseConfig, N], Generic[N]):
    """A database behind a host, a port and a login."""

    Config: ClassVar[type[ConnectorConfig]] = DatabaseConfig

    async def test(self) -> AsyncGenerator[TestStep | ServerFacts]:
        trial = self._trial()
        try:
            async for step in run_steps(trial.steps(), seconds=self.config.timeout_seconds):
                yield step
        finally:
            trial.close()
        yield trial.facts

    async def sample(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Issue]:
        connection = await self._connected()
        try:
            async with aclosing(self._sampling(connection).of(datasets)) as samples:
                async for found in samples:
                    yield found
        except Exception as error:
            self._broke_off()
            raise self._failure(error) from error

    async def ping(self) -> dict[str, Any]:
        try:
            connection = await self._connected()
            async with asyncio.timeout(self._seconds):
                started = perf_counter()
                statistics = await self._statistics(connection)
        except Exception as error:
            self._broke_off()
            raise self._failure(error) from error
        return {**statistics, "latency_ms": round((perf_counter() - started) * 1_000, 3)}

    async def _connected(self) -> N:
        if self._connection is None or self._is_lost(self._connection):
            self._connection = await self._open()
        return self._connection

    @property
    def _seconds(self) -> float:
        return min(self.limits.connect_seconds, self.config.timeout_seconds)

    @abstractmethod
    async def _open(self) -> N: ...

    @abstractmethod
    def _is_lost(self, connection: N) -> bool: ...

    @abstractmethod
    def _trial(self) -> Trial: ...

    @abstractmethod
    def _sampling(self, connection: N) -> Sampling: ...

    @abstractmethod
    async def _statistics(self, connection: N) -> Mapping[str, Any]: ...
