"""The catalog through the API: reads in few statements, as of a time, live."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from datawave.kit.ids import global_id
from tests.factories.catalog import table
from tests.fixtures.shop import CUSTOMER, MAILS, ORDERS, ROOT, SHOP, Shop


async def test_an_asset_is_found_by_its_qualified_name_with_all_about_it(shop: Shop) -> None:
    await shop.sample()
    found = await shop.asset(
        "customer",
        """__typename id kind name qualifiedName description state attributes version createdAt updatedAt
        dataSource { key } parent { name kind } path { name } owners { kind } tags { name } labels { name
        sensitivity }
        classifications { nodes { confidence state label { name } asset { name } } totalCount }
        ... on Dataset {
          columns { nodes { name ordinal nativeType dataType nullable dataset { name } fields { name } }
          totalCount }
          primaryKey { name } foreignKeys { name } definition profile { rowCount sampledRows }
        }""",
    )
    assert found["__typename"] == "Dataset"
    assert found["description"] == "Who buys"
    assert found["dataSource"] == {"key": "shop"}
    assert [each["name"] for each in found["path"]] == ["db", "s"]
    assert [each["name"] for each in found["columns"]["nodes"]] == ["id", "mail"]
    assert found["columns"]["totalCount"] == 2
    assert found["primaryKey"] == [{"name": "id"}]
    assert found["profile"] == {"rowCount": 3_000_000_000, "sampledRows": 10}
    assert [each["name"] for each in found["labels"]] == ["EMAIL"]
    [column] = [each for each in found["columns"]["nodes"] if each["name"] == "mail"]
    assert column["dataset"] == {"name": "customer"}
    mail = await shop.asset(
        "customer.mail",
        "... on Column { profile { count nullRatio patterns { key count } } classifications { nodes {"
        " evidence"
        " { kind text } } } }",
    )
    assert mail["profile"] == {"count": 10, "nullRatio": 0.1, "patterns": [{"key": "a@a", "count": 9}]}
    assert mail["classifications"]["nodes"][0]["evidence"] == [
        {"kind": "PATTERN", "text": "Looks like an address"}
    ]


async def test_a_source_and_an_id_lead_to_assets(shop: Shop) -> None:
    document = """query($s: ID!, $a: ID!) {
      source: node(id: $s) { ... on DataSource {
        assets(filter: {kinds: [VIEW]}) { nodes { name } totalCount } assetCounts { key count } } }
      column: node(id: $a) { __typename ... on Asset { qualifiedName } } }"""
    source = global_id("source", shop.ground.source_id)
    found = await shop.api.data(document, s=source, a=await shop.id_of("orders.id"))
    assert found["source"]["assets"] == {"nodes": [{"name": "mails"}], "totalCount": 1}
    assert {"key": "COLUMN", "count": 5} in found["source"]["assetCounts"]
    assert found["column"] == {"__typename": "Column", "qualifiedName": "shop.db.s.orders.id"}


async def test_foreign_keys_lead_to_columns(shop: Shop) -> None:
    orders = await shop.asset(
        "orders",
        "... on Dataset { foreignKeys { name enforced columns { name } references { qualifiedName } } }",
    )
    assert orders["foreignKeys"] == [
        {
            "name": "fk_customer_id",
            "enforced": True,
            "columns": [{"name": "customer_id"}],
            "references": [{"qualifiedName": "shop.db.s.customer.id"}],
        }
    ]


async def test_a_container_counts_what_is_in_it(shop: Shop) -> None:
    document = """{ asset(qualifiedName: "shop.db") {
      ... on Container { assetCounts { key count } children { nodes { name } } } } }"""
    found = (await shop.api.data(document))["asset"]
    assert {each["key"]: each["count"] for each in found["assetCounts"]} == {
        "SCHEMA": 1,
        "TABLE": 2,
        "VIEW": 1,
        "COLUMN": 5,
    }
    assert found["children"]["nodes"] == [{"name": "s"}]


PAGE = """query($first: Int!, $after: Cursor, $at: DateTime) {
  assets(filter: {kinds: [TABLE]}, first: $first, after: $after, asOf: $at) {
    nodes {
      id name qualifiedName description path { name } parent { name } dataSource { name }
      owners { kind actor { displayName } inheritedFrom { name } } tags { name } labels { name }
      classifications(first: 5) { nodes { label { name } } }
      ... on Dataset {
        columns(first: 5) { nodes { id name tags { name } labels { name } profile { count } } }
        primaryKey { name } foreignKeys { columns { name } references { name } } profile { rowCount }
      }
    }
    pageInfo { endCursor hasNextPage }
  }
}"""


@pytest.mark.parametrize("as_of", [False, True])
async def test_a_page_of_assets_takes_the_same_statements_however_long(shop: Shop, as_of: bool) -> None:
    more = [table("db", "s", f"t{at}", columns=["id", "x"], primary_key=("id",)) for at in range(60)]
    await shop.ground.read([*SHOP, *more])
    await shop.sample()
    ids = [(await shop.api.data(PAGE, first=60))["assets"]["nodes"][at]["id"] for at in range(60)]
    viewer = (await shop.api.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    edit = {"ids": ids, "addTags": ["seen"], "addOwners": [{"actorId": viewer}]}
    await shop.api.done(
        "mutation($i: UpdateAssetsInput!) { updateAssets(input: $i) { errors { message } } }", i=edit
    )
    at = await shop.ground.value("SELECT datawave_now()")
    at = at.isoformat() if as_of else None

    async def statements(first: int) -> int:
        answer = await shop.api.data(PAGE, first=first, at=at)
        assert len(answer["assets"]["nodes"]) == first
        assert answer["assets"]["nodes"][0]["tags"] == [{"name": "seen"}]
        return shop.api.statements

    few, many = await statements(2), await statements(50)
    assert 0 < few == many <= 20


async def test_what_a_row_names_comes_with_it(shop: Shop) -> None:
    viewer = (await shop.api.data("{ viewer { actor { id } } }"))["viewer"]["actor"]["id"]
    await shop.update("orders", addOwners=[{"actorId": viewer}])

    async def statements(fields: str) -> int:
        await shop.api.data(f"{{ assets {{ nodes {{ {fields} }} }} }}")
        return shop.api.statements

    assert await statements("name") == await statements("name dataSource { id key state }") == 1
    assert await statements("owners { kind }") == await statements("owners { actor { id displayName } }") == 1
    assert await statements("dataSource { key workspace { name } }") == 1


async def test_pages_follow_their_cursors(shop: Shop) -> None:
    names: list[str] = []
    after = None
    while True:
        page = (await shop.api.data(PAGE, first=1, after=after))["assets"]
        names += [each["name"] for each in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert names == ["customer", "orders"]


FILTER = "query($f: AssetFilter) { assets(filter: $f) { nodes { qualifiedName } totalCount } }"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"kinds": ["VIEW"]}, {"mails"}),
        ({"namePattern": "mail*", "kinds": ["COLUMN", "VIEW"]}, {"mails", "customer.mail"}),
        ({"labels": ["EMAIL"], "kinds": ["TABLE", "COLUMN"]}, {"customer", "customer.mail"}),
        ({"tags": ["gold"]}, {"orders"}),
        ({"states": ["MISSING"]}, set()),
        ({"unowned": False}, set()),
    ],
)
async def test_filters_narrow(shop: Shop, wanted: dict[str, Any], found: set[str]) -> None:
    await shop.sample()
    await shop.update("orders", addTags=["gold"])
    answer = (await shop.api.data(FILTER, f=wanted))["assets"]
    names = {each["qualifiedName"].removeprefix("shop.db.s.") for each in answer["nodes"]}
    assert (names, answer["totalCount"]) == (found, len(found))


async def test_a_filter_by_what_is_above(shop: Shop) -> None:
    wanted = {"underId": await shop.id_of("customer")}
    answer = (await shop.api.data(FILTER, f=wanted))["assets"]
    assert [each["qualifiedName"] for each in answer["nodes"]] == [
        "shop.db.s.customer.id",
        "shop.db.s.customer.mail",
    ]


async def test_a_filter_with_a_wrong_id_says_where(shop: Shop) -> None:
    answer = await shop.api.ask(FILTER, f={"underId": "nonsense"})
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["path"]) == ("INVALID", ["filter", "underId"])


async def test_versions_tell_what_changed_and_who_did_it(shop: Shop) -> None:
    await shop.update("customer", description="Ours", state="DEPRECATED")
    found = await shop.asset(
        "customer",
        "versions { nodes { version actor { displayName } changes { field before after } snapshot }"
        " totalCount }",
    )
    new, old = found["versions"]["nodes"]
    assert found["versions"]["totalCount"] == 2
    assert (new["version"], old["version"], old["actor"], old["changes"]) == (2, 1, None, [])
    assert new["actor"] is not None
    assert {each["field"]: each["after"] for each in new["changes"]} == {
        "description": "Ours",
        "state": "DEPRECATED",
    }
    assert old["snapshot"]["comment"] == "Who buys"


async def test_versions_tell_the_same_page_by_page(shop: Shop) -> None:
    for text in ("One", "Two", "Three"):
        await shop.update("customer", description=text)
    fields = "nodes { version changes { field before after } } pageInfo { hasNextPage endCursor }"
    whole = (await shop.asset("customer", f"versions {{ {fields} }}"))["versions"]
    assert [each["version"] for each in whole["nodes"]] == [4, 3, 2, 1]
    paged: list[Any] = []
    after = "null"
    for last in (False, False, False, True):
        page = (await shop.asset("customer", f"versions(first: 1, after: {after}) {{ {fields} }}"))[
            "versions"
        ]
        assert page["pageInfo"]["hasNextPage"] is not last
        paged += page["nodes"]
        after = f'"{page["pageInfo"]["endCursor"]}"'
    assert paged == whole["nodes"]


async def test_the_catalog_is_read_as_of_a_time(shop: Shop) -> None:
    await shop.update("customer", addTags=["old"])
    then = (await shop.ground.value("SELECT datawave_now()")).isoformat()
    changed = table("db", "s", "customer", columns=["id", "name"], primary_key=("id",))
    await shop.ground.read([*ROOT, changed, ORDERS, MAILS])
    await shop.update("customer", removeTags=["old"], description="New")
    fields = "description tags { name } ... on Dataset { columns { nodes { name state } totalCount } }"
    assert await shop.asset("customer", fields, at=then) == {
        "description": "Who buys",
        "tags": [{"name": "old"}],
        "columns": {
            "nodes": [{"name": "id", "state": "ACTIVE"}, {"name": "mail", "state": "ACTIVE"}],
            "totalCount": 2,
        },
    }
    now = await shop.asset("customer", fields)
    assert [each["name"] for each in now["columns"]["nodes"]] == ["id", "name"]
    assert (now["description"], now["tags"]) == ("New", [])


DIFF = """query($s: ID!, $from: DateTime!) { schemaDiff(dataSourceId: $s, from: $from) {
  added removed changed breaking dataSource { key }
  changes { nodes { kind breaking impacted asset { qualifiedName } changes { field before after } }
  totalCount } } }"""


async def test_a_schema_diff_tells_what_changed_and_whom_it_touches(shop: Shop) -> None:
    await shop.parse()
    then = (await shop.ground.value("SELECT datawave_now()")).isoformat()
    changed = table("db", "s", "customer", columns=["id"], primary_key=("id",))
    await shop.ground.read([*ROOT, changed, ORDERS, MAILS])
    source = global_id("source", shop.ground.source_id)
    diff = (await shop.api.data(DIFF, s=source, **{"from": then}))["schemaDiff"]
    assert (diff["added"], diff["removed"], diff["changed"], diff["breaking"]) == (0, 1, 0, 1)
    [change] = diff["changes"]["nodes"]
    assert (change["kind"], change["impacted"], change["asset"]["qualifiedName"]) == (
        "ASSET_REMOVED",
        1,
        "shop.db.s.customer.mail",
    )


KINDS = """query($s: ID!, $from: DateTime!, $kinds: [SchemaChangeKind!], $after: Cursor) {
  schemaDiff(dataSourceId: $s, from: $from) { changes(first: 1, kinds: $kinds, after: $after) {
    nodes { kind asset { name } } totalCount pageInfo { hasNextPage endCursor } } } }"""


async def test_a_schema_diff_is_paged_and_told_by_kind(shop: Shop) -> None:
    then = (await shop.ground.value("SELECT datawave_now()")).isoformat()
    changed = table("db", "s", "customer", columns=["id", "phone", "fax"], primary_key=("id",))
    await shop.ground.read([*ROOT, changed, ORDERS, MAILS])
    source = global_id("source", shop.ground.source_id)

    async def page(**more: Any) -> Any:
        answer = await shop.api.data(KINDS, s=source, **{"from": then}, **more)
        return answer["schemaDiff"]["changes"]

    first = await page(kinds=["ASSET_ADDED"])
    second = await page(kinds=["ASSET_ADDED"], after=first["pageInfo"]["endCursor"])
    names = {each["asset"]["name"] for each in [*first["nodes"], *second["nodes"]]}
    assert (names, first["totalCount"], second["pageInfo"]["hasNextPage"]) == ({"phone", "fax"}, 2, False)
    assert (await page())["totalCount"] == (await page(kinds=[]))["totalCount"] == 3
    assert (await page(kinds=["ASSET_REMOVED"]))["nodes"][0]["asset"]["name"] == "mail"


CHANGES = """subscription($f: AssetFilter, $after: Cursor) { catalogChanged(filter: $f, after: $after) {
  __typename replayed dataSource { key }
  ... on AssetsIngested { added changed removed sample { name } }
  ... on AssetChanged { asset { name } changes { field before after } }
  ... on SchemaDrifted { diff { removed } }
  ... on LineageChanged { edges { origin source { name } target { name } } }
  ... on ClassificationsChanged { classifications { label { name } } } } }"""


async def test_the_catalog_is_followed_live_from_a_cursor(shop: Shop) -> None:
    start = (await shop.api.data("{ cursor }"))["cursor"]
    await shop.parse()
    await shop.sample()
    await shop.update("customer", description="Ours")
    await shop.ground.read([*ROOT, CUSTOMER, ORDERS], removed=[("db", "s", "mails")])
    source = global_id("source", shop.ground.source_id)
    async with (
        asyncio.timeout(20),
        shop.api.follow(CHANGES, after=start, f={"dataSourceIds": [source]}) as stream,
    ):
        events = [(await anext(stream))["data"]["catalogChanged"] for _ in range(6)]
    assert [each["__typename"] for each in events] == [
        "LineageChanged",
        "LineageChanged",
        "ClassificationsChanged",
        "AssetChanged",
        "AssetsIngested",
        "SchemaDrifted",
    ]
    assert events[0]["edges"] == [
        {"origin": "FOREIGN_KEY", "source": {"name": "customer"}, "target": {"name": "orders"}}
    ]
    assert events[3]["changes"] == [{"field": "description", "before": None, "after": "Ours"}]
    assert (events[4]["removed"], events[5]["diff"]) == (2, {"removed": 1})


async def test_a_stream_of_one_asset_hears_of_it_and_what_is_under_it(shop: Shop) -> None:
    start = (await shop.api.data("{ cursor }"))["cursor"]
    await shop.update("orders", description="Not this one")
    await shop.update("customer.mail", description="This one")
    wanted = {"underId": await shop.id_of("customer")}
    async with asyncio.timeout(20), shop.api.follow(CHANGES, after=start, f=wanted) as stream:
        event = (await anext(stream))["data"]["catalogChanged"]
    assert event["asset"] == {"name": "mail"}


async def test_nobody_sees_the_catalog_without_signing_in(shop: Shop) -> None:
    answer = await shop.api.as_(None).ask(FILTER, f=None)
    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
