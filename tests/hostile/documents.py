"""Documents made to cost: floods, depths, circles, and ways round the bounds."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.hostile.cases import case, refused
from tests.hostile.ground import Ground

CIRCLE = (
    "{ viewer { ...A } } fragment A on Viewer { actor { id } ...B } fragment B on Viewer { permissions ...A }"
)


def nested(depth: int, *, head: str = "", name: str = "") -> str:
    return f'{head}{{ {name}asset(qualifiedName: "a") ' + "{ parent " * depth + "{ id }" + " }" * depth + " }"


def bomb(levels: int) -> str:
    doubled = " ".join(
        f"fragment F{i} on Asset {{ a: parent {{ ...F{i + 1} }} b: parent {{ ...F{i + 1} }} }}"
        for i in range(levels)
    )
    return f'{{ asset(qualifiedName: "a") {{ ...F0 }} }} {doubled} fragment F{levels} on Asset {{ id }}'


def late_spread() -> str:
    """A fragment first where it is shallow, then far down (graphql-armor, GHSA-224p-v68g-5g8f)."""
    down = "{ parent " * 12 + "{ ...F }" + " }" * 12
    return (
        f'{{ a: asset(qualifiedName: "a") {{ ...F }} b: asset(qualifiedName: "a") {down} }}'
        " fragment F on Asset { parent { parent { parent { id } } } }"
    )


TAG = 'saveTag(input: {name: ""}) { errors { code } }'
FEW = " ".join(f"a{i}: {TAG}" for i in range(20))

TOO_MUCH: dict[str, str] = {
    "a megabyte": "{ settledAt } #" + "x" * 900_000,
    "fifty thousand braces": "{" * 50_000,
    "fifty thousand brackets": "{ nodes(ids: " + "[" * 50_000 + ") { id } }",
    "a hundred levels": nested(100),
    "sixteen levels": nested(15),
    "depth behind the operation's name (graphql-armor, GHSA-hmfr-rx46-4jx2)": nested(
        20, head="query __schema "
    ),
    "depth behind an alias": nested(20, name="__schema: "),
    "depth by a fragment that is spread twice": late_spread(),
    "fragments in a circle": CIRCLE,
    "a fragment of itself": "{ ...F } fragment F on Query { ...F }",
    "fragments that double": bomb(16),
    "a thousand aliases": "{" + " ".join(f"a{i}: settledAt" for i in range(1_000)) + "}",
    "ten thousand aliases": "{" + " ".join(f"a{i}: settledAt" for i in range(10_000)) + "}",
    "aliases by a fragment": "{ viewer { ...F } b: viewer { ...F } } fragment F on Viewer {"
    + " ".join(f"a{i}: permissions" for i in range(60))
    + "}",
    "a hundred changes": "mutation {" + " ".join(f"a{i}: {TAG}" for i in range(90)) + "}",
    "changes by a fragment": f"mutation {{ ...F }} fragment F on Mutation {{ {FEW} }}",
    "a thousand directives": "{ settledAt " + "@include(if: true) " * 1_000 + "}",
    "one field a thousand times": "{" + "settledAt " * 1_000 + "}",
    "a thousand fragments": "{" + "...F " * 1_000 + "} fragment F on Query { settledAt }",
    "circular introspection": "{ __schema { types { fields { type { fields { type { fields { type { fields"
    " { type { fields { type { fields { type { fields { type { fields { type { fields { name } } } } } } } }"
    " } } } } } } } } } } } }",
    "ten thousand variables": "query (" + " ".join(f"$v{i}: Int" for i in range(10_000)) + ") { settledAt }",
    "a string that does not end": '{ dataSource(key: "' + "\\" * 90_000,
    "comments": "#\n" * 90_000 + "{ settledAt }",
    "a page of a million": "{ dataSources(first: 1000000) { nodes { id } } }",
    "pages in pages in pages": "{ dataSources(first: 500) { nodes { assets(first: 500) { nodes { id"
    " columns { id } } } } } }",
    "five thousand ids": "{ nodes(ids: [" + '"source_0" ' * 4_900 + "]) { id } }",
}


def _named(what: str, text: str) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        await ground.admin.refused_everywhere(text, "TOO_COSTLY", "INVALID")
        await ground.nobody.refused(text, "TOO_COSTLY", "INVALID", "UNAUTHENTICATED")


for _what, _text in TOO_MUCH.items():
    _named(_what, _text)

BODIES: dict[str, Any] = {
    "a batch": [{"query": "{ settledAt }"}] * 10,
    "a batch of a thousand": [{"query": "{ settledAt }"}] * 1_000,
    "an empty batch": [],
    "no object": "{ settledAt }",
    "no query": {"variables": {}},
    "a query that is a list": {"query": ["{ settledAt }"]},
    "variables that are a list": {"query": "{ settledAt }", "variables": [1]},
    "half of a character": b'{"query": "{ settledAt }", "operationName": "\\ud800"}',
    "bytes that are no UTF-8": b'{"query": "{ settledAt }\xff"}',
    "NaN": b'{"query": "{ settledAt }", "variables": {"a": NaN}}',
    "a number beyond all": b'{"query": "{ settledAt }", "variables": {"a": 1e999}}',
    "JSON a hundred thousand deep": b'{"query": "{ settledAt }", "variables": {"a": ' + b"[" * 100_000,
    "JSON a hundred deep": json.dumps(
        {"query": "{ settledAt }", "variables": {"a": json.loads("[" * 100 + "]" * 100)}}
    ).encode(),
    "a document that nobody registered": {
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    },
    "a hash that is another document's": {
        "query": "{ settledAt }",
        "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}},
    },
    "NUL in a variable": {
        "query": "query ($k: String!) { dataSource(key: $k) { id } }",
        "variables": {"k": "a\u0000b"},
    },
    "another type of variable": {
        "query": "query ($k: String!) { dataSource(key: $k) { id } }",
        "variables": {"k": {"$ne": None}},
    },
}


def _bodied(what: str, body: Any) -> None:
    @case(what)
    async def attempt(ground: Ground) -> None:
        answer = await ground.admin.post(body)
        refused(so="errors" in answer.json(), otherwise=answer.text[:200])


for _what, _body in BODIES.items():
    _bodied(_what, _body)


@case("a gzip bomb")
async def gzip_bomb(ground: Ground) -> None:
    answer = await ground.admin.post(gzip.compress(b" " * 100_000_000), **{"content-encoding": "gzip"})
    refused(so=answer.status_code == 413, otherwise=str(answer.status_code))


@case("a change by GET")
async def change_by_get(ground: Ground) -> None:
    query = 'mutation { saveTag(input: {name: "hostile"}) { errors { code } } }'
    answer = await ground.line.request(
        "GET", "/graphql", params={"query": query}, headers=ground.admin.headers
    )
    refused(so=answer.status_code == 405, otherwise=str(answer.status_code))


@case("tracing that is asked for")
async def tracing(ground: Ground) -> None:
    body = {"query": "{ settledAt }", "extensions": {"tracing": True}}
    answer = await ground.admin.post(
        body, **{"x-apollo-tracing": "1", "apollo-federation-include-trace": "ftv1"}
    )
    told = answer.json().get("extensions") or {}
    refused(so=not set(told) & {"tracing", "ftv1"}, otherwise=str(told))


@case("names that are guessed at")
async def suggestions(ground: Ground) -> None:
    for query in (
        "{ viewe { id } }",
        "{ dataSources(frst: 1) { totalCount } }",
        "{ dataSourcs { totalCount } }",
    ):
        for who in (ground.nobody, ground.admin):
            told = json.dumps(await who.ask(query))
            refused(so='"errors"' in told and "Did you mean" not in told, otherwise=told)


@case("values that are echoed")
async def echoes(ground: Ground) -> None:
    secret = ground.line.plant()
    for query, variables in (
        ("query ($n: Int) { dataSources(first: $n) { totalCount } }", {"n": secret}),
        (f'{{ dataSources(first: "{secret}") {{ totalCount }} }}', {}),
        (f'{{ dataSources }} "{secret}"', {}),
        ("query ($v: Cursor) { dataSources(after: $v) { totalCount } }", {"v": secret}),
        ("query ($v: ID!) { node(id: $v) { id } }", {"v": secret}),
        (
            "mutation ($i: SignInInput!) { signIn(input: $i) { errors { code } } }",
            {"i": {"password": {"email": 1, "password": secret, "more": secret}}},
        ),
    ):
        await ground.admin.ask(query, **variables)
        await ground.nobody.ask(query, **variables)


@case("looking at the schema where it is not shown")
async def introspection(ground: Ground) -> None:
    """Where everybody may look there is nothing to refuse: then both ways say the same."""
    look = await ground.nobody.ask("{ __schema { types { name } } }")
    text = await ground.line.request("GET", "/schema.graphql")
    refused(
        so=("errors" in look) == (text.status_code != 200), otherwise=f"{text.status_code}, {str(look)[:80]}"
    )
