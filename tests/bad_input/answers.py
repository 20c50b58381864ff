"""What an answer to bad input looks like: a code, a path, words; never a bug, never a stumble of the
server."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from tests.client import Answer, Client

BUGS = ("INTERNAL",)


class Refusal(NamedTuple):
    code: str
    path: list[str]
    message: str


async def asked(api: Client, document: str, **variables: Any) -> tuple[int, Answer]:
    """The status and the answer as they came; JSON by hand, so that anything can be said."""
    body = json.dumps({"query": document, "variables": variables}).encode()
    headers = {**api.headers, "content-type": "application/json"}
    response = await api.http.post("/graphql", content=body, headers=headers)
    return response.status_code, response.json()


async def refusals(api: Client, document: str, **variables: Any) -> list[Refusal]:
    """All refusals of an answer, wherever they stand in it."""
    status, answer = await asked(api, document, **variables)
    found = [_of_errors(error) for error in answer.get("errors") or []]
    for payload in (answer.get("data") or {}).values():
        if isinstance(payload, dict):
            found += [Refusal(e["code"], e["path"], e["message"]) for e in payload.get("errors") or []]
    assert status < 500, answer
    assert not [each for each in found if each.code in BUGS], answer
    assert all(each.message for each in found), answer
    return found


async def refusal(api: Client, document: str, **variables: Any) -> Refusal:
    """The one refusal of an answer."""
    found = await refusals(api, document, **variables)
    assert len(found) == 1, found
    return found[0]


def _of_errors(error: Answer) -> Refusal:
    more = error.get("extensions") or {}
    return Refusal(more.get("code", ""), more.get("path") or [], error["message"])
