"""A connection to PostgreSQL beside the product, with types: asyncpg brings none of its own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import asyncpg

driver: Any = asyncpg


class Record(Protocol):
    """A row, by place or by name."""

    def __getitem__(self, key: int | str) -> Any: ...
    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What the benchmarks use of asyncpg's connection."""

    async def fetch(self, query: str, *arguments: object) -> list[Record]: ...
    async def fetchval(self, query: str, *arguments: object) -> Any: ...
    async def execute(self, query: str, *arguments: object) -> str: ...
    async def copy_records_to_table(
        self, table_name: str, *, records: Sequence[tuple[Any, ...]], columns: Sequence[str]
    ) -> str: ...
    def transaction(self) -> AbstractAsyncContextManager[None]: ...


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Connection]:
    connection = await driver.connect(url, timeout=10, command_timeout=120)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)
