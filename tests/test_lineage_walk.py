"""Edges from view definitions and keys, and the walk along them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from auth.permissions import Permission
from connectors.entries import DatasetKind, Entry
from datawave.kit.access import SYSTEM, Rights, Scope, Viewer
from datawave.kit.database import Db
from datawave.kit.errors import InputError
from domain.lineage import graph, relations, views
from models.catalog import Asset
from models.lineage import LineageOrigin
from tests.factories.catalog import Ground, ground, points, settled, table

VIEW = {"kind": DatasetKind.VIEW}
CUSTOMER = table("db", "s", "customer", columns=["id", "mail"], primary_key=("id",))
ORDERS = table(
    "db",
    "s",
    "orders",
    columns=["id", "customer_id"],
    foreign_keys=(points("customer_id", to=("db", "s", "customer")),),
)
MAILS = table(
    "db",
    "s",
    "mails",
    columns=["order_id", "address"],
    definition="SELECT o.id AS order_id, c.mail AS address"
    " FROM s.orders o JOIN s.customer c ON c.id = o.customer_id",
    **VIEW,
)
SENT = table("db", "s", "sent", columns=["address"], definition="SELECT address FROM mails", **VIEW)
SHOP: list[Entry] = [CUSTOMER, ORDERS, MAILS, SENT]


@pytest.fixture
async def catalog(database: str) -> AsyncIterator[Ground]:
    async with ground(database) as made:
        yield made


async def parse(catalog: Ground) -> int:
    """What the worker does for one source."""

    async def related(tx: Any) -> Any:
        return await relations.relate(tx, source_id=catalog.source_id)

    await catalog.run(related)
    pending, names = await views.to_read(Db(catalog.database, SYSTEM), catalog.source_id)
    if names is None:
        return 0
    readings = views.read_views(pending, names, "postgres")

    async def written(tx: Any) -> Any:
        return await views.write_views(tx, source_id=catalog.source_id, readings=readings)

    await catalog.run(written)
    return len(pending)


async def asset(catalog: Ground, name: str) -> Asset:
    found = await Db(catalog.database, SYSTEM).scalar(select(Asset).where(Asset.qualified_name == name))
    assert found is not None, name
    return found


async def walked(
    catalog: Ground, name: str, viewer: Viewer = SYSTEM, **asked: Any
) -> tuple[dict[str, int], graph.Graph]:
    found = await graph.read(Db(catalog.database, viewer), await asset(catalog, name), graph.Asked(**asked))
    names = dict(tuple(row) for row in await catalog.rows("SELECT id, qualified_name FROM asset"))
    return {names[node.asset_id].removeprefix("shop.db.s."): node.distance for node in found.nodes}, found


async def edges(catalog: Ground) -> list[tuple[str, str, str]]:
    rows = await catalog.rows(
        "SELECT f.name, t.name, e.origin FROM lineage_edge e JOIN asset f ON f.id = e.from_id"
        " JOIN asset t ON t.id = e.to_id ORDER BY 1, 2, 3"
    )
    return [tuple(row) for row in rows]


async def test_views_and_keys_become_edges_with_columns(catalog: Ground) -> None:
    await catalog.read(SHOP)
    assert await parse(catalog) == 2
    assert await edges(catalog) == [
        ("customer", "mails", "VIEW_DEFINITION"),
        ("customer", "orders", "FOREIGN_KEY"),
        ("mails", "sent", "VIEW_DEFINITION"),
        ("orders", "mails", "VIEW_DEFINITION"),
    ]
    names = {str(key): name for key, name in await catalog.rows("SELECT id, qualified_name FROM asset")}
    [columns] = await catalog.rows(
        "SELECT e.columns FROM lineage_edge e JOIN asset f ON f.id = e.from_id JOIN asset t ON t.id = e.to_id"
        " WHERE f.name = 'customer' AND t.name = 'mails'"
    )
    [mapping] = columns[0]
    assert [names[each] for each in mapping["sources"]] == ["shop.db.s.customer.mail"]
    assert names[mapping["target"]] == "shop.db.s.mails.address"


async def test_nothing_is_parsed_or_written_again_without_a_change(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    before = await catalog.rows("SELECT id, valid_from FROM lineage_edge ORDER BY id")
    catalog.events.clear()
    await catalog.read(SHOP)
    assert await parse(catalog) == 0
    assert await catalog.rows("SELECT id, valid_from FROM lineage_edge ORDER BY id") == before
    assert catalog.events == []


async def test_a_changed_definition_takes_the_old_edges_away(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    changed = replace(MAILS, definition="SELECT id AS order_id, 'x' AS address FROM s.orders", digest="n")
    await catalog.read([CUSTOMER, ORDERS, changed, SENT])
    catalog.events.clear()
    assert await parse(catalog) == 1
    assert ("customer", "mails", "VIEW_DEFINITION") not in await edges(catalog)
    [event] = catalog.events
    assert (event.changed, event.removed, len(event.removed_ids)) == (0, 1, 1)


async def test_a_view_is_read_again_when_what_it_names_comes_back(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    await catalog.read([CUSTOMER, ORDERS, SENT], removed=[("db", "s", "mails")])
    await parse(catalog)
    assert await edges(catalog) == [("customer", "orders", "FOREIGN_KEY")]
    await catalog.read(SHOP)
    await parse(catalog)
    assert ("mails", "sent", "VIEW_DEFINITION") in await edges(catalog)


async def test_a_statement_that_cannot_be_read_leaves_a_reason(catalog: Ground) -> None:
    await catalog.read([table("db", "s", "odd", definition="select from where", **VIEW)])
    await parse(catalog)
    assert "could not be read" in await catalog.value("SELECT problem FROM view_reading")


async def test_the_walk_counts_steps_in_both_directions(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    assert (await walked(catalog, "shop.db.s.mails"))[0] == {
        "mails": 0,
        "customer": -1,
        "orders": -1,
        "sent": 1,
    }
    flow = [LineageOrigin.VIEW_DEFINITION]
    down, found = await walked(catalog, "shop.db.s.orders", direction="DOWNSTREAM", origins=flow)
    assert down == {"orders": 0, "mails": 1, "sent": 2}
    assert len(found.edges) == 2
    assert not found.truncated


async def test_what_lies_beyond_is_counted(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    _, found = await walked(catalog, "shop.db.s.mails", direction="UPSTREAM", depth=1, max_nodes=2)
    [root, other] = found.nodes
    assert found.truncated
    assert root.hidden_upstream + root.hidden_downstream == 2
    assert other.hidden_upstream + other.hidden_downstream == 1


async def test_columns_are_walked_one_by_one(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    up, found = await walked(catalog, "shop.db.s.sent.address", direction="UPSTREAM", depth=5)
    assert up == {"sent.address": 0, "mails.address": -1, "customer.mail": -2}
    assert len(found.edges) == 2
    all_columns, _ = await walked(catalog, "shop.db.s.mails", column_level=True, direction="UPSTREAM")
    assert all_columns == {"mails.order_id": 0, "mails.address": 0, "orders.id": -1, "customer.mail": -1}


async def test_a_cycle_ends(catalog: Ground) -> None:
    one = table("db", "s", "one", definition="SELECT id FROM s.two", **VIEW)
    two = table("db", "s", "two", definition="SELECT id FROM s.one", **VIEW)
    await catalog.read([one, two])
    await parse(catalog)
    around, _ = await walked(catalog, "shop.db.s.one", depth=50)
    assert around.keys() == {"one", "two"}


async def test_the_walk_stops_where_the_viewer_may_not_see(catalog: Ground) -> None:
    await catalog.read(SHOP)
    other = await settled(catalog.database, catalog.commands, key="other")
    await other.read([table("db", "s", "secret")])
    await parse(catalog)
    secret, customer = await asset(catalog, "other.db.s.secret"), await asset(catalog, "shop.db.s.customer")

    async def drawn(tx: Any) -> None:
        from models.lineage import LineageEdge

        tx.session.add(
            LineageEdge(
                source_id=catalog.source_id,
                from_id=secret.id,
                to_id=customer.id,
                origin=LineageOrigin.MANUAL,
                confidence=1.0,
                first_seen_at=tx.now,
                last_seen_at=tx.now,
            )
        )

    await catalog.run(drawn)
    up = {"direction": "UPSTREAM"}
    assert "other.db.s.secret" in (await walked(catalog, "shop.db.s.customer", **up))[0]
    seen, found = await walked(catalog, "shop.db.s.customer", viewer=of_source(catalog.source_id), **up)
    assert seen == {"customer": 0}
    assert (found.nodes[0].hidden_upstream, found.edges) == (0, [])


def of_source(source_id: UUID) -> Viewer:
    scope = Scope(sources=frozenset({source_id}))
    held = {str(each): scope for each in (Permission.ASSET_READ, Permission.LINEAGE_READ)}
    return Viewer(actor_id=source_id, actor_word="user", rights=Rights(held=held))


async def test_the_walk_is_of_its_time(catalog: Ground) -> None:
    await catalog.read(SHOP)
    await parse(catalog)
    then = await catalog.value("SELECT datawave_now()")
    await catalog.read([CUSTOMER, ORDERS, SENT], removed=[("db", "s", "mails")])
    await parse(catalog)
    assert (await walked(catalog, "shop.db.s.sent"))[0] == {"sent": 0}
    assert (await walked(catalog, "shop.db.s.sent", as_of=then))[0] == {
        "sent": 0,
        "mails": -1,
        "customer": -2,
        "orders": -2,
    }
    columns, _ = await walked(catalog, "shop.db.s.sent.address", as_of=then)
    assert columns == {"sent.address": 0, "mails.address": -1, "customer.mail": -2}


@pytest.mark.parametrize(
    "asked", [{"depth": 0}, {"depth": 51}, {"max_nodes": 5_001}, {"min_confidence": 2.0}]
)
async def test_a_walk_without_bounds_is_refused(catalog: Ground, asked: dict[str, Any]) -> None:
    await catalog.read(SHOP)
    with pytest.raises(InputError):
        await walked(catalog, "shop.db.s.mails", **asked)
