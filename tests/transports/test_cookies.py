"""A cookie counts only where a page of this origin asked."""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from tests.transports.conftest import COOKIE, Serve, Served

CARRIED = {"cookie": f"{COOKIE}=s1"}


async def who(served: Served, **headers: str) -> list[str | None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await served.post("{ who }", headers={**CARRIED, **named})
    return answer.json()["data"]["who"]


async def test_a_post_of_this_origin_counts(served: Served) -> None:
    assert await who(served, origin=served.origin) == [None, "s1"]


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        "https://127.0.0.1",
        "nonsense",
        "http://[",
        "",
    ],
)
async def test_a_post_of_another_origin_does_not(served: Served, origin: str | None) -> None:
    assert await who(served, **({} if origin is None else {"origin": origin})) == [None, None]


async def test_a_post_of_a_known_address_counts(serve: Serve) -> None:
    served = await serve(options={"origins": ["https://data.example"]})
    assert await who(served, origin="https://data.example:443") == [None, "s1"]


@pytest.mark.parametrize(
    ("site", "cookie"), [("same-origin", "s1"), ("same-site", None), ("cross-site", None), (None, None)]
)
async def test_a_get_counts_by_its_site(served: Served, site: str | None, cookie: str | None) -> None:
    headers = {**CARRIED, **({"sec-fetch-site": site} if site else {}), "origin": served.origin}
    answer = await served.http.get("/graphql", params={"query": "{ who }"}, headers=headers)
    assert answer.json()["data"]["who"] == [None, cookie]


async def test_other_cookies_are_not_looked_at(served: Served) -> None:
    headers = {"cookie": "other=s1", "origin": served.origin}
    assert (await served.post("{ who }", headers=headers)).json()["data"]["who"] == [None, None]


@pytest.mark.parametrize(("own", "cookie"), [(True, "s1"), (False, None)])
async def test_a_handshake_counts_by_its_origin(served: Served, own: bool, cookie: str | None) -> None:
    """A program has none: it brings no cookie that counts."""
    origin = {"origin": served.origin} if own else {}
    gql = await served.raw_socket(additional_headers={**CARRIED, **origin})
    await gql.init()
    await gql.subscribe("1", "{ who }")
    assert (await gql.recv())["payload"]["data"]["who"] == [None, cookie]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "nonsense", ""])
async def test_pages_of_another_origin_get_no_socket(served: Served, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await served.raw_socket(additional_headers={**CARRIED, "origin": origin})
    assert refused.value.response.status_code == 403


async def test_pages_of_a_known_address_get_one(serve: Serve) -> None:
    served = await serve(options={"origins": ["https://data.example"]})
    gql = await served.raw_socket(additional_headers={**CARRIED, "origin": "https://data.example"})
    await gql.init()
    await gql.subscribe("1", "{ who }")
    assert (await gql.recv())["payload"]["data"]["who"] == [None, "s1"]
