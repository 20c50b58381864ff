"""The limit: the three reads written by hand, with Starlette, asyncpg and orjson, for nobody in particular.

No GraphQL is read, nobody signs in, nothing is counted: `operationName` says which read is meant. One
statement a level, on one connection, and dictionaries straight from rows. Each statement is planned once
(planning one with a list as its parameter takes longer than running it), and is written so that the plan is
right for all values.
"""

from __future__ import annotations

import base64
import os
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ID = "'{word}_' || replace({column}::text, '-', '')"
ASSET_ID = ID.format(word="asset", column="a.id")
HERE = "a.state in ('ACTIVE', 'DEPRECATED')"

POINT = f"""
select a.id, a.parent_id, {ASSET_ID} as gid, a.name, a.qualified_name, a.kind, a.state,
       coalesce(a.description, a.comment) as description
from asset a where a.qualified_name = $1
"""
PAGE = f"""
select a.id, a.parent_id, {ASSET_ID} as gid, a.name, a.kind, a.state, a.qualified_name,
       coalesce(a.description, a.comment) as description
from unnest($1::uuid[]) as source(id) cross join lateral (
    select * from asset a
    where a.source_id = source.id and a.kind = 'TABLE' and {HERE} and a.qualified_name > $2 offset 0
) a order by a.qualified_name limit 51
"""
FLAT = f"""
select {ASSET_ID} as gid, a.kind, a.name, a.qualified_name, a.state,
       coalesce(a.description, a.comment) as description, a.version,
       to_char(a.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
from unnest($1::uuid[]) as source(id) cross join lateral (
    select * from asset a
    where a.source_id = source.id and a.kind = 'TABLE' and {HERE} and a.qualified_name > $2 offset 0
) a order by a.qualified_name limit 100
"""
OWNERS = f"""
with recursive up(start, node, height) as (
    select id, id, 1 from unnest($2::uuid[]) as id
    union all
    select up.start, a.parent_id, up.height + 1 from up join asset a on a.id = up.node
    where a.parent_id is not null
), nodes(start, node, height) as (
    select id, id, 0 from unnest($1::uuid[]) as id union all select start, node, height from up
)
select n.start, n.height, owned.* from nodes n cross join lateral (
    select o.kind, {ID.format(word="user", column="p.id")} as actor, p.display_name
    from ownership o join person p on p.id = o.actor_id where o.asset_id = n.node
    order by o.kind, p.id offset 0
) owned order by n.height
"""
TAGS = f"""
select l.asset_id, {ID.format(word="tag", column="g.id")} as gid, g.name, g.color
from asset_tag l join tag g on g.id = l.tag_id where l.asset_id = any($1) order by g.name
"""
COLUMNS = f"""
select parent.at, c.* from unnest($1::uuid[]) with ordinality as parent(id, at) cross join lateral (
    select {ASSET_ID} as gid, a.name, a.ordinal, a.native_type, a.data_type, a.nullable
    from asset a where a.parent_id = parent.id and a.kind = 'COLUMN' and {HERE}
    order by a.ordinal limit 10
) c
"""


def cursor_of(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def place_of(cursor: str | None) -> str:
    return base64.urlsafe_b64decode(cursor).decode() if cursor else ""


def keys_of(ids: Sequence[str]) -> list[str]:
    return [each.removeprefix("source_") for each in ids]


async def owners_of(db: Any, assets: Sequence[Any]) -> dict[Any, list[dict[str, Any]]]:
    """Of each asset its own, then those of what it is in; each person once."""
    parents = {row["parent_id"] for row in assets if row["parent_id"] is not None}
    of_node: defaultdict[Any, list[Any]] = defaultdict(list)
    for row in await db.fetch(OWNERS, [row["id"] for row in assets], list(parents)):
        of_node[row["start"]].append(row)
    found: dict[Any, list[dict[str, Any]]] = {}
    for asset in assets:
        owners: dict[str, dict[str, Any]] = {}
        for row in (*of_node.get(asset["id"], ()), *of_node.get(asset["parent_id"], ())):
            if row["actor"] not in owners:
                actor = {"id": row["actor"], "displayName": row["display_name"]}
                owners[row["actor"]] = {"kind": row["kind"], "actor": actor}
        found[asset["id"]] = list(owners.values())
    return found


async def point(db: Any, variables: dict[str, Any]) -> Any:
    row = await db.fetchrow(POINT, variables["name"])
    if row is None:
        return {"asset": None}
    owners = await owners_of(db, [row])
    return {
        "asset": {
            "id": row["gid"],
            "name": row["name"],
            "qualifiedName": row["qualified_name"],
            "kind": row["kind"],
            "state": row["state"],
            "description": row["description"],
            "owners": owners[row["id"]],
        }
    }


async def page(db: Any, variables: dict[str, Any]) -> Any:
    rows = await db.fetch(PAGE, keys_of(variables["sources"]), place_of(variables.get("after")))
    more, rows = len(rows) > 50, rows[:50]
    keys = [row["id"] for row in rows]
    owners = await owners_of(db, rows)
    tags: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in await db.fetch(TAGS, keys):
        tags[row["asset_id"]].append({"id": row["gid"], "name": row["name"], "color": row["color"]})
    columns: list[list[dict[str, Any]]] = [[] for _ in keys]
    for at, key, name, ordinal, native_type, data_type, nullable in await db.fetch(COLUMNS, keys):
        columns[at - 1].append(
            {
                "id": key,
                "name": name,
                "ordinal": ordinal,
                "nativeType": native_type,
                "dataType": data_type,
                "nullable": nullable,
            }
        )
    edges = [
        {
            "cursor": cursor_of(row["qualified_name"]),
            "node": {
                "id": row["gid"],
                "name": row["name"],
                "kind": row["kind"],
                "state": row["state"],
                "description": row["description"],
                "owners": owners[row["id"]],
                "tags": tags[row["id"]],
                "columns": {"nodes": columns[at]},
            },
        }
        for at, row in enumerate(rows)
    ]
    end = edges[-1]["cursor"] if edges else None
    return {"assets": {"edges": edges, "pageInfo": {"hasNextPage": more, "endCursor": end}}}


async def flat(db: Any, variables: dict[str, Any]) -> Any:
    rows = await db.fetch(FLAT, keys_of(variables["sources"]), place_of(variables.get("after")))
    return {
        "assets": {
            "nodes": [
                {
                    "id": row["gid"],
                    "kind": row["kind"],
                    "name": row["name"],
                    "qualifiedName": row["qualified_name"],
                    "state": row["state"],
                    "description": row["description"],
                    "version": row["version"],
                    "createdAt": row["created_at"],
                }
                for row in rows
            ]
        }
    }


READS = {"Q1": point, "Q2": page, "Q3": flat}


@asynccontextmanager
async def pooled(app: Starlette) -> AsyncGenerator[None]:
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=4,
        max_size=16,
        reset=kept,
        server_settings={"plan_cache_mode": "force_generic_plan"},
    ) as app.state.pool:
        yield


async def answer(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    async with request.app.state.pool.acquire() as db:
        data = await READS[asked["operationName"]](db, asked["variables"])
    return Response(orjson.dumps({"data": data}), media_type="application/json")


async def kept(_connection: Any) -> None:
    """Nothing of a connection has changed when it comes back: no round trip to see to it."""


app = Starlette(routes=[Route("/graphql", answer, methods=["POST"])], lifespan=pooled)
