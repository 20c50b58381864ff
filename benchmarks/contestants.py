"""Who answers the reads: the product in its ways, and its peers, each with its server and its spelling."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

from benchmarks import queries
from benchmarks.furnishing import READER
from benchmarks.ground import Ground, Server, ours, served
from benchmarks.harness import EMAIL
from benchmarks.peers.installed import node_peers
from datawave.settings import Settings

Starting: TypeAlias = Callable[[Ground], AbstractAsyncContextManager[Server]]

UNPLANNED_SETTING = "planned_reads"
"""The setting that switches the planner off, where the product has it."""


def plain_document(document: str) -> str:
    """As the peers spell it: they have one type of asset, so that no fragment is needed for its columns."""
    return document.replace("... on Dataset { columns(", "columns(").replace("nullable } } }", "nullable } }")


POSTGRAPHILE = {
    "Q1": """
query Q1($name: String!) {
  assetByQualifiedName(qualifiedName: $name) {
    id name qualifiedName kind state description comment
    ownershipsByAssetId { nodes { kind actor { id displayName } } }
  }
}
""",
    "Q2": """
query Q2($source: UUID!, $offset: Int) {
  allAssets(
    condition: {sourceId: $source, kind: "TABLE"}, orderBy: [QUALIFIED_NAME_ASC], first: 50, offset: $offset
  ) {
    edges {
      cursor
      node {
        id name kind state description comment
        ownershipsByAssetId { nodes { kind actor { id displayName } } }
        assetTagsByAssetId { nodes { tagByTagId { id name color } } }
        children(condition: {kind: "COLUMN"}, orderBy: [ORDINAL_ASC], first: 10) {
          nodes { id name ordinal nativeType dataType nullable }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
""",
    "Q3": """
query Q3($source: UUID!, $offset: Int) {
  allAssets(
    condition: {sourceId: $source, kind: "TABLE"}, orderBy: [QUALIFIED_NAME_ASC], first: 100, offset: $offset
  ) {
    nodes { id kind name qualifiedName state description comment version createdAt }
  }
}
""",
}
"""The same questions to an API that is made from the tables: owners of what an asset is in are left out."""

PLAIN = {name: plain_document(document) for name, document in queries.DOCUMENTS.items()}


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """One row of the table. `compared` is False where its answers have another shape by nature."""

    name: str
    label: str
    server: str
    documents: Mapping[str, str] = field(default_factory=lambda: queries.DOCUMENTS)
    cursors: str = "ours"
    email: str | None = None
    compared: bool = True
    note: str = ""


def _python(module: str) -> Starting:
    @asynccontextmanager
    async def start(place: Ground) -> AsyncGenerator[Server]:
        command = [sys.executable, "-m", "benchmarks.peers.python", module]
        async with served(place, module, command) as server:
            yield server

    return start


def _node(script: str, *, name: str | None = None, **environment: str) -> Starting:
    @asynccontextmanager
    async def start(place: Ground) -> AsyncGenerator[Server]:
        node, folder = node_peers()
        command = [node, str(folder / f"{script}.mjs")]
        production = {"NODE_ENV": "production", "GRAPHILE_ENV": "production", **environment}
        async with served(place, name or script, command, environment=production) as server:
            yield server

    return start


def _ours(**settings: str) -> Starting:
    @asynccontextmanager
    async def start(place: Ground) -> AsyncGenerator[Server]:
        name = "ours unplanned" if settings else "ours"
        async with ours(place, name, settings=settings) as server:
            yield server

    return start


SERVERS: Mapping[str, Starting] = {
    "ours": _ours(),
    "unplanned": _ours(**{f"DATAWAVE_{UNPLANNED_SETTING.upper()}": "false"}),
    "limit": _python("limit"),
    "strawberry": _python("strawberry_orm"),
    "mercurius": _node("mercurius"),
    "postgraphile": _node("postgraphile"),
}


SUBSCRIPTIONS: Mapping[str, Starting] = {
    "ours": _ours(),
    "subscriptions": _node("subscriptions"),
    "raw_sockets": _python("raw_sockets"),
    "strawberry_sockets": _python("strawberry_sockets"),
}


def has_switch() -> bool:
    """Whether the planner is there, and can be switched off."""
    return UNPLANNED_SETTING in Settings.model_fields


ALL = (
    Contestant(name="limit", label="hand-written: Starlette, asyncpg, orjson", server="limit",
               documents=PLAIN, cursors="plain", note="nobody signs in, no GraphQL"),
    Contestant(name="ours", label="DataWave", server="ours", email=READER,
               note="signed in, a role on one workspace"),
    Contestant(name="admin", label="DataWave, as the admin", server="ours", email=EMAIL),
    Contestant(name="unplanned", label="DataWave, not planned", server="unplanned", email=READER),
    Contestant(name="mercurius", label="Mercurius, graphql-jit, pg, dataloader", server="mercurius",
               documents=PLAIN, cursors="plain"),
    Contestant(name="postgraphile", label="PostGraphile", server="postgraphile",
               documents=POSTGRAPHILE, cursors="offset", compared=False, note="owners above are left out"),
    Contestant(name="strawberry", label="Strawberry, DataLoader, SQLAlchemy ORM", server="strawberry",
               documents=PLAIN, cursors="plain"),
)  # fmt: skip
