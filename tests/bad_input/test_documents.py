"""Documents and variables that will not do, as the product refuses them: over HTTP, and over a socket, which
goes on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import websockets

from datawave.transports.limits import Limits
from tests import furnished, servers
from tests.client import Client, Refused
from tests.fixtures.api import house_at

ME = "{ viewer { actor { id } } }"
PAGE = "query ($first: Int, $after: Cursor) { tags(first: $first, after: $after) { nodes { name } } }"
SOURCE = 'query ($min: Float) { lineage(id: "asset_0", minConfidence: $min) { truncated } }'


def levels(count: int) -> str:
    return '{ asset(qualifiedName: "a") ' + "{ parent " * count + "{ id }" + " }" * count + " }"


CIRCLE = """{ viewer { ...A } }
fragment A on Viewer { actor { id } ...B }
fragment B on Viewer { permissions ...A }"""

NODES = "{ nodes { name } }"
MANY, TOO_MANY = (" ".join(f"a{n}: settledAt" for n in range(count)) for count in (1_000, 10_000))

REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a document of a megabyte": (ME + " #" + "x" * 990_000, {}, "TOO_COSTLY", "larger than"),
    "ten thousand aliases": ("{" + TOO_MANY + "}", {}, "TOO_COSTLY", ""),
    "a thousand aliases": ("{" + MANY + "}", {}, "TOO_COSTLY", "aliases"),
    "a hundred levels": (levels(100), {}, "TOO_COSTLY", "nested deeper than"),
    "fragments in a circle": (CIRCLE, {}, "TOO_COSTLY", ""),
    "a fragment of itself": ("{ ...F } fragment F on Query { ...F }", {}, "TOO_COSTLY", ""),
    "a variable that is not declared": ("{ tags(first: $n) { nodes { name } } }", {}, "INVALID", "$n"),
    "a variable that is not used": ("query ($n: Int) { viewer { permissions } }", {}, "INVALID", "$n"),
    "a variable of no type": (
        "query ($n: Nothing) { tags(first: $n) " + NODES + " }",
        {},
        "INVALID",
        "Nothing",
    ),
    "an Int that is too large": (PAGE, {"first": 2**31}, "INVALID", "32-bit"),
    "an Int that is far too large": (PAGE, {"first": 2**70}, "INVALID", ""),
    "an Int that is written too large": (
        "{ tags(first: 2147483648) " + NODES + " }",
        {},
        "INVALID",
        "32-bit",
    ),
    "an Int that is a fraction": (PAGE, {"first": 1.5}, "INVALID", "non-integer"),
    "an Int that is a truth": (PAGE, {"first": True}, "INVALID", ""),
    "no number as a literal": ("{ tags(first: NaN) { nodes { name } } }", {}, "INVALID", ""),
    "a number that is a word": (SOURCE, {"min": "NaN"}, "INVALID", ""),
    "a cursor that is none": (PAGE, {"after": "nonsense"}, "INVALID", "cursor"),
    "a field that there is not": ("{ viewer { shoeSize } }", {}, "INVALID", "shoeSize"),
    "two operations of one name": ("query A { settledAt } query A { settledAt }", {}, "INVALID", "'A'"),
    "no operation": ("fragment F on Query { settledAt }", {}, "INVALID", ""),
    "an empty document": (" ", {}, "INVALID", ""),
}


def amiss(what: str, errors: list[dict[str, Any]]) -> str | None:
    """What is wrong with a refusal."""
    _, _, code, words = REFUSED[what]
    told = errors[0]["extensions"]["code"], errors[0]["message"]
    return None if told[0] == code and words in told[1] and len(told[1]) < 500 else f"{what}: {told}"


async def test_all_of_it_is_refused_over_http(api: Client) -> None:
    headers = {**api.headers, "accept": "application/graphql-response+json"}
    wrong: list[str | None] = []
    for what, (text, variables, *_) in REFUSED.items():
        body = {"query": text, "variables": variables}
        answer = await api.http.post("/graphql", json=body, headers=headers)
        wrong.append(amiss(what, answer.json()["errors"]))
    assert list(filter(None, wrong)) == []
    assert (await api.ask(ME))["data"]["viewer"]


async def test_all_of_it_is_refused_over_one_socket_which_goes_on(api: Client) -> None:
    async with api.socket() as socket:
        wrong: list[str | None] = []
        for what, (text, variables, *_) in REFUSED.items():
            try:
                errors = (await anext(socket.subscribe(text, **variables)))["errors"]
            except Refused as refused:
                [errors] = refused.args
            wrong.append(amiss(what, errors))
        assert list(filter(None, wrong)) == []
        assert (await anext(socket.subscribe(ME)))["data"]["viewer"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_json_has_not_are_refused(api: Client, number: str) -> None:
    body = f'{{"query": "{{ settledAt }}", "variables": {{"n": {number}}}}}'
    headers = {**api.headers, "content-type": "application/json"}
    answer = await api.http.post("/graphql", content=body.encode(), headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["extensions"]["code"] == "INVALID"


async def test_a_frame_of_ten_megabytes_closes_its_socket_alone(api: Client) -> None:
    async with api.socket() as other:
        async with api.socket() as socket:
            with pytest.raises((Refused, websockets.ConnectionClosed)):
                await anext(socket.subscribe("{ settledAt } #" + "x" * 10_000_000))
            assert socket.raw.close_code == 1009
        assert (await anext(other.subscribe(ME)))["data"]["viewer"]


async def test_a_thousand_operations_close_their_socket_alone(valkey: servers.ValkeySpace) -> None:
    """More messages than its burst: the socket is told why, and others go on."""
    limits = Limits(messages_per_second=0.01)
    async with furnished.fresh_database() as url, house_at(url, valkey, limits=limits) as house:
        api = await house.as_admin()
        async with api.socket() as other:
            async with api.socket() as socket:
                streams = [socket.subscribe("subscription { eventRecorded { type } }") for _ in range(1_000)]
                waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
                told = await asyncio.gather(*waiting, return_exceptions=True)
                assert all(isinstance(each, Refused | websockets.ConnectionClosed) for each in told)
                assert socket.raw.close_code == 4429
            assert (await anext(other.subscribe(ME)))["data"]["viewer"]
        await api.close()
