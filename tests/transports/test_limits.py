"""Documents and variables that ask too much are refused quickly, and nobody gets round the bounds."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest
from graphql import parse
from structlog.testing import capture_logs

from datawave.transports import Limits
from datawave.transports.documents import Documents, weigh
from datawave.transports.errors import Rejected
from datawave.transports.limits import Bucket
from datawave.transports.scanning import scan
from tests.calls import counted
from tests.transports.conftest import Serve, Served
from tests.transports.world import schema

RESPONSE = "application/graphql-response+json"


def nested(depth: int, leaf: str = "name") -> str:
    return "{node" * (depth - 1) + "{" + leaf + "}" + "}" * (depth - 1)


def spread_chain(length: int) -> str:
    chain = "".join(f"fragment F{i} on Node {{ node {{ ...F{i + 1} }} }} " for i in range(length))
    return f"{{ node {{ ...F0 }} }} {chain} fragment F{length} on Node {{ name }}"


def bomb(levels: int) -> str:
    """Fragments that double at each level: short to write, endless to run."""
    doubling = "".join(
        f"fragment F{i} on Node {{ a: node {{ ...F{i + 1} }} b: node {{ ...F{i + 1} }} }} "
        for i in range(levels)
    )
    return f"{{ node {{ ...F0 }} }} {doubling} fragment F{levels} on Node {{ name }}"


TOO_MUCH = {
    "bytes": "{ hello } #" + "x" * 100_000,
    "tokens": "{" + "hello " * 5_001 + "}",
    "comments": "#\n" * 1_001 + "{ hello }",
    "braces": "{" * 50_000,
    "open fields": "{a" * 2_400,
    "lists": "{ echo(text: " + "[" * 50_000 + ") }",
    "depth": nested(16),
    "depth by fragments": spread_chain(15),
    "depth by a fragment that spreads itself": "{ node { ...F } } fragment F on Node { node { ...F } }",
    "a fragment of nothing but itself": "{ ...F } fragment F on Query { ...F }",
    "depth behind an operation's name": "query __schema " + nested(16),
    "depth behind an alias": "{ __schema: node " + nested(16) + "}",
    "depth of introspection": "{ __schema { types " + "{ ofType" * 20 + "{ name }" + "}" * 20 + "} }",
    "aliases": "{" + " ".join(f"a{i}: hello" for i in range(101)) + "}",
    "aliases by fragments": "{ node { ...F node { ...F } } } fragment F on Node {"
    + " ".join(f"a{i}: name" for i in range(60))
    + "}",
    "directives": "{ hello " + "@include(if: true) " * 51 + "}",
    "directives of an operation": "query " + "@a " * 51 + "{ hello }",
    "spreads": "{" + "...F " * 201 + "} fragment F on Query { hello }",
    "fields by fragments": bomb(13),
    "one field again and again": "{" + "hello " * 101 + "}",
    "one field again and again, deeper": "{" + "node { name name } " * 51 + "}",
}


@pytest.mark.parametrize("what", TOO_MUCH)
async def test_a_document_that_asks_too_much_is_refused_at_once(served: Served, what: str) -> None:
    with counted() as calls:
        answer = await served.post(TOO_MUCH[what], accept=RESPONSE)
    assert calls.number < 250_000  # what 5,000 tokens take to read, and half of that again
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] in ("TOO_COSTLY", "INVALID")
    assert len(answer.json()["errors"]) == 1


def test_a_fragment_counts_at_each_depth_it_is_spread_at() -> None:
    """First high up, where it is shallow, then far down."""
    down = "{ node " * 13 + "{ ...F }" + "}" * 13
    with pytest.raises(Rejected, match="deeper than 15"):
        weigh(
            parse(f"{{ node {{ ...F }} a: node {down} }} fragment F on Node {{ node {{ name }} }}"), Limits()
        )


@pytest.mark.parametrize(
    "query",
    [
        nested(15),
        spread_chain(12),
        "{ __schema { types { fields { type " + "{ ofType" * 14 + "{ name }" + "}" * 14 + "} } } }",
        "{" + " ".join(f"a{i}: hello" for i in range(100)) + "}",
        "{ hello " + "@include(if: true) " * 50 + "}",
        "{" + "...F " * 100 + "} fragment F on Query { hello }",
    ],
)
def test_what_keeps_to_the_bounds_is_weighed_as_such(query: str) -> None:
    weigh(parse(query), Limits())


HOSTILE_TO_VALIDATION = [
    "{" + "node { name } " * 100 + "}",
    "{"
    + " ".join(f"a{i}: node {{ ...F{i} }}" for i in range(80))
    + "}"
    + " ".join(f"fragment F{i} on Node {{ name name name name }}" for i in range(80)),
    "{"
    + "node { "
    + " ".join(f"...F{i}" for i in range(90))
    + "} }"
    + " ".join(f"fragment F{i} on Node {{ name }}" for i in range(90)),
    "{" + " ".join(f"zz{i}" for i in range(4_900)) + "}",
]


@pytest.mark.parametrize("query", HOSTILE_TO_VALIDATION)
async def test_validation_within_the_bounds_is_quick(served: Served, query: str) -> None:
    await served.post("{ hello }")
    with counted() as calls:
        await served.post(query)
    assert calls.number < 1_000_000  # a quadratic one takes many times that


async def test_at_most_twenty_errors_are_told(served: Served) -> None:
    validated = await served.post("{" + " ".join(f"zz{i}" for i in range(99)) + "}")
    with capture_logs() as logs:
        executed = await served.post("{ things(count: 99) { fails } }")
    assert len(logs) == 20
    assert len(validated.json()["errors"]) <= 20
    assert len(executed.json()["errors"]) == 20
    assert len(executed.json()["data"]["things"]) == 99


def deep_list(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


async def test_variables_are_bounded_in_depth(served: Served) -> None:
    query = "query ($t: String!) { echo(text: $t) }"
    fine = await served.post(query, variables={"t": "x", "rest": deep_list(63)})
    deep = await served.post(query, variables={"t": "x", "rest": deep_list(64)})
    extensions = await served.post(query, variables={"t": "x"}, extensions={"rest": deep_list(64)})
    assert (fine.status_code, deep.status_code, extensions.status_code) == (200, 400, 400)


async def test_variables_are_bounded_in_size(served: Served) -> None:
    query = "query ($t: String!) { echo(text: $t) }"
    fine = await served.post(query, variables={"t": "x" * 900_000})
    large = await served.post(query, variables={"t": "x" * 1_100_000})
    assert (fine.status_code, large.status_code) == (200, 400)


async def test_a_recursive_input_is_coerced_within_the_bounds(served: Served) -> None:
    person: dict[str, Any] = {"name": "a"}
    for _ in range(30):
        person = {"name": "a", "friends": [person]}
    answer = await served.post("query ($p: PersonInput!) { greet(person: $p) }", variables={"p": person})
    assert answer.json() == {"data": {"greet": "a"}}


async def test_limits_are_arguments(serve: Serve) -> None:
    served = await serve(depth=3)
    assert "deeper than 3" in (await served.post(nested(4))).text


async def test_header_lines_are_bounded_in_bytes(serve: Serve) -> None:
    served = await serve(header_bytes=2_000)
    fine = await served.post("{ hello }", headers={"x-long": "x" * 1_000})
    large = await served.post("{ hello }", headers={"x-long": "x" * 2_000})
    assert (fine.status_code, large.status_code) == (200, 431)


async def test_header_lines_are_bounded_in_time(serve: Serve) -> None:
    reader, writer = await (await serve(header_seconds=0.01)).plain()
    writer.write(b"POST /graphql HTTP/1.1\r\nhost: ")
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):  # the bytes it sent may be unread yet
            assert await reader.read() == b""


def test_documents_are_parsed_once() -> None:
    documents = Documents(schema._schema, Limits())  # pyright: ignore[reportPrivateUsage]
    assert documents.get("{ hello }", frank=False) is documents.get("{ hello }", frank=True)


def test_remembered_documents_are_bounded_in_number_and_in_tokens() -> None:
    documents = Documents(schema._schema, Limits(cached_documents=2))  # pyright: ignore[reportPrivateUsage]
    first = documents.get("{ hello }", frank=False)
    for alias in "abc":
        documents.get(f"{{ {alias}: hello }}", frank=False)
    assert documents.get("{ hello }", frank=False) is not first
    small = Documents(schema._schema, Limits(cached_tokens=4))  # pyright: ignore[reportPrivateUsage]
    assert small.get("{ hello }", frank=False) is not small.get("{ hello }", frank=False)


def test_a_bucket_gives_its_burst_and_no_more() -> None:
    bucket = Bucket(rate=0.001, burst=3)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_ten_thousand_documents_leave_no_more_than_is_allowed() -> None:
    limits = Limits(cached_documents=500, cached_tokens=3_000)
    documents = Documents(schema._schema, limits)  # pyright: ignore[reportPrivateUsage]
    for number in range(10_000):
        documents.get(f"{{ a{number}: hello }}", frank=False)
        assert documents.known <= 500
        assert documents.weight <= 3_000
    assert documents.known > 100


async def test_of_a_thousand_operations_those_beyond_the_bound_are_refused_one_by_one(serve: Serve) -> None:
    served = await serve(operations=100, message_burst=2_000)
    socket = await served.socket()
    for number in range(1_000):
        await socket.subscribe(str(number), "subscription { follow { text } }")
    refused = [await socket.until("error") for _ in range(900)]
    assert {message["payload"][0]["extensions"]["code"] for message in refused} == {"RATE_LIMITED"}
    await socket.alive()


@pytest.mark.parametrize(
    "text",
    [
        "{" + "hello " * 5_001 + "}",
        "{a" * 2_000,
        "{ ..." * 200 + "{ hello }" + "}" * 200,
        "{ echo(text: " + "[" * 65 + ") }",
        "{" + " ".join(f"a{i}: hello" for i in range(101)) + "}",
        "{ hello " + "@include(if: true) " * 51 + "}",
    ],
)
def test_what_the_text_alone_shows_is_refused_before_it_is_parsed(text: str) -> None:
    with counted() as calls, pytest.raises(Rejected):
        scan(text, Limits())
    assert calls.number < 100


@pytest.mark.parametrize(
    "text",
    [
        "query A {" + " ".join(f"a{i}: hello" for i in range(80)) + "} query B {" + "b: hello " * 80 + "}",
        '{ echo(text: "{{{{ @a : \\" [[[[" ) x: echo(text: """ " : : "" @@@@ """) } # {{{{{ @@@',
        "query ($a: Int = 1, $b: [String!]! = [], $c: In = {a: {b: {c: 1}}}) { echo(text: $b) }",
        nested(15),
    ],
)
def test_what_only_looks_like_too_much_is_let_through(text: str) -> None:
    scan(text, Limits(aliases=80, directives=1))


def test_the_examples_of_the_docs_pass_the_look() -> None:
    for file in (Path(__file__).parents[2] / "docs" / "examples").glob("*.graphql"):
        scan(file.read_text(), Limits())


@pytest.mark.parametrize("text", ['"' * 100_000, '"\\' * 50_000, '"""' + 'a"' * 45_000, '"""\\' * 25_000])
def test_strings_that_do_not_end_are_read_once(text: str) -> None:
    """Backtracking from each of them would take minutes."""
    scan(text, Limits(tokens=100_000))
