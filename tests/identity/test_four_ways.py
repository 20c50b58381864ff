"""Four ways in, one asset: who comes by a login service, with a second factor, as a partner's program and by
an API key reads it with the rights they have, and hears of it with no others."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from datawave.kit.access import SYSTEM
from datawave.kit.ids import global_id
from domain.workspaces import save_workspace
from tests import streams
from tests.client import Client
from tests.factories.catalog import Ground, settled, table
from tests.fixtures.clock import HouseClock
from tests.fixtures.shop import ROOT, SHOP, UPDATE, Shop
from tests.identity.programs import key, program, role_ids
from tests.identity.signing_in import SIGN_IN, protected
from tests.identity.there import There

GRANT = "mutation($i: GrantRoleInput!) { grantRole(input: $i) { errors { code message } grant { id } } }"
METHOD = "{ viewer { session { method } } }"
READ = """query($n: String!) { asset(qualifiedName: $n) {
  name description dataSource { key } lineage(direction: DOWNSTREAM) { nodes { asset { name } } } } }"""
BY_ID = "query($id: ID!) { node(id: $id) { id } }"
STREAM = """subscription($f: AssetFilter, $after: Cursor) { catalogChanged(filter: $f, after: $after) {
  ... on AssetChanged { asset { qualifiedName description
    lineage(direction: DOWNSTREAM) { nodes { asset { name } } } } } } }"""
ORDERS, STOCK = "shop.db.s.orders", "depot.db.s.stock"


@dataclass(frozen=True, kw_only=True)
class Way:
    """Somebody who has come in, and what they are to see."""

    client: Client
    method: str | None
    lineage: bool
    source: bool
    """Whether they see sources too."""
    elsewhere: bool
    """Whether the other workspace is theirs to see."""


async def moved(ground: Ground, workspace_id: Any) -> None:
    """The source is another workspace's from the first."""
    sql = "UPDATE data_source SET workspace_id = :w WHERE id = :s RETURNING id"
    await ground.value(sql, w=workspace_id, s=ground.source_id)
    ground.workspace_id = workspace_id


@pytest.fixture
async def shop(there: There) -> Shop:
    """Two sources in two workspaces."""
    core = there.house.core
    ground = await settled(core.database, core.commands)
    await ground.read(SHOP)
    shop = Shop(there.api, ground)
    await shop.parse()
    other = await core.commands.run(save_workspace, SYSTEM, {"name": "Depot"})
    depot = await settled(core.database, core.commands, key="depot")
    await moved(depot, other.value.id)
    await depot.read([*ROOT, table("db", "s", "stock", columns=["id"])])
    return shop


async def given(there: There, actor: str, role: str, scope: str | None) -> None:
    [role_id] = await role_ids(there.house, role)
    await there.api.done(GRANT, i={"actorId": actor, "roleId": role_id, "scopeId": scope})


async def by_login_service(there: There) -> Way:
    """An auditor, everywhere."""
    await there.now(defaultRoleIds=await role_ids(there.house, "Auditor"))
    return Way(client=await there.client("ada"), method="OIDC", lineage=True, source=True, elsewhere=True)


async def by_second_factor(there: There, clock: HouseClock, workspace: str) -> Way:
    """An analyst of one workspace: the password first, then the challenge with a code."""
    owner = await protected(there.house, clock, "analyst@example.com")
    await given(there, owner.id, "Analyst", workspace)
    asked = (await owner.signs_in())["data"]["signIn"]
    assert asked["mfaRequired"]
    assert asked["tokens"] is None
    shown = {"secondFactor": {"challenge": asked["challenge"], "totp": await owner.app.code()}}
    signed = await Client(there.house.url).done(SIGN_IN, i=shown)
    client = Client(there.house.url, signed["tokens"]["accessToken"])
    return Way(client=client, method="PASSWORD", lineage=True, source=True, elsewhere=False)


async def by_client_credentials(there: There) -> Way:
    """A partner everywhere, who asks for less than they hold."""
    partner = await program(there.house, there.api, "Partner", name="Carrier")
    answer = await there.api.http.post(
        "/auth/token",
        data={"grant_type": "client_credentials", "scope": "asset:read datasource:read"},
        auth=(partner["clientId"], partner["secret"]),
    )
    client = Client(there.house.url, answer.json()["access_token"])
    return Way(client=client, method="CLIENT_CREDENTIALS", lineage=False, source=True, elsewhere=True)


async def by_api_key(there: There, workspace: str) -> Way:
    """A program of one workspace, with a key for the catalog and nothing else."""
    account = await program(there.house, there.api, name="Nightly")
    await given(there, account["id"], "Data engineer", workspace)
    made = await key(there.api, actorId=account["id"], permissions=["asset:read"])
    client = Client(there.house.url, made["value"])
    return Way(client=client, method=None, lineage=False, source=False, elsewhere=False)


async def test_each_reads_the_same_asset_with_the_rights_they_have(there: There, shop: Shop) -> None:
    core = there.house.core
    main = global_id("workspace", shop.ground.workspace_id)
    ways = [
        await by_login_service(there),
        await by_second_factor(there, HouseClock(core.database, core.commands), main),
        await by_client_credentials(there),
        await by_api_key(there, main),
    ]
    stock = (await there.api.data("query($n: String!) { asset(qualifiedName: $n) { id } }", n=STOCK))["asset"]
    source = global_id("source", shop.ground.source_id)
    for way in ways:
        await reads(way, stock["id"])
    after = (await there.api.data("{ cursor }"))["cursor"]
    listening = [asyncio.create_task(hears(way, after)) for way in ways]
    of_source = [asyncio.create_task(hears(way, after, dataSourceIds=[source])) for way in ways]
    try:
        # First what not everybody may hear of, then what everybody does.
        await there.api.done(UPDATE, i={"ids": [stock["id"]], "description": "What lies in the depot"})
        done = await shop.update("orders", description="Every order ever taken")
        assert done["errors"] == []
        for way, heard, heard_of_source in zip(ways, listening, of_source, strict=True):
            assert await heard == ([STOCK, ORDERS] if way.elsewhere else [ORDERS])
            assert await heard_of_source == [ORDERS]
    finally:
        for task in (*listening, *of_source):
            task.cancel()
        await asyncio.gather(*listening, *of_source, return_exceptions=True)


async def reads(way: Way, stock: str) -> None:
    """Over HTTP: the asset, the field that takes a permission more, and what is another workspace's."""
    viewer = (await way.client.data(METHOD))["viewer"]
    assert (viewer["session"] and viewer["session"]["method"]) == way.method
    answer = await way.client.ask(READ, n=ORDERS)
    asset = answer["data"]["asset"]
    assert asset["name"] == "orders"
    assert refused(answer) == ([] if way.lineage else ["lineage"])
    assert downstream(asset) == (["orders", "mails"] if way.lineage else None)
    assert asset["dataSource"] == ({"key": "shop"} if way.source else None)
    other = (await way.client.ask(READ, n=STOCK))["data"]["asset"]
    assert (other is not None) == way.elsewhere
    assert ((await way.client.data(BY_ID, id=stock))["node"] is not None) == way.elsewhere


async def hears(way: Way, after: str, **filter: Any) -> list[str]:
    """Over a WebSocket: which assets are told to have changed, up to the one that everybody may see."""
    heard: list[str] = []
    async with way.client.follow(STREAM, after=after, f=filter) as events, asyncio.timeout(streams.PATIENCE):
        async for answer in events:
            asset = answer["data"]["catalogChanged"]["asset"]
            heard.append(asset["qualifiedName"])
            assert refused(answer) == ([] if way.lineage else ["lineage"])
            if asset["qualifiedName"] == ORDERS:
                assert asset["description"] == "Every order ever taken"
                assert downstream(asset) == (["orders", "mails"] if way.lineage else None)
                return heard
    raise AssertionError(f"the stream ended; this came: {heard}")


def refused(answer: Any) -> list[str]:
    """Fields that were refused, each for want of its permission."""
    errors = answer.get("errors", [])
    assert {each["extensions"]["code"] for each in errors} <= {"FORBIDDEN"}
    return [each["path"][-1] for each in errors]


def downstream(asset: Any) -> list[str] | None:
    return asset["lineage"] and [each["asset"]["name"] for each in asset["lineage"]["nodes"]]
