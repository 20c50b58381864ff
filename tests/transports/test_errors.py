"""What errors say, and what they keep to themselves."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import GraphQLError
from structlog.testing import capture_logs

from datawave.transports.errors import discreet
from tests.transports.conftest import Serve, Served
from tests.transports.world import TestSession


async def test_a_known_error_brings_its_code_and_extensions(served: Served) -> None:
    [error] = (await served.post("{ known }")).json()["errors"]
    assert error["message"] == "The cursor is too old."
    assert error["extensions"] == {"code": "CURSOR_EXPIRED", "oldest": "c7"}
    assert error["path"] == ["known"]


async def test_a_bug_is_an_id_to_the_client_and_a_trace_in_the_log(served: Served) -> None:
    with capture_logs() as logs:
        answer = await served.post("{ boom }")
    [error], [entry] = answer.json()["errors"], logs
    assert "hunter2" not in answer.text
    assert error["extensions"] == {"code": "INTERNAL", "id": entry["id"]}
    assert (entry["event"], entry["path"]) == ("graphql.bug", "boom")
    assert "hunter2" in str(entry["exc_info"])


async def test_the_presenter_is_an_argument(serve: Serve) -> None:
    def terse(error: GraphQLError) -> dict[str, Any]:
        return {"message": "no"}

    served = await serve(options={"present": terse})
    assert (await served.post("{ boom }")).json()["errors"] == [{"message": "no"}]
    assert (await served.post("{ nope }")).json()["errors"] == [{"message": "no"}]


CURIOUS = [
    ("{ hell }", None, "hello"),
    ('{ echo(tex: "x") }', None, "text"),
    ("query ($p: PersonInpu!) { greet(person: $p) }", None, "PersonInput"),
    ("query ($p: PersonInput!) { greet(person: $p) }", {"p": {"nam": "x"}}, "'name'?"),
]


@pytest.mark.parametrize(("query", "variables", "hint"), CURIOUS)
async def test_strangers_get_no_suggestions(
    served: Served, query: str, variables: dict[str, Any] | None, hint: str
) -> None:
    said = (await served.post(query, variables=variables)).text
    assert "Did you mean" not in said
    assert f"mean '{hint}" not in said


VALUES = [
    ("query ($n: Int!) { things(count: $n) { number } }", {"n": "hunter2"}),
    ("query ($n: Int!) { things(count: $n) { number } }", {"n": {"a": "hunter2"}}),
    ("query ($p: PersonInput!) { greet(person: $p) }", {"p": "hunter2"}),
    ("query ($p: PersonInput!) { greet(person: $p) }", {"p": {"age": "hunter2", "name": "x"}}),
    ("query ($p: PersonInput!) { greet(person: $p) }", {"p": {"password": "hunter2"}}),
    ("query ($t: String!) { echo(text: $t) }", {"t": ["hunter2"]}),
    ('{ things(count: "hunter2") { number } }', None),
    ('{ greet(person: {password: "hunter2"}) }', None),
    ('{ greet(person: "hunter2") }', None),
    ('{ echo "hunter2" }', None),
    ('{ echo(text: "x") } """hunter2"""', None),
]


@pytest.mark.parametrize(("query", "variables"), VALUES)
async def test_strangers_do_not_get_their_values_echoed(
    served: Served, query: str, variables: dict[str, Any] | None
) -> None:
    answer = await served.post(query, variables=variables)
    assert "hunter2" not in answer.text
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID"


async def test_whoever_may_be_told_is_told(serve: Serve) -> None:
    def frank(session: TestSession) -> bool:
        return session.token == "good"

    served = await serve(options={"frank": frank})
    stranger = await served.post("{ hell }")
    friend = await served.post("{ hell }", headers={"authorization": "Bearer good"})
    assert ("Did you mean" in stranger.text, "Did you mean" in friend.text) == (False, True)


async def test_an_error_of_the_document_says_where(served: Served) -> None:
    syntax = (await served.post("{ hello")).json()["errors"][0]
    validation = (await served.post("{ nope }")).json()["errors"][0]
    assert syntax["locations"] == [{"line": 1, "column": 8}]
    assert validation["locations"] == [{"line": 1, "column": 3}]


def test_sentences_without_values_stay_whole() -> None:
    for sentence in ("Field 'a' conflict because 'a' and 'b' are different fields.", "Unknown type 'Foo'."):
        assert discreet(sentence) == sentence
