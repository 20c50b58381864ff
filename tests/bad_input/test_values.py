"""Values that will not do: half characters, NUL, numbers and dates beyond what can be kept, unknown
options."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.bad_input.answers import refusal, refusals
from tests.client import Client
from tests.factories import documents
from tests.factories.sources import Make, password_of

CONFIG = {"postgresql": {"host": "127.0.0.1", "port": 5}}
COUNT = "{ dataSources { totalCount } }"
HALF, NUL = "a\ud800b", "a\x00b"


async def count(api: Client) -> int:
    return int((await api.data(COUNT))["dataSources"]["totalCount"])


CREATE: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"name": ""}, "REQUIRED", ["name"]),
    ({"name": "   "}, "REQUIRED", ["name"]),
    ({"name": "x" * 201}, "INVALID", ["name"]),
    ({"name": HALF}, "INVALID", ["name"]),
    ({"name": NUL}, "INVALID", ["name"]),
    ({"name": "Shop\u202egpj"}, "INVALID", ["name"]),
    ({"description": NUL}, "INVALID", ["description"]),
    ({"description": HALF}, "INVALID", ["description"]),
    ({"description": "x" * 10_001}, "INVALID", ["description"]),
    ({"key": "Shop"}, "INVALID", ["key"]),
    ({"key": ""}, "INVALID", ["key"]),
    ({"key": "shop\n"}, "INVALID", ["key"]),
    ({"key": 'sh"op'}, "INVALID", ["key"]),
    ({"key": NUL}, "INVALID", ["key"]),
    ({"key": HALF}, "INVALID", ["key"]),
    ({"key": "x" * 64}, "INVALID", ["key"]),
    ({"credentials": password_of("", "x")}, "REQUIRED", ["credentials", "password", "username"]),
    ({"credentials": password_of(HALF, "x")}, "INVALID", ["credentials", "password", "username"]),
    ({"credentials": password_of("u", NUL)}, "INVALID", ["credentials", "password", "password"]),
    ({"credentials": password_of("u", HALF)}, "INVALID", ["credentials", "password", "password"]),
    ({"credentials": password_of("u", "x" * 5_000)}, "INVALID", ["credentials", "password", "password"]),
    ({"workspaceId": "nonsense"}, "INVALID", ["workspaceId"]),
    ({"workspaceId": "workspace_" + "0" * 32}, "NOT_FOUND", ["workspaceId"]),
    ({"workspaceId": "source_" + "0" * 32}, "INVALID", ["workspaceId"]),
    ({"policyId": "policy_" + "0" * 32}, "NOT_FOUND", ["policyId"]),
    ({"agentIds": ["agent_" + "0" * 32]}, "NOT_FOUND", ["agentIds"]),
    ({"agentIds": ["agent_" + "g" * 32]}, "INVALID", ["agentIds", "0"]),
    ({"idempotencyKey": ""}, "INVALID", ["idempotencyKey"]),
    ({"idempotencyKey": "x" * 201}, "INVALID", ["idempotencyKey"]),
    ({"idempotencyKey": NUL}, "INVALID", ["idempotencyKey"]),
    ({"idempotencyKey": HALF}, "INVALID", ["idempotencyKey"]),
    ({"config": {"postgresql": {"host": "a b"}}}, "INVALID", ["config", "postgresql", "host"]),
    ({"config": {"postgresql": {"host": NUL}}}, "INVALID", ["config", "postgresql", "host"]),
    ({"config": {"postgresql": {"host": HALF}}}, "INVALID", ["config", "postgresql", "host"]),
    ({"config": {"postgresql": {"host": "db", "port": 70_000}}}, "INVALID", ["config", "postgresql", "port"]),
    ({"config": {"postgresql": {"host": "db", "port": 0}}}, "INVALID", ["config", "postgresql", "port"]),
    ({"config": {"postgresql": {"host": "db", "timeoutSeconds": -1}}}, "INVALID",
     ["config", "postgresql", "timeoutSeconds"]),
    ({"config": {"postgresql": {"host": "db", "database": HALF}}}, "INVALID",
     ["config", "postgresql", "database"]),
    ({"config": {"postgresql": {"host": "db", "tls": {"mode": "VERIFY_FULL", "ca": "/etc/passwd"}}}},
     "INVALID",
     ["config", "postgresql", "tls", "ca"]),
    ({"config": {"postgresql": {"host": "db", "include": [""]}}}, "INVALID",
     ["config", "postgresql", "include", "0"]),
    ({"config": {"sqlite": {"path": NUL}}}, "INVALID", ["config", "sqlite", "path"]),
    ({"config": {"sqlite": {"path": HALF}}}, "INVALID", ["config", "sqlite", "path"]),
    ({"config": {"custom": {"connector": "oracle", "config": {}}}}, "INVALID",
     ["config", "custom", "connector"]),
    ({"config": {"custom": {"connector": NUL, "config": {}}}}, "INVALID", ["config", "custom", "connector"]),
    ({"config": {"custom": {"connector": HALF, "config": {}}}}, "INVALID", ["config", "custom", "connector"]),
    ({"config": {"custom": {"connector": "postgresql", "config": {"hots": "db"}}}}, "INVALID",
     ["config", "custom", "config", "host"]),
    ({"config": {"custom": {"connector": "postgresql", "config": {"host": "db", "hots": 1}}}}, "INVALID",
     ["config", "custom", "config", "hots"]),
    ({"config": {"custom": {"connector": "postgresql", "config": {"host": "db", HALF: 1}}}}, "INVALID",
     ["config", "custom", "config"]),
    ({"config": {"custom": {"connector": "postgresql", "config": [1]}}}, "INVALID",
     ["config", "custom", "config"]),
    ({"config": {"custom": {"connector": "postgresql", "config": {"host": "db", "port": 10**30}}}}, "INVALID",
     ["config", "custom", "config", "port"]),
    ({"config": {"custom": {"connector": "postgresql", "config": {"host": "db", "port": 1e300}}}}, "INVALID",
     ["config", "custom", "config", "port"]),
]  # fmt: skip


async def test_a_source_is_refused_at_the_field_that_will_not_do(api: Client) -> None:
    # All at once: refusals alike, one after the other, wait for each other's entry in the audit trail.
    await asyncio.gather(*(refused_at(api, more, code, path) for more, code, path in CREATE))
    assert await count(api) == 0


async def refused_at(api: Client, more: dict[str, Any], code: str, path: list[str]) -> None:
    refused = await refusal(api, documents.CREATE, input={"name": "Shop", "config": CONFIG, **more})
    if "\\ud800" in ascii(more):
        # Half a character is no JSON: the request is refused whole, and the words say where it stands.
        assert refused.code == "INVALID" and f"variables.input.{'.'.join(path)}" in refused.message
    else:
        assert (refused.code, refused.path[: len(path)]) == (code, path), more


SHAPES: list[Any] = [
    {},
    {"name": "Shop"},
    {"name": "Shop", "config": {}},
    {"name": "Shop", "config": {"mongodb": {"host": "x"}}},
    {"name": "Shop", "config": {"postgresql": {"hots": "x"}}},
    {"name": "Shop", "config": {"postgresql": {"host": "x"}, "mysql": {"host": "x"}}},
    {"name": "Shop", "config": {"postgresql": {"host": "x", "port": 2**31}}},
    {"name": "Shop", "config": {"postgresql": {"host": "x", "port": 1.5}}},
    {"name": "Shop", "config": {"postgresql": {"host": "x", "port": "5432"}}},
    {"name": 7, "config": CONFIG},
    {"name": "Shop", "config": CONFIG, "nmae": "x"},
    {"name": "Shop", "config": CONFIG, "credentials": {"password": {"username": "x", "password": 5}}},
]


async def test_an_input_of_another_shape_is_refused_before_anything_is_done(api: Client) -> None:
    for shape in SHAPES:
        codes = {each.code for each in await refusals(api, documents.CREATE, input=shape)}
        assert codes and codes <= {"INVALID", "REQUIRED"}, shape
    assert await count(api) == 0


QUERIES: list[tuple[str, dict[str, Any]]] = [
    ("query ($v: String!) { dataSource(key: $v) { id } }", {"v": NUL}),
    ("query ($v: String!) { dataSource(key: $v) { id } }", {"v": HALF}),
    ("query ($v: String!) { dataSources(search: $v) { totalCount } }", {"v": NUL}),
    ("query ($v: String!) { dataSources(search: $v) { totalCount } }", {"v": HALF}),
    ("query ($v: [String!]) { dataSources(kinds: $v) { totalCount } }", {"v": [NUL, HALF]}),
    ("query ($v: String!) { asset(qualifiedName: $v) { id } }", {"v": NUL}),
    ("query ($v: String!) { asset(qualifiedName: $v) { id } }", {"v": HALF}),
    ("query ($v: ID!) { node(id: $v) { id } }", {"v": NUL}),
    ("query ($v: ID!) { node(id: $v) { id } }", {"v": HALF}),
    ("query ($v: ID!) { node(id: $v) { id } }", {"v": "source_" + "٣" * 32}),
    ("query ($v: EventFilter) { events(filter: $v) { totalCount } }", {"v": {"types": [NUL, HALF]}}),
    ("query ($v: EventFilter) { events(filter: $v) { totalCount } }", {"v": {"correlationId": HALF}}),
    ("query ($v: EventFilter) { events(filter: $v) { totalCount } }", {"v": {"subjectIds": [HALF]}}),
    ("query ($v: AuditFilter) { auditEntries(filter: $v) { totalCount } }", {"v": {"actions": [NUL, HALF]}}),
]


async def test_words_that_nothing_can_be_called_find_nothing_or_are_refused(api: Client) -> None:
    for document, variables in QUERIES:
        codes = {each.code for each in await refusals(api, document, **variables)}
        assert codes <= {"INVALID"}, (document, variables)


NUMBERS: list[tuple[str, dict[str, Any]]] = [
    ("query ($v: Int) { dataSources(first: $v) { totalCount } }", {"v": -1}),
    ("query ($v: Int) { dataSources(first: $v) { totalCount } }", {"v": 10**6}),
    ("query ($v: Int) { dataSources(first: $v) { totalCount } }", {"v": 2**31}),
    ("query ($v: Int) { dataSources(first: $v) { totalCount } }", {"v": 1e300}),
    ("query ($v: Int) { events(first: $v) { totalCount } }", {"v": 0}),
    ("query ($v: Int) { events(last: $v) { totalCount } }", {"v": -5}),
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }", {"v": "yesterday"}),
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }", {"v": "10000-01-01T00:00:00Z"}),
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }",
     {"v": "0001-01-01T00:00:00+14:00"}),
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }", {"v": 1e300}),
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }", {"v": "2026-02-30T00:00:00Z"}),
]  # fmt: skip


async def test_numbers_and_dates_beyond_what_there_is_are_refused(api: Client) -> None:
    for document, variables in NUMBERS:
        assert (await refusal(api, document, **variables)).code == "INVALID", (document, variables)


FAR: list[tuple[str, dict[str, Any]]] = [
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }", {"v": "0001-01-01T00:00:00Z"}),
    ("query ($v: DateTime) { asset(qualifiedName: \"x\", asOf: $v) { id } }",
     {"v": "9999-12-31T23:59:59.999999Z"}),
    ("query ($v: EventFilter) { events(filter: $v) { totalCount } }",
     {"v": {"range": {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}}}),
    ("query ($v: TimeRangeInput) { runs(range: $v) { totalCount } }",
     {"v": {"from": "9999-12-31T23:59:59Z", "to": "0001-01-01T00:00:00Z"}}),
    ("query ($v: ClassificationFilter) { classifications(filter: $v) { totalCount } }",
     {"v": {"minConfidence": 1e308}}),
    ("query ($v: ClassificationFilter) { classifications(filter: $v) { totalCount } }",
     {"v": {"minConfidence": -1e-320}}),
]  # fmt: skip


async def test_the_farthest_times_and_oddest_numbers_are_answered_or_refused(api: Client) -> None:
    for document, variables in FAR:
        codes = {each.code for each in await refusals(api, document, **variables)}
        assert codes <= {"INVALID"}, (document, variables)


async def test_a_body_that_is_no_request_is_told_so(api: Client) -> None:
    for body in (b"{", b"", b"[]", b"null", b'{"query": 7}', b'{"query": "{", "variables": 1e999}', b"\xff"):
        headers = {**api.headers, "content-type": "application/json"}
        answer = await api.http.post("/graphql", content=body, headers=headers)
        assert 400 <= answer.status_code < 500, body
        assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID", body


async def test_what_is_asked_of_a_source_is_within_bounds(api: Client, make: Make) -> None:
    source_id = (await make.source(await make.postgresql("")))["id"]
    for version in (-1, 0, 2**31 - 1):
        wanted = {"id": source_id, "version": version, "name": "Other"}
        assert (await refusal(api, documents.UPDATE, input=wanted)).code == "STALE_VERSION"
    for days in (-1, 0, 100_000, 2**31 - 1):
        wanted = {"dataSourceId": source_id, "credentials": password_of("u", "p"), "rotateAfterDays": days}
        refused = await refusal(api, documents.ROTATE, input=wanted)
        assert (refused.code, refused.path) == ("INVALID", ["rotateAfterDays"])
    for include in ([""], ["x" * 301], ["t"] * 501, [NUL], [HALF]):
        refused = await refusal(
            api, documents.DISCOVER, input={"dataSourceId": source_id, "include": include}
        )
        assert refused.code == "INVALID"
        assert refused.path[:1] == ["include"] or "variables.input.include.0" in refused.message


async def test_the_same_key_with_another_input_is_refused_and_with_the_same_repeated(api: Client) -> None:
    first = {"name": "Shop", "config": CONFIG, "idempotencyKey": "k1"}
    one, two = [await api.done(documents.CREATE, input=first) for _ in range(2)]
    assert one["trackingId"] == two["trackingId"] and one["dataSource"]["id"] == two["dataSource"]["id"]
    refused = await refusal(api, documents.CREATE, input={**first, "name": "Other"})
    assert (refused.code, refused.path) == ("INVALID", ["idempotencyKey"])
    with_secret = {**first, "credentials": password_of("u", "p")}
    assert (await refusal(api, documents.CREATE, input=with_secret)).path == ["idempotencyKey"]
    assert await count(api) == 1
