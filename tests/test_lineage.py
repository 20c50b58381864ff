"""Lineage through the API, and the job that reads it out of view definitions."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import text

from datawave.kit.access import SYSTEM
from datawave.kit.ids import new_id
from datawave.kit.work import Work
from domain.lineage.jobs import ParseViews
from tests.fixtures.shop import ORDERS, ROOT, Shop
from workers.lineage import parse_views

GRAPH = """
query($id: ID!, $d: LineageDirection! = BOTH, $depth: Int, $columns: Boolean, $o: [LineageOrigin!]) {
  lineage(id: $id, direction: $d, depth: $depth, columnLevel: $columns, origins: $o) {
    root { name } truncated depth
    nodes { asset { qualifiedName } distance hiddenUpstream hiddenDownstream }
    edges { id origin confidence state source { name } target { name } evidence { kind text }
      columns { sources { name } target { name } confidence } }
  } }"""


def around(graph: Any) -> dict[str, int]:
    return {
        each["asset"]["qualifiedName"].removeprefix("shop.db.s."): each["distance"] for each in graph["nodes"]
    }


async def test_a_view_leads_to_its_tables_with_columns(shop: Shop) -> None:
    await shop.parse()
    graph = (await shop.api.data(GRAPH, id=await shop.id_of("mails"), depth=1))["lineage"]
    assert graph["root"] == {"name": "mails"}
    assert around(graph) == {"mails": 0, "customer": -1, "orders": -1}
    edges = {(e["source"]["name"], e["target"]["name"]): e for e in graph["edges"]}
    assert edges["customer", "orders"]["origin"] == "FOREIGN_KEY"
    read = edges["customer", "mails"]
    assert (read["origin"], read["state"]) == ("VIEW_DEFINITION", "ACCEPTED")
    assert read["evidence"] == [{"kind": "QUERY", "text": "Read from the view's definition."}]
    assert read["columns"] == [
        {"sources": [{"name": "mail"}], "target": {"name": "address"}, "confidence": 0.95}
    ]
    edge = (await shop.api.data("query($id: ID!) { node(id: $id) { __typename id } }", id=read["id"]))["node"]
    assert edge == {"__typename": "LineageEdge", "id": read["id"]}


async def test_a_column_is_followed_to_its_source(shop: Shop) -> None:
    await shop.parse()
    address = await shop.id_of("mails.address")
    graph = (await shop.api.data(GRAPH, id=address, d="UPSTREAM"))["lineage"]
    assert around(graph) == {"mails.address": 0, "customer.mail": -1}
    flow = {"id": await shop.id_of("customer"), "o": ["VIEW_DEFINITION"], "columns": True}
    assert around((await shop.api.data(GRAPH, **flow))["lineage"]) == {
        "customer.id": 0,
        "customer.mail": 0,
        "mails.address": 1,
    }


async def test_an_asset_shows_what_is_next_to_it(shop: Shop) -> None:
    await shop.parse()
    found = await shop.asset("orders", "lineage(direction: DOWNSTREAM) { nodes { asset { name } distance } }")
    assert [each["asset"]["name"] for each in found["lineage"]["nodes"]] == ["orders", "mails"]


async def test_what_is_not_there_has_no_lineage(shop: Shop) -> None:
    assert (await shop.api.data(GRAPH, id=f"asset_{new_id().hex}"))["lineage"] is None
    answer = await shop.api.ask(GRAPH, id=await shop.id_of("mails"), depth=1_000)
    assert answer["errors"][0]["extensions"]["path"] == ["depth"]


async def test_the_job_reads_the_views_of_its_source(shop: Shop) -> None:
    core: Any = shop.ground
    job_id = new_id()
    async with core.database.engine.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO job (id, kind, arguments, state, command_id, max_tries)"
                " VALUES (:id, 'ParseViews', '{}', 'RUNNING', :id, 3)"
            ),
            {"id": job_id},
        )
    work = Work(job_id, 0, job_id, SYSTEM, core.commands, core.database, {}, asyncio.Event())
    await parse_views(work, ParseViews(source_id=shop.ground.source_id))
    assert await shop.ground.value("SELECT count(*) FROM lineage_edge") == 3
    assert (await shop.ground.value("SELECT progress FROM job WHERE id = :id", id=job_id))["done"] == 1
    await shop.ground.read([*ROOT, ORDERS], removed=[("db", "s", "mails"), ("db", "s", "customer")])
    await parse_views(work, ParseViews(source_id=shop.ground.source_id))
    assert await shop.ground.value("SELECT count(*) FROM lineage_edge") == 0
