"""What connectors to databases of tables share: the life of a connection, and how one is read over it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from typing import ClassVar, Generic, Protocol, TypeVar

from connectors.base import Capability, Connector, Family, Known, SourceError
from connectors.configs import DatabaseConfig, EmbeddedDatabaseConfig
from connectors.entries import Entry
from connectors.selection import Selection

C = TypeVar("C", bound=DatabaseConfig | EmbeddedDatabaseConfig)
N = TypeVar("N")
T = TypeVar("T")


class Reading(Protocol):
    """One reading of a database's structure."""

    def batches(self) -> AsyncGenerator[list[Entry]]: ...


class Relational(Connector[C], Generic[C, N]):
    """A database of tables, read over one connection, an `N`: opened on first use and kept."""

    family: ClassVar[Family] = Family.DATABASE
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.TEST,
            Capability.DISCOVER,
            Capability.SAMPLE,
            Capability.PROFILE,
            Capability.STATISTICS,
            Capability.LINEAGE,
        }
    )

    _connection: N | None = None

    async def discover(self, known: Known, *, include: Sequence[str] = ()) -> AsyncGenerator[list[Entry]]:
        connection = await self._connected()
        selection = Selection(include=self.config.include, exclude=self.config.exclude, only=include)
        reading = self._reading(connection, known, selection)
        try:
            await self._bound(connection)
            async with aclosing(reading.batches()) as batches:
                async for batch in batches:
                    yield batch
        except GeneratorExit:
            self._broke_off()
            raise
        except Exception as error:
            self._broke_off()
            raise self._failure(error) from error

    async def count(self, sent: Awaitable[T], /) -> T:
        """Waits for a statement that counts."""
        self.statements += 1
        return await sent

    @abstractmethod
    async def _connected(self) -> N:
        """The connection, opened if need be."""

    def _forgotten(self) -> N | None:
        """The connection, for whoever closes it."""
        connection, self._connection = self._connection, None
        return connection

    async def _bound(self, connection: N) -> None:
        """Gives the statements of a reading their time limit, where it is not the connection's own."""

    def _broke_off(self) -> None:
        """After a failure, or an answer that was not read to its end: the connection may not be fit for
        more."""

    @abstractmethod
    def _reading(self, connection: N, known: Known, selection: Selection) -> Reading: ...

    @abstractmethod
    def _failure(self, error: Exception) -> SourceError:
        """What went wrong in our words."""
