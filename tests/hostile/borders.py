"""A member of workspace A who asks for B's things, by every way there is.

B's things have a word in their names that stands nowhere else; it must not be in any answer, and what there
is must be told like what there is not.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from tests.hostile.cases import case, refused
from tests.hostile.ground import Ground, shown

ID = re.compile(r"[a-z]+_[0-9a-f]{32}")
UPDATE = """mutation ($id: ID!, $version: Int!, $description: String) {
  updateDataSource(input: {id: $id, version: $version, description: $description}) {
    errors { code message path }
  }
}"""

READS: dict[str, tuple[str, dict[str, str]]] = {
    "by id": ("query ($v: ID!) { node(id: $v) { id ... on DataSource { name key } } }", {"v": "sourceB"}),
    "by ids": (
        "query ($v: ID!) { nodes(ids: [$v]) { id ... on DataSource { name key } } }", {"v": "sourceB"}
    ),
    "by the workspace's id": (
        "query ($v: ID!) { node(id: $v) { id ... on Workspace { name } } }", {"v": "B"}
    ),
    "by key": ("query ($v: String!) { dataSource(key: $v) { id name } }", {"v": "keyB"}),
    "by an asset's id": ("query ($v: ID!) { node(id: $v) { id ... on Asset { name } } }", {"v": "asset"}),
    "by an asset's name": (
        "query ($v: String!) { asset(qualifiedName: $v) { id } }", {"v": "qualifiedName"}
    ),
    "by lineage": (
        "query ($v: ID!) { lineage(id: $v, depth: 5) { nodes { distance } truncated } }", {"v": "asset"}
    ),
}  # fmt: skip
LISTS: dict[str, tuple[str, dict[str, str]]] = {
    "by search": (
        "query ($v: String) { dataSources(search: $v) { totalCount nodes { id } } }", {"v": "keyB"}
    ),
    "by the workspace of a list": (
        "query ($v: ID) { dataSources(workspaceId: $v) { totalCount nodes { id } } }", {"v": "B"}
    ),
    "by counts of assets": (
        "query ($v: ID!) { assets(filter: {dataSourceIds: [$v]}) { totalCount nodes { id } } }",
        {"v": "sourceB"},
    ),
    "by counts of labels": (
        "query ($v: ID!) { classifications(filter: {assetUnderId: $v}) { totalCount } }", {"v": "asset"}
    ),
    "by events": (
        "query ($v: ID!) { events(filter: {subjectIds: [$v]}) { totalCount nodes { id } } }",
        {"v": "sourceB"},
    ),
    "by events of the workspace": (
        "query ($v: ID!) { events(filter: {workspaceId: $v}) { totalCount nodes { id } } }", {"v": "B"}
    ),
    "by commands": (
        "query ($v: ID) { commands(subjectId: $v) { totalCount nodes { id } } }", {"v": "sourceB"}
    ),
    "by runs": ("query ($v: ID) { runs(subjectId: $v) { totalCount nodes { id } } }", {"v": "sourceB"}),
    "by discoveries": (
        "query ($v: ID) { discoveries(dataSourceId: $v) { totalCount nodes { id } } }", {"v": "sourceB"}
    ),
}  # fmt: skip


def sees_nothing(ground: Ground, answer: dict[str, Any]) -> None:
    refused(so=ground.words not in shown(answer), otherwise=shown(answer)[:200])


def values_of(data: Any) -> list[Any]:
    """All that was told, but names of fields, nothings and noughts."""
    if isinstance(data, dict):
        return [found for each in data.values() for found in values_of(each)]
    if isinstance(data, list):
        return [found for each in data for found in values_of(each)]
    return [data] if data not in (None, 0, False) else []


def _read(what: str, query: str, named: dict[str, str]) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        given = {name: ground.ids[id] for name, id in named.items()}
        answer = await ground.member.ask(query, **given)
        refused(so=values_of(answer.get("data")) == [], otherwise=shown(answer)[:200])
        # What there is is told like what there is not.
        nothing = {name: of_nothing(value) for name, value in given.items()}
        other = await ground.member.ask(query, **nothing)
        told = [shown(each).replace(value, "…") for each, value in _each(answer, given, other, nothing)]
        refused(so=told[0] == told[1], otherwise=f"{told[0][:150]} and {told[1][:150]}")


def _each(answer: Any, given: dict[str, str], other: Any, nothing: dict[str, str]) -> list[tuple[Any, str]]:
    [one], [two] = given.values(), nothing.values()
    return [({**answer, "extensions": None}, one), ({**other, "extensions": None}, two)]


def of_nothing(value: str) -> str:
    return f"{value.partition('_')[0]}_{uuid4().hex}" if ID.fullmatch(value) else f"nothing{uuid4().hex[:8]}"


for _what, (_query, _named) in {**READS, **LISTS}.items():
    _read(_what, _query, _named)


@case("by the lists of everything")
async def whole_lists(ground: Ground) -> None:
    for query in (
        "{ dataSources { totalCount nodes { id key name workspace { name } } } }",
        "{ workspaces { nodes { id name } } }",
        "{ viewer { workspaces { nodes { name } } } }",
        "{ events(last: 500) { nodes { id type subject { id } } } }",
        "{ assets(first: 500) { totalCount nodes { qualifiedName } } }",
    ):
        answer = await ground.member.ask(query)
        sees_nothing(ground, answer)
        refused(so=ground.ids["sourceB"] not in shown(answer), otherwise=shown(answer)[:200])
    counted = await ground.member.data("{ dataSources { totalCount } }")
    refused(so=counted["dataSources"]["totalCount"] == 1, otherwise=str(counted))


@case("by the workspace's name")
async def by_name(ground: Ground) -> None:
    query = "query ($v: String!) { workspace(name: $v) { id } }"
    for name in (f"Others {ground.words}", "Main"):
        answer = await ground.member.ask(query, v=name)
        refused(so=values_of(answer.get("data")) == [], otherwise=shown(answer)[:200])


@case("by asking what may be done there")
async def by_access(ground: Ground) -> None:
    query = 'query ($v: ID!) { access(permission: "datasource:read", onId: $v) { allowed } }'
    answer = await ground.member.ask(query, v=ground.ids["sourceB"])
    refused(so=values_of(answer.get("data")) == [], otherwise=shown(answer)[:200])


CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "by changing it": (UPDATE, {"id": "sourceB", "version": 1, "description": "hostile"}),
    "by discovering it": (
        "mutation ($id: ID!) { startDiscovery(input: {dataSourceId: $id}) { errors { code message path } } }",
        {"id": "sourceB"},
    ),
    "by testing it": (
        "mutation ($id: ID!) { testConnection(input: {dataSourceId: $id}) { errors { code message path } } }",
        {"id": "sourceB"},
    ),
    "by making something in it": (
        'mutation ($w: ID!) { createDataSource(input: {name: "H", workspaceId: $w, config: {postgresql:'
        ' {host: "db.example.com"}}}) { errors { code message path } } }',
        {"w": "B"},
    ),
    "by taking its things over": (
        "mutation ($id: ID!, $w: ID!) { updateDataSource(input: {id: $id, version: 1, workspaceId: $w})"
        " { errors { code message path } } }",
        {"id": "sourceB", "w": "A"},
    ),
    "by giving ours away": (
        "mutation ($id: ID!, $w: ID!) { updateDataSource(input: {id: $id, version: 1, workspaceId: $w})"
        " { errors { code message path } } }",
        {"id": "sourceA", "w": "B"},
    ),
}


def _change(what: str, query: str, named: dict[str, Any]) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        given = {name: ground.ids.get(value, value) for name, value in named.items()}
        answer = await ground.member.ask(query, **given)
        sees_nothing(ground, answer)
        await ground.member.refused(query, "NOT_FOUND", "FORBIDDEN", "INVALID", **given)
        nothing = {
            name: of_nothing(value) if isinstance(value, str) and ID.fullmatch(value) else value
            for name, value in given.items()
        }
        if what != "by giving ours away":
            other = await ground.member.ask(query, **nothing)
            one, two = (ID.sub("…", shown(_without_id(each))) for each in (answer, other))
            refused(so=one == two, otherwise=f"{one[:150]} and {two[:150]}")


def _without_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "extensions"}


for _what, (_query, _given) in CHANGES.items():
    _change(_what, _query, _given)


@case("by subscribing to it")
async def named_stream(ground: Ground) -> None:
    for query, value in (
        ("subscription ($v: ID) { dataSourceChanged(id: $v) { cursor } }", "sourceB"),
        ("subscription ($v: ID) { dataSourceChanged(workspaceId: $v) { cursor } }", "B"),
        ("subscription ($v: ID) { runsAdvanced(workspaceId: $v) { __typename } }", "B"),
    ):
        async with ground.member.socket() as socket:
            answer = await socket.answer({"query": query, "variables": {"v": ground.ids[value]}})
            refused(so=answer is not None and "errors" in answer, otherwise=f"{query}: {answer}")


@case("by following everything")
async def whole_stream(ground: Ground) -> None:
    """What is changed in B is not told; what is changed in A thereafter is."""
    versions = (await ground.admin.data("{ cursor }"))["cursor"]
    async with ground.member.socket() as socket:
        query = "subscription ($a: Cursor) { eventRecorded(after: $a) { type subject { id } } }"
        await socket.say(id="1", type="subscribe", payload={"query": query, "variables": {"a": versions}})
        query = "query ($i: ID!) { node(id: $i) { ... on DataSource { version } } }"
        for name in ("sourceB", "sourceA"):
            version = (await ground.admin.data(query, i=ground.ids[name]))["node"]["version"]
            await ground.admin.done(
                UPDATE, id=ground.ids[name], version=version, description=f"At {uuid4().hex}"
            )
        while (message := await socket.hear()) is not None:
            sees_nothing(ground, message)
            refused(so=ground.ids["sourceB"] not in shown(message), otherwise=shown(message)[:200])
            if ground.ids["sourceA"] in shown(message):
                return
        raise RuntimeError("the script cannot go on: the stream ended")
