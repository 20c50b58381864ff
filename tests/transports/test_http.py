"""GraphQL over HTTP: methods, media types, statuses, and what is wrong with a request."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import orjson
import pytest

from tests.transports.conftest import PATIENCE, Serve, Served, turns, turns_until
from tests.transports.test_flow import HANDSHAKE

RESPONSE = "application/graphql-response+json"


def code_of(answer: httpx2.Response) -> str:
    return answer.json()["errors"][0]["extensions"]["code"]


async def test_a_post_is_answered(served: Served) -> None:
    answer = await served.post("{ hello }")
    assert (answer.status_code, answer.json()) == (200, {"data": {"hello": "world"}})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        (RESPONSE, RESPONSE),
        ("application/json", "application/json"),
        (f"{RESPONSE}, application/json;q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.1, application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("text/event-stream, application/json", "application/json"),
        ("multipart/mixed;subscriptionSpec=1.0, application/json", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
    ],
)
async def test_the_media_type_is_negotiated(served: Served, accept: str | None, given: str) -> None:
    request = served.http.build_request("POST", "/graphql", json={"query": "{ hello }"})
    del request.headers["accept"]
    if accept:
        request.headers["accept"] = accept
    answer = await served.http.send(request)
    assert (answer.status_code, answer.headers["content-type"]) == (200, f"{given}; charset=utf-8")


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        "application/json;q=0",
        "application/json;charset=latin-1",
        "multipart/mixed;subscriptionSpec=9",
    ],
)
async def test_what_cannot_be_accepted_is_said(served: Served, accept: str) -> None:
    assert (await served.post("{ hello }", accept=accept)).status_code == 406


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_only_json_bodies_are_taken(served: Served, kind: str) -> None:
    body = b'{"query":"{hello}"}'
    answer = await served.http.post("/graphql", content=body, headers={"content-type": kind})
    assert answer.status_code == 415


async def test_only_utf8_is_taken(served: Served) -> None:
    latin = await served.http.post(
        "/graphql", content=b"{}", headers={"content-type": "application/json; charset=latin-1"}
    )
    plain = await served.http.post(
        "/graphql",
        content=b'{"query":"{hello}"}',
        headers={"content-type": "application/json; charset=UTF-8"},
    )
    assert (latin.status_code, plain.status_code) == (415, 200)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"query":"{ hello }","operationName":"\\ud800"}', "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5_000, "not JSON"),
        (b'[{"query":"{ hello }"}]', "Batches"),
        (b'"{ hello }"', "object"),
        (b"{}", "no `query`"),
        (b'{"query":null}', "no `query`"),
        (b'{"query":""}', "no `query`"),
        (b'{"query":7}', "`query` must be a string"),
        (b'{"query":{}}', "`query` must be a string"),
        (b'{"query":[]}', "`query` must be a string"),
        (b'{"query":"{hello}","operationName":7}', "`operationName` must be a string"),
        (b'{"query":"{hello}","variables":"x"}', "`variables` must be an object"),
        (b'{"query":"{hello}","variables":[1]}', "`variables` must be an object"),
        (b'{"query":"{hello}","variables":0}', "`variables` must be an object"),
        (b'{"query":"{hello}","extensions":[]}', "`extensions` must be an object"),
    ],
)
async def test_a_malformed_request_is_400_in_every_media_type(served: Served, body: bytes, said: str) -> None:
    for accept in ("application/json", RESPONSE):
        headers = {"content-type": "application/json", "accept": accept}
        answer = await served.http.post("/graphql", content=body, headers=headers)
        assert (answer.status_code, code_of(answer)) == (400, "INVALID")
        assert said in answer.json()["errors"][0]["message"]
        assert answer.headers["content-type"].startswith(accept)


async def test_nulls_are_absent(served: Served) -> None:
    answer = await served.post("{ hello }", variables=None, operationName=None, extensions=None)
    assert answer.json() == {"data": {"hello": "world"}}


async def test_variables_operation_name_and_extensions_arrive(served: Served) -> None:
    query = 'query A($t: String!) { echo(text: $t) extension(name: "a") } query B { hello }'
    answer = await served.post(
        query, operationName="A", variables={"t": "hé\u0000"}, extensions={"a": "of the client"}
    )
    assert answer.json() == {"data": {"echo": "hé\u0000", "extension": "of the client"}}


BAD_DOCUMENTS = [
    ("{", None),
    ("{ nope }", None),
    ("query A { hello } query B { hello }", None),
    ("query ($n: Int!) { things(count: $n) { number } }", {"n": "seven"}),
    ("query ($n: Int!) { things(count: $n) { number } }", None),
]


@pytest.mark.parametrize(("query", "variables"), BAD_DOCUMENTS)
async def test_a_request_that_cannot_be_executed_is_400_without_data(
    served: Served, query: str, variables: dict[str, Any] | None
) -> None:
    answer = await served.post(query, accept=RESPONSE, variables=variables)
    assert (answer.status_code, code_of(answer)) == (400, "INVALID")
    assert "data" not in answer.json()


@pytest.mark.parametrize(("query", "variables"), BAD_DOCUMENTS)
async def test_the_older_media_type_keeps_200(
    served: Served, query: str, variables: dict[str, Any] | None
) -> None:
    answer = await served.post(query, variables=variables)
    assert (answer.status_code, "data" in answer.json()) == (200, False)


@pytest.mark.parametrize("query", ["{ hello boom }", "{ boom }"])
async def test_data_with_errors_beside_it_is_a_partial_success_in_the_newer_media_type(
    served: Served, query: str
) -> None:
    newer, older = await served.post(query, accept=RESPONSE), await served.post(query)
    assert (newer.status_code, older.status_code) == (294, 200)
    assert newer.json()["data"]["boom"] is None and newer.json()["errors"][0]["path"] == ["boom"]
    assert (await served.post("{ hello }", accept=RESPONSE)).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_the_single_connection_mode_of_graphql_sse_is_said_to_be_absent(
    served: Served, method: str
) -> None:
    answer = await served.http.request(method, "/graphql", headers={"accept": "text/event-stream"})
    assert answer.status_code == 405
    assert "distinct connections" in answer.json()["errors"][0]["message"]


async def test_members_that_nobody_knows_are_passed_over(served: Served) -> None:
    answer = await served.post("{ hello }", accept=RESPONSE, id="1", doc_id=None, more={"any": "thing"})
    assert (answer.status_code, answer.json()) == (200, {"data": {"hello": "world"}})


async def test_an_unknown_operation_name_is_said(served: Served) -> None:
    answer = await served.post("query A { hello }", accept=RESPONSE, operationName="Z")
    assert answer.status_code == 400


async def test_a_get_asks_a_query(served: Served) -> None:
    parameters = {
        "query": "query A($t: String!) { echo(text: $t) }",
        "variables": '{"t":"x"}',
        "operationName": "A",
        "extensions": "{}",
    }
    answer = await served.http.get("/graphql", params=parameters)
    assert (answer.status_code, answer.json()) == (200, {"data": {"echo": "x"}})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": "{hello}", "variables": "{"},
        {"query": "{hello}", "variables": "[]"},
        {"query": ["{hello}", "{boom}"]},
    ],
)
async def test_a_malformed_get_is_400(served: Served, parameters: dict[str, Any]) -> None:
    assert (await served.http.get("/graphql", params=parameters)).status_code == 400


async def test_a_get_never_changes_anything(served: Served) -> None:
    for accept in ("application/json", RESPONSE, "text/event-stream"):
        answer = await served.http.get(
            "/graphql", params={"query": "mutation { bump }"}, headers={"accept": accept}
        )
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_get_chooses_by_name_among_queries_and_mutations(served: Served) -> None:
    query = "query A { hello } mutation B { bump }"
    allowed = await served.http.get("/graphql", params={"query": query, "operationName": "A"})
    refused = await served.http.get("/graphql", params={"query": query, "operationName": "B"})
    assert (allowed.status_code, refused.status_code) == (200, 405)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_refused(served: Served, method: str) -> None:
    answer = await served.http.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_subscription_wants_a_stream(served: Served) -> None:
    answer = await served.post("subscription { count(to: 1) }")
    assert answer.status_code == 406
    assert "text/event-stream" in answer.json()["errors"][0]["message"]


async def test_a_body_may_be_gzip(served: Served) -> None:
    body = gzip.compress(orjson.dumps({"query": "{ hello }"}))
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await served.http.post("/graphql", content=body, headers=headers)
    assert answer.json() == {"data": {"hello": "world"}}


async def test_a_gzip_bomb_is_not_inflated(served: Served) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = await served.http.post("/graphql", content=bomb, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"plain", gzip.compress(b"{}", mtime=0)[:-4], gzip.compress(b"{}", mtime=0) + b"x"]
)
async def test_broken_gzip_is_400(served: Served, body: bytes) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert (await served.http.post("/graphql", content=body, headers=headers)).status_code == 400


async def test_other_encodings_are_refused(served: Served) -> None:
    headers = {"content-type": "application/json", "content-encoding": "br"}
    assert (await served.http.post("/graphql", content=b"{}", headers=headers)).status_code == 415


async def test_a_body_too_large_is_413(serve: Serve) -> None:
    served = await serve(body_bytes=1_000)
    answer = await served.post("{ hello }", variables={"t": "x" * 1_000})
    assert (answer.status_code, code_of(answer)) == (413, "TOO_COSTLY")


async def test_a_body_too_large_is_413_without_an_announced_length(serve: Serve) -> None:
    served = await serve(body_bytes=1_000)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    answer = await served.http.post(
        "/graphql", content=chunks(), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


async def test_a_body_that_does_not_come_is_408(serve: Serve) -> None:
    served = await serve(body_seconds=0.05)
    reader, writer = await served.plain()
    writer.write(
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"
    )
    assert b" 408 " in await reader.readline()


async def test_a_header_block_too_large_is_431(served: Served) -> None:
    answer = await served.http.get("/graphql", headers={"x-padding": "x" * 20_000})
    assert answer.status_code == 431


@pytest.mark.parametrize("lines", [b"x-padding: " + b"x" * 9_000 + b"\r\n", b"x: y\r\n" * 200])
async def test_a_header_block_too_large_for_a_socket_is_431(served: Served, lines: bytes) -> None:
    reader, writer = await served.plain()
    writer.write(HANDSHAKE.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n"))
    async with asyncio.timeout(PATIENCE):
        assert b" 431 " in await reader.readline()
        await reader.read()


async def test_an_endless_header_is_431(served: Served) -> None:
    reader, writer = await served.plain()
    writer.write(b"GET /graphql HTTP/1.1\r\nx-padding: " + b"x" * 40_000)
    assert b" 431 " in await reader.readline()


async def test_a_refusal_before_the_body_was_read_closes_the_connection(served: Served) -> None:
    reader, writer = await served.plain()
    writer.write(
        b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 99\r\n\r\n"
    )
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert b" 415 " in answer and b"\nconnection: close\r" in answer


async def test_a_bad_token_is_401(served: Served) -> None:
    answer = await served.post("{ hello }", headers={"authorization": "Bearer bad"})
    assert (answer.status_code, code_of(answer)) == (401, "UNAUTHENTICATED")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("authorization", ["Basic YTpi", "Bearer", "good"])
async def test_only_bearer_is_an_authorization(served: Served, authorization: str) -> None:
    answer = await served.post("{ hello }", headers={"authorization": authorization})
    assert answer.status_code == 401


async def test_two_authorizations_are_refused(served: Served) -> None:
    headers = [("authorization", "Bearer a"), ("authorization", "Bearer b"), ("accept", "application/json")]
    answer = await served.http.post("/graphql", json={"query": "{ who }"}, headers=headers)
    assert answer.status_code == 401


async def test_the_token_reaches_the_door(served: Served) -> None:
    answer = await served.post("{ who }", headers={"authorization": "bearer good"})
    assert answer.json()["data"]["who"] == ["good", None]


async def test_a_failing_door_tells_nothing(served: Served) -> None:
    answer = await served.post("{ hello }", headers={"authorization": "Bearer broken"})
    assert (answer.status_code, code_of(answer)) == (500, "INTERNAL")
    assert "hunter2" not in answer.text


async def test_a_session_may_refuse_an_operation(served: Served) -> None:
    answer = await served.post("query Forbidden { hello }", operationName="Forbidden")
    assert (answer.status_code, code_of(answer)) == (403, "FORBIDDEN")


async def test_the_context_adorns_the_answer(served: Served) -> None:
    answer = await served.post("{ adorned }")
    assert answer.json() == {"data": {"adorned": "yes"}, "extensions": {"cost": {"points": 3}}}
    assert answer.headers["set-cookie"] == "a=b"


async def test_values_that_json_has_no_place_for_still_arrive(served: Served) -> None:
    huge = await served.post('{ odd(what: "huge") }')
    surrogate = await served.post('{ odd(what: "surrogate") }')
    assert json.loads(huge.content)["data"]["odd"] == 2**70
    assert json.loads(surrogate.content)["data"]["odd"] == "\ud800"


async def test_introspection_is_answered(served: Served) -> None:
    from graphql import build_client_schema, get_introspection_query

    query = get_introspection_query(input_value_deprecation=True, specified_by_url=True)
    answer = await served.post(query)
    assert build_client_schema(answer.json()["data"]).query_type


async def test_a_query_ends_when_nobody_waits_for_it(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datawave.transports.http.PATIENCE_SECONDS", 0.0)
    asking = asyncio.create_task(served.post("{ waits }"))
    await served.world.entered.wait()
    asking.cancel()
    async with asyncio.timeout(5):
        await served.world.closed.wait()
    await served.idle()


async def test_a_watched_query_is_answered(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datawave.transports.http.PATIENCE_SECONDS", 0.0)
    asking = asyncio.create_task(served.post("{ waits }"))
    await served.world.entered.wait()
    served.world.gate.set()
    assert (await asking).json() == {"data": {"waits": "done"}}


async def test_a_change_is_carried_through_though_its_client_went(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawave.transports.http.PATIENCE_SECONDS", 0.0)
    asking = asyncio.create_task(served.post("mutation { change }"))
    await served.world.entered.wait()
    asking.cancel()
    await turns_until(lambda: not served.state.connections)
    await turns(20)
    served.world.gate.set()
    async with asyncio.timeout(5):
        await served.world.changed.wait()
    await served.idle()


async def test_what_admits_may_refuse_before_anything_runs(serve: Serve) -> None:
    from datawave.transports import Ready, Refused

    seen: list[Ready] = []

    async def admit(ready: Ready) -> None:
        seen.append(ready)
        ready.context.headers.append((b"ratelimit-remaining", b"0"))
        raise Refused("RATE_LIMITED", "Too fast.", headers={"retry-after": "3"})

    served = await serve(options={"admit": admit})
    answer = await served.post("query A($t: String!) { echo(text: $t) }", variables={"t": "x"})
    assert (answer.status_code, code_of(answer)) == (429, "RATE_LIMITED")
    assert (answer.headers["retry-after"], answer.headers["ratelimit-remaining"]) == ("3", "0")
    assert seen[0].variables == {"t": "x"} and served.world.executions == 0
