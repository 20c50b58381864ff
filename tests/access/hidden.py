"""A workspace that somebody is not in, with something of everything; and what they may ask all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from connectors.entries import Container, ContainerKind, Entry, Prediction
from datawave.kit.access import SYSTEM
from datawave.kit.commands import Tx
from datawave.kit.ids import global_id, new_id
from domain import classification
from domain.workspaces import save_workspace
from models.lineage import LineageEdge, LineageOrigin
from models.sources import DataSource
from tests.client import Client
from tests.factories.catalog import Ground, settled, table
from tests.fixtures.api import House
from tests.fixtures.shop import UPDATE, Shop

WORD = "zanzibar"
"""Is part of every name there, and of none elsewhere."""

ENTRIES: list[Entry] = [
    Container(path=("zanzibar_db",), kind=ContainerKind.DATABASE, digest="d"),
    Container(path=("zanzibar_db", "s"), kind=ContainerKind.SCHEMA, digest="s"),
    table("zanzibar_db", "s", "zanzibar_spices", columns=["id", "zanzibar_mail"]),
    table("zanzibar_db", "s", "zanzibar_ships", columns=["id"]),
]

PAGE = "totalCount nodes { id __typename }"
SEEN = {
    "assets": f"{{ assets(first: 500) {{ {PAGE} }} }}",
    "assets by name": f'{{ assets(filter: {{namePattern: "%zanzi%"}}) {{ {PAGE} }} }}',
    "assets by tag": f'{{ assets(filter: {{tags: ["pii"]}}) {{ {PAGE} }} }}',
    "assets by label": f'{{ assets(filter: {{labels: ["EMAIL"]}}) {{ {PAGE} }} }}',
    "an asset by name": '{ asset(qualifiedName: "zanzibar.zanzibar_db.s.zanzibar_spices") { id } }',
    "a source by key": '{ dataSource(key: "zanzibar") { id } }',
    "sources": f"{{ dataSources {{ {PAGE} }} }}",
    "sources by words": f'{{ dataSources(search: "zanzi") {{ {PAGE} }} }}',
    "counts": "{ dataSources { nodes { assetCounts { key count } } } }",
    "runs": f"{{ runs {{ {PAGE} }} discoveries {{ {PAGE} }} }}",
    "classifications": f"{{ classifications {{ {PAGE} }} }}",
    "commands": f"{{ commands {{ {PAGE} }} }}",
    "commands to take back": f"{{ commands(reversibleOnly: true) {{ {PAGE} }} }}",
    "jobs": f"{{ jobs {{ {PAGE} }} }}",
    "events": "{ events(first: 500) { totalCount nodes { id type subject { id } data } } }",
    "workspaces": "{ workspaces(includeArchived: true) { totalCount nodes { id members { totalCount } } } }",
    "a workspace by name": '{ workspace(name: "Zanzibar") { id } }',
    "who I am": "{ viewer { permissions workspaces { nodes { name dataSources { totalCount } } } } }",
    "lineage": """{ asset(qualifiedName: "shop.db.s.customer") {
      lineage(direction: BOTH, depth: 5) { impacted truncated nodes { asset { qualifiedName } distance }
        edges { source { qualifiedName } target { qualifiedName } } } } }""",
    "tags of assets": """{ asset(qualifiedName: "shop.db.s.customer") { tags { name assetCount } } }""",
    "labels": "{ labels { name children { name } } }",
    "settings of others": "{ grants { totalCount } }",
    "letters": "{ deadLetters { totalCount } }",
    "trail": "{ auditEntries { totalCount } }",
}
"""By a member of Main alone: all that is listed, searched, counted or walked. Some of it they may not ask at
all, which has to stay so."""


@dataclass
class Hidden:
    """The other workspace, and the ids of what is in it, by the word of their kind."""

    ground: Ground
    ids: dict[str, str]


async def seen_by(client: Client) -> dict[str, Any]:
    return {name: await client.ask(document) for name, document in SEEN.items()}


async def hide(house: House, shop: Shop) -> Hidden:
    """Makes the workspace with its source, assets, runs, labels, tags, edges to and from Main's assets."""
    made = await house.core.commands.run(save_workspace, SYSTEM, {"name": "Zanzibar"})
    workspace: UUID = made.value.id
    ground = await settled(house.core.database, house.core.commands, key=WORD)

    async def move(tx: Tx) -> None:
        (await tx.session.get_one(DataSource, ground.source_id)).workspace_id = workspace

    await ground.run(move)
    ground.workspace_id = workspace
    run = await ground.read(ENTRIES)
    spices = await _asset(ground, "zanzibar_spices")
    await _cross_the_border(shop, ground)
    await _label(ground, run)
    edited = await shop.api.run(UPDATE, i={"ids": [global_id("asset", spices)], "addTags": ["pii"]})
    assert not edited["errors"]
    found = await ground.rows(
        "SELECT (SELECT id FROM lineage_edge WHERE source_id = :s LIMIT 1) AS edge,"
        " (SELECT id FROM classification WHERE source_id = :s LIMIT 1) AS classification,"
        " (SELECT id FROM event WHERE source_id = :s LIMIT 1) AS event",
        s=ground.source_id,
    )
    ids = {"source": ground.source_id, "workspace": workspace, "asset": spices, "run": run}
    ids |= {word: key for word, key in found[0]._mapping.items() if key is not None}
    told = {word: global_id(word, key) for word, key in ids.items()}
    return Hidden(ground, told | {"command": edited["trackingId"]})


async def _asset(ground: Ground, name: str) -> UUID:
    return await ground.value("SELECT id FROM asset WHERE name = :n AND kind <> 'COLUMN'", n=name)


async def _cross_the_border(shop: Shop, ground: Ground) -> None:
    """customer → spices → mails, and customer → ships, told now by one side, now by the other."""
    spices, ships = await _asset(ground, "zanzibar_spices"), await _asset(ground, "zanzibar_ships")
    customer, mails = await _asset(ground, "customer"), await _asset(ground, "mails")
    here, there = shop.ground.source_id, ground.source_id

    async def drawn(tx: Tx) -> None:
        for source, start, end in (
            (there, customer, spices),
            (here, spices, mails),
            (here, customer, ships),
            (there, ships, mails),
        ):
            tx.session.add(
                LineageEdge(
                    id=new_id(),
                    source_id=source,
                    from_id=start,
                    to_id=end,
                    origin=LineageOrigin.MANUAL,
                    confidence=1.0,
                    evidence=[],
                    columns=[],
                    first_seen_at=tx.now,
                    last_seen_at=tx.now,
                )
            )

    await ground.run(drawn)


async def _label(ground: Ground, run: UUID) -> None:
    predicted = Prediction(
        path=("zanzibar_db", "s", "zanzibar_spices", "zanzibar_mail"),
        label="EMAIL",
        confidence=0.9,
        layer="NAME",
        evidence=(),
    )

    async def suggested(tx: Any, source: Any, run: Any) -> None:
        await classification.suggest(tx, source, run, [predicted])
        await classification.settle(tx, source, run)

    await ground.within(run, suggested)
