"""The ready examples of GraphiQL (`docs/examples`), each run against a house with sources like the demo's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.client import Answer, Client
from tests.factories import documents
from tests.factories.sources import Make
from tests.fixtures.agent import Agent, Worker
from tests.planner.counting import planning

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
DEMO = "shop.shop."
"""How qualified names begin in the demo: the key of the source, the name of its database."""

SHOP = """
create schema crm;
create schema sales;
create schema mart;
create table crm.customers (
  id integer primary key, full_name text not null, email text not null unique, phone text
);
comment on table crm.customers is 'Who buys';
create table sales.orders (
  id integer primary key, customer_id integer not null references crm.customers (id), total numeric(12,2)
);
create view mart.customer_value as
  select c.id, c.email, sum(o.total) as total
  from crm.customers c join sales.orders o on o.customer_id = c.id group by c.id, c.email;
insert into crm.customers
  select n, 'Ada Lovelace', 'ada' || n || '@example.com', '+49 30 1234' || n from generate_series(100, 140) n;
"""
CHANGES = "alter table crm.customers drop column phone; alter table sales.orders add column note text;"

Check = Callable[[Any], object]


def lineage_is_there(found: Any) -> object:
    lineage = found["lineage"]
    return len(lineage["nodes"]) >= 3 and any(each["columns"] for each in lineage["edges"])


CHECKS: dict[str, Check] = {
    "01": lambda found: "datasource:create" in found["permissions"],
    "02": lambda found: found["dataSource"]["key"] == "crm" and found["job"],
    "03": lambda found: found["test"]["ok"],
    "04": lambda found: found["discovery"]["id"],
    "05": lambda found: found["cursor"],
    "06": lambda found: any(each["assets"]["nodes"] for each in found["nodes"]),
    "07": lineage_is_there,
    "08": lambda found: found["totalCount"] > 0 and found["nodes"][0]["evidence"],
    "09": lambda found: found["latestDiscovery"]["drift"]["breaking"] > 0,
    "10": lambda found: found["type"] and found["cursor"],
    "11": lambda found: found["command"]["undoes"]["name"] == "create_source",
    "12": lambda found: found["nodes"],
}
"""What the first field of each must have brought."""


class Reader:
    """Somebody who goes through the examples and fills in what each asks for."""

    def __init__(self, api: Client, database: str, known: dict[str, str]) -> None:
        self._api, self._database = api, database
        self.known = known

    def variables(self, example: Path) -> dict[str, Any]:
        """Placeholders as `<id of a source>` are replaced by what earlier answers gave."""
        file = example.with_suffix(".json")
        words = file.read_text() if file.exists() else "{}"
        for placeholder, value in self.known.items():
            words = words.replace(f"<{placeholder}>", value)
        assert "<" not in words, f"{file.name} asks for something that nobody knows: {words}"
        return json.loads(words.replace(DEMO, f"shop.{self._database}."))

    async def run(self, example: Path) -> None:
        document, variables = example.read_text(), self.variables(example)
        if "\nsubscription " in document:
            answers = await self._followed(document, variables)
        else:
            answers = [await self._api.data(document, **variables)]
        for answer in answers:
            found = next(iter(answer.values()))
            assert not found.get("errors"), (example.name, found)
            assert CHECKS[example.name[:2]](found), (example.name, found)
            self._learns(found)

    async def _followed(self, document: str, variables: dict[str, Any]) -> list[Answer]:
        """A run's stream ends by itself; of the whole log the first few events will do."""
        answers: list[Answer] = []
        async with (
            asyncio.timeout(30),
            self._api.follow(document, after=self.known["cursor"], **variables) as events,
        ):
            async for payload in events:
                assert not payload.get("errors"), payload
                answers.append(payload["data"])
                if "eventRecorded" in payload["data"] and len(answers) == 10:
                    break
        assert answers
        return answers

    def _learns(self, found: Answer) -> None:
        if found.get("discovery"):
            self.known["id of a discovery"] = found["discovery"]["id"]
        if "dataSource" in found and found.get("trackingId"):
            self.known["trackingId of a mutation"] = found["trackingId"]


def test_every_example_is_run_and_says_what_it_is_for() -> None:
    found = sorted(EXAMPLES.glob("*.graphql"))
    assert [each.name[:2] for each in found] == sorted(CHECKS)
    assert all(each.read_text().startswith("# ") for each in found)
    assert {each.stem for each in EXAMPLES.glob("*.json")} <= {each.stem for each in found}


@pytest.mark.usefixtures("agent")
async def test_the_examples_run_one_after_the_other(
    api: Client, make: Make, agent: Agent, worker: Worker
) -> None:
    at = await make.postgresql(SHOP)
    made = await make.source(at, key="shop", name="Shop")
    await make.discovery(made["id"])
    async with servers.connected(at.url) as connection:
        await connection.execute(CHANGES)
    assert (await make.discovery(made["id"]))["state"] == "SUCCEEDED"
    await worker.drained()
    known = {"id of a source": made["id"], "password": "not-a-real-one", "cursor": made["cursor"]}
    reader = Reader(api, at.database, known)
    # The discovery of the fourth would hide the drift of the one before.
    examples = sorted(EXAMPLES.glob("*.graphql"), key=lambda each: (each.name[:2] != "09", each.name))
    with planning() as counted:
        for example in examples:
            await reader.run(example)
    assert counted.keys() == {"planned"}, "the examples are what people begin with: all are planned"
    await make.ended(reader.known["id of a discovery"])
    assert (await api.data(documents.GET, key="crm"))["dataSource"]["state"] == "DECOMMISSIONED"
