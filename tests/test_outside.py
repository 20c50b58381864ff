"""The API as it is seen from outside: the headers of its answers, its cookies, proxies, other origins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
import websockets

from datawave.app.door import CookieStyle
from datawave.app.pages import security_headers
from datawave.transports.forwarding import networks
from tests import furnished, servers
from tests.bad_input.answers import refusals
from tests.client import Client
from tests.fixtures.api import SIGN_IN, House, house_at
from tests.test_audit import TRAIL

PORTAL = "https://portal.example"
EXPECTED = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
async def house(valkey: servers.ValkeySpace, tmp_path: Path) -> AsyncIterator[House]:
    """With pages, another origin that is known, and a proxy, which every test is."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "a.js").write_text("1")
    (tmp_path / "index.html").write_text("<title>DataWave</title>")
    outside: Any = {"cors_origins": (PORTAL,), "proxies": networks(["127.0.0.1"])}
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, web=tmp_path, failures_per_minute=3, **outside) as served,
    ):
        yield served


def refuse_weak(answer: httpx2.Response, where: str) -> None:
    assert {name: answer.headers.get(name) for name in EXPECTED} == EXPECTED, where
    assert "permissions-policy" in answer.headers, where
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy, where
    assert "unsafe-eval" not in policy, where
    scripts = next(part for part in policy.split(";") if "script-src" in part)
    assert scripts.split() == ["script-src", "'self'"], where
    assert ("unsafe-inline" in policy) == (where == "GET /graphiql"), where
    assert "server" not in answer.headers and "x-powered-by" not in answer.headers, where


PAGES = (
    *("/", "/graphiql", "/assets/a.js", "/assets/none", "/nothing", "/schema.graphql"),
    *("/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"),
)


async def test_every_answer_has_the_headers_of_a_wary_server(house: House, api: Client) -> None:
    asked: list[tuple[str, str, dict[str, Any]]] = [
        *(("GET", path, {}) for path in PAGES),
        ("POST", "/graphql", {"json": {"query": "{ settledAt }"}, "headers": api.headers}),
        ("POST", "/graphql", {"json": {"query": "{"}}),
        ("POST", "/graphql", {"content": b"x", "headers": {"content-type": "text/plain"}}),
        ("POST", "/graphql", {"json": {"query": "{ settledAt }"}, "headers": {"authorization": "Bearer x"}}),
        ("POST", "/", {"content": b"x"}),
        ("PUT", "/graphql", {}),
        ("OPTIONS", "/graphql", {}),
        ("TRACE", "/graphql", {}),
    ]
    for method, path, more in asked:
        refuse_weak(await api.http.request(method, path, **more), f"{method} {path}")
    stream = "subscription { eventRecorded { type } }"
    headers = {**api.headers, "accept": "text/event-stream"}
    async with api.http.stream("POST", "/graphql", json={"query": stream}, headers=headers) as opened:
        refuse_weak(opened, "a stream")


async def test_a_handshake_that_is_refused_has_them_too(house: House) -> None:
    address = house.url.replace("http", "ws", 1) + "/graphql"
    for more in ({"origin": "https://evil.example"}, {"subprotocols": ["nonsense"]}):
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(address, **more)  # type: ignore[arg-type]  # plain strings will do
        assert refused.value.response.status_code in (400, 403)
        assert refused.value.response.headers["x-content-type-options"] == "nosniff"


def test_https_is_remembered_by_browsers() -> None:
    by_https = dict(security_headers(https=True))
    assert int(by_https[b"strict-transport-security"].removeprefix(b"max-age=")) >= 31_536_000
    assert b"strict-transport-security" not in dict(security_headers(https=False))


def test_over_https_the_cookie_is_bound_to_the_host() -> None:
    assert CookieStyle.of("https://data.example", 8000) == CookieStyle(name="__Host-datawave", secure=True)
    assert CookieStyle.of("http://127.0.0.1:8000", 8000) == CookieStyle(name="datawave_8000", secure=False)


async def signed_in(client: Client, **headers: str) -> httpx2.Response:
    password = furnished.ADMIN.password
    assert password is not None
    variables = {"email": furnished.ADMIN.email, "password": password.reveal()}
    return await client.http.post(
        "/graphql", json={"query": SIGN_IN, "variables": variables}, headers=headers
    )


async def test_a_cookie_is_out_of_reach_of_scripts_and_other_sites(house: House) -> None:
    client = Client(house.url)
    answer = await signed_in(client, **{"x-datawave-cookie": "1", "origin": house.url})
    [cookie] = SimpleCookie(answer.headers["set-cookie"]).values()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert cookie["domain"] == ""
    assert answer.json()["data"]["signIn"]["tokens"] is None


FORMS: dict[str, dict[str, Any]] = {
    "a form": {"data": {"query": "mutation { endSession { errors { code } } }"}},
    "plain text": {
        "content": b'{"query": "{ settledAt }"}',
        "headers": {"content-type": "text/plain;charset=UTF-8"},
    },
    "an upload": {"files": {"operations": b'{"query": "{ settledAt }"}', "0": b"x"}},
    "no type": {"content": b'{"query": "{ settledAt }"}'},
    "a type that only begins so": {
        "content": b'{"query": "{ settledAt }"}',
        "headers": {"content-type": "application/json-seq"},
    },
    "two types": {
        "content": b'{"query": "{ settledAt }"}',
        "headers": {"content-type": "text/plain, application/json"},
    },
}


async def test_what_any_page_can_send_is_not_taken_with_a_cookie_or_without(house: House) -> None:
    client = Client(house.url)
    await signed_in(client, **{"x-datawave-cookie": "1", "origin": house.url})
    assert client.http.cookies
    for what, form in FORMS.items():
        for origin in (house.url, "https://evil.example", "null"):
            headers = {**form.get("headers", {}), "origin": origin}
            answer = await client.http.post("/graphql", **{**form, "headers": headers})
            assert answer.status_code == 415, what
    upload = await client.http.post("/graphql", **FORMS["an upload"])
    assert "not uploaded here" in upload.json()["errors"][0]["message"]


async def test_a_cookie_counts_for_our_own_pages_and_for_those_that_are_named(house: House) -> None:
    client = Client(house.url)
    await signed_in(client, **{"x-datawave-cookie": "1", "origin": house.url})
    body = {"query": "{ viewer { actor { id } } }"}
    for origin, counts in (
        (house.url, True),
        (PORTAL, True),
        ("https://evil.example", False),
        ("null", False),
        (f"{PORTAL}.evil.example", False),
    ):
        answer = await client.http.post("/graphql", json=body, headers={"origin": origin})
        assert (answer.json()["data"]["viewer"] is not None) == counts, origin
    without = await client.http.post("/graphql", json=body)
    assert without.json()["data"]["viewer"] is None
    change = {"query": "mutation { endSession { errors { code } } }"}
    read = await client.http.get("/graphql", params=change, headers={"sec-fetch-site": "same-origin"})
    assert read.status_code in (400, 405)


async def test_pages_of_other_origins_are_told_whether_they_may(house: House, api: Client) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    known = await api.http.options("/graphql", headers={**preflight, "origin": PORTAL})
    assert (known.status_code, known.headers["access-control-allow-origin"]) == (204, PORTAL)
    assert "ratelimit" not in known.headers
    for origin in ("https://evil.example", "null", "*"):
        answer = await api.http.options("/graphql", headers={**preflight, "origin": origin})
        assert "access-control-allow-origin" not in answer.headers


async def test_the_client_behind_a_proxy_is_known_by_its_own_address(house: House, api: Client) -> None:
    client = Client(house.url)
    await signed_in(client, **{"x-forwarded-for": "198.51.100.7, 203.0.113.9"})
    entries: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while "203.0.113.9" not in {each["address"] for each in entries}:
            entries = (await api.data(TRAIL, l=50))["auditEntries"]["nodes"]
    assert "198.51.100.7" not in {each["address"] for each in entries}


async def test_failures_behind_a_proxy_count_for_each_client(house: House) -> None:
    async def failed(address: str, *, email: str) -> set[str]:
        client = Client(house.url)
        client.http.headers["x-forwarded-for"] = address
        return {each.code for each in await refusals(client, SIGN_IN, email=email, password="not it")}

    async def limited(address: str) -> bool:
        """Within a few tries, in whatever minute they fall."""
        for number in range(12):
            if "RATE_LIMITED" in await failed(address, email=f"a{number}@{uuid4().hex}.example"):
                return True
        return False

    assert await limited("203.0.113.9")
    assert await limited("8.8.8.8, 203.0.113.9")
    assert await failed("203.0.113.10", email="a@b.example") == {"UNAUTHENTICATED"}


async def test_without_a_proxy_nobody_makes_up_an_address(valkey: servers.ValkeySpace) -> None:
    """Not even somebody on this machine, whom uvicorn itself would believe."""
    async with (
        furnished.fresh_database() as url,
        house_at(url, valkey, failures_per_minute=3) as house,
    ):
        found: set[str] = set()
        for number in range(12):
            client = Client(house.url)
            client.http.headers["x-forwarded-for"] = f"203.0.113.{number}"
            email = f"a{number}@b.example"
            found |= {each.code for each in await refusals(client, SIGN_IN, email=email, password="not it")}
        assert "RATE_LIMITED" in found


async def test_bodies_beside_graphql_are_small(house: House) -> None:
    client = Client(house.url)
    announced = await client.http.post("/healthz", content=b"x" * 100_000)
    assert announced.status_code == 413

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000

    streamed = await client.http.post("/", content=chunks())
    assert streamed.status_code in (405, 413)
