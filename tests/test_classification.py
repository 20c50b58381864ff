"""Labels and classifications through the API."""

from __future__ import annotations

from typing import Any

import pytest

from datawave.kit.ids import global_id
from tests.fixtures.shop import Shop

CLASSIFICATIONS = """query($f: ClassificationFilter) { classifications(filter: $f) {
  nodes { id confidence state fallback madeBy { displayName } reviewedAt label { name title sensitivity }
    asset { qualifiedName } evidence { kind text weight matchRatio } }
  totalCount } }"""


async def test_a_suggestion_carries_its_evidence(shop: Shop) -> None:
    await shop.sample()
    found = (await shop.api.data(CLASSIFICATIONS))["classifications"]
    [one] = found["nodes"]
    assert (one["state"], one["confidence"], one["fallback"], one["madeBy"]) == (
        "SUGGESTED",
        0.9,
        False,
        None,
    )
    assert one["asset"] == {"qualifiedName": "shop.db.s.customer.mail"}
    assert one["label"]["name"] == "EMAIL"
    assert one["evidence"] == [
        {"kind": "PATTERN", "text": "Looks like an address", "weight": 1.0, "matchRatio": None}
    ]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"labels": ["EMAIL"]}, 1),
        ({"labels": ["PERSON_NAME"]}, 0),
        ({"states": ["REJECTED"]}, 0),
        ({"layers": ["PATTERN"], "minConfidence": 0.9, "maxConfidence": 0.9, "fallback": False}, 1),
        ({"minConfidence": 0.91}, 0),
    ],
)
async def test_classifications_are_narrowed(shop: Shop, wanted: dict[str, Any], count: int) -> None:
    await shop.sample()
    found = (await shop.api.data(CLASSIFICATIONS, f=wanted))["classifications"]
    assert (len(found["nodes"]), found["totalCount"]) == (count, count)


async def test_classifications_of_a_table_and_of_a_source(shop: Shop) -> None:
    await shop.sample()
    for wanted, count in (
        ({"assetUnderId": await shop.id_of("customer")}, 1),
        ({"assetUnderId": await shop.id_of("orders")}, 0),
        ({"dataSourceIds": [global_id("source", shop.ground.source_id)]}, 1),
    ):
        found = (await shop.api.data(CLASSIFICATIONS, f=wanted))["classifications"]
        assert found["totalCount"] == count


async def test_the_taxonomy_is_a_tree_with_counts(shop: Shop) -> None:
    await shop.sample()
    document = "{ labels { name parent { name } children { name assetCount parent { name } } } }"
    tops = (await shop.api.data(document))["labels"]
    assert tops
    assert all(top["parent"] is None for top in tops)
    below = {each["name"]: each for top in tops for each in top["children"]}
    assert below["EMAIL"]["assetCount"] == 1
    assert all(each["parent"]["name"] == top["name"] for top in tops for each in top["children"])
