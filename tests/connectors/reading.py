"""How tests run a connector and look at what it reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from connectors.base import Connector, Known, SourceError, TableSample
from connectors.entries import (
    CHECKS,
    Container,
    ContainerCount,
    Dataset,
    Entry,
    FoundColumn,
    Issue,
    MoreColumns,
    Path,
    Removed,
    ServerFacts,
    TestStep,
    Unchanged,
    encoded,
)

E = TypeVar("E", bound=Entry)


@dataclass(kw_only=True)
class Reading:
    """All entries of one discovery."""

    entries: list[Entry] = field(default_factory=list[Entry])
    batches: int = 0
    statements: int = 0

    def of(self, kind: type[E]) -> list[E]:
        return [entry for entry in self.entries if isinstance(entry, kind)]

    def dataset(self, *path: str) -> Dataset:
        [found] = [each for each in self.of(Dataset) if each.path == path]
        return found

    def columns(self, *path: str) -> list[FoundColumn]:
        found = list(self.dataset(*path).columns)
        for more in self.of(MoreColumns):
            if more.path == path:
                found += more.columns
        return found

    @property
    def names(self) -> set[Path]:
        return {each.path for each in self.of(Dataset)}

    @property
    def removed(self) -> set[Path]:
        return {path for each in self.of(Removed) for path in each.paths}

    @property
    def known(self) -> Known:
        """What the platform knows after it took this reading in."""
        digests = {each.path: each.digest for each in self.of(Dataset)}
        return Known(digests=digests | {each.path: each.digest for each in self.of(Container)})

    @property
    def unchanged(self) -> dict[Path, tuple[int, int]]:
        return {each.path: (each.datasets, each.columns) for each in self.of(Unchanged)}

    @property
    def counts(self) -> dict[Path, tuple[int, int]]:
        return {each.path: (each.datasets, each.columns) for each in self.of(ContainerCount)}


async def discover(
    connector: Connector[Any], known: Known | None = None, include: Sequence[str] = ()
) -> Reading:
    """One discovery; every entry has passed the check that the platform makes."""
    reading = Reading()
    before = connector.statements
    async for batch in connector.discover(known or Known(), include=include):
        CHECKS["DISCOVER"].decode(b"[" + b",".join(map(encoded, batch)) + b"]")
        reading.entries += batch
        reading.batches += 1
    reading.statements = connector.statements - before
    return reading


async def sample(connector: Connector[Any], paths: Iterable[Path]) -> dict[Path, TableSample | Issue]:
    found: dict[Path, TableSample | Issue] = {}
    async for each in connector.sample(list(paths)):
        assert each.path is not None
        found[each.path] = each
    return found


async def fails(connector: Connector[Any], step: str, code: str, *, without: str) -> None:
    """Its connection test ends at this step for this reason, and tells nothing of a secret."""
    steps, _, failure = await run_test(connector)
    assert failure is not None
    assert (steps[-1].name, steps[-1].ok, failure.code) == (step, False, code)
    assert without not in f"{failure.message}{failure.hint}{steps}"


async def run_test(
    connector: Connector[Any],
) -> tuple[list[TestStep], ServerFacts | None, SourceError | None]:
    """The steps of a connection test, the facts, and the failure that ended it."""
    steps: list[TestStep] = []
    facts: ServerFacts | None = None
    try:
        async for entry in connector.test():
            if isinstance(entry, TestStep):
                steps.append(entry)
            else:
                facts = entry
    except SourceError as error:
        return steps, facts, error
    return steps, facts, None
