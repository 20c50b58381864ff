"""The documents of the product's own pages are planned, all of them, and those that are measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    Visitor,
    parse,
    print_ast,
    visit,
)

from benchmarks.queries import DOCUMENTS as MEASURED
from tests.fixtures.shop import Shop
from tests.planner.counting import planning

PAGES = Path(__file__).parents[2] / "web" / "src"


class _Spreads(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_fragment_spread(self, node: FragmentSpreadNode, *_: object) -> None:
        self.names.append(node.name.value)


def _queries() -> dict[str, str]:
    """Each query of the pages with the fragments that it spreads, as the build puts them together."""
    definitions = [one for file in PAGES.rglob("*.graphql") for one in parse(file.read_text()).definitions]
    fragments = {each.name.value: each for each in definitions if isinstance(each, FragmentDefinitionNode)}
    return {
        each.name.value: _whole(each, fragments)
        for each in definitions
        if isinstance(each, OperationDefinitionNode) and each.name and each.operation is OperationType.QUERY
    }


def _whole(operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> str:
    used: dict[str, FragmentDefinitionNode] = {}
    look: list[OperationDefinitionNode | FragmentDefinitionNode] = [operation]
    while look:
        spreads = _Spreads()
        visit(look.pop(), spreads)
        for name in spreads.names:
            if name not in used:
                used[name] = fragments[name]
                look.append(fragments[name])
    return print_ast(DocumentNode(definitions=(operation, *used.values())))


QUERIES = _queries()


def test_the_pages_have_queries() -> None:
    assert {"Sources", "Runs", "Events", "Viewer"} <= QUERIES.keys()


@pytest.mark.parametrize("name", sorted(QUERIES))
async def test_a_query_of_the_pages_is_planned(shop: Shop, name: str) -> None:
    with planning() as counted:
        await shop.api.data(QUERIES[name])
    assert counted == {"planned": 1}


@pytest.mark.parametrize("name", sorted(MEASURED))
async def test_a_measured_query_is_planned_and_takes_one_statement(shop: Shop, name: str) -> None:
    source = (await shop.api.data("{ dataSources { nodes { id } } }"))["dataSources"]["nodes"][0]["id"]
    given = {"name": "shop.db.s.customer"} if name == "Q1" else {"sources": [source]}
    with planning() as counted:
        await shop.api.data(MEASURED[name], **given)
    assert (counted, shop.api.statements) == ({"planned": 1}, 1)
