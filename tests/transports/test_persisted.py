"""Registered documents: asked for by their ids on every way, and the only ones where that is set."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest

from datawave.transports.persisted import NotAManifestError, Persisted, read_manifest
from tests.transports.conftest import Serve, Served

HELLO = "query Hello { hello }"
ECHO = "query Echo($t: String!) { echo(text: $t) }"
COUNT = "subscription Count { count(to: 1) }"
RESPONSE = "application/graphql-response+json"


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollos(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": hashed(text)}}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    place = tmp_path / "partner.json"
    place.write_text(json.dumps({hashed(text): text for text in (HELLO, ECHO, COUNT)} | {"x-1": HELLO}))
    return place


@pytest.fixture
async def knowing(serve: Serve, manifest: Path) -> Served:
    return await serve(options={"persisted": Persisted([manifest])})


@pytest.fixture
async def strict(serve: Serve, manifest: Path) -> Served:
    return await serve(options={"persisted": Persisted([manifest], only=True)})


async def asked(served: Served, body: dict[str, Any], accept: str = "application/json") -> httpx2.Response:
    return await served.http.post("/graphql", json=body, headers={"accept": accept})


def code_of(answer: httpx2.Response) -> str:
    return answer.json()["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize(
    "how",
    [
        {"documentId": f"sha256:{hashed(HELLO)}"},
        {"documentId": hashed(HELLO)},
        {"documentId": "x-1"},
        {"extensions": apollos(HELLO)},
        {"extensions": apollos(HELLO), "query": HELLO},
    ],
)
async def test_a_registered_document_is_asked_for_by_its_id(knowing: Served, how: dict[str, Any]) -> None:
    assert (await asked(knowing, how)).json() == {"data": {"hello": "world"}}


async def test_its_variables_come_with_it(knowing: Served) -> None:
    body = {"documentId": hashed(ECHO), "variables": {"t": "again"}}
    assert (await asked(knowing, body)).json() == {"data": {"echo": "again"}}


@pytest.mark.parametrize(
    "parameters",
    [
        {"documentId": f"sha256:{hashed(HELLO)}"},
        {"extensions": json.dumps(apollos(HELLO))},
        {"extensions": json.dumps(apollos(HELLO)), "query": ""},
    ],
)
async def test_a_get_names_it_too(knowing: Served, parameters: dict[str, str]) -> None:
    answer = await knowing.http.get("/graphql", params=parameters)
    assert answer.json() == {"data": {"hello": "world"}}


@pytest.mark.parametrize(
    "payload", [{"documentId": hashed(COUNT)}, {"extensions": apollos(COUNT)}, {"query": COUNT}]
)
async def test_a_socket_names_it_too(strict: Served, payload: dict[str, Any]) -> None:
    socket = await strict.socket()
    await socket.send(type="subscribe", id="1", payload=payload)
    assert (await socket.recv())["payload"] == {"data": {"count": 1}}


async def test_an_unknown_id_is_told_in_the_words_clients_look_for(knowing: Served) -> None:
    for body in ({"extensions": apollos("{ other }")}, {"documentId": "sha256:" + hashed("{ other }")}):
        older = await asked(knowing, body)
        answer = await asked(knowing, body, accept=RESPONSE)
        assert (older.status_code, answer.status_code) == (200, 400)
        assert code_of(answer) == "PERSISTED_QUERY_NOT_FOUND"
        assert answer.json()["errors"][0]["message"] == "PersistedQueryNotFound"


async def test_an_unknown_id_on_a_socket_fails_that_operation_alone(knowing: Served) -> None:
    socket = await knowing.socket()
    await socket.send(type="subscribe", id="1", payload={"documentId": "nothing"})
    error = await socket.until("error")
    assert error["payload"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_FOUND"
    await socket.alive()


async def test_a_client_of_apollos_way_is_answered_when_it_sends_the_whole_text(knowing: Served) -> None:
    """And nothing is registered by it."""
    whole = {"query": "{ hello }", "extensions": apollos("{ hello }")}
    assert (await asked(knowing, whole)).json() == {"data": {"hello": "world"}}
    again = await asked(knowing, {"extensions": apollos("{ hello }")})
    assert code_of(again) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"query": ECHO, "extensions": apollos(HELLO)}, "not the one that the hash"),
        ({"query": ECHO, "documentId": "sha256:" + hashed(HELLO)}, "not the one that the hash"),
        ({"extensions": {"persistedQuery": {"version": 2, "sha256Hash": hashed(HELLO)}}}, "`version` 1"),
        ({"extensions": {"persistedQuery": "x"}}, "`version` 1"),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "abc"}}}, "64 hex"),
        ({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}}, "64 hex"),
        ({"documentId": 7}, "must be a string"),
        ({"documentId": ""}, "must be a string"),
        ({"documentId": "x" * 201}, "must be a string"),
    ],
)
async def test_a_wrong_name_is_refused(knowing: Served, body: dict[str, Any], words: str) -> None:
    answer = await asked(knowing, body)
    assert answer.status_code == 400
    assert words in answer.json()["errors"][0]["message"]


async def test_a_registered_change_is_no_get(serve: Serve, tmp_path: Path) -> None:
    text = "mutation { bump }"
    (tmp_path / "m.json").write_text(json.dumps({hashed(text): text}))
    served = await serve(options={"persisted": Persisted([tmp_path])})
    answer = await served.http.get("/graphql", params={"documentId": hashed(text)})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_where_only_registered_documents_are_answered_others_are_refused(strict: Served) -> None:
    for answer in (
        await strict.post("{ hello }", accept=RESPONSE),
        await strict.post("{ __schema { types { name } } }", accept=RESPONSE),
        await strict.post("{ hello ", accept=RESPONSE),
    ):
        assert (answer.status_code, code_of(answer)) == (400, "PERSISTED_QUERY_REQUIRED")
    assert (await strict.post(HELLO)).json() == {"data": {"hello": "world"}}  # by its text: it is the same


async def test_whoever_is_free_may_ask_anything_all_the_same(serve: Serve, manifest: Path) -> None:
    free = {"persisted": Persisted([manifest], only=True), "free": lambda session: session.token == "agent"}
    served = await serve(options=free)
    agents = await served.post("{ hello }", headers={"authorization": "Bearer agent"})
    assert agents.json() == {"data": {"hello": "world"}}
    assert code_of(await served.post("{ hello }")) == "PERSISTED_QUERY_REQUIRED"


def test_a_manifest_is_a_map_or_apollos_list() -> None:
    apollo = {
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": hashed(HELLO), "name": "Hello", "type": "query", "body": HELLO}],
    }
    assert read_manifest(json.dumps(apollo).encode()) == {hashed(HELLO): HELLO}
    assert read_manifest(json.dumps({f"sha256:{hashed(HELLO)}": HELLO}).encode()) == {hashed(HELLO): HELLO}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"a": 1}',
        b'{"a": ""}',
        b'{"": "{a}"}',
        b'{"operations": [{"id": "a"}]}',
        json.dumps({hashed(HELLO): ECHO}).encode(),
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(NotAManifestError):
        read_manifest(content)


def test_a_manifest_may_come_later_and_a_bad_one_spoils_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datawave.transports.persisted.LOOK_SECONDS", 0.0)
    persisted = Persisted([tmp_path / "dist" / "documents.json", tmp_path / "folder"])
    assert len(persisted) == 0
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.json").write_text("no JSON")
    (tmp_path / "folder" / "b.json").write_text(json.dumps({hashed(HELLO): HELLO}))
    from datawave.transports.door import Asked

    assert persisted.resolved(Asked(query=None, document_id=hashed(HELLO))).query == HELLO
