"""What a connector is: code that speaks to one kind of source, run by an agent and nowhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from connectors.entries import Entry, Path, TestStep
from datawave.kit.secrets import Secret


class Family(StrEnum):
    DATABASE = "DATABASE"
    FILE = "FILE"
    CLOUD = "CLOUD"
    STREAM = "STREAM"
    CATALOG = "CATALOG"


class Capability(StrEnum):
    TEST = "TEST"
    DISCOVER = "DISCOVER"
    SAMPLE = "SAMPLE"
    PROFILE = "PROFILE"
    STATISTICS = "STATISTICS"
    LINEAGE = "LINEAGE"
    USAGE = "USAGE"
    STREAM = "STREAM"


class ConnectorConfig(BaseModel):
    """A connector's options, checked at both ends; JSON names are camelCase. Never holds a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, alias_generator=to_camel)


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """How to sign in at the source; kept in memory only."""

    username: str | None = None
    password: Secret | None = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a connector may take: seconds for connecting and for one statement, datasets sampled, rows of
    each."""

    connect_seconds: float = 10.0
    statement_seconds: float = 60.0
    sample_rows: int = 200
    sample_datasets: int = 2_000
    column_batch: int = 6_500


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Where a connector may go. `own_ports` are the platform's, told to agents in their bundle: always
    refused on this machine and on `own_addresses` (where the platform listens, if elsewhere), as is
    link-local anywhere. `private` allows loopback and private addresses (the development profile);
    `allowed_hosts` (names, addresses, networks) allows single ones."""

    private: bool = False
    own_ports: frozenset[int] = frozenset()
    own_addresses: frozenset[str] = frozenset()
    allowed_hosts: frozenset[str] = frozenset()
    file_roots: tuple[str, ...] = ()


class SourceError(Exception):
    """The source could not be used; `code` is for programs, the words for people, without secrets or
    values."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable


class Known:
    """What the platform knows already: dataset or container path → digest, fetched only where it is compared.
    There is nothing on a first discovery; with `trust_digests` false (mode FULL) digests are not compared but
    removals still are. `stamp` is how the source was marked when it was last read whole, if what is known is
    still what that reading left."""

    def __init__(
        self,
        digests: Mapping[Path, str] | None = None,
        *,
        trust_digests: bool = True,
        stamp: str | None = None,
        fetch: Callable[[], Awaitable[Mapping[Path, str]]] | None = None,
    ) -> None:
        self.trust_digests = trust_digests
        self.stamp = stamp
        self._fetch = fetch
        self._digests: Mapping[Path, str] = digests or {}

    @property
    def is_compared(self) -> bool:
        return self.trust_digests and (self._fetch is not None or bool(self._digests))

    def is_marked(self, stamp: str | None) -> bool:
        """Whether the source still bears the mark that it had: then nothing has changed."""
        return self.trust_digests and stamp is not None and stamp == self.stamp

    async def digests(self) -> Mapping[Path, str]:
        """All of them, fetched once."""
        if self._fetch is not None:
            self._digests, self._fetch = await self._fetch(), None
        return self._digests


@dataclass(frozen=True, kw_only=True)
class TableSample:
    """Some rows of a dataset, column by column, as text (None for NULL); lives in the agent's memory only."""

    path: Path
    columns: Mapping[str, Sequence[str | None]]
    data_types: Mapping[str, str]
    row_count: int | None = None
    size_bytes: int | None = None


C = TypeVar("C", bound=ConnectorConfig)


class Connector(ABC, Generic[C]):
    """One source, opened on first use and closed by `close`. Every method keeps to `limits` and runs
    read-only."""

    kind: ClassVar[str]
    display_name: ClassVar[str]
    family: ClassVar[Family]
    capabilities: ClassVar[frozenset[Capability]]
    dialect: ClassVar[str | None] = None
    """sqlglot's name for the dialect of view definitions."""
    run_live: ClassVar[bool] = True
    Config: ClassVar[type[ConnectorConfig]]

    def __init__(self, config: C, credentials: Credentials | None, *, limits: Limits, guard: Guard) -> None:
        self.config = config
        self.credentials = credentials
        self.limits = limits
        self.guard = guard
        self.statements: int = 0
        """Statements sent to the source so far."""

    @abstractmethod
    def test(self) -> AsyncGenerator[TestStep | Any]:
        """The steps of a connection test, each as it ends, then one ServerFacts. A failing step raises
        SourceError after it was yielded with ok=False."""

    @abstractmethod
    def discover(self, known: Known, *, include: Sequence[str] = ()) -> AsyncGenerator[list[Entry]]:
        """Containers, datasets, counts, issues, and last the removed paths, in batches; bulk catalog queries
        only."""

    @abstractmethod
    def sample(self, datasets: Sequence[Path]) -> AsyncGenerator[TableSample | Any]:
        """Some rows of each dataset: at most one statement a dataset. A dataset that is gone or refused
        yields an Issue."""

    @abstractmethod
    async def ping(self) -> dict[str, Any]:
        """One cheap round trip; returns statistics for a person (connections, size, uptime ...)."""

    @abstractmethod
    async def close(self) -> None: ...
