"""Roots that give rows: planned, one statement each, and what the executor answers."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import UUID

from auth.permissions import Permission
from datawave.kit import log
from datawave.kit.access import Rights, Scope, Viewer
from datawave.kit.cursors import log_cursor, log_position
from datawave.kit.ids import key_of
from datawave.transports.door import Asked
from tests.client import Client
from tests.fixtures.api import House
from tests.fixtures.shop import Shop
from tests.planner.counting import planning
from tests.planner.documents import Made
from tests.planner.test_plans_answer_as_the_executor import Asking, Twins, answered
from tests.statements import counted
from tests.test_identity import person

NODES = "{ nodes { id } pageInfo { endCursor } }"
FOUND = {
    "a workspace": "{ workspace(name: $main) { id name } }",
    "workspaces": f"{{ workspaces(includeArchived: true, first: 5) {NODES} }}",
    "a source": "{ dataSource(key: $key) { id name } }",
    "sources by words": f"{{ dataSources(search: $shop, kinds: [$kind]) {NODES} }}",
    "sources by place": f"{{ dataSources(states: [$state], workspaceId: $workspace) {NODES} }}",
    "discoveries": f"{{ discoveries(dataSourceId: $source, states: [$run]) {NODES} }}",
    "runs": f"{{ runs(states: [$run], subjectId: $source, range: {{from: $then, to: $later}}) {NODES} }}",
    "people": f"{{ users(search: $name, states: [ACTIVE]) {NODES} }}",
    "roles": "{ roles { id name } }",
    "grants": f"{{ grants(actorId: $me, roleId: $role) {NODES} }}",
    "commands": f"{{ commands(actorId: $me, subjectId: $asset) {NODES} }}",
    "commands to take back": f"{{ commands(reversibleOnly: true) {NODES} }}",
    "labels": "{ labels { id name } }",
    "classifications": (
        "{ classifications(filter: {assetUnderId: $asset, dataSourceIds: [$source], labels: [$label],"
        f" maxConfidence: 1, fallback: false}}) {NODES} }}"
    ),
    "the end of the trail": f"{{ auditEntries(before: $sealed) {NODES} }}",
    "the trail of somebody": (
        "{ auditEntries(filter: {actions: [$action], actorIds: [$me, $nobody], outcomes: [DONE],"
        f" range: {{to: $later}}}}, last: 2, before: $sealed) {NODES} }}"
    ),
}
EMPTY = {
    "sources with a sign of the pattern": f"{{ dataSources(search: $percent) {NODES} }}",
    "sources by an empty list": f"{{ agents(states: []) {NODES} }}",
    "programs": f"{{ serviceAccounts {NODES} }}",
    "grants in a scope": f"{{ grants(scopeId: $workspace) {NODES} }}",
    "jobs": f"{{ jobs(states: [SUCCEEDED], kinds: [$kind], subjectId: $source) {NODES} }}",
    "a job by its id": f"{{ jobs(trackingId: $job) {NODES} }}",
    "jobs of a command": f"{{ jobs(trackingId: $command) {NODES} }}",
    "dead letters": f"{{ deadLetters(unresolvedOnly: false) {NODES} }}",
    "breakers": f"{{ circuitBreakers(states: [OPEN]) {NODES} }}",
    "the trail of nobody": f"{{ auditEntries(filter: {{actorIds: [$nobody]}}) {NODES} }}",
    "the trail of a thing": f"{{ auditEntries(filter: {{subjectIds: [$source, $nobody]}}) {NODES} }}",
}
BENEATH = {
    "who asks": ("{ viewer { actor { id displayName } } }", 1),
    "what is theirs": ("{ viewer { user { id } session { id } workspaces { totalCount nodes { id } } } }", 2),
    "sessions": ("{ users { nodes { id sessions { id current } } } }", 1),
    "commands": ("{ commands(subjectId: $asset) { nodes { id reversible subjects { id } } } }", 2),
    "kinds": ("{ dataSources { nodes { assetCounts { key label count } } } }", 1),
    "kinds in containers": (
        "{ assets(filter: {kinds: [DATABASE, SCHEMA]}) { nodes { id ... on Container {"
        " assetCounts { key label count } } } } }",
        1,
    ),
    "uptime": ("{ dataSources { nodes { health { uptimeRatio(range: {from: $then}) } } } }", 1),
}
"""What was asked of each thing by itself; how many statements it takes for all."""

VARIABLES = {
    "main": "String!",
    "shop": "String!",
    "key": "String!",
    "kind": "String!",
    "name": "String!",
    "label": "String!",
    "action": "String!",
    "percent": "String!",
    "run": "RunState!",
    "state": "DataSourceState!",
    "then": "DateTime!",
    "later": "DateTime!",
    "sealed": "Cursor!",
}
"""What is no id."""


def made(body: str, values: dict[str, Any]) -> Made:
    """A document with the variables that it uses."""
    used = {name: value for name, value in values.items() if re.search(rf"\${name}\b", body)}
    head = ", ".join(f"${name}: {VARIABLES.get(name, 'ID!')}" for name in used)
    return Made(f"query({head}) {body}" if used else body, used)


async def values_of(shop: Shop, house: House) -> dict[str, Any]:
    await shop.sample()
    await shop.update("customer", description="Who buys")
    await shop.update("orders", description="What they buy")
    found = await shop.api.data(
        """{ viewer { actor { id } } grants { nodes { role { id } } } discoveries { nodes { state } }
        dataSources { nodes { id key connector { kind } state workspace { id name } } }
        commands(first: 1) { nodes { id } } asset(qualifiedName: "shop.db.s.customer") { id } }"""
    )
    source = found["dataSources"]["nodes"][0]
    return {
        "main": source["workspace"]["name"],
        "workspace": source["workspace"]["id"],
        "shop": source["key"][:3].upper(),
        "key": source["key"],
        "kind": source["connector"]["kind"],
        "state": source["state"],
        "source": source["id"],
        "run": found["discoveries"]["nodes"][0]["state"],
        "then": "2020-01-01T00:00:00Z",
        "later": "2100-01-01T00:00:00Z",
        "name": "DMIN",
        "me": found["viewer"]["actor"]["id"],
        "nobody": "user_1",
        "role": found["grants"]["nodes"][0]["role"]["id"],
        "job": f"job_{'0' * 32}",
        "command": found["commands"]["nodes"][0]["id"],
        "action": "update_assets",
        "asset": found["asset"]["id"],
        "label": "EMAIL",
        "percent": "%",
        "sealed": await sealed(shop, house),
    }


async def sealed(shop: Shop, house: House) -> str:
    """A place in the trail behind the first change, where nothing is added any more."""
    trail = "{ auditEntries { nodes { action } pageInfo { endCursor } } }"
    async with asyncio.timeout(10):
        while True:
            await house.core.live.publish("wake", b"{}")
            found = (await shop.api.data(trail))["auditEntries"]
            if [each["action"] for each in found["nodes"]].count("update_assets") == 2:
                return found["pageInfo"]["endCursor"]


def viewers(values: dict[str, Any]) -> list[Viewer]:
    """Everything everywhere; everything in one place."""
    me, source = UUID(hex=values["me"].rpartition("_")[2]), key_of("source", values["source"])
    everywhere, here = Scope(everywhere=True), Scope(sources=frozenset([source]))
    return [
        Viewer(actor_id=me, actor_word="user", rights=Rights(held=dict.fromkeys(Permission, scope)))
        for scope in (everywhere, here)
    ]


async def test_a_root_of_rows_takes_one_statement_and_answers_as_the_executor(
    shop: Shop, house: House
) -> None:
    values, twins, platform = await values_of(shop, house), Twins.made(), house.served.platform
    admin, somebody = (Asking(platform, viewer) for viewer in viewers(values))
    for name, body in (FOUND | EMPTY).items():
        document = made(body, values)
        for asking in (admin, somebody):
            assert await twins.differ(document, asking) is None, name
        statements, found = await statements_of(twins, document, admin)
        rows = found["nodes"] if isinstance(found, dict) and "nodes" in found else found
        assert (name, statements, bool(rows)) == (name, 1, name in FOUND)
    assert set(twins.reasons) == {"planned"}


async def test_what_hangs_on_each_thing_is_asked_for_all_at_once(shop: Shop, house: House) -> None:
    await person(house, "reader@example.com")
    values, twins, platform = await values_of(shop, house), Twins.made(), house.served.platform
    admin, somebody = (Asking(platform, viewer) for viewer in viewers(values))
    for name, (body, expected) in BENEATH.items():
        document = made(body, values)
        for asking in (admin, somebody):
            assert await twins.differ(document, asking) is None, name
        statements, _ = await statements_of(twins, document, admin)
        assert (name, statements) == (name, expected)
    assert set(twins.reasons) == {"planned"}


async def test_the_database_makes_the_cursor_of_the_log(house: House, api: Client) -> None:
    before = await log.standing(house.core.database)
    await api.data("{ cursor settledAt }")
    with planning() as counts:
        cursor = (await api.data("{ cursor settledAt }"))["cursor"]
    assert (counts, api.statements) == ({"planned": 1}, 2)
    epoch, position = log_position(cursor)
    assert (epoch, position >= before.head, cursor) == (before.epoch, True, log_cursor(epoch, position))


async def statements_of(twins: Twins, document: Made, asking: Asking) -> tuple[int, Any]:
    """How many a plan takes that is there already, and what its one root gives."""
    asked = Asked(query=document.text, variables=document.variables)
    with counted() as sent:
        answer = await answered(twins.planned, asked, asking)
    [found] = answer["data"].values()
    return len(sent), found


async def test_of_the_sessions_of_all_one_s_own_are_told(house: House, api: Client) -> None:
    reader = await person(house, "reader@example.com", "Auditor")
    with planning() as counts:
        answer = await reader.ask("{ users { nodes { email sessions { current } } } }")
    assert counts == {"planned": 1}
    assert [each["extensions"]["code"] for each in answer["errors"]] == ["FORBIDDEN"]
    told = {each["email"]: each["sessions"] for each in answer["data"]["users"]["nodes"]}
    assert told.pop("reader@example.com") == [{"current": True}]
    assert set(told.values()) == {None}


async def test_an_id_of_something_else_is_refused_at_its_place(shop: Shop) -> None:
    wrong = {
        '{ dataSources(workspaceId: "source_1") { totalCount } }': "workspaceId",
        '{ runs(subjectId: "run_1") { totalCount } }': "subjectId",
        '{ grants(actorId: "role_1") { totalCount } }': "actorId",
        '{ jobs(trackingId: "run_1") { totalCount } }': "trackingId",
        '{ commands(actorId: "me") { totalCount } }': "actorId",
    }
    for document, place in wrong.items():
        [error] = (await shop.api.ask(document))["errors"]
        assert (error["extensions"]["code"], error["extensions"]["path"]) == ("INVALID", [place])
