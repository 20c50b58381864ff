"""The reads that are measured: three documents, and the many sets of variables that each is asked with."""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from benchmarks.furnishing import WORKSPACE
from benchmarks.load.requests import Request
from benchmarks.sql import Connection
from datawave.kit.cursors import list_cursor

Json = dict[str, Any]

Q1 = """
query Q1($name: String!) {
  asset(qualifiedName: $name) {
    id name qualifiedName kind state description
    owners { kind actor { id displayName } }
  }
}
"""
Q2 = """
query Q2($sources: [ID!]!, $after: Cursor) {
  assets(filter: {dataSourceIds: $sources, kinds: [TABLE]}, first: 50, after: $after) {
    edges {
      cursor
      node {
        id name kind state description
        owners { kind actor { id displayName } }
        tags { id name color }
        ... on Dataset { columns(first: 10) { nodes { id name ordinal nativeType dataType nullable } } }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
Q3 = """
query Q3($sources: [ID!]!, $after: Cursor) {
  assets(filter: {dataSourceIds: $sources, kinds: [TABLE]}, first: 100, after: $after) {
    nodes { id kind name qualifiedName state description version createdAt }
  }
}
"""
DOCUMENTS = {"Q1": Q1, "Q2": Q2, "Q3": Q3}
MEANING = {
    "Q1": "one asset by name, with its owners",
    "Q2": "a page of 50 tables with owners, tags and 10 columns each",
    "Q3": "a flat page of 100 tables, 8 fields each",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a page begins: after the table with this name and id, or at the start."""

    source_id: str
    name: str | None = None
    key: str = ""
    behind: int = 0
    """So many tables of the source."""

    @property
    def ours(self) -> str | None:
        return list_cursor([self.name, self.key]) if self.name else None

    @property
    def plain(self) -> str | None:
        return base64.urlsafe_b64encode(self.name.encode()).decode() if self.name else None


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Some hundred sets of variables for each read: names, and places of pages."""

    names: Sequence[str]
    pages: Sequence[Place]
    flat_pages: Sequence[Place]

    def variables(self, query: str, *, cursors: str) -> list[Json]:
        """`cursors` is whose: `ours`, `plain` as the peers have them, or `offset` for who counts."""
        if query == "Q1":
            return [{"name": name} for name in self.names]
        places = self.pages if query == "Q2" else self.flat_pages
        if cursors == "offset":
            return [{"source": str(UUID(place.source_id[-32:])), "offset": place.behind} for place in places]
        return [{"sources": [place.source_id], "after": getattr(place, cursors)} for place in places]


NAMES = """
select qualified_name from asset a join data_source s on s.id = a.source_id
join workspace w on w.id = s.workspace_id
where a.kind = 'TABLE' and w.name = $1 order by md5(a.id::text) limit 500
"""
PLACES = """
select 'source_' || replace(source_id::text, '-', '') as source, qualified_name,
       replace(id::text, '-', '') as key, n
from (
    select a.*, row_number() over (partition by a.source_id order by a.qualified_name, a.id) as n
    from asset a join data_source s on s.id = a.source_id join workspace w on w.id = s.workspace_id
    where a.kind = 'TABLE' and w.name = $1
) numbered where n % $2 = 0 and n <= $3 order by md5(id::text)
"""


async def sets(connection: Connection) -> Sets:
    names = [row["qualified_name"] for row in await connection.fetch(NAMES, WORKSPACE)]
    return Sets(
        names=names,
        pages=await _places(connection, size=50, last=150),
        flat_pages=await _places(connection, size=100, last=100),
    )


async def _places(connection: Connection, *, size: int, last: int) -> list[Place]:
    """The starts of all pages of all sources: at the top, and behind every full page but the last."""
    found = await connection.fetch(PLACES, WORKSPACE, size, last)
    later = [
        Place(source_id=row["source"], name=row["qualified_name"], key=row["key"], behind=row["n"])
        for row in found
    ]
    first = [Place(source_id=source) for source in dict.fromkeys(place.source_id for place in later)]
    return random.Random(4).sample([*first, *later], len(first) + len(later))


def requests(
    query: str, document: str, variables: Sequence[Json], *, token: str | None = None
) -> list[Request]:
    """Full document and variables each time, as a client without persisted documents sends them."""
    headers = (("authorization", f"Bearer {token}"),) if token else ()
    return [
        Request(
            body=orjson.dumps({"query": document, "operationName": query, "variables": each}), headers=headers
        )
        for each in variables
    ]
