"""What people put on assets, through the API: one or many, with undo, tags and their names."""

from __future__ import annotations

from typing import Any

import pytest

from datawave.kit.ids import global_id
from tests.fixtures.shop import UPDATE, Shop


async def test_a_description_is_changed_and_taken_back(shop: Shop) -> None:
    payload = await shop.update(
        "customer", version=1, description="All who ever bought", addTags=["gold", " gold "]
    )
    [asset] = payload["assets"]
    assert (asset["description"], asset["version"], asset["tags"]) == (
        "All who ever bought",
        2,
        [{"name": "gold"}],
    )
    undo = "mutation($id: ID!) { undoCommand(input: {commandId: $id}) { errors { code message } } }"
    await shop.api.done(undo, id=payload["trackingId"])
    found = await shop.asset("customer", "description version tags { name }")
    assert found == {"description": "Who buys", "version": 3, "tags": []}
    redo = "mutation($id: ID!) { redoCommand(input: {commandId: $id}) { errors { code message } } }"
    await shop.api.done(redo, id=payload["trackingId"])
    again = await shop.asset("customer", "description tags { name }")
    assert again == {"description": "All who ever bought", "tags": [{"name": "gold"}]}


async def test_tags_alone_raise_the_version_and_a_stale_one_is_refused(shop: Shop) -> None:
    [asset] = (await shop.update("customer", version=1, addTags=["gold"]))["assets"]
    assert asset["version"] == 2
    [error] = (await shop.update("customer", version=1, description="Late"))["errors"]
    assert (error["__typename"], error["code"]) == ("ConflictError", "STALE_VERSION")


async def test_many_assets_are_changed_at_once_or_not_at_all(shop: Shop) -> None:
    viewer = (await shop.api.data("{ viewer { actor { id displayName } } }"))["viewer"]["actor"]
    payload = await shop.update(
        "customer", "orders", addOwners=[{"actorId": viewer["id"], "kind": "STEWARD"}]
    )
    owner = {"kind": "STEWARD", "actor": {"displayName": viewer["displayName"]}}
    assert [each["owners"] for each in payload["assets"]] == [[owner], [owner]]
    inherited = await shop.asset("customer.mail", "owners { kind inheritedFrom { name } }")
    assert inherited["owners"] == [{"kind": "STEWARD", "inheritedFrom": {"name": "customer"}}]
    ids = [await shop.id_of("orders"), global_id("asset", shop.ground.source_id)]
    refused = await shop.api.run(UPDATE, i={"ids": ids, "description": "Never"})
    assert [(e["code"], e["path"]) for e in refused["errors"]] == [("NOT_FOUND", ["ids", "1"])]
    assert (await shop.asset("orders", "description"))["description"] is None
    await shop.api.done(UPDATE, i={"ids": [await shop.id_of("customer")], "removeOwnerIds": [viewer["id"]]})
    assert (await shop.asset("customer", "owners { kind }"))["owners"] == []


@pytest.mark.parametrize(
    ("changes", "code", "path"),
    [
        ({"state": "MISSING"}, "INVALID", ["state"]),
        ({"addTags": [""]}, "INVALID", ["addTags", "0"]),
        ({"addOwners": [{"actorId": "asset_1"}]}, "INVALID", ["addOwners", "0", "actorId"]),
        ({"description": "x" * 10_001}, "INVALID", ["description"]),
    ],
)
async def test_what_cannot_be_put_on_an_asset_is_refused(
    shop: Shop, changes: dict[str, Any], code: str, path: list[str]
) -> None:
    [error] = (await shop.update("customer", **changes))["errors"]
    assert (error["code"], error["path"]) == (code, path)


TAG = """mutation($i: SaveTagInput!) { saveTag(input: $i) { errors { code path } tag { id name color
assetCount } } }"""


async def test_a_tag_is_made_renamed_and_counted(shop: Shop) -> None:
    await shop.update("customer", addTags=["gold"])
    taken = await shop.api.run(TAG, i={"name": "gold"})
    assert taken["errors"] == [{"code": "ALREADY_EXISTS", "path": ["name"]}]
    made = (await shop.api.done(TAG, i={"name": "silver", "color": "#c0c0c0"}))["tag"]
    renamed = await shop.api.done(TAG, i={"id": made["id"], "name": "bronze"})
    assert renamed["tag"]["name"] == "bronze"
    found = (await shop.api.data("{ tags { nodes { name assetCount } } }"))["tags"]["nodes"]
    assert found == [{"name": "bronze", "assetCount": 0}, {"name": "gold", "assetCount": 1}]
