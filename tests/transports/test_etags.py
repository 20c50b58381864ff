"""A GET of a query is answered with a tag, by which a reader that has the answer is spared it."""

from __future__ import annotations

from graphql import OperationDefinitionNode, parse

from datawave.transports.etags import same, tag_of, volatile_keys
from tests.transports.conftest import Served

RESPONSE = "application/graphql-response+json"


async def test_an_answer_that_the_reader_has_is_not_sent_again(served: Served) -> None:
    first = await served.http.get("/graphql", params={"query": "{ hello }"})
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "private, no-cache"
    assert {"accept", "authorization", "cookie"} <= set(first.headers["vary"].split(", "))
    again = await served.http.get(
        "/graphql", params={"query": "{ hello }"}, headers={"if-none-match": f'"other", {tag}'}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["x-query-cost"] == "0"


async def test_another_answer_has_another_tag(served: Served) -> None:
    query = "query ($t: String!) { echo(text: $t) }"
    tags = set[str]()
    for word in ("one", "two"):
        parameters = {"query": query, "variables": f'{{"t": "{word}"}}'}
        tags.add((await served.http.get("/graphql", params=parameters)).headers["etag"])
    assert len(tags) == 2


async def test_another_reader_and_another_form_have_another_tag(served: Served) -> None:
    tags = [
        (await served.http.get("/graphql", params={"query": "{ hello }"}, headers=headers)).headers["etag"]
        for headers in ({}, {"authorization": "Bearer ada"}, {"accept": RESPONSE})
    ]
    assert len(set(tags)) == 3


async def test_an_answer_with_errors_has_none(served: Served) -> None:
    for query in ("{ hello boom }", "{ nonsense }", "{ known }"):
        answer = await served.http.get("/graphql", params={"query": query})
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


async def test_an_answer_to_a_post_has_none(served: Served) -> None:
    assert "etag" not in (await served.post("{ hello }")).headers


def test_what_changes_with_every_answer_does_not_count() -> None:
    document = parse("{ ...F here: cursor } fragment F on Query { ... { cursor } hello }")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    keys = volatile_keys(document, operation)
    assert keys == {"here", "cursor"}

    def tag(answer: bytes) -> str | None:
        return tag_of(answer, volatile=keys, whose="ada", media="json")

    one = tag(b'{"data":{"here":"a","cursor":"b","hello":"world"}}')
    assert one == tag(b'{"data":{"here":"c","cursor":"d","hello":"world"}}')
    assert one != tag(b'{"data":{"here":"a","cursor":"b","hello":"you"}}')


def test_extensions_do_not_count_and_words_of_the_data_are_no_errors() -> None:
    plain = tag_of(b'{"data":{"a":1}}', volatile=(), whose="", media="")
    assert tag_of(b'{"data":{"a":1},"extensions":{"n":5}}', volatile=(), whose="", media="") == plain
    assert tag_of(b'{"data":{"a":{"errors":[]}}}', volatile=(), whose="", media="") is not None
    assert tag_of(b'{"data":{"a":null},"errors":[{}]}', volatile=(), whose="", media="") is None
    assert tag_of(b'{"data":null}', volatile=(), whose="", media="") is None


def test_tags_are_compared_weakly() -> None:
    assert same('W/"a"', 'W/"a"')
    assert same('"a"', 'W/"a"')
    assert same("*", 'W/"a"')
    assert not same(None, 'W/"a"')
    assert not same('W/"b", "c"', 'W/"a"')
