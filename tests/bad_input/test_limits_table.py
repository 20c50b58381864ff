"""Every limit of the API in one table: what sets it, how much it is, and that just below it is answered and
just above it refused; over HTTP, as a stream of events and over a socket, for what all of them carry."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import websockets

from datawave.app.processes import limits as limits_of
from datawave.settings import Settings, load
from datawave.transports.limits import Limits
from tests import furnished, servers
from tests.bad_input.answers import refusal, refusals
from tests.client import Client
from tests.fixtures.api import House, house_at

Asked = dict[str, Any]
ECHO = "query ($v: String!) { dataSource(key: $v) { id } }"
SAVE_TAG = """mutation ($k: String) {
  saveTag(input: {name: "t", idempotencyKey: $k}) { errors { code path message } }
}"""
TAG = 'saveTag(input: {name: ""}) { errors { code } }'
SAVE_ROLE = """mutation ($name: String!, $description: String) {
  saveRole(input: {name: $name, description: $description, permissions: ["asset:read"]}) {
    errors { code path message }
  }
}"""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A bound; `ask` makes a request that asks for so much. Those that need a hand of their own name the
    tests that give it."""

    most: float
    setting: str | None = None
    "None where it is part of what the API promises, like the length of a name."
    ask: Callable[[int], Asked] | None = None
    words: str = ""
    "In the refusal just above."
    proved_by: tuple[str, ...] = field(default=())


def asked(query: str, **variables: Any) -> Asked:
    return {"query": query, "variables": variables}


def nested(depth: int) -> Asked:
    up = "{ parent " * (depth - 2) + "{ id }" + " }" * (depth - 2)
    return asked('{ asset(qualifiedName: "a") ' + up + " }")


def looking(depth: int) -> Asked:
    """`__schema`, `types`, `fields`, `type`, and from there down to a name."""
    down = "{ ofType " * (depth - 5) + "{ name }" + " }" * (depth - 5)
    return asked("{ __schema { types { fields { type " + down + " } } } }")


def spreading(count: int) -> Asked:
    """Of several fragments by turns: one field is not asked for as often at one place."""
    spreads = " ".join(f"...F{i % 4}" for i in range(count))
    fields = ("permissions", "actor { id }", "user { id }", "session { id }")
    fragments = " ".join(f"fragment F{i} on Viewer {{ {each} }}" for i, each in enumerate(fields))
    return asked(f"{{ viewer {{ {spreads} }} }} {fragments}")


def in_json(depth: int) -> Asked:
    value: Any = 1
    for _ in range(depth - 1):
        value = [value]
    return asked("{ settledAt }", rest=value)


HTTP, SOCKETS = "tests.transports.test_http", "tests.transports.test_websocket"
DOCUMENTS, COST = "tests.transports.test_limits", "tests.test_cost"
LIMITS: dict[str, Limit] = {
    "bytes of a header block": Limit(
        most=16_384,
        setting="limit_header_bytes",
        proved_by=(
            f"{DOCUMENTS}:test_header_lines_are_bounded_in_bytes",
            f"{HTTP}:test_a_header_block_too_large_for_a_socket_is_431",
        ),
    ),
    "seconds of a header block": Limit(
        most=10,
        setting="limit_header_seconds",
        proved_by=(f"{DOCUMENTS}:test_header_lines_are_bounded_in_time",),
    ),
    "bytes of a body": Limit(
        most=2_000_000,
        setting="limit_body_bytes",
        proved_by=(
            f"{__name__}:test_a_body_is_taken_up_to_its_bound",
            f"{HTTP}:test_a_body_too_large_is_413_without_an_announced_length",
            f"{HTTP}:test_a_gzip_bomb_is_not_inflated",
        ),
    ),
    "seconds of a body": Limit(
        most=30, setting="limit_body_seconds", proved_by=(f"{HTTP}:test_a_body_that_does_not_come_is_408",)
    ),
    "bytes of a document": Limit(
        most=100_000,
        setting="limit_document_bytes",
        ask=lambda n: asked("{ settledAt } #" + "x" * (n - 15)),
        words="larger than 100,000 bytes",
    ),
    "tokens of a document": Limit(
        most=5_000,
        setting="limit_document_tokens",
        ask=lambda n: asked("{ nodes(ids: [" + '"a" ' * (n - 12) + "]) { id } }"),
        words="5,000 tokens",
    ),
    "depth of a document": Limit(most=15, setting="limit_depth", ask=nested, words="deeper than 15"),
    "depth of a look at the schema": Limit(
        most=20, setting="limit_introspection_depth", ask=looking, words="deeper than 20"
    ),
    "aliases of a document": Limit(
        most=100,
        setting="limit_aliases",
        ask=lambda n: asked("{" + " ".join(f"a{i}: settledAt" for i in range(n)) + "}"),
        words="100 aliases",
    ),
    "directives of a document": Limit(
        most=50,
        setting="limit_directives",
        ask=lambda n: asked("{" + "settledAt @include(if: true) " * n + "}"),
        words="50 directives",
    ),
    "spreads of a document": Limit(
        most=200,
        setting="limit_fragment_spreads",
        ask=spreading,
        words="spreads fragments more than 200 times",
    ),
    "mutations of a request": Limit(
        most=10,
        setting="limit_mutations",
        ask=lambda n: asked("mutation {" + " ".join(f"a{i}: {TAG}" for i in range(n)) + "}"),
        words="more than 10 mutations",
    ),
    "bytes of variables": Limit(
        most=1_000_000,
        setting="limit_variables_bytes",
        # `rest` with its quotes and colon takes 7, the text its own quotes.
        ask=lambda n: asked("{ settledAt }", rest="x" * (n - 4 - 7 - 2)),
        words="larger than 1,000,000 bytes",
    ),
    "depth of JSON": Limit(most=64, setting="limit_json_depth", ask=in_json, words="deeper than 64"),
    "points of an operation": Limit(
        most=100_000,
        setting="limit_points",
        ask=lambda n: asked(
            "query ($n: Int) { dataSources(first: 500) { nodes { assets(first: $n) { nodes { id } } } } }",
            n=(n - 1) // 500 - 3 + (n > 100_000),
        ),
        words="100,000",
    ),
    "points of a minute": Limit(
        most=3_000_000,
        setting="limit_points_per_minute",
        proved_by=(
            f"{COST}:test_whoever_has_spent_the_minute_hears_when_to_come_again",
            f"{__name__}:test_the_points_of_a_minute_end_over_http_and_over_a_socket",
        ),
    ),
    "points of a minute without signing in": Limit(
        most=300_000,
        setting="limit_points_per_minute_unsigned",
        proved_by=(f"{__name__}:test_strangers_of_one_address_share_its_points",),
    ),
    "things of a page": Limit(
        most=500,
        setting="limit_page_size",
        ask=lambda n: asked("query ($n: Int) { tags(first: $n) { nodes { name } } }", n=n),
        words="between 1 and 500",
    ),
    "errors of an answer": Limit(
        most=20,
        setting="limit_errors",
        proved_by=(
            f"{DOCUMENTS}:test_at_most_twenty_errors_are_told",
            f"{__name__}:test_few_errors_are_told",
        ),
    ),
    "seconds until a socket introduces itself": Limit(
        most=5,
        setting="limit_socket_init_seconds",
        proved_by=(f"{SOCKETS}:test_no_init_in_time_closes_4408", f"{SOCKETS}:test_an_init_in_time_stays"),
    ),
    "bytes of a frame": Limit(
        most=1_000_000,
        setting="limit_frame_bytes",
        proved_by=(f"{__name__}:test_a_frame_is_taken_up_to_its_bound",),
    ),
    "operations of a socket": Limit(
        most=100,
        setting="limit_socket_operations",
        proved_by=(
            f"{SOCKETS}:test_the_operations_of_a_socket_are_bounded",
            f"{DOCUMENTS}:test_of_a_thousand_operations_those_beyond_the_bound_are_refused_one_by_one",
        ),
    ),
    "messages of a socket a second": Limit(
        most=20,
        setting="limit_messages_per_second",
        proved_by=("tests.bad_input.test_documents:test_a_thousand_operations_close_their_socket_alone",),
    ),
    "messages of a socket at once": Limit(
        most=200,
        setting="limit_messages_burst",
        proved_by=(
            f"{SOCKETS}:test_messages_are_bounded_in_number",
            f"{DOCUMENTS}:test_a_bucket_gives_its_burst_and_no_more",
        ),
    ),
    "failed sign-ins of a minute": Limit(
        most=10,
        setting="limit_sign_in_per_minute",
        proved_by=(
            "tests.domain.test_sign_in:test_failures_are_limited_for_an_account_from_anywhere",
            "tests.domain.test_sign_in:test_failures_are_limited_for_an_address_and_successes_do_not_count",
        ),
    ),
    "ids of a list": Limit(
        most=500,
        ask=lambda n: asked("query ($i: [ID!]!) { nodes(ids: $i) { id } }", i=["source_" + "0" * 32] * n),
        words="at most 500 ids",
    ),
    "ids of a filter": Limit(
        most=500,
        ask=lambda n: asked(
            "query ($i: [ID!]) { events(filter: {subjectIds: $i}) { totalCount } }",
            i=["source_" + "0" * 32] * n,
        ),
        words="at most 500 ids",
    ),
    "characters of a text": Limit(
        most=10_000, ask=lambda n: asked(SAVE_ROLE, name="A role", description="x" * n), words="10,000"
    ),
    "characters of a text that is looked for": Limit(
        most=10_000, ask=lambda n: asked(ECHO, v="x" * n), words="10,000"
    ),
    "characters of a name": Limit(
        most=200, ask=lambda n: asked(SAVE_ROLE, name="x" * n), words="200 characters"
    ),
    "characters of an idempotency key": Limit(
        most=200,
        ask=lambda n: asked(
            SAVE_TAG,
            k="k" * n,
        ),
        words="200 characters",
    ),
    "characters of a password": Limit(
        most=128,
        proved_by=(
            "tests.domain.test_sign_in:test_a_new_password_has_to_be_hard_to_guess",
            f"{__name__}:test_a_password_of_a_megabyte_is_refused_like_any_other",
        ),
    ),
    "days of an API key": Limit(
        setting="limit_api_key_days",
        most=365,
        proved_by=("tests.identity.test_apikeys:test_how_long_a_key_may_last_is_a_setting",),
    ),
    "days of a program's certificate": Limit(
        setting="limit_certificate_days",
        most=365,
        proved_by=(
            "tests.identity.test_partner_certificates:test_what_is_no_request_for_a_good_key_is_refused_at_its_field",
        ),
    ),
    "bytes of a file that is made": Limit(
        setting="limit_blob_bytes",
        most=5_000_000_000,
        proved_by=("tests.audit.test_blobs:test_no_file_grows_beyond_its_bound",),
    ),
    "operations of a request": Limit(most=1, proved_by=(f"{__name__}:test_batches_are_not_taken",)),
    "sign-ins of a request": Limit(most=1, proved_by=(f"{__name__}:test_one_sign_in_a_request",)),
}
ASKED = [what for what, limit in LIMITS.items() if limit.ask]


def test_every_setting_that_limits_is_in_the_table() -> None:
    named = {limit.setting for limit in LIMITS.values() if limit.setting}
    assert {name for name in Settings.model_fields if name.startswith("limit_")} == named


@pytest.mark.parametrize("what", [what for what, limit in LIMITS.items() if limit.setting])
def test_the_defaults_are_those_of_the_table(what: str) -> None:
    limit = LIMITS[what]
    assert Settings.model_fields[limit.setting or ""].default == limit.most


def test_what_is_set_is_what_holds() -> None:
    given = {
        "limit_depth": 3,
        "limit_body_seconds": 2.5,
        "limit_header_bytes": 2_000,
        "limit_errors": 7,
        "limit_page_size": 60,
    }
    held = {f"limit_{name}": value for name, value in vars(limits_of(load(_env_file=None, **given))).items()}
    assert {name: held[name] for name in given} == given
    assert limits_of(load(_env_file=None)) == Limits()


@pytest.mark.parametrize(
    "test",
    [test for limit in LIMITS.values() for test in limit.proved_by],
    ids=lambda name: name.split(":")[1],
)
def test_what_is_said_to_be_proved_has_a_test(test: str) -> None:
    module, _, name = test.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


def test_every_limit_is_tried_or_proved() -> None:
    assert [what for what, limit in LIMITS.items() if not (limit.ask or limit.proved_by)] == []


# --- just below, and just above


async def over_http(api: Client, request: Asked) -> str:
    answer = await api.http.post("/graphql", json=request, headers=api.headers)
    assert answer.status_code < 500
    return answer.text


async def over_events(api: Client, request: Asked) -> str:
    headers = {**api.headers, "accept": "text/event-stream"}
    answer = await api.http.post("/graphql", json=request, headers=headers)
    assert answer.status_code < 500
    return answer.text


async def over_socket(api: Client, request: Asked) -> str:
    async with api.socket() as socket:
        await socket.raw.send(json.dumps({"id": "1", "type": "subscribe", "payload": request}))
        queue: asyncio.Queue[Any] = asyncio.Queue()
        socket._waiting["1"] = queue  # pyright: ignore[reportPrivateUsage]
        async with asyncio.timeout(30):
            return json.dumps(await queue.get())


@pytest.mark.parametrize("over", [over_http, over_events, over_socket])
async def test_just_below_is_answered_and_just_above_refused(
    api: Client, over: Callable[[Client, Asked], Any]
) -> None:
    wrong: list[str] = []
    for what in ASKED:
        limit = LIMITS[what]
        assert limit.ask is not None
        if what == "bytes of variables" and over is over_socket:
            continue  # the frame, which is as long, is refused first
        below, above = (
            await over(api, limit.ask(int(limit.most))),
            await over(api, limit.ask(int(limit.most) + 1)),
        )
        if limit.words in below:
            wrong.append(f"{what}: refused at the bound: {below[:300]}")
        if limit.words not in above:
            wrong.append(f"{what}: beyond the bound: {above[:300]}")
    assert wrong == []
    assert "settledAt" in await over(api, asked("{ settledAt }"))


# --- those that need a hand of their own


async def test_a_body_is_taken_up_to_its_bound(api: Client) -> None:
    headers = {**api.headers, "content-type": "application/json"}
    start = b'{"query": "{ settledAt }"}'
    for size, status in ((2_000_000, 200), (2_000_001, 413)):
        answer = await api.http.post("/graphql", content=start.ljust(size), headers=headers)
        assert answer.status_code == status


async def test_a_frame_is_taken_up_to_its_bound(api: Client) -> None:
    message = json.dumps({"id": "1", "type": "subscribe", "payload": {"query": "{ settledAt }"}})
    async with api.socket() as socket:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        socket._waiting["1"] = queue  # pyright: ignore[reportPrivateUsage]
        await socket.raw.send(message.ljust(1_000_000))
        assert (await queue.get())["type"] == "next"
        await socket.raw.send(message.ljust(1_000_001))
        await socket.raw.wait_closed()
        assert socket.raw.close_code == 1009


async def test_few_errors_are_told(api: Client) -> None:
    answer = await api.ask("{" + " ".join(f"nothing{i}" for i in range(90)) + "}")
    assert 0 < len(answer["errors"]) <= 21  # the last may say that there are more


async def test_a_password_of_a_megabyte_is_refused_like_any_other(api: Client) -> None:
    document = """mutation ($email: String!, $password: Secret!) {
      signIn(input: {password: {email: $email, password: $password}}) { errors { code } }
    }"""
    stranger = api.as_(None)
    for password in ("x" * 900_000, "no horse at all"):
        refused = await refusal(stranger, document, email=furnished.ADMIN.email, password=password)
        assert refused.code == "UNAUTHENTICATED"
        assert password not in refused.message


async def test_batches_are_not_taken(api: Client) -> None:
    for batch in ([asked("{ settledAt }")], [asked("{ settledAt }")] * 1_000, []):
        answer = await api.http.post("/graphql", json=batch, headers=api.headers)
        assert answer.status_code == 400
        assert "one operation a request" in answer.text
    async with api.socket() as socket:
        await socket.raw.send(
            json.dumps([{"id": "1", "type": "subscribe", "payload": asked("{ settledAt }")}])
        )
        await socket.raw.wait_closed()
        assert socket.raw.close_code == 4400


async def test_one_sign_in_a_request(api: Client) -> None:
    one = 'signIn(input: {password: {email: "a@b.example", password: "x"}}) { errors { code path message } }'
    other = 'refreshSession(input: {refreshToken: "x"}) { errors { code path message } }'
    forms = {
        "aliases": f"mutation {{ a: {one} b: {one} }}",
        "a fragment": f"mutation {{ a: {one} ...F }} fragment F on Mutation {{ b: {one} }}",
        "two kinds": f"mutation {{ a: {one} {other} }}",
    }
    for what, form in forms.items():
        found = await refusals(api.as_(None), form)
        assert found and {each.code for each in found} == {"INVALID"}, what


NAMES = ("a\x00b", "a\ud800b", "a\x07b", "a\nb", "a\u202eb", "a\ufeffb", "a\u2028b")


async def test_no_name_has_a_character_that_nobody_sees(api: Client) -> None:
    for name in NAMES:
        refused = await refusal(api, SAVE_ROLE, name=name)
        assert refused.code == "INVALID", ascii(name)


@pytest.fixture
async def poor(valkey: servers.ValkeySpace) -> AsyncIterator[House]:
    """A house where a minute has few points."""
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, points_per_minute=300, unsigned_points_per_minute=150) as served,
    ):
        yield served


PAGE = "{ tags(first: 99) { nodes { name } } }"
"""A hundred points."""


async def test_the_points_of_a_minute_end_over_http_and_over_a_socket(poor: House) -> None:
    """Another session of the same person has no points of its own, and a stream or a socket none besides. In
    the same minute: where one has just ended there is another."""
    api, again = await poor.as_admin(), await poor.as_admin()
    for _ in range(3):
        answer = await spent(api)
        assert answer.status_code == 429
        assert {"ratelimit", "ratelimit-policy", "retry-after"} <= set(answer.headers)
        assert 0 < int(answer.headers["retry-after"]) <= 60
        told = [await over(again, asked(PAGE)) for over in (over_http, over_socket, over_events)]
        if all("RATE_LIMITED" in each for each in told):
            return
    raise AssertionError("there are more points elsewhere")


async def spent(api: Client) -> httpx2.Response:
    """The first answer that tells of it."""
    while True:
        answer = await api.http.post("/graphql", json=asked(PAGE), headers=api.headers)
        if "RATE_LIMITED" in answer.text:
            return answer


async def test_strangers_of_one_address_share_its_points(poor: House) -> None:
    """In the same minute: where one has just ended there is another."""
    look = asked("{ __schema { types { name } } }")
    dear = asked('{ __schema { types { name } } __type(name: "A") { name } }')
    one, other = Client(poor.url), Client(poor.url)
    assert "TOO_COSTLY" in await over_http(one, dear)
    for _ in range(3):
        while "RATE_LIMITED" not in await over_http(one, look):
            pass
        if "RATE_LIMITED" in await over_http(other, look):
            return
    raise AssertionError("the other has points of its own")


async def test_a_frame_too_long_closes_its_socket_alone(api: Client) -> None:
    async with api.socket() as other:
        async with api.socket() as socket:
            await socket.raw.send(" " * 1_000_001)
            with pytest.raises(websockets.ConnectionClosed):
                await socket.raw.send("x")
                await socket.raw.wait_closed()
                await socket.raw.send("x")
        assert (await anext(other.subscribe("{ settledAt }")))["data"]["settledAt"]
